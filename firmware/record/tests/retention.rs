//! Room is made before it is needed, and never by deleting what must stay.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{Box, Camera, START, key, wait};
use heron_core::{GapReason, StreamKey, WallTime};
use heron_record::{RecorderConfig, RetentionRules, StreamSituation, VolumeConfig, VolumeState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// A small file system of its own; unmounted at the end.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// `None`, in words, where this is not allowed.
    fn mount(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={bytes}");
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(path).output();
        if made.is_ok_and(|o| o.status.success()) {
            return Some(Self(path.to_owned()));
        }
        println!("skipped: a tmpfs cannot be mounted here");
        None
    }
    fn unmount(&self) {
        assert!(Command::new("umount").arg("-l").arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// A camera of about 0.5 MiB a second.
fn heavy() -> Camera {
    let mut camera = Camera::new();
    camera.filler = 21_000;
    camera
}

fn used(b: &Box) -> u64 {
    b.files().iter().filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}

/// Feeds in steps that the ring holds, waiting for the disk.
fn feed(b: &Box, stream: StreamKey, camera: &mut Camera, seconds: u32) {
    for _ in 0..seconds.div_ceil(10) {
        b.feed(stream, camera, 10.0);
        b.wait_recorded(stream, camera.wall);
    }
}

#[test]
fn a_quota_is_kept_by_deleting_the_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let quota = 100 * MIB;
    let volume = VolumeConfig {
        quota_bytes: Some(quota),
        reserve_bytes: Some(0),
        ..VolumeConfig::new(dir.path().join("v1"))
    };
    let b = Box::with(dir, vec![volume]);
    let stream = key(1);
    b.record(stream);
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 60);
    let first = b.files()[0].clone();
    feed(&b, stream, &mut camera, 300);
    wait("retention", || used(&b) <= quota && !first.exists());
    wait("rows", || {
        let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
        assert_eq!(t.spans.len(), 1, "the oldest went first: {t:?}");
        assert_eq!(t.gaps, [], "what retention deleted is not a gap");
        let s = b.recorder.storage().unwrap();
        s.volumes[0].recordings_bytes <= quota
            && t.spans[0].start > START
            && s.oldest == Some(t.spans[0].start)
            && s.streams[0].segments == b.files().len() as u64
    });
    assert!(b.recorder.shutdown());
    assert!(heron_record::fsck(&b.volumes, &b.store, false).unwrap().is_clean());
}

#[test]
fn a_locked_segment_survives() {
    let dir = tempfile::tempdir().unwrap();
    let volume = VolumeConfig {
        quota_bytes: Some(100 * MIB),
        reserve_bytes: Some(0),
        ..VolumeConfig::new(dir.path().join("v1"))
    };
    let b = Box::with(dir, vec![volume]);
    let stream = key(1);
    b.record(stream);
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 100);
    let first = b.files()[0].clone();
    let second = b.files()[1].clone();
    b.recorder.set_locked(1, true).unwrap();
    assert!(b.recorder.set_locked(99, true).is_err());
    feed(&b, stream, &mut camera, 300);
    wait("retention", || !second.exists());
    assert!(first.exists());
    wait("the rows", || {
        let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
        assert_eq!(t.gaps, []);
        t.spans.len() == 2
    });
}

#[test]
fn footage_older_than_allowed_goes_although_there_is_room() {
    let b = Box::new();
    let stream = key(1);
    b.record(stream);
    b.recorder.set_retention(Some(stream.camera), RetentionRules::at_most(Duration::from_secs(3600)));
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 200.0);
    b.wait_recorded(stream, camera.wall);
    let old = b.files();
    b.clock.advance(Duration::from_secs(3600));
    // All but the open one.
    wait("retention", || b.files().len() == 1);
    assert_eq!(b.files()[0], old[old.len() - 1]);
    let _ = RecorderConfig::new(Vec::new());
}

#[test]
fn no_write_fails_while_there_is_something_to_delete_and_a_full_volume_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v1");
    let Some(_tmpfs) = Tmpfs::mount(&path, 96 * MIB) else { return };
    // No reserve: only the refused write itself can tell.
    let volume = VolumeConfig { reserve_bytes: Some(0), ..VolumeConfig::new(&path) };
    let mut b = Box::with(dir, vec![volume]);
    let stream = key(1);
    b.record(stream);
    let mut camera = heavy();
    let other = path.join("other.bin");
    std::fs::write(&other, vec![1u8; 16 << 20]).unwrap();
    feed(&b, stream, &mut camera, 400);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    assert!(!b.drain_events().iter().any(|e| e.kind == "volume.full"));

    // Somebody else fills the rest, and everything of ours is locked.
    b.store.write_blocking(|tx| Ok(tx.execute("UPDATE record_segment SET locked = 1", ())?)).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&other).unwrap();
    while std::io::Write::write_all(&mut file, &[1u8; 4096]).is_ok() {}
    drop(file);
    b.feed(stream, &mut camera, 20.0);
    wait("the full volume", || b.recorder.volumes()[0].state == VolumeState::Full);
    wait("the gap", || b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::VolumeFull)));
    assert!(b.drain_events().iter().any(|e| e.kind == "volume.full"));
    // For half a minute the stream waits in its ring; then it is let go.
    b.feed(stream, &mut camera, 40.0);
    let ring = b.hub.stream(stream);
    wait("the ring to be let go", || ring.statistics().depth_items <= 2 * 50);

    // The other one goes; recording is taken up again by itself.
    std::fs::remove_file(&other).unwrap();
    wait("recovery", || b.recorder.volumes()[0].state == VolumeState::Ok);
    wait("recording", || {
        b.feed(stream, &mut camera, 1.0);
        b.recorder.status(stream).is_some_and(|s| s.gap.is_none())
    });
    assert!(b.recorder.shutdown());
    let report = heron_record::fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean(), "{report}");
    let b = b.restart(false, Duration::ZERO);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert!(t.gaps.iter().any(|g| g.reason == GapReason::VolumeFull), "{t:?}");
}

/// An ext4 file system in a file, which can be made to find an error and turn itself read-only.
struct Ext4 {
    path: PathBuf,
    device: String,
}

impl Ext4 {
    fn mount(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let image = path.with_extension("img");
        std::fs::File::create(&image).unwrap().set_len(bytes).unwrap();
        let ok = |c: &mut Command| c.output().is_ok_and(|o| o.status.success());
        let made = ok(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))
            && ok(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(&image).arg(path));
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let device = mounts.lines().find_map(|l| {
            let mut words = l.split(' ');
            let source = words.next()?.strip_prefix("/dev/")?;
            (words.next() == path.to_str()).then(|| source.to_owned())
        });
        match device.filter(|_| made) {
            Some(device) => Some(Self { path: path.to_owned(), device }),
            None => {
                println!("skipped: a loop device cannot be mounted here");
                None
            }
        }
    }
    fn fail(&self) {
        std::fs::write(format!("/sys/fs/ext4/{}/trigger_fs_error", self.device), "1").unwrap();
    }
    /// What an operator does: unmount, check, mount.
    fn repair(&self) {
        wait("the recorder to let go of the volume", || {
            Command::new("umount").arg(&self.path).output().unwrap().status.success()
        });
        let image = self.path.with_extension("img");
        let _ = Command::new("e2fsck").args(["-p", "-f"]).arg(&image).output();
        assert!(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(&self.path)
                .status()
                .unwrap()
                .success()
        );
    }
}

impl Drop for Ext4 {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}

#[test]
fn streams_move_to_another_volume_when_theirs_turns_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("v1"), dir.path().join("v2"));
    let Some(big) = Ext4::mount(&one, 400 * MIB) else { return };
    let Some(_small) = Tmpfs::mount(&two, 150 * MIB) else { return };
    let volumes =
        [&one, &two].map(|path| VolumeConfig { reserve_bytes: Some(MIB), ..VolumeConfig::new(path) });
    let mut b = Box::with(dir, volumes.to_vec());
    let stream = key(1);
    b.record(stream);
    assert_eq!(b.recorder.status(stream).unwrap().volume, Some(one.clone()), "the one with more room");
    let mut camera = heavy();
    feed(&b, stream, &mut camera, 10);
    // What the syncer does within half a second of the machine's own clock.
    assert!(Command::new("sync").arg("-f").arg(&one).status().unwrap().success());
    big.fail();
    let failed_at = camera.wall;
    wait("the stream to move", || {
        b.feed(stream, &mut camera, 1.0);
        b.recorder.status(stream).unwrap().volume == Some(two.clone())
    });
    feed(&b, stream, &mut camera, 10);
    let t = b.recorder.playback().timeline(stream.camera, failed_at, camera.wall, None).unwrap();
    assert_eq!(
        (t.spans.len(), t.gaps.len()),
        (1, 0),
        "the ring had what the failed volume did not take: {t:?}"
    );
    assert_eq!(t.spans[0].start, failed_at);
    assert!(camera.wall.nanos_since(t.spans[0].end) < 2_000_000_000, "{t:?}");
    let failed = b.drain_events().into_iter().find(|e| e.kind == "volume.failed").unwrap();
    assert!(failed.text.as_ref().unwrap().contains("Read-only"), "{failed:?}");

    big.repair();
    b.clock.advance(Duration::from_secs(60));
    wait("recovery", || b.recorder.volumes()[0].state == VolumeState::Ok);
    assert!(b.drain_events().iter().any(|e| e.kind == "volume.ok"));
    let t = b.recorder.playback().timeline(stream.camera, START, failed_at, None).unwrap();
    assert_eq!(t.spans[0].start, START, "what was on it is there again: {t:?}");
    assert!(b.recorder.shutdown());
    let report = heron_record::fsck(&b.volumes, &b.store, false).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[test]
fn nothing_is_recorded_onto_the_mount_point_of_a_missing_volume() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v1");
    let Some(tmpfs) = Tmpfs::mount(&path, 100 * MIB) else { return };
    let volume = VolumeConfig { reserve_bytes: Some(MIB), ..VolumeConfig::new(&path) };
    let mut b = Box::with(dir, vec![volume]);
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    feed(&b, stream, &mut camera, 10);
    tmpfs.unmount();
    // The open file goes on (its disk is still there); the next one must not land on the bare directory.
    wait("the volume to be missed", || {
        b.feed(stream, &mut camera, 10.0);
        b.recorder.volumes()[0].state == VolumeState::Failed
    });
    wait("the gap", || b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::VolumeFailed)));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    assert!(b.drain_events().iter().any(|e| e.kind == "volume.failed"));
    b.clock.advance(Duration::from_secs(60));
    let mut b = b.restart(true, Duration::from_secs(5));
    assert_eq!(b.recorder.volumes()[0].state, VolumeState::Missing);
    assert!(b.recorder.volumes()[0].problem.as_ref().unwrap().contains("missing"));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    assert!(b.drain_events().iter().any(|e| e.kind == "volume.failed"));
    b.record(stream);
    wait("the reason", || b.recorder.status(stream).is_some_and(|s| s.gap == Some(GapReason::VolumeFailed)));
    let _: (WallTime, StreamSituation) = (camera.wall, StreamSituation::Online);
}
