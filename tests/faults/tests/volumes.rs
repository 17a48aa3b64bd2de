//! Disks that fill up, turn read-only, give errors, hang, vanish and come back, one and two at a time. The recorder alone,
//! with a clock of the test's, on a disk that breaks when told to.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../../../firmware/record/tests/common/mod.rs"]
mod common;

use common::{Box, Camera, START, files_under, key, wait};
use heron_core::{GapReason, StreamKey, WallTime};
use heron_faults::disk::{BadDisk, Op};
use heron_record::{VolumeConfig, VolumeState};
use rustix::io::Errno;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// A box with `N` disks of these sizes, the first being the one that streams begin on. Dropped in the order of its fields.
struct Rig<const N: usize> {
    b: Box,
    disks: [BadDisk; N],
    _mounts: tempfile::TempDir,
    stream: StreamKey,
    camera: Camera,
}

fn volume(path: &Path) -> VolumeConfig {
    VolumeConfig { reserve_bytes: Some(MIB), ..VolumeConfig::new(path) }
}

impl<const N: usize> Rig<N> {
    fn new(sizes: [u64; N]) -> Option<Self> {
        let mounts = tempfile::tempdir().unwrap();
        let mut disks = Vec::new();
        for (n, size) in sizes.into_iter().enumerate() {
            disks.push(BadDisk::mount(&mounts.path().join(format!("v{n}")), size * MIB)?);
        }
        let volumes = disks.iter().map(|d| volume(d.path())).collect();
        let b = Box::with(tempfile::tempdir().unwrap(), volumes);
        let stream = key(1);
        b.record(stream);
        let mut camera = Camera::new();
        // Half a MiB a second.
        camera.filler = 21_000;
        let mut rig = Self { b, disks: disks.try_into().unwrap(), _mounts: mounts, stream, camera };
        rig.feed(10);
        Some(rig)
    }

    /// Feeds in steps that the ring holds, waiting for the disk.
    fn feed(&mut self, seconds: u32) {
        for _ in 0..seconds.div_ceil(10) {
            self.push(f64::from(seconds.min(10)));
            self.b.wait_recorded(self.stream, self.camera.wall);
        }
    }

    fn push(&mut self, seconds: f64) {
        self.b.feed(self.stream, &mut self.camera, seconds);
    }

    /// Feeds a second at a time until it has happened.
    fn feed_until(&mut self, what: &str, mut happened: impl FnMut(&Self) -> bool) {
        let mut fed = 0;
        wait(what, || {
            if fed < 25 {
                // No more than a ring holds.
                self.push(1.0);
                fed += 1;
            }
            std::thread::sleep(Duration::from_millis(20));
            happened(self)
        });
    }

    fn is_on(&self, disk: usize) -> bool {
        self.b.recorder.status(self.stream).unwrap().volume.as_deref() == Some(self.disks[disk].path())
    }

    fn state(&self, disk: usize) -> VolumeState {
        self.b.recorder.volumes()[disk].state.clone()
    }

    fn come_back(&mut self, disk: usize) {
        self.disks[disk].heal();
        wait("the volume to come back", || {
            self.b.clock.advance(Duration::from_secs(1));
            self.state(disk) == VolumeState::Ok
        });
    }

    fn timeline(&self) -> heron_record::timeline::Timeline {
        self.b.recorder.playback().timeline(self.stream.camera, START, self.camera.wall, None).unwrap()
    }

    fn is_unbroken(&self) {
        let t = self.timeline();
        assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
        assert_eq!(t.spans[0].start, START);
    }

    /// Ends it: files, catalogue and ffprobe must agree.
    fn ends_whole(mut self) {
        self.feed(3);
        assert!(self.b.recorder.shutdown());
        let report = heron_record::fsck(&self.b.volumes, &self.b.store, false).unwrap();
        assert!(report.is_clean(), "{report}");
        for file in self.b.files() {
            assert!(common::frames(&file) > 0, "{}", file.display());
        }
    }
}

#[test]
fn a_disk_that_hangs_in_a_write_is_left_within_seconds_and_nothing_is_lost() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    assert!(rig.is_on(0));
    rig.disks[0].stall(&[Op::Write]);
    rig.feed_until("the write to hang", |r| r.disks[0].waiting() > 0);
    rig.feed_until("the stream to move", |r| r.is_on(1));
    assert_eq!(rig.state(0), VolumeState::Failed);
    let problem = rig.b.recorder.volumes()[0].problem.clone().unwrap();
    assert!(problem.contains("not answered"), "{problem}");
    assert!(rig.disks[0].waiting() > 0, "it hangs still");
    rig.feed(10);
    // The late write comes back: it must neither be seen nor stay.
    rig.come_back(0);
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn a_disk_that_hangs_in_every_call_holds_up_nobody() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.disks[0].stall(&Op::ALL);
    rig.feed_until("the stream to move", |r| r.is_on(1));
    // What people and the other volume's retention ask for does not wait for it.
    let storage = rig.b.recorder.storage().unwrap();
    assert_eq!(storage.volumes.len(), 2);
    rig.disks[1].resize(30 * MIB);
    rig.feed(100);
    assert!(rig.disks[1].used() <= 30 * MIB);
    assert_eq!(rig.state(1), VolumeState::Ok, "its retention goes on");
    let shut_down = rig.b.recorder.shutdown();
    assert!(!shut_down, "the thread of the disk that hangs is left behind");
    assert!(rig.disks[0].waiting() > 0, "and it did not have to be waited for");
}

#[test]
fn a_disk_that_hangs_in_a_sync_is_left_too() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.disks[0].stall(&[Op::Sync]);
    rig.feed_until("the stream to move", |r| r.is_on(1));
    rig.feed(10);
    rig.come_back(0);
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn a_lone_disk_that_hangs_for_half_a_minute_costs_nothing_and_longer_costs_what_the_ring_cannot_hold() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.disks[0].stall(&[Op::Write]);
    rig.feed_until("the write to hang", |r| r.disks[0].waiting() > 0);
    for _ in 0..20 {
        rig.push(1.0);
    }
    rig.disks[0].heal();
    rig.feed(3);
    rig.is_unbroken();

    rig.disks[0].stall(&[Op::Write]);
    rig.feed_until("the write to hang", |r| r.disks[0].waiting() > 0);
    // 16 MiB are 31 s.
    for _ in 0..60 {
        rig.push(1.0);
    }
    rig.disks[0].heal();
    rig.feed(3);
    let t = rig.timeline();
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!(t.gaps[0].reason, GapReason::Overrun);
    assert!(t.gaps[0].end.nanos_since(t.gaps[0].start) < 40_000_000_000, "half a minute was held: {t:?}");
    rig.ends_whole();
}

/// Streams of a volume that gives this error on that call go on on the other, without a gap.
fn moves(op: Op, errno: Errno) {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.disks[0].fail(op, errno);
    rig.feed_until("the stream to move", |r| r.is_on(1));
    let events = rig.b.drain_events();
    assert!(events.iter().any(|e| e.kind == "volume.failed"), "{events:?}");
    rig.feed(10);
    rig.come_back(0);
    wait("the news of it", || rig.b.drain_events().iter().any(|e| e.kind == "volume.ok"));
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn streams_move_from_a_disk_that_cannot_write() {
    moves(Op::Write, Errno::IO);
}

#[test]
fn streams_move_from_a_disk_that_cannot_sync() {
    moves(Op::Sync, Errno::IO);
}

#[test]
fn streams_move_from_a_disk_that_is_pulled_out() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.disks[0].vanish();
    rig.feed_until("the stream to move", |r| r.is_on(1));
    rig.feed(10);
    rig.come_back(0);
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn streams_move_from_a_disk_that_turns_read_only() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.disks[0].read_only();
    rig.feed_until("the stream to move", |r| r.is_on(1));
    rig.feed(10);
    rig.come_back(0);
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn a_lone_disk_that_is_back_within_the_ring_has_no_gap_and_later_an_honest_one() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.disks[0].fail(Op::Write, Errno::IO);
    rig.feed_until("the failure", |r| r.state(0) == VolumeState::Failed);
    rig.push(5.0);
    rig.come_back(0);
    rig.feed(3);
    rig.is_unbroken();

    rig.disks[0].fail(Op::Write, Errno::IO);
    rig.feed_until("the failure", |r| r.state(0) == VolumeState::Failed);
    for _ in 0..60 {
        rig.push(1.0);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(rig.b.recorder.status(rig.stream).unwrap().gap, Some(GapReason::VolumeFailed));
    rig.come_back(0);
    rig.feed(10);
    let t = rig.timeline();
    assert!(t.gaps.iter().all(|g| g.reason == GapReason::VolumeFailed), "{t:?}");
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    rig.ends_whole();
}

#[test]
fn writes_that_are_taken_by_halves_are_whole_in_the_end() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.disks[0].short_writes();
    rig.feed(70);
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn a_disk_that_fills_up_beneath_us_costs_no_frame_while_old_footage_can_go() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.feed(130);
    let oldest = rig.b.files()[0].clone();
    // Nearly full at once: 2 MiB are left.
    rig.disks[0].resize(rig.disks[0].used() + 2 * MIB);
    rig.feed(100);
    assert!(!oldest.exists(), "the oldest went");
    let t = rig.timeline();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    assert!(!rig.b.drain_events().iter().any(|e| e.kind == "volume.full"));
    rig.ends_whole();
}

#[test]
fn a_full_disk_takes_nothing_from_another_that_has_what_may_not_expire() {
    let Some(mut rig) = Rig::new([400, 200]) else { return };
    rig.feed(70);
    let kept: Vec<PathBuf> = files_under(&rig.disks[0].path().join("recordings"));
    rig.disks[0].read_only();
    rig.feed_until("the stream to move", |r| r.is_on(1));
    rig.disks[1].resize(rig.disks[1].used() + 20 * MIB);
    rig.feed(120);
    rig.come_back(0);
    assert!(kept.iter().all(|f| f.exists()), "room is made where it is missing, and nowhere else");
    rig.ends_whole();
}

#[test]
fn a_disk_that_cannot_delete_is_full_in_words_and_goes_on_when_it_can() {
    let Some(mut rig) = Rig::new([100]) else { return };
    rig.feed(100);
    rig.disks[0].fail(Op::Unlink, Errno::IO);
    let full = rig.disks[0].used() + 2 * MIB;
    rig.disks[0].resize(full);
    rig.feed_until("the volume to be full", |r| r.state(0) != VolumeState::Ok);
    assert!(rig.b.drain_events().iter().any(|e| e.kind == "volume.full"));
    rig.come_back(0);
    rig.feed(20);
    let t = rig.timeline();
    assert!(t.gaps.iter().all(|g| g.reason == GapReason::VolumeFull), "{t:?}");
    rig.ends_whole();
}

#[test]
fn a_quota_is_kept_and_costs_no_frame() {
    let mounts = tempfile::tempdir().unwrap();
    let Some(disk) = BadDisk::mount(&mounts.path().join("v0"), 400 * MIB) else { return };
    let quota = VolumeConfig { quota_bytes: Some(60 * MIB), ..volume(disk.path()) };
    let b = Box::with(tempfile::tempdir().unwrap(), vec![quota]);
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    camera.filler = 21_000;
    for _ in 0..30 {
        b.feed(stream, &mut camera, 10.0);
        b.wait_recorded(stream, camera.wall);
    }
    wait("the quota", || disk.used() <= 60 * MIB);
    let t = b.recorder.playback().timeline(stream.camera, START, camera.wall, None).unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    drop(b);
}

#[test]
fn a_disk_that_cannot_be_read_goes_on_being_written() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.feed(70);
    rig.disks[0].fail(Op::Read, Errno::IO);
    let end = START + Duration::from_secs(5);
    assert!(rig.b.recorder.playback().flat_mp4(rig.stream, START, end).is_err());
    rig.feed(20);
    assert_eq!(rig.state(0), VolumeState::Ok);
    rig.disks[0].heal();
    assert!(rig.b.recorder.playback().flat_mp4(rig.stream, START, end).is_ok());
    rig.is_unbroken();
    rig.ends_whole();
}

#[test]
fn a_disk_unmounted_beneath_us_leaves_the_bare_mount_point_alone_and_is_taken_up_again() {
    let Some(mut rig) = Rig::new([400]) else { return };
    rig.disks[0].detach();
    // The open file goes on (its disk is still there); the next one must not land on the bare folder.
    for _ in 0..12 {
        rig.push(10.0);
        std::thread::sleep(Duration::from_millis(50));
    }
    wait("the volume to be missed", || rig.state(0) == VolumeState::Failed);
    assert_eq!(std::fs::read_dir(rig.disks[0].path()).unwrap().count(), 0);
    let problem = rig.b.recorder.volumes()[0].problem.clone().unwrap();
    assert!(problem.contains("mount"), "{problem}");
    rig.disks[0].attach().unwrap();
    rig.come_back(0);
    rig.feed(10);
    let t = rig.timeline();
    assert!(t.gaps.iter().all(|g| g.reason == GapReason::VolumeFailed), "{t:?}");
    assert_eq!(t.spans[0].start, START);
    rig.ends_whole();
}

#[test]
fn a_disk_that_does_not_answer_at_the_start_holds_up_no_other() {
    let mounts = tempfile::tempdir().unwrap();
    let Some(dead) = BadDisk::mount(&mounts.path().join("v0"), 400 * MIB) else { return };
    let Some(disk) = BadDisk::mount(&mounts.path().join("v1"), 200 * MIB) else { return };
    dead.stall(&Op::ALL);
    let b = Box::with(tempfile::tempdir().unwrap(), vec![volume(dead.path()), volume(disk.path())]);
    assert_eq!(b.recorder.volumes()[0].state, VolumeState::Missing);
    let stream = key(1);
    b.record(stream);
    let mut camera = Camera::new();
    b.feed(stream, &mut camera, 10.0);
    b.wait_recorded(stream, camera.wall);
    dead.heal();
    wait("it to be taken up", || b.recorder.volumes()[0].state == VolumeState::Ok);
    assert!(b.recorder.shutdown());
    let _: WallTime = camera.wall;
}
