//! The calls of the kernel, answered from memory.

use crate::disk::{Body, Node, Op, Platter, ROOT, State, child};
use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Nothing is cached by the kernel: a power cut changes everything behind its back.
const TTL: Duration = Duration::ZERO;
const BLOCK: u64 = 4096;

pub(crate) struct DiskFs {
    platter: Arc<Platter>,
    journalled: Arc<AtomicBool>,
}

impl DiskFs {
    pub(crate) fn new(platter: Arc<Platter>, journalled: Arc<AtomicBool>) -> Self {
        Self { platter, journalled }
    }

    /// Does `work` on the state when `op` is let through.
    fn at<T>(&self, op: Op, work: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        self.platter.admit(op).map_err(Errno::from_i32)?;
        work(&mut self.platter.state.lock())
    }

    fn make(&self, parent: INodeNo, name: &OsStr, node: Node) -> Result<FileAttr, Errno> {
        self.at(Op::Create, |s| {
            if child(s, parent.0, name).is_some() {
                return Err(Errno::EEXIST);
            }
            let number = s.next;
            s.next += 1;
            let attr = attr(number, &node);
            s.nodes.insert(number, node);
            entries(s, parent.0)?.insert(name.to_owned(), number);
            Ok(attr)
        })
    }

    fn remove(&self, parent: INodeNo, name: &OsStr) -> Result<(), Errno> {
        self.at(Op::Unlink, |s| {
            let number = child(s, parent.0, name).ok_or(Errno::ENOENT)?;
            if let Some(Body::Folder { entries, .. }) = s.nodes.get(&number).map(|n| &n.body)
                && !entries.is_empty()
            {
                return Err(Errno::ENOTEMPTY);
            }
            // The node stays: it may be open, and a power cut may bring its name back.
            s.used -= s.nodes.get(&number).map_or(0, Node::length).min(s.used);
            entries(s, parent.0)?.remove(name);
            Ok(())
        })
    }

    /// What was changed of a file or folder is on the disk for good.
    fn sync(&self, number: u64) -> Result<(), Errno> {
        let journalled = self.journalled.load(Ordering::SeqCst);
        self.at(Op::Sync, |s| {
            for (n, node) in &mut s.nodes {
                match &mut node.body {
                    Body::File { bytes, synced, clean } if *n == number => {
                        synced.truncate(*clean);
                        synced.extend_from_slice(&bytes[synced.len()..]);
                        *clean = bytes.len();
                    }
                    Body::Folder { entries, synced } if *n == number || journalled => {
                        synced.clone_from(entries);
                    }
                    _ => {}
                }
            }
            Ok(())
        })
    }
}

fn entries(
    s: &mut State,
    folder: u64,
) -> Result<&mut std::collections::BTreeMap<std::ffi::OsString, u64>, Errno> {
    match s.nodes.get_mut(&folder).map(|n| &mut n.body) {
        Some(Body::Folder { entries, .. }) => Ok(entries),
        Some(Body::File { .. }) => Err(Errno::ENOTDIR),
        None => Err(Errno::ENOENT),
    }
}

fn attr(number: u64, node: &Node) -> FileAttr {
    let is_folder = matches!(node.body, Body::Folder { .. });
    FileAttr {
        ino: INodeNo(number),
        size: node.length(),
        blocks: node.length().div_ceil(512),
        atime: node.changed,
        mtime: node.changed,
        ctime: node.changed,
        crtime: node.changed,
        kind: if is_folder { FileType::Directory } else { FileType::RegularFile },
        perm: node.mode,
        nlink: if is_folder { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn find(s: &State, number: INodeNo) -> Result<FileAttr, Errno> {
    s.nodes.get(&number.0).map(|n| attr(number.0, n)).ok_or(Errno::ENOENT)
}

impl Filesystem for DiskFs {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        // A refusal says what is possible, which then is what we get.
        let _ = config.set_max_write(1 << 20);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.at(Op::Other, |s| {
            child(s, parent.0, name).ok_or(Errno::ENOENT).and_then(|n| find(s, INodeNo(n)))
        });
        match found {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(e) => reply.error(e),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.at(Op::Other, |s| find(s, ino)) {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(e) => reply.error(e),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let changed = self.at(if size.is_some() { Op::Write } else { Op::Other }, |s| {
            let node = s.nodes.get_mut(&ino.0).ok_or(Errno::ENOENT)?;
            if let Some(mode) = mode {
                node.mode = (mode & 0o7777) as u16;
            }
            let before = node.length();
            if let (Some(size), Body::File { bytes, clean, .. }) = (size, &mut node.body) {
                let size = usize::try_from(size).map_err(|_| Errno::EFBIG)?;
                *clean = (*clean).min(size);
                bytes.resize(size, 0);
            }
            let after = node.length();
            s.used = (s.used + after).saturating_sub(before);
            find(s, ino)
        });
        match changed {
            Ok(attr) => reply.attr(&TTL, &attr),
            Err(e) => reply.error(e),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _: u32, reply: ReplyEntry) {
        match self.make(parent, name, Node::folder((mode & 0o7777) as u16)) {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(e) => reply.error(e),
        }
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        match self.make(parent, name, Node::file((mode & 0o7777) as u16)) {
            Ok(attr) => {
                reply.created(&TTL, &attr, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(e) => reply.error(e),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.remove(parent, name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.remove(parent, name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let moved = self.at(Op::Create, |s| {
            let number = child(s, parent.0, name).ok_or(Errno::ENOENT)?;
            if flags.contains(RenameFlags::RENAME_NOREPLACE) && child(s, newparent.0, newname).is_some() {
                return Err(Errno::EEXIST);
            }
            entries(s, newparent.0)?.insert(newname.to_owned(), number);
            entries(s, parent.0)?.remove(name);
            Ok(())
        });
        done(moved, reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let linked = self.at(Op::Create, |s| {
            if child(s, newparent.0, newname).is_some() {
                return Err(Errno::EEXIST);
            }
            entries(s, newparent.0)?.insert(newname.to_owned(), ino.0);
            find(s, ino)
        });
        match linked {
            Ok(attr) => reply.entry(&TTL, &attr, Generation(0)),
            Err(e) => reply.error(e),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.at(Op::Other, |s| find(s, ino)) {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(e) => reply.error(e),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.at(Op::Read, |s| match s.nodes.get(&ino.0).map(|n| &n.body) {
            Some(Body::File { bytes, .. }) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let to = from.saturating_add(size as usize).min(bytes.len());
                Ok(bytes[from..to].to_vec())
            }
            _ => Err(Errno::EIO),
        });
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(e) => reply.error(e),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.at(Op::Write, |s| {
            let data = if s.short_writes { &data[..data.len().div_ceil(2)] } else { data };
            let room = s.capacity.saturating_sub(s.used);
            let node = s.nodes.get_mut(&ino.0).ok_or(Errno::ENOENT)?;
            let Body::File { bytes, clean, .. } = &mut node.body else { return Err(Errno::EISDIR) };
            let from = usize::try_from(offset).map_err(|_| Errno::EFBIG)?;
            let to = from + data.len();
            let more = to.saturating_sub(bytes.len());
            if more as u64 > room {
                return Err(Errno::ENOSPC);
            }
            if to > bytes.len() {
                bytes.resize(to, 0);
            }
            bytes[from..to].copy_from_slice(data);
            *clean = (*clean).min(from);
            node.changed = SystemTime::now();
            s.used += more as u64;
            u32::try_from(data.len()).map_err(|_| Errno::EINVAL)
        });
        match written {
            Ok(n) => reply.written(n),
            Err(e) => reply.error(e),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.sync(ino.0), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.sync(ino.0), reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = self.at(Op::Other, |s| {
            let names: Vec<_> = entries(s, ino.0)?.iter().map(|(name, n)| (name.clone(), *n)).collect();
            let of = |n: u64, s: &State| match s.nodes.get(&n).map(|n| &n.body) {
                Some(Body::Folder { .. }) => FileType::Directory,
                _ => FileType::RegularFile,
            };
            let dots = [(".".into(), ino.0), ("..".into(), ROOT)];
            let all = dots.into_iter().chain(names);
            Ok(all.map(|(name, n)| (n, of(n, s), name)).collect::<Vec<_>>())
        });
        let listed = match listed {
            Ok(listed) => listed,
            Err(e) => return reply.error(e),
        };
        for (at, (n, kind, name)) in (1u64..).zip(listed).skip(usize::try_from(offset).unwrap_or(usize::MAX))
        {
            if reply.add(INodeNo(n), at, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let room =
            self.at(Op::Statfs, |s| Ok((s.capacity / BLOCK, s.capacity.saturating_sub(s.used) / BLOCK)));
        match room {
            Ok((total, free)) => reply.statfs(total, free, free, 1 << 20, 1 << 19, 4096, 255, 4096),
            Err(e) => reply.error(e),
        }
    }
}

fn done(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(e),
    }
}
