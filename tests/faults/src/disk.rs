//! A disk that breaks when told to: a file system in memory, mounted by FUSE, which knows what was synced and what was not.

use fuser::{BackgroundSession, Config, MountOption, SessionACL};
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

/// What a caller of the file system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Writing into a file.
    Write,
    /// Reading out of a file.
    Read,
    /// `fsync` and `fdatasync`, of files and folders.
    Sync,
    /// Making a file or a folder.
    Create,
    /// Removing one.
    Unlink,
    /// Asking for the size and what is free.
    Statfs,
    /// Everything else: names, lengths, attributes.
    Other,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Write, Self::Read, Self::Sync, Self::Create, Self::Unlink, Self::Statfs, Self::Other];

    fn changes(self) -> bool {
        matches!(self, Self::Write | Self::Create | Self::Unlink)
    }
}

/// The number of the root folder, as FUSE wants it.
pub(crate) const ROOT: u64 = 1;
/// Where the name of our mounts begins in `/proc/mounts`; the process follows.
const SOURCE: &str = "heron-bad-disk-";

/// One file or folder.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) body: Body,
    pub(crate) mode: u16,
    pub(crate) changed: SystemTime,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Names; `synced` is what a power cut leaves of them.
    Folder { entries: BTreeMap<OsString, u64>, synced: BTreeMap<OsString, u64> },
    /// Bytes; `synced` is what a power cut leaves of them, and they differ from `clean` on.
    File { bytes: Vec<u8>, synced: Vec<u8>, clean: usize },
}

impl Node {
    pub(crate) fn folder(mode: u16) -> Self {
        let body = Body::Folder { entries: BTreeMap::new(), synced: BTreeMap::new() };
        Self { body, mode, changed: SystemTime::now() }
    }
    pub(crate) fn file(mode: u16) -> Self {
        let body = Body::File { bytes: Vec::new(), synced: Vec::new(), clean: 0 };
        Self { body, mode, changed: SystemTime::now() }
    }
    pub(crate) fn length(&self) -> u64 {
        match &self.body {
            Body::File { bytes, .. } => bytes.len() as u64,
            Body::Folder { .. } => 0,
        }
    }
}

/// What the disk is.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) nodes: HashMap<u64, Node>,
    pub(crate) next: u64,
    pub(crate) capacity: u64,
    pub(crate) used: u64,
    errors: HashMap<Op, i32>,
    stalled: HashSet<Op>,
    read_only: bool,
    gone: bool,
    pub(crate) short_writes: bool,
    counts: HashMap<Op, u64>,
    /// Calls that wait for a stall to end.
    waiting: u64,
}

/// The state and who waits for it to change.
#[derive(Debug)]
pub(crate) struct Platter {
    pub(crate) state: Mutex<State>,
    changed: Condvar,
}

impl Platter {
    /// Lets an operation through, after a stall if there is one, or says why not.
    pub(crate) fn admit(&self, op: Op) -> Result<(), i32> {
        let mut state = self.state.lock();
        *state.counts.entry(op).or_default() += 1;
        if state.stalled.contains(&op) {
            state.waiting += 1;
            while state.stalled.contains(&op) {
                self.changed.wait(&mut state);
            }
            state.waiting -= 1;
        }
        if state.gone {
            return Err(rustix::io::Errno::IO.raw_os_error());
        }
        if let Some(errno) = state.errors.get(&op) {
            return Err(*errno);
        }
        if state.read_only && op.changes() {
            return Err(rustix::io::Errno::ROFS.raw_os_error());
        }
        Ok(())
    }
}

/// What a power cut leaves of names that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// As POSIX promises: a name is there only when its folder was synced.
    Strict,
    /// As ext4 and XFS do: each sync commits all names that were made until then.
    Journalled,
}

/// A mounted disk. Unmounts when it is dropped.
#[derive(Debug)]
pub struct BadDisk {
    path: PathBuf,
    platter: Arc<Platter>,
    /// The newest is the last. A session whose mount point was taken away ends with its last open file.
    sessions: Vec<BackgroundSession>,
    journalled: Arc<std::sync::atomic::AtomicBool>,
}

impl BadDisk {
    /// Mounts an empty disk of `capacity` bytes at `path`, which is made; `None`, in words, where that is not allowed.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn mount(path: &Path, capacity: u64) -> Option<Self> {
        forget_stale_mounts();
        std::fs::create_dir_all(path).expect("a folder to mount at");
        let state = State {
            nodes: HashMap::from([(ROOT, Node::folder(0o755))]),
            next: ROOT + 1,
            capacity,
            used: 0,
            errors: HashMap::new(),
            stalled: HashSet::new(),
            read_only: false,
            gone: false,
            short_writes: false,
            counts: HashMap::new(),
            waiting: 0,
        };
        let platter = Arc::new(Platter { state: Mutex::new(state), changed: Condvar::new() });
        let journalled = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let mut made = Self { path: path.to_owned(), platter, sessions: Vec::new(), journalled };
        match made.attach() {
            Ok(()) => Some(made),
            Err(e) => {
                println!("skipped: FUSE cannot be mounted here: {e}");
                None
            }
        }
    }

    /// Mounts it (again).
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn attach(&mut self) -> std::io::Result<()> {
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(format!("{SOURCE}{}", std::process::id())),
            MountOption::Subtype("heron".into()),
        ];
        config.acl = SessionACL::All;
        // A call that stalls holds a thread; nothing of ours makes more than these at a time.
        config.n_threads = Some(8);
        let fs = crate::disk_fs::DiskFs::new(Arc::clone(&self.platter), Arc::clone(&self.journalled));
        self.sessions.push(fuser::spawn_mount(fs, &self.path, &config)?);
        Ok(())
    }

    /// Takes it from its mount point, as `umount -l` does: who has it open keeps it.
    pub fn detach(&mut self) {
        let _ = rustix::mount::unmount(&self.path, rustix::mount::UnmountFlags::DETACH);
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Answers `op` with an error from now on.
    pub fn fail(&self, op: Op, errno: rustix::io::Errno) {
        self.change(|s| s.errors.extend([(op, errno.raw_os_error())]));
    }

    /// Does not answer `ops` from now on.
    pub fn stall(&self, ops: &[Op]) {
        self.change(|s| s.stalled.extend(ops));
    }

    /// Refuses every change from now on, as a file system does that has found an error.
    pub fn read_only(&self) {
        self.change(|s| s.read_only = true);
    }

    /// Is pulled out: everything is an I/O error.
    pub fn vanish(&self) {
        self.change(|s| s.gone = true);
    }

    /// Takes only half of what it is given to write.
    pub fn short_writes(&self) {
        self.change(|s| s.short_writes = true);
    }

    /// Its size from now on, bytes.
    pub fn resize(&self, capacity: u64) {
        self.change(|s| s.capacity = capacity);
    }

    /// Works again. Calls that waited go on.
    pub fn heal(&self) {
        self.change(|s| {
            s.errors.clear();
            s.stalled.clear();
            (s.read_only, s.gone, s.short_writes) = (false, false, false);
        });
    }

    /// Forgets everything that was not synced. Nobody may have files open: kill the daemon first.
    pub fn power_cut(&self, names: Names) {
        self.change(|s| {
            for node in s.nodes.values_mut() {
                match &mut node.body {
                    Body::File { bytes, synced, clean } => {
                        bytes.clone_from(synced);
                        *clean = bytes.len();
                    }
                    Body::Folder { entries, synced } => entries.clone_from(synced),
                }
            }
            s.used = s.nodes.values().map(Node::length).sum();
        });
        self.set_names(names);
    }

    /// What a sync of a file does for names.
    pub fn set_names(&self, names: Names) {
        self.journalled.store(names == Names::Journalled, std::sync::atomic::Ordering::SeqCst);
    }

    /// How often `op` was asked for.
    pub fn count(&self, op: Op) -> u64 {
        self.platter.state.lock().counts.get(&op).copied().unwrap_or(0)
    }

    /// Calls that wait because of a stall.
    pub fn waiting(&self) -> u64 {
        self.platter.state.lock().waiting
    }

    /// Bytes in its files.
    pub fn used(&self) -> u64 {
        self.platter.state.lock().used
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.platter.state.lock());
        self.platter.changed.notify_all();
    }
}

impl Drop for BadDisk {
    fn drop(&mut self) {
        self.heal();
        // Ends the connection: calls under way get an error. A thread that waited for an answer from this very process would
        // keep it from ending.
        use rustix::mount::UnmountFlags;
        let _ = rustix::mount::unmount(&self.path, UnmountFlags::FORCE | UnmountFlags::DETACH);
        // Dropping a session would unmount whatever is at its path by now.
        std::mem::forget(std::mem::take(&mut self.sessions));
    }
}

/// Unmounts what a test that was killed has left behind.
fn forget_stale_mounts() {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(source), Some(path)) = (words.next(), words.next()) else { continue };
        let Some(process) = source.strip_prefix(SOURCE) else { continue };
        if !Path::new("/proc").join(process).exists() {
            let _ = Command::new("umount").arg("-l").arg(path).output();
        }
    }
}

pub(crate) fn child(state: &State, parent: u64, name: &OsStr) -> Option<u64> {
    match &state.nodes.get(&parent)?.body {
        Body::Folder { entries, .. } => entries.get(name).copied(),
        Body::File { .. } => None,
    }
}
