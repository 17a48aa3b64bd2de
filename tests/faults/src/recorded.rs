//! What is on the disk and in the catalogue, read without the daemon.

use anyhow::{Context, Result, ensure};
use heron_core::{Clock, SystemClock, WallTime};
use heron_e2e::herond::Box;
use heron_e2e::picture;
use heron_sim::timecode;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// More pictures than any file of a test holds.
const ALL: usize = 100_000;

/// The instants that drawn cameras burnt into the pictures of `files`, in their order.
///
/// # Errors
/// When ffmpeg complains, or a picture has no time code.
pub fn time_codes(files: &[PathBuf]) -> Result<Vec<WallTime>> {
    let now = SystemClock.now();
    let mut found = Vec::new();
    for file in files {
        let (width, pictures) = picture::luma(file, ALL)?;
        for luma in &pictures {
            let code =
                timecode::read(luma, width).with_context(|| format!("no time code in {}", file.display()))?;
            found.push(timecode::resolve(code, now));
        }
    }
    Ok(found)
}

/// Different pictures among `codes`: where two files overlap, some are there twice.
pub fn distinct(mut codes: Vec<WallTime>) -> Vec<WallTime> {
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// One row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Camera's id.
    pub camera: String,
    /// `main` or `sub`.
    pub kind: String,
    /// First picture.
    pub start: WallTime,
    /// End of the last picture.
    pub end: WallTime,
    /// Pictures.
    pub frames: i64,
}

/// The rows of recordings that can be played, as the database has them.
///
/// # Errors
/// When it cannot be read.
pub fn rows(data: &Path) -> Result<Vec<Row>> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let conn = rusqlite::Connection::open_with_flags(data.join("heron.db"), flags)?;
    let mut statement = conn.prepare(
        "SELECT t.camera, t.kind, s.start_ns, s.end_ns, s.frames FROM record_segment s
         JOIN record_stream t ON t.id = s.stream WHERE s.state <> 2 ORDER BY s.start_ns",
    )?;
    let rows = statement.query_map((), |r| {
        Ok(Row {
            camera: r.get(0)?,
            kind: r.get(1)?,
            start: WallTime(r.get(2)?),
            end: WallTime(r.get(3)?),
            frames: r.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Pictures and last end of each camera's main stream among rows that began before `before`.
///
/// # Errors
/// When the database cannot be read.
pub fn totals(data: &Path, before: WallTime) -> Result<BTreeMap<String, (i64, WallTime)>> {
    let mut totals = BTreeMap::new();
    for row in rows(data)?.into_iter().filter(|r| r.kind == "main" && r.start < before) {
        let total = totals.entry(row.camera).or_insert((0, row.end));
        total.0 += row.frames;
        total.1 = total.1.max(row.end);
    }
    Ok(totals)
}

/// Checks a box whose daemon has stopped: `herond fsck` finds nothing, ffprobe can read every file without a complaint, and
/// the catalogue has a row for each. Returns how many files there are.
///
/// # Errors
/// What is wrong.
pub fn all_is_whole(box_: &Box, stream: &str) -> Result<usize> {
    let checked = box_.command(&["fsck"])?;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    ensure!(checked.status.success(), "fsck: {said}{}", String::from_utf8_lossy(&checked.stderr));
    let files = box_.files(stream);
    for file in &files {
        picture::probe(file)?;
    }
    let of_stream = rows(&box_.data())?.iter().filter(|r| r.kind == stream).count();
    ensure!(of_stream == files.len(), "{of_stream} rows, {} files: {said}", files.len());
    Ok(files.len())
}
