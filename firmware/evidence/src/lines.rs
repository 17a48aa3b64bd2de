//! The text that is signed: a title, then `key value` lines, in one spelling only. A person can read it.

use crate::digest::Digest;
use heron_core::WallTime;
use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

/// Longest text that is read: an opening with [`crate::opening::MOST_GAPS`] gaps has 2 KiB.
pub(crate) const MOST_BYTES: usize = 8192;

/// Writes one.
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn new(title: &str) -> Self {
        Self(format!("{title}\n"))
    }
    pub(crate) fn put(&mut self, key: &str, value: impl fmt::Display) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{key} {value}");
        self
    }
    pub(crate) fn done(self) -> String {
        self.0
    }
}

/// Reads one.
pub(crate) struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a [u8], title: &str) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|t| t.len() <= MOST_BYTES)?;
        Some(Self(text.strip_prefix(title)?.strip_prefix('\n')?))
    }
    /// The value of the next line when its key is `key`.
    pub(crate) fn next(&mut self, key: &str) -> Option<&'a str> {
        let (line, rest) = self.0.split_once('\n')?;
        let value = line.strip_prefix(key)?.strip_prefix(' ')?;
        self.0 = rest;
        Some(value)
    }
    pub(crate) fn get<T: FromStr>(&mut self, key: &str) -> Option<T> {
        self.next(key)?.parse().ok()
    }
    /// `none` or a value.
    pub(crate) fn maybe<T: FromStr>(&mut self, key: &str) -> Option<Option<T>> {
        match self.next(key)? {
            "none" => Some(None),
            text => text.parse().ok().map(Some),
        }
    }
}

/// A wall time to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nanos(pub(crate) WallTime);

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0.to_timestamp())
    }
}

impl FromStr for Nanos {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

/// `none`, or the value.
pub(crate) struct Maybe<'a, T>(pub(crate) &'a Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// The segment before, as the next one names it: its head, its number, its first and last instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Previous {
    /// [`crate::Statement::id`] of its head.
    pub head: Digest,
    /// Its number among the stream's segments.
    pub number: u64,
    /// First instant of its footage.
    pub start: WallTime,
    /// End of its footage.
    pub end: WallTime,
}

impl fmt::Display for Previous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.head, self.number, Nanos(self.start), Nanos(self.end))
    }
}

impl FromStr for Previous {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or_else(|| "too short".to_owned());
        let head = next()?.parse()?;
        let number = next()?.parse().map_err(|_| "no number".to_owned())?;
        let (start, end): (Nanos, Nanos) = (next()?.parse()?, next()?.parse()?);
        Ok(Self { head, number, start: start.0, end: end.0 })
    }
}
