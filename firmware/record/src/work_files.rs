//! Files that are made from recordings (second copies, key frames): written under a name that is nobody's recording, synced,
//! and only then given their own name. A crash leaves nothing that could be taken for a recording.

use crate::catalogue::{Segment, VolumeId};
use crate::layout::SegmentPlace;
use crate::volume::Mount;
use rustix::fs::{Advice, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use uuid::Uuid;

/// The folder under the volume's root. What is in it when a volume is opened is left over.
pub(crate) const WORK: &str = ".heron-work";

impl Mount {
    /// Makes a recording: `fill` writes the whole file. It takes the place of a file that an interrupted run left there;
    /// the caller knows that the catalogue has no row for the place.
    pub(crate) fn make_recording(
        &self,
        place: &SegmentPlace,
        fill: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<File> {
        self.still_there().map_err(io::Error::other)?;
        let work = self.enter_path(WORK)?;
        let name = format!("{}.tmp", Uuid::new_v4());
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&work, &name, flags, Mode::from_raw_mode(0o640))?);
        let made = fill(&file).and_then(|()| {
            rustix::fs::fdatasync(&file)?;
            let folder = place.folder();
            let day = self.enter_path(&folder.to_string_lossy())?;
            rustix::fs::renameat(&work, &name, &day, place.file_name())?;
            rustix::fs::fsync(&day)?;
            Ok(())
        });
        // Advice: what was made is not read soon, and the database is.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
        if let Err(e) = made {
            let _ = rustix::fs::unlinkat(&work, &name, AtFlags::empty());
            return Err(e);
        }
        Ok(file)
    }

    /// Removes what an interrupted run left in the work folder.
    pub(crate) fn clear_work(&self) {
        for name in self.names_in(WORK) {
            match rustix::fs::unlinkat(self.dir(), format!("{WORK}/{name}"), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => {
                    tracing::warn!(volume = %self.root().display(), %error, "a left-over file could not be removed");
                }
            }
        }
    }
}

/// A row for a file that was made from `of`.
pub(crate) fn made_row(of: &Segment, id: i64, volume: VolumeId, place: &SegmentPlace) -> Segment {
    Segment { id, volume, origin: place.origin, suffix: place.suffix, locked: false, ..of.clone() }
}
