//! Random access to a file, and a window that reads it in few calls.

use super::problem::{Problem, name};
use bytes::Bytes;
use std::fs::File;
use std::io;

/// Random access to bytes, as a file gives it.
pub trait ReadAt {
    /// Reads at `offset` into `buf`; returns how many bytes were read, zero at the end. Fewer than asked for is
    /// no error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether there is nothing to read.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|n| n == 0)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|o| self.get(o..)).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
    fn len(&self) -> io::Result<u64> {
        Ok(<[u8]>::len(self) as u64)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buf)
    }
    fn len(&self) -> io::Result<u64> {
        Ok(self.as_slice().len() as u64)
    }
}

impl ReadAt for File {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|m| m.len())
    }
}

/// Exactly `len` bytes at `offset`; [`io::ErrorKind::UnexpectedEof`] when there are fewer. The caller bounds `len`.
pub fn read_exact_at<R: ReadAt + ?Sized>(source: &R, offset: u64, len: usize) -> io::Result<Bytes> {
    let mut buf = vec![0; len];
    let n = fill(source, offset, &mut buf)?;
    if n < len {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the file ends at byte {}, {len} bytes at {offset} were wanted", offset + n as u64),
        ));
    }
    Ok(buf.into())
}

fn fill<R: ReadAt + ?Sized>(source: &R, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buf.len() {
        match source.read_at(offset + n as u64, &mut buf[n..]) {
            Ok(0) => break,
            Ok(more) => n += more.min(buf.len() - n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// The head of a top-level box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) kind: [u8; 4],
    pub(super) at: u64,
    pub(super) header_len: u64,
    /// With the header.
    pub(super) size: u64,
}

impl Head {
    pub(super) fn end(&self) -> u64 {
        self.at + self.size
    }
}

/// Reads ahead: one call fetches `prft`, `moof` and the head of `mdat` of a usual fragment.
#[derive(Debug)]
pub(super) struct Window<'a, R: ReadAt + ?Sized> {
    source: &'a R,
    pub(super) len: u64,
    start: u64,
    buf: Vec<u8>,
}

/// Our own fragments' headers have up to a kilobyte; a page is the least that a disk reads.
const READ_AHEAD: usize = 4096;

impl<'a, R: ReadAt + ?Sized> Window<'a, R> {
    pub(super) fn new(source: &'a R) -> Result<Self, Problem> {
        let len = source.len().map_err(|error| Problem::Io { at: 0, error })?;
        Ok(Self { source, len, start: 0, buf: Vec::new() })
    }

    /// `n` bytes at `at`. The caller has checked `n` against a bound; the file's length is checked here.
    fn get(&mut self, at: u64, n: usize) -> Result<&[u8], Problem> {
        let inside = at.checked_sub(self.start).and_then(|o| usize::try_from(o).ok());
        let hit = inside.filter(|o| o.checked_add(n).is_some_and(|end| end <= self.buf.len()));
        let offset = match hit {
            Some(offset) => offset,
            None => {
                let want = (n.max(READ_AHEAD) as u64).min(self.len.saturating_sub(at)) as usize;
                self.buf.resize(want, 0);
                self.start = at;
                let got = fill(self.source, at, &mut self.buf).map_err(|error| {
                    self.start = u64::MAX;
                    Problem::Io { at, error }
                })?;
                self.buf.truncate(got);
                0
            }
        };
        let has = (self.buf.len() - offset) as u64;
        self.buf.get(offset..offset + n).ok_or_else(|| Problem::Truncated {
            name: "data".to_owned(),
            at,
            needs: n as u64,
            has,
        })
    }

    /// The head of the box at `at`, `None` at the end of the file. A size of zero means up to the end.
    pub(super) fn head(&mut self, at: u64) -> Result<Option<Head>, Problem> {
        let left = self.len.saturating_sub(at);
        if left == 0 {
            return Ok(None);
        }
        let truncated = |needs| Problem::Truncated { name: "box header".to_owned(), at, needs, has: left };
        if left < 8 {
            return Err(truncated(8));
        }
        let b = self.get(at, 8)?;
        let size = u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        let kind = [b[4], b[5], b[6], b[7]];
        let (header_len, size) = match size {
            0 if kind == [0; 4] => {
                return Err(Problem::malformed(&kind, at, "there are zeros where a box should be"));
            }
            0 => (8, left),
            1 if left < 16 => return Err(truncated(16)),
            1 => {
                let b = self.get(at + 8, 8)?;
                (16, u64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            }
            n => (8, n),
        };
        if !kind.iter().all(|c| (0x20..0x7f).contains(c) || *c == 0xa9) {
            return Err(Problem::malformed(&kind, at, "its type is not four characters"));
        }
        if size < header_len {
            return Err(Problem::malformed(&kind, at, "it is smaller than its own header"));
        }
        if size > left {
            return Err(Problem::Truncated { name: name(&kind), at, needs: size, has: left });
        }
        Ok(Some(Head { kind, at, header_len, size }))
    }

    /// The content of a box of at most `most` bytes.
    pub(super) fn body(&mut self, head: &Head, most: u64) -> Result<&[u8], Problem> {
        let claims = head.size;
        if claims > most {
            return Err(Problem::TooLarge { name: name(&head.kind), at: head.at, claims, most });
        }
        self.get(head.at + head.header_len, (claims - head.header_len) as usize)
    }
}
