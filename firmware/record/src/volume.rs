//! A recording volume: a directory that carries our marker file, held by its directory descriptor.
//!
//! Everything is done relative to that descriptor, never by path: when a disk is unmounted beneath us, nothing can
//! land on the mount point it leaves behind.

use crate::RecordError;
use crate::catalogue::VolumeId;
use crate::layout::{EXPORTS, MARKER, RECORDINGS, SegmentPlace};
use crate::work_files::WORK;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use uuid::Uuid;

const MARKER_HEAD: &str = "heron-volume 1";
const PROBE: &str = ".heron-probe";
/// Files of one stream and one millisecond; more than two need a clock that was set back again and again.
const MOST_SUFFIXES: u32 = 1000;

/// A volume as the operator configures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeConfig {
    /// The directory: a mount point, or a folder of its own.
    pub path: PathBuf,
    /// Room to leave free, bytes; `None`: [`crate::retention::default_reserve`].
    pub reserve_bytes: Option<u64>,
    /// Most room for recordings, bytes; `None`: all there is but the reserve.
    pub quota_bytes: Option<u64>,
    /// What it is for.
    pub role: VolumeRole,
}

/// What a volume is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum VolumeRole {
    /// Streams are recorded to it, spread over all volumes of this role by room and load.
    #[default]
    Spread,
    /// It takes second copies of mirrored cameras; streams are recorded to it only when no other volume can take them.
    Mirror,
    /// It takes second copies of the footage of events; streams are recorded to it only when nothing else is left.
    Events,
}

impl VolumeRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Spread, Self::Mirror, Self::Events];

    /// `spread`, `mirror` or `events`, as in the configuration and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spread => "spread",
            Self::Mirror => "mirror",
            Self::Events => "events",
        }
    }
}

impl VolumeConfig {
    /// The directory at `path` with the default limits.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reserve_bytes: None, quota_bytes: None, role: VolumeRole::default() }
    }
}

/// A volume that is there.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) id: VolumeId,
    pub(crate) path: PathBuf,
    root: OwnedFd,
    device: u64,
    inode: u64,
}

/// A new segment's file and the folders whose entries must reach the disk with it.
#[derive(Debug)]
pub(crate) struct NewFile {
    pub(crate) place: SegmentPlace,
    pub(crate) file: File,
    pub(crate) folders: Vec<OwnedFd>,
}

impl Mount {
    /// As [`Mount::open`], but a directory without a marker gets one only with `repair`.
    pub(crate) fn look(path: &Path, known: &[VolumeId], repair: bool) -> Result<Self, RecordError> {
        if !repair && !path.join(MARKER).is_file() {
            let problem = format!(
                "it has no marker file {MARKER}; mount the disk, or let `herond fsck --repair` make one"
            );
            return Err(RecordError::Volume { path: path.to_owned(), problem });
        }
        Self::open(path, known)
    }

    /// Opens the volume at `path`, making it one on first use. `known` are the volumes that the catalogue has seen at this path: when there are
    /// any, a directory without a marker is the mount point of a missing volume and is left alone.
    pub(crate) fn open(path: &Path, known: &[VolumeId]) -> Result<Self, RecordError> {
        let fail = |problem: String| RecordError::Volume { path: path.to_owned(), problem };
        if known.is_empty() && !path.exists() && path.parent().is_some_and(Path::is_dir) {
            std::fs::create_dir(path).map_err(|e| fail(format!("cannot create it: {e}")))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
            Errno::NOENT => fail("the directory does not exist; mount the disk or correct the path".into()),
            Errno::NOTDIR => fail("this is not a directory; correct the path in the configuration".into()),
            e => fail(format!("cannot open it: {e}; check the disk and the permissions")),
        })?;
        let stat = rustix::fs::fstat(&root).map_err(|e| fail(format!("cannot look at it: {e}")))?;
        // Two daemons on one volume would take each other's open segments for a crash. The lock goes with `root`.
        match rustix::fs::flock(&root, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) | Err(Errno::NOTSUP | Errno::NOSYS) => {}
            Err(Errno::WOULDBLOCK) => {
                return Err(fail("another herond is using it; stop that one first".into()));
            }
            Err(e) => return Err(fail(format!("cannot lock it: {e}"))),
        }
        let id = match read_marker(&root) {
            Ok(Some(id)) => id,
            Ok(None) => first_use(path, known)
                .and_then(|id| write_marker(&root, id).map(|()| id).map_err(|e| {
                    format!("cannot write the marker file {MARKER}: {e}; the volume must be writable by herond")
                }))
                .map_err(fail)?,
            Err(problem) => return Err(fail(problem)),
        };
        Ok(Self { id, path: path.to_owned(), root, device: stat.st_dev, inode: stat.st_ino })
    }

    /// Lets others have the volume: nothing is written to it any more, though its recordings may still be read.
    pub(crate) fn unlock(&self) {
        // It cannot fail on an open descriptor; closing it would do the same.
        let _ = rustix::fs::flock(&self.root, rustix::fs::FlockOperation::Unlock);
    }

    /// Whether the path still leads to this volume. It does not when the disk was unmounted beneath us.
    pub(crate) fn still_there(&self) -> Result<(), RecordError> {
        match rustix::fs::stat(&self.path) {
            Ok(s) if s.st_dev == self.device && s.st_ino == self.inode => Ok(()),
            Ok(_) => Err(self.problem(
                "its disk is no longer mounted there; nothing is recorded onto the bare mount point",
            )),
            Err(e) => Err(self.problem(format!("it cannot be reached any more: {e}"))),
        }
    }

    fn problem(&self, problem: impl Into<String>) -> RecordError {
        RecordError::Volume { path: self.path.clone(), problem: problem.into() }
    }

    /// Size of the file system and what is free for us, bytes.
    pub(crate) fn space(&self) -> Result<(u64, u64), RecordError> {
        let s = rustix::fs::fstatvfs(&self.root)
            .map_err(|e| RecordError::io("ask the size of", &self.path, e))?;
        Ok((s.f_blocks.saturating_mul(s.f_frsize), s.f_bavail.saturating_mul(s.f_frsize)))
    }

    /// Writes, syncs and removes a small file.
    pub(crate) fn probe(&self) -> Result<(), RecordError> {
        self.still_there()?;
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC;
        let io = |e: Errno| RecordError::io("write a probe file on", &self.path, e);
        let fd = rustix::fs::openat(&self.root, PROBE, flags, Mode::from_raw_mode(0o600)).map_err(io)?;
        rustix::io::write(&fd, b"heron").map_err(io)?;
        rustix::fs::fsync(&fd).map_err(io)?;
        rustix::fs::unlinkat(&self.root, PROBE, AtFlags::empty()).map_err(io)
    }

    /// Creates the file of a segment, and its folders. Never opens one that exists: takes the next suffix.
    pub(crate) fn create(&self, place: SegmentPlace) -> std::io::Result<NewFile> {
        let camera = place.stream.camera.to_string();
        let mut folders = Vec::new();
        let recordings = enter(self.root.as_fd(), RECORDINGS, &mut folders)?;
        let camera = enter(recordings.as_fd(), &camera, &mut folders)?;
        let day = enter(camera.as_fd(), &place.day(), &mut folders)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        for suffix in place.suffix..MOST_SUFFIXES {
            let place = SegmentPlace { suffix, ..place };
            match rustix::fs::openat(&day, place.file_name(), flags, Mode::from_raw_mode(0o640)) {
                Ok(fd) => {
                    folders.push(day);
                    return Ok(NewFile { place, file: File::from(fd), folders });
                }
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Opens a segment's file for reading, or for reading and writing. Never waits: what bears a recording's name on a
    /// disk from elsewhere may be a pipe or a device.
    pub(crate) fn open_file(&self, place: &SegmentPlace, write: bool) -> std::io::Result<File> {
        let mode = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = mode | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.root, place.relative_path(), flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not a regular file"));
        }
        Ok(file)
    }

    /// Deletes a segment's file, and its day's folder when that is empty now. A file that is not there is no error.
    pub(crate) fn unlink(&self, place: &SegmentPlace) -> std::io::Result<()> {
        match rustix::fs::unlinkat(&self.root, place.relative_path(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
        // Fails, as it should, while anything is in it.
        let _ = rustix::fs::unlinkat(&self.root, place.folder(), AtFlags::REMOVEDIR);
        Ok(())
    }

    /// Gives a file a name that is no recording's. Never takes the place of another.
    pub(crate) fn set_aside(&self, place: &SegmentPlace) -> std::io::Result<()> {
        let from = place.relative_path();
        for n in 1..MOST_SUFFIXES {
            let mut to = from.clone().into_os_string();
            to.push(if n == 1 { ".torn".to_owned() } else { format!(".torn~{n}") });
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&self.root, &from, &self.root, to.as_os_str(), flags) {
                Err(Errno::EXIST) => {}
                other => return Ok(other?),
            }
        }
        Err(Errno::EXIST.into())
    }

    /// Number of the block device that it lies on; 0 and a number of the kernel's own when there is none.
    pub(crate) fn block_device(&self) -> (u32, u32) {
        (rustix::fs::major(self.device), rustix::fs::minor(self.device))
    }

    /// Whether the file system can only be read.
    pub(crate) fn is_read_only(&self) -> bool {
        let flags = rustix::fs::fstatvfs(&self.root).map(|s| s.f_flag);
        flags.is_ok_and(|f| f.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    }

    /// The descriptor that everything is relative to.
    pub(crate) fn dir(&self) -> std::os::fd::BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Root of the volume, for listing and for playback.
    pub(crate) fn root(&self) -> &Path {
        &self.path
    }
}

/// Opens a folder, making it if need be; what was made is noted for the first sync.
fn enter(
    parent: std::os::fd::BorrowedFd<'_>,
    name: &str,
    made: &mut Vec<OwnedFd>,
) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => Ok(fd),
        Err(Errno::NOENT) => {
            match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o750)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
            made.push(rustix::fs::openat(
                parent,
                ".",
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )?);
            Ok(rustix::fs::openat(parent, name, flags, Mode::empty())?)
        }
        Err(e) => Err(e.into()),
    }
}

/// Reads the marker: `Ok(None)` when there is none.
fn read_marker(root: &OwnedFd) -> Result<Option<VolumeId>, String> {
    let fd = match rustix::fs::openat(root, MARKER, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(format!("cannot open the marker file {MARKER}: {e}; check the disk")),
    };
    let mut text = String::new();
    File::from(fd)
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|e| format!("cannot read the marker file {MARKER}: {e}; check the disk"))?;
    let mut lines = text.lines();
    let id = (lines.next() == Some(MARKER_HEAD))
        .then(|| lines.next()?.strip_prefix("uuid = ")?.parse::<Uuid>().ok())
        .flatten();
    id.map(|u| Some(VolumeId(u))).ok_or_else(|| {
        format!(
            "its marker file {MARKER} is not one this release knows; if the volume belongs to a newer release, \
             update; if it is broken, write the two lines \"{MARKER_HEAD}\" and \"uuid = <a UUID>\" into it"
        )
    })
}

/// The id for a directory without a marker, or why it must not get one.
fn first_use(path: &Path, known: &[VolumeId]) -> Result<VolumeId, String> {
    let entries = std::fs::read_dir(path).map_err(|e| format!("cannot list it: {e}"))?;
    let mut has_recordings = false;
    let mut foreign = None;
    for entry in entries {
        let name = entry.map_err(|e| format!("cannot list it: {e}"))?.file_name();
        match name.to_string_lossy().as_ref() {
            RECORDINGS => has_recordings = true,
            // What every new ext file system has, and what an interrupted first use or probe leaves.
            "lost+found" | PROBE | WORK | ".heron-volume.new" => {}
            // Finished exports lie on recording volumes; an empty box's may have come back without its marker.
            EXPORTS => {}
            other => foreign = Some(other.to_owned()),
        }
    }
    match (known, has_recordings, foreign) {
        // The disk is there and only the marker was lost: it gets its own identity back.
        ([id], true, _) => Ok(*id),
        ([], _, None) => Ok(VolumeId(Uuid::new_v4())),
        ([], _, Some(name)) => Err(format!(
            "it has no marker file {MARKER} and is not empty (it holds {name:?}); give Heron an empty directory"
        )),
        (known, _, _) => Err(format!(
            "volume {} is missing: the directory is there but not the disk (no marker file {MARKER}); mount the disk. \
             To begin anew with an empty disk, write the lines \"{MARKER_HEAD}\" and \"uuid = {}\" into {MARKER}",
            known.first().map(ToString::to_string).unwrap_or_default(),
            Uuid::new_v4(),
        )),
    }
}

fn write_marker(root: &OwnedFd, id: VolumeId) -> std::io::Result<()> {
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::TRUNC | OFlags::CLOEXEC;
    let new = ".heron-volume.new";
    let mut file = File::from(rustix::fs::openat(root, new, flags, Mode::from_raw_mode(0o644))?);
    file.write_all(
        format!(
            "{MARKER_HEAD}\nuuid = {id}\nThis file makes the folder a recording volume of Heron. Keep it.\n"
        )
        .as_bytes(),
    )?;
    file.sync_all()?;
    rustix::fs::renameat(root, new, root, MARKER)?;
    rustix::fs::fsync(root)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use heron_core::{CameraId, StreamKey, StreamKind, WallTime};

    fn place() -> SegmentPlace {
        let stream = StreamKey::new(CameraId(Uuid::nil()), StreamKind::Main);
        SegmentPlace::new(stream, WallTime::from_millis(1_763_631_857_123), 0)
    }

    #[test]
    fn an_empty_directory_becomes_a_volume_and_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("lost+found")).unwrap();
        let first = Mount::open(dir.path(), &[]).unwrap();
        let e = Mount::open(dir.path(), &[first.id]).unwrap_err();
        assert!(e.to_string().contains("another herond"), "{e}");
        let id = first.id;
        drop(first);
        let again = Mount::open(dir.path(), &[id]).unwrap();
        assert_eq!(id, again.id);
        again.probe().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "marker and lost+found");
    }

    #[test]
    fn a_pipe_with_a_recordings_name_is_refused_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let mount = Mount::open(dir.path(), &[]).unwrap();
        let path = dir.path().join(place().relative_path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(mount.open_file(&place(), false).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_mount_point_of_a_missing_volume_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let known = VolumeId(Uuid::new_v4());
        let e = Mount::open(dir.path(), &[known]).unwrap_err();
        assert!(e.to_string().contains("missing") && e.to_string().contains(&known.to_string()), "{e}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lost_marker_is_written_anew_when_the_recordings_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let known = VolumeId(Uuid::new_v4());
        std::fs::create_dir(dir.path().join(RECORDINGS)).unwrap();
        assert_eq!(Mount::open(dir.path(), &[known]).unwrap().id, known);
    }

    #[test]
    fn a_directory_with_other_things_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.doc"), "x").unwrap();
        let e = Mount::open(dir.path(), &[]).unwrap_err();
        assert!(e.to_string().contains("thesis.doc"), "{e}");
        assert!(!dir.path().join(MARKER).exists());
    }

    #[test]
    fn a_strange_marker_is_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(MARKER), "heron-volume 9\n").unwrap();
        let e = Mount::open(dir.path(), &[]).unwrap_err();
        assert!(e.to_string().contains("newer release"), "{e}");
    }

    #[test]
    fn a_missing_path_and_a_file_are_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let e = Mount::open(&dir.path().join("a/b"), &[]).unwrap_err();
        assert!(e.to_string().contains("does not exist"), "{e}");
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let e = Mount::open(&file, &[]).unwrap_err();
        assert!(e.to_string().contains("not a directory"), "{e}");
    }

    #[test]
    fn an_existing_file_is_never_opened_for_writing() {
        let dir = tempfile::tempdir().unwrap();
        let mount = Mount::open(dir.path(), &[]).unwrap();
        let first = mount.create(place()).unwrap();
        let second = mount.create(place()).unwrap();
        assert_eq!((first.place.suffix, second.place.suffix), (0, 1));
        mount.unlink(&second.place).unwrap();
        mount.unlink(&second.place).unwrap();
        mount.unlink(&first.place).unwrap();
        assert!(!dir.path().join(place().folder()).exists(), "an empty day goes too");
    }

    #[test]
    fn a_volume_that_is_no_longer_at_its_path_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v");
        let mount = Mount::open(&path, &[]).unwrap();
        mount.still_there().unwrap();
        std::fs::rename(&path, dir.path().join("w")).unwrap();
        assert!(mount.still_there().is_err());
        std::fs::create_dir(&path).unwrap();
        assert!(mount.still_there().unwrap_err().to_string().contains("bare mount point"));
    }
}
