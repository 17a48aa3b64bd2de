//! What a comparison of files and catalogue found.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Findings of one kind that are listed by name; more are only counted.
const MOST_LISTED: usize = 200;

/// One file (or missing file) that needs a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The file.
    pub path: PathBuf,
    /// What is the matter with it.
    pub what: String,
}

/// What `fsck` found: counts for programs, remarks for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Volumes that were looked at.
    pub volumes: u64,
    /// Volumes that could not be.
    pub volumes_unreadable: u64,
    /// Recordings seen.
    pub files: u64,
    /// Bytes of whole fragments in those that were read.
    pub bytes: u64,
    /// Files that ended within a fragment (a crash); with repair they were cut to their whole fragments.
    pub cut: u64,
    /// Files whose row said that they were still being written.
    pub left_open: u64,
    /// Files without a row; with repair they have one now.
    pub unlisted: u64,
    /// Files whose row said something else; with repair it is true now.
    pub differing: u64,
    /// Rows without a file; with repair they are marked damaged and the gap is in the ledger.
    pub missing: u64,
    /// Recordings that cannot be played; left alone.
    pub unusable: u64,
    /// Files of which no whole fragment had reached the disk when the box went down; with repair they were removed
    /// (empty) or set aside (`.torn`).
    pub stubs: u64,
    /// Files that are not Heron's; left alone.
    pub foreign: u64,
    /// Whether the catalogue was changed.
    pub repaired: bool,
    /// The files behind the counts, at most 200 of each kind.
    pub remarks: Vec<Remark>,
}

impl FsckReport {
    /// Whether files and catalogue agree and every recording is whole.
    pub fn is_clean(&self) -> bool {
        self.volumes_unreadable
            + self.cut
            + self.left_open
            + self.unlisted
            + self.differing
            + self.missing
            + self.stubs
            + self.unusable
            == 0
    }

    fn remark(&mut self, count: u64, path: PathBuf, what: impl Into<String>) {
        if count as usize <= MOST_LISTED {
            self.remarks.push(Remark { path, what: what.into() });
        }
    }

    pub(crate) fn volume_unreadable(&mut self, path: PathBuf, what: String) {
        self.volumes_unreadable += 1;
        self.remark(self.volumes_unreadable, path, what);
    }
    pub(crate) fn foreign(&mut self, path: PathBuf, what: &str) {
        self.foreign += 1;
        self.remark(self.foreign, path, format!("not Heron's, left alone: {what}"));
    }
    pub(crate) fn unusable(&mut self, path: PathBuf, what: String) {
        self.unusable += 1;
        self.remark(self.unusable, path, format!("cannot be played, left alone: {what}"));
    }
    pub(crate) fn stub(&mut self, path: PathBuf, length: u64, why: &str) {
        self.stubs += 1;
        let done = if length == 0 { "removed" } else { "set aside as .torn" };
        self.remark(self.stubs, path, format!("nothing of it had reached the disk, {done}: {why}"));
    }
    pub(crate) fn cut(&mut self, path: PathBuf, bytes: u64, why: String) {
        self.cut += 1;
        self.remark(
            self.cut,
            path,
            format!("{bytes} bytes after the last whole fragment are of no use: {why}"),
        );
    }
    pub(crate) fn left_open(&mut self, path: PathBuf) {
        self.left_open += 1;
        self.remark(self.left_open, path, "was being written when the daemon stopped");
    }
    pub(crate) fn unlisted(&mut self, path: PathBuf) {
        self.unlisted += 1;
        self.remark(self.unlisted, path, "is not in the catalogue");
    }
    pub(crate) fn differing(&mut self, path: PathBuf) {
        self.differing += 1;
        self.remark(self.differing, path, "the catalogue says something else of it");
    }
    pub(crate) fn missing(&mut self, path: PathBuf) {
        self.missing += 1;
        self.remark(self.missing, path, "is in the catalogue but not on the volume");
    }
}

impl fmt::Display for FsckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} recordings on {} volumes, {:.1} GiB",
            self.files,
            self.volumes,
            self.bytes as f64 / f64::from(1u32 << 30)
        )?;
        for (count, words) in [
            (self.volumes_unreadable, "volumes could not be read"),
            (self.cut, "files ended within a fragment"),
            (self.left_open, "files were left open"),
            (self.unlisted, "files were not in the catalogue"),
            (self.differing, "rows disagreed with their file"),
            (self.missing, "files were missing"),
            (self.stubs, "files had nothing in them yet"),
            (self.unusable, "recordings cannot be played"),
            (self.foreign, "files are not Heron's"),
        ] {
            if count > 0 {
                writeln!(f, "{count} {words}")?;
            }
        }
        for r in &self.remarks {
            writeln!(f, "  {}: {}", r.path.display(), r.what)?;
        }
        f.write_str(match (self.is_clean(), self.repaired) {
            (true, _) => "Files and catalogue agree.",
            (false, true) => "The catalogue now says what is there.",
            (false, false) => {
                "Nothing was changed; `herond fsck --repair` makes the catalogue say what is there."
            }
        })
    }
}
