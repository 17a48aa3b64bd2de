//! The ZIP container (APPNOTE 6.3.10), as far as an export needs it: entries are stored, never compressed (footage does not
//! shrink), lengths are known before an entry begins, and only its CRC-32 is filled in afterwards, in place. ZIP64 fields
//! (APPNOTE 4.5.3, 4.3.14, 4.3.15) are there exactly where a number needs them, so that small exports open in old programs
//! too.

use heron_core::WallTime;

/// Numbers from here on need ZIP64.
const LARGE: u64 = 0xffff_ffff;
/// As [`LARGE`], for the number of entries.
const MANY: usize = 0xffff;
/// Where the CRC-32 lies in a local header (APPNOTE 4.3.7).
const CRC_AT: u64 = 14;

/// One file in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path with `/`.
    pub name: String,
    /// Length of its data.
    pub bytes: u64,
    /// CRC-32 of its data.
    pub crc: u32,
    /// Where its local header begins.
    pub at: u64,
}

/// The moment of an entry in MS-DOS form (APPNOTE 4.4.6): date and time, UTC, even seconds, 1980 to 2107.
fn dos(time: WallTime) -> (u16, u16) {
    let t = time.to_timestamp().to_zoned(jiff::tz::TimeZone::UTC);
    let year = t.year().clamp(1980, 2107);
    if year != t.year() {
        return (0x21, 0);
    }
    let date = (year - 1980) as u16 * 512 + t.month() as u16 * 32 + t.day() as u16;
    let clock = t.hour() as u16 * 2048 + t.minute() as u16 * 32 + t.second() as u16 / 2;
    (date, clock)
}

fn put16(out: &mut Vec<u8>, v: u16) {
    out.extend_from_slice(&v.to_le_bytes());
}
fn put32(out: &mut Vec<u8>, v: u32) {
    out.extend_from_slice(&v.to_le_bytes());
}
fn put64(out: &mut Vec<u8>, v: u64) {
    out.extend_from_slice(&v.to_le_bytes());
}
fn low(v: u64) -> u32 {
    v.min(LARGE) as u32
}

/// What versions, flags, method, time, CRC and sizes look like in both headers.
fn common(out: &mut Vec<u8>, zip64: bool, time: WallTime, crc: u32, bytes: u64) {
    put16(out, if zip64 { 45 } else { 20 });
    // Bit 11: names are UTF-8.
    put16(out, 0x0800);
    put16(out, 0);
    let (date, clock) = dos(time);
    put16(out, clock);
    put16(out, date);
    put32(out, crc);
    put32(out, low(bytes));
    put32(out, low(bytes));
}

/// The local header of an entry (APPNOTE 4.3.7); its data follows.
pub(crate) fn local_header(name: &str, bytes: u64, crc: u32, time: WallTime) -> Vec<u8> {
    let zip64 = bytes >= LARGE;
    let mut out = Vec::with_capacity(50 + name.len());
    put32(&mut out, 0x0403_4b50);
    common(&mut out, zip64, time, crc, bytes);
    put16(&mut out, name.len() as u16);
    put16(&mut out, if zip64 { 20 } else { 0 });
    out.extend_from_slice(name.as_bytes());
    if zip64 {
        put16(&mut out, 1);
        put16(&mut out, 16);
        put64(&mut out, bytes);
        put64(&mut out, bytes);
    }
    out
}

/// Where in the file the CRC-32 of an entry whose local header begins at `at` is written, and what.
pub(crate) fn crc_patch(at: u64, crc: u32) -> (u64, [u8; 4]) {
    (at + CRC_AT, crc.to_le_bytes())
}

/// The central directory and what ends the file (APPNOTE 4.3.12 to 4.3.16); it begins at `at`.
pub(crate) fn directory(entries: &[Entry], at: u64, time: WallTime) -> Vec<u8> {
    let mut out = Vec::new();
    for e in entries {
        let mut extra = Vec::new();
        if e.bytes >= LARGE {
            put64(&mut extra, e.bytes);
            put64(&mut extra, e.bytes);
        }
        if e.at >= LARGE {
            put64(&mut extra, e.at);
        }
        let zip64 = !extra.is_empty();
        put32(&mut out, 0x0201_4b50);
        // Made by: Unix, so that the file mode below counts.
        put16(&mut out, 3 << 8 | if zip64 { 45 } else { 20 });
        common(&mut out, zip64, time, e.crc, e.bytes);
        put16(&mut out, e.name.len() as u16);
        put16(&mut out, if zip64 { 4 + extra.len() as u16 } else { 0 });
        // Comment, disk, internal attributes.
        put16(&mut out, 0);
        put16(&mut out, 0);
        put16(&mut out, 0);
        put32(&mut out, 0o100_644 << 16);
        put32(&mut out, low(e.at));
        out.extend_from_slice(e.name.as_bytes());
        if zip64 {
            put16(&mut out, 1);
            put16(&mut out, extra.len() as u16);
            out.extend_from_slice(&extra);
        }
    }
    let length = out.len() as u64;
    let count = entries.len();
    if count >= MANY || at >= LARGE || length >= LARGE {
        let end = at + length;
        put32(&mut out, 0x0606_4b50);
        // Bytes of this record that follow.
        put64(&mut out, 44);
        put16(&mut out, 3 << 8 | 45);
        put16(&mut out, 45);
        put32(&mut out, 0);
        put32(&mut out, 0);
        put64(&mut out, count as u64);
        put64(&mut out, count as u64);
        put64(&mut out, length);
        put64(&mut out, at);
        put32(&mut out, 0x0706_4b50);
        put32(&mut out, 0);
        put64(&mut out, end);
        put32(&mut out, 1);
    }
    put32(&mut out, 0x0605_4b50);
    put16(&mut out, 0);
    put16(&mut out, 0);
    put16(&mut out, count.min(MANY) as u16);
    put16(&mut out, count.min(MANY) as u16);
    put32(&mut out, low(length));
    put32(&mut out, low(at));
    put16(&mut out, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Seek, SeekFrom, Write};
    use std::process::Command;

    const TIME: WallTime = WallTime(1_795_167_857_123_000_000);

    fn write(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut entries = Vec::new();
        for (name, data) in files {
            let at = out.len() as u64;
            let crc = crc32fast::hash(data);
            out.extend(local_header(name, data.len() as u64, 0, TIME));
            out.extend_from_slice(data);
            let (place, bytes) = crc_patch(at, crc);
            out[place as usize..place as usize + 4].copy_from_slice(&bytes);
            entries.push(Entry { name: name.clone(), bytes: data.len() as u64, crc, at });
        }
        let at = out.len() as u64;
        out.extend(directory(&entries, at, TIME));
        out
    }

    fn python(script: &str, file: &std::path::Path) -> String {
        let done = Command::new("python3").args(["-c", script]).arg(file).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    #[test]
    fn other_programs_read_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        let files: Vec<(String, Vec<u8>)> = vec![
            ("01-Gate/a.mp4".into(), vec![7; 100_000]),
            ("empty".into(), Vec::new()),
            ("ünïcode".into(), b"x".to_vec()),
        ];
        std::fs::write(&path, write(&files)).unwrap();
        let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
            print([(i.filename,i.file_size,i.date_time,i.compress_type) for i in z.infolist()])";
        let seen = python(script, &path);
        assert!(seen.contains("('01-Gate/a.mp4', 100000, (2026, 11, 20, "), "{seen}");
        assert!(seen.contains("ünïcode"), "{seen}");
        let tested = Command::new("unzip").arg("-t").arg(&path).output().unwrap();
        assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    }

    #[test]
    fn more_than_four_gigabytes_and_what_comes_after_them() {
        // Sparse: a hole of five gigabytes, and a small file behind it.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.zip");
        let mut file = std::fs::File::create(&path).unwrap();
        let large = 5 << 30;
        let mut zeros = crc32fast::Hasher::new();
        let mut block = crc32fast::Hasher::new();
        block.update(&[0; 1 << 20]);
        for _ in 0..large >> 20 {
            zeros.combine(&block);
        }
        let header = local_header("hole", large, zeros.clone().finalize(), TIME);
        file.write_all(&header).unwrap();
        let at = header.len() as u64 + large;
        file.seek(SeekFrom::Start(at)).unwrap();
        let small = local_header("small", 5, crc32fast::hash(b"hello"), TIME);
        file.write_all(&small).unwrap();
        file.write_all(b"hello").unwrap();
        let entries = [
            Entry { name: "hole".into(), bytes: large, crc: zeros.finalize(), at: 0 },
            Entry { name: "small".into(), bytes: 5, crc: crc32fast::hash(b"hello"), at },
        ];
        let end = at + small.len() as u64 + 5;
        file.write_all(&directory(&entries, end, TIME)).unwrap();
        drop(file);
        let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nprint(z.read('small'), z.getinfo('hole').file_size, \
            z.open('hole').read(3))";
        assert_eq!(python(script, &path).trim(), format!("b'hello' {large} b'\\x00\\x00\\x00'"));
        let listed = Command::new("unzip").arg("-l").arg(&path).output().unwrap();
        assert!(String::from_utf8_lossy(&listed.stdout).contains("5368709120"));
    }

    /// Walks a container as a reader does: from its end.
    fn read(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
        let n = |at: usize, len: usize| {
            zip[at..at + len].iter().rev().fold(0u64, |v, b| v << 8 | u64::from(*b)) as usize
        };
        let end = zip.len() - 22;
        assert_eq!(n(end, 4), 0x0605_4b50);
        let (count, mut at) = (n(end + 10, 2), n(end + 16, 4));
        let mut files = Vec::new();
        for _ in 0..count {
            assert_eq!(n(at, 4), 0x0201_4b50);
            let (crc, bytes, named, extra, local) =
                (n(at + 16, 4), n(at + 24, 4), n(at + 28, 2), n(at + 30, 2), n(at + 42, 4));
            let name = String::from_utf8(zip[at + 46..at + 46 + named].to_vec()).unwrap();
            assert_eq!(n(local, 4), 0x0403_4b50);
            let data = local + 30 + n(local + 26, 2) + n(local + 28, 2);
            assert_eq!((n(local + 14, 4), n(local + 22, 4)), (crc, bytes));
            let data = zip[data..data + bytes].to_vec();
            assert_eq!(crc32fast::hash(&data) as usize, crc);
            files.push((name, data));
            at += 46 + named + extra;
        }
        assert_eq!(at, end);
        files
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(files in proptest::collection::vec(
            ("[a-z0-9/é-]{1,40}", proptest::collection::vec(any::<u8>(), 0..3000)), 0..20,
        )) {
            prop_assert_eq!(read(&write(&files)), files);
        }
    }
}
