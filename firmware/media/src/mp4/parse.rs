//! Reading boxes from bytes that nobody vouches for.

use super::problem::{Problem, name};

/// A box in a slice: its kind, where it starts in the file, and its content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Box<'a> {
    pub(super) kind: [u8; 4],
    pub(super) at: u64,
    pub(super) body: &'a [u8],
}

/// The boxes that follow one another in `bytes`, which lie at `at` in the file.
pub(super) fn children(bytes: &[u8], at: u64) -> Children<'_> {
    Children { bytes, at }
}

#[derive(Clone, Debug)]
pub(super) struct Children<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl<'a> Children<'a> {
    /// The first child of that kind.
    pub(super) fn find(self, kind: &[u8; 4]) -> Result<Option<Box<'a>>, Problem> {
        for child in self {
            let child = child?;
            if child.kind == *kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Box<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let (at, bytes) = (self.at, std::mem::take(&mut self.bytes));
        let Some(header) = bytes.get(..8) else {
            // QuickTime ends a list of atoms with four zero bytes; anything else this short is no box either.
            return None;
        };
        let kind = [header[4], header[5], header[6], header[7]];
        let size = be32(header, 0).unwrap_or(0);
        let (size, header_len) = match size {
            0 => (bytes.len() as u64, 8),
            1 => match be64(bytes, 8) {
                Some(large) => (large, 16),
                None => return Some(Err(Problem::malformed(&kind, at, "its 64-bit size is cut off"))),
            },
            n => (u64::from(n), 8),
        };
        if size < header_len {
            return Some(Err(Problem::malformed(&kind, at, "it is smaller than its own header")));
        }
        let Some(body) = usize::try_from(size).ok().and_then(|size| bytes.get(header_len as usize..size))
        else {
            let most = bytes.len() as u64;
            return Some(Err(Problem::TooLarge { name: name(&kind), at, claims: size, most }));
        };
        self.at = at + size;
        self.bytes = &bytes[size as usize..];
        Some(Ok(Box { kind, at, body }))
    }
}

impl<'a> Box<'a> {
    pub(super) fn damaged(&self, what: &'static str) -> Problem {
        Problem::malformed(&self.kind, self.at, what)
    }

    /// Version, flags, and a reader of what follows.
    pub(super) fn full(&self) -> Result<(u8, u32, Fields<'a>), Problem> {
        let mut fields = Fields { of: *self, rest: self.body };
        let word = fields.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff, fields))
    }

    /// The boxes inside, after `skip` bytes of other content.
    pub(super) fn children(&self, skip: usize) -> Result<Children<'a>, Problem> {
        let inner = self.body.get(skip..).ok_or_else(|| self.damaged("it is too short"))?;
        // The header's own length is 8 for every box that is small enough to be read whole.
        Ok(children(inner, self.at + 8 + skip as u64))
    }
}

/// Reads numbers from a box's content, one after another.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    of: Box<'a>,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Problem> {
        match self.rest.split_at_checked(n) {
            Some((head, rest)) => {
                self.rest = rest;
                Ok(head)
            }
            None => Err(self.of.damaged("it is too short")),
        }
    }
    pub(super) fn u32(&mut self) -> Result<u32, Problem> {
        self.bytes(4).map(|b| be32(b, 0).unwrap_or(0))
    }
    pub(super) fn u64(&mut self) -> Result<u64, Problem> {
        self.bytes(8).map(|b| be64(b, 0).unwrap_or(0))
    }
    /// 64 bits in version 1, else 32.
    pub(super) fn sized(&mut self, version: u8) -> Result<u64, Problem> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}

pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..)?.get(..2)?.try_into().ok()?))
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..)?.get(..4)?.try_into().ok()?))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..)?.get(..8)?.try_into().ok()?))
}
