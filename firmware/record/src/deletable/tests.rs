//! Retention on a simulated disk: the real catalogue in memory, a disk that refuses what does not fit, people who lock,
//! events that mark, time that passes. What may go is decided a second time here, from the rules' own words.

use super::*;
use crate::catalogue::{SegmentFormat, SegmentState};
use crate::layout::Origin;
use crate::locks::Lock;
use crate::marks::EventMark;
use crate::retention::{self, Candidate, VolumeSpace};
use crate::rules::RetentionRules;
use heron_core::{CameraId, StreamKind, VideoCodec};
use proptest::prelude::*;
use std::time::Duration;
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const VOLUME: VolumeId = VolumeId(Uuid::from_u128(7));

fn camera(n: u8) -> CameraId {
    CameraId(Uuid::from_u128(100 + u128::from(n)))
}

fn stream(n: u8) -> StreamKey {
    StreamKey::new(camera(n), StreamKind::Main)
}

fn seconds(n: i64) -> WallTime {
    WallTime::from_millis(n * 1000)
}

fn catalogue_in_memory() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    for step in crate::MIGRATIONS.steps {
        conn.execute_batch(step).unwrap();
    }
    conn
}

fn row(id: i64, stream: StreamKey, start: WallTime, end: WallTime, bytes: u64) -> Segment {
    Segment {
        id,
        stream,
        volume: VOLUME,
        start,
        end,
        origin: Origin::Live,
        suffix: 0,
        bytes,
        init_bytes: 0,
        frames: 1,
        format: SegmentFormat {
            codecs: "avc1".into(),
            video: VideoCodec::H264,
            audio: None,
            metadata: false,
            width: 16,
            height: 16,
        },
        state: SegmentState::Closed,
        locked: false,
    }
}

struct Disk {
    conn: Connection,
    now: i64,
    space: VolumeSpace,
    rules: [RetentionRules; 2],
    /// Closed and there.
    closed: Vec<Segment>,
    /// Start and bytes of what is being written, per stream.
    open: [Option<(i64, u64)>; 2],
    locks: Vec<Lock>,
    marks: Vec<(EventMark, Duration)>,
    next: i64,
    full: bool,
}

impl Disk {
    fn new(capacity: u64, reserve: u64, quota: Option<u64>, rules: [RetentionRules; 2]) -> Self {
        Self {
            conn: catalogue_in_memory(),
            now: 1_000_000,
            space: VolumeSpace {
                total_bytes: capacity * MIB,
                free_bytes: capacity * MIB,
                recordings_bytes: 0,
                reserve_bytes: reserve * MIB,
                quota_bytes: quota.map(|q| q * MIB),
                write_bytes_per_second: MIB,
            },
            rules,
            closed: Vec::new(),
            open: [None, None],
            locks: Vec::new(),
            marks: Vec::new(),
            next: 0,
            full: false,
        }
    }

    fn of(&self, stream: StreamKey) -> &RetentionRules {
        &self.rules[usize::from(stream == self::stream(1))]
    }

    fn is_locked(&self, s: &Segment) -> bool {
        let touches = |l: &Lock| l.camera == s.stream.camera && l.start < s.end && l.end > s.start;
        self.locks.iter().any(touches)
    }

    /// What the rules say, read from the rules and not from the catalogue.
    fn may_go_for_room(&self, s: &Segment) -> bool {
        let now = seconds(self.now);
        let held = self.marks.iter().any(|(m, age)| {
            let touches = m.camera == s.stream.camera && m.start < s.end && m.end > s.start;
            touches && !age.is_zero() && m.end + *age > now
        });
        !self.is_locked(s) && !held && s.end <= now - self.of(s.stream).min_age
    }

    fn remove(&mut self, id: i64) -> Segment {
        let at = self.closed.iter().position(|s| s.id == id).expect("only what is there is deleted");
        let gone = self.closed.remove(at);
        assert!(!self.is_locked(&gone), "a locked segment was deleted");
        catalogue::expire(&self.conn, id).unwrap();
        self.space.free_bytes += gone.bytes;
        self.space.recordings_bytes -= gone.bytes;
        gone
    }

    fn make_room(&mut self, needed: u64) {
        catalogue::release_holds(&self.conn, seconds(self.now), 1000).unwrap();
        let plan = {
            let before = |s: StreamKey| seconds(self.now) - self.of(s).min_age;
            let deletable = Deletable::new(&self.conn, lanes(&self.conn, VOLUME, before).unwrap()).unwrap();
            retention::make_room(
                &self.space,
                needed,
                deletable.map(|s| Candidate { id: s.id, bytes: s.bytes }),
            )
        };
        for id in plan.delete {
            let oldest =
                self.closed.iter().filter(|s| self.may_go_for_room(s)).map(|s| (s.start, s.id)).min();
            let gone = self.remove(id);
            assert_eq!(oldest, Some((gone.start, gone.id)), "the oldest of what may go, and only that");
        }
    }

    fn write(&mut self, n: usize, bytes: u64) {
        let missing = bytes.saturating_sub(self.space.free_bytes);
        if missing > 0 {
            self.make_room(missing);
        }
        if self.space.free_bytes < bytes {
            // What is still written is not deletable, and all the rest must be kept.
            assert!(
                !self.closed.iter().any(|s| self.may_go_for_room(s)),
                "a write failed with deletable footage"
            );
            self.full = true;
            return;
        }
        self.space.free_bytes -= bytes;
        self.space.recordings_bytes += bytes;
        self.open[n].get_or_insert((self.now, 0)).1 += bytes;
    }

    fn rotate(&mut self, n: usize) {
        let Some((start, bytes)) = self.open[n].take() else { return };
        self.next += 1;
        let end = seconds(self.now.max(start + 1));
        let segment = row(self.next, stream(n as u8), seconds(start), end, bytes);
        catalogue::put(&self.conn, &segment).unwrap();
        self.closed.push(segment);
    }

    fn round(&mut self) {
        let now = seconds(self.now);
        for n in 0..2u8 {
            let Some(before) = retention::too_old_before(now, self.rules[usize::from(n)].max_age) else {
                continue;
            };
            for (number, of) in catalogue::streams_on(&self.conn, VOLUME).unwrap() {
                let rows = catalogue::older_than(&self.conn, VOLUME, number, before, u32::MAX).unwrap();
                rows.iter()
                    .filter(|s| of == stream(n) && s.stream == of)
                    .for_each(|s| drop(self.remove(s.id)));
            }
            let left =
                self.closed.iter().find(|s| s.stream == stream(n) && s.end < before && !self.is_locked(s));
            assert_eq!(left, None, "older than allowed");
        }
        self.make_room(0);
        let limits = self.space.missing() == 0 || !self.closed.iter().any(|s| self.may_go_for_room(s));
        assert!(limits, "within its limits, or nothing may go");
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(usize, u64),
    Rotate(usize),
    Pass(i64),
    Mark { camera: u8, back: i64, length: i64 },
    Lock { camera: u8, back: i64, length: i64 },
    Unlock,
    Round,
    Rules(usize, RetentionRules),
}

fn rules() -> impl Strategy<Value = RetentionRules> {
    (0u64..600, proptest::option::of(30u64..2000), 0u64..1500).prop_map(|(min, max, event)| RetentionRules {
        min_age: Duration::from_secs(min),
        max_age: max.map(Duration::from_secs),
        event_age: Duration::from_secs(event),
        ..RetentionRules::default()
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..2usize, 1u64..16).prop_map(|(n, mib)| Op::Write(n, mib * MIB)),
        6 => (0..2usize).prop_map(Op::Rotate),
        4 => (1i64..300).prop_map(Op::Pass),
        2 => (0..2u8, -60i64..900, 1i64..120).prop_map(|(camera, back, length)| Op::Mark { camera, back, length }),
        1 => (0..2u8, -200i64..900, 1i64..400).prop_map(|(camera, back, length)| Op::Lock { camera, back, length }),
        1 => Just(Op::Unlock),
        4 => Just(Op::Round),
        1 => (0..2usize, rules()).prop_map(|(n, rules)| Op::Rules(n, rules)),
    ]
}

impl Disk {
    fn perform(&mut self, op: Op) {
        match op {
            Op::Write(n, bytes) => self.write(n, bytes),
            Op::Rotate(n) => self.rotate(n),
            Op::Pass(by) => self.now += by,
            Op::Round => self.round(),
            Op::Mark { camera, back, length } => {
                let start = seconds(self.now - back);
                let event = format!("e{}", self.marks.len());
                let end = start + Duration::from_secs(length as u64);
                let mark = EventMark { event, camera: self::camera(camera), kind: "x".into(), start, end };
                let age = self.rules[usize::from(camera)].event_age;
                catalogue::put_mark(&self.conn, &mark, age).unwrap();
                self.marks.push((mark, age));
            }
            Op::Lock { camera, back, length } => {
                self.next += 1;
                let start = seconds(self.now - back);
                let lock = Lock {
                    id: Uuid::from_u128(self.next as u128),
                    camera: self::camera(camera),
                    start,
                    end: start + Duration::from_secs(length as u64),
                    reason: "x".into(),
                    by: "x".into(),
                    created: seconds(self.now),
                };
                assert!(catalogue::add_lock(&self.conn, &lock).unwrap());
                assert!(!catalogue::add_lock(&self.conn, &lock).unwrap());
                self.locks.push(lock);
            }
            Op::Unlock => {
                if let Some(lock) = self.locks.pop() {
                    let removed = catalogue::remove_lock(&self.conn, lock.id, seconds(self.now)).unwrap();
                    assert_eq!(removed.as_ref(), Some(&lock));
                    assert!(!catalogue::add_lock(&self.conn, &lock).unwrap(), "it is not brought back");
                }
            }
            Op::Rules(n, rules) => {
                // As when somebody changes the settings: marks are dated anew.
                let camera = self::camera(n as u8);
                while !catalogue::date_marks(&self.conn, camera, &rules, 3).unwrap() {}
                for (mark, age) in self.marks.iter_mut().filter(|(m, _)| m.camera == camera) {
                    *age = rules.age_of_event(&mark.kind);
                }
                self.rules[n] = rules;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens: only what may go goes, the oldest of it first; nothing locked goes; no write fails while
    /// something may go; nothing is older than allowed after a round; and sums are what is there.
    #[test]
    fn only_what_may_go_goes_oldest_first_and_no_write_fails_without_need(
        capacity in 40u64..400, reserve in 0u64..32, quota in proptest::option::of(16u64..400),
        first in rules(), second in rules(), ops in proptest::collection::vec(op(), 1..160),
    ) {
        let mut disk = Disk::new(capacity, reserve, quota, [first, second]);
        for op in ops {
            disk.perform(op);
        }
        disk.rotate(0);
        disk.rotate(1);
        let sums: u64 = catalogue::totals(&disk.conn).unwrap().iter().map(|t| t.bytes).sum();
        prop_assert_eq!(sums, disk.space.recordings_bytes);
        prop_assert!(catalogue::copy_totals(&disk.conn).unwrap().is_empty());
    }
}

#[test]
fn a_volume_of_young_footage_is_full_and_deletes_nothing() {
    let day = RetentionRules { min_age: Duration::from_secs(86_400), ..RetentionRules::default() };
    let mut disk = Disk::new(64, 0, None, [day.clone(), day]);
    for _ in 0..20 {
        disk.write(0, 4 * MIB);
        disk.now += 60;
        disk.rotate(0);
    }
    assert!(disk.full);
    assert_eq!(disk.closed.len(), 16, "all that fits is there");
    disk.now += 86_400;
    disk.full = false;
    disk.write(0, 4 * MIB);
    assert!(!disk.full, "a day later the oldest may go");
}

#[test]
fn a_long_event_is_marked_in_parts_and_found_from_all_of_them() {
    let conn = catalogue_in_memory();
    for n in 0..200 {
        let (start, end) = (seconds(1_000_000 + n * 60), seconds(1_000_060 + n * 60));
        catalogue::put(&conn, &row(n + 1, stream(0), start, end, MIB)).unwrap();
    }
    let held = |conn: &Connection| -> Vec<i64> {
        let mut rows = conn.prepare("SELECT id FROM record_segment WHERE hold_ns > 0 ORDER BY id").unwrap();
        rows.query_map((), |r| r.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    let mut mark = EventMark {
        event: "e".into(),
        camera: camera(0),
        kind: "x".into(),
        start: seconds(1_000_630),
        end: seconds(1_000_630 + 9000),
    };
    let age = Duration::from_secs(86_400);
    catalogue::put_mark(&conn, &mark, age).unwrap();
    assert_eq!(held(&conn), (11..=161).collect::<Vec<_>>());
    // What is written later in the range is kept too.
    catalogue::put(&conn, &row(500, stream(0), seconds(1_005_000), seconds(1_005_010), MIB)).unwrap();
    assert_eq!(held(&conn).last(), Some(&500));
    // The same event, shorter: what is outside is let go of.
    mark.end = seconds(1_000_690);
    catalogue::put_mark(&conn, &mark, age).unwrap();
    assert_eq!(held(&conn), [11, 12]);
    // Kept no longer than other footage: by rules that change.
    while !catalogue::date_marks(&conn, camera(0), &RetentionRules::default(), 1).unwrap() {}
    assert_eq!(held(&conn), [0i64; 0]);
    let again = RetentionRules { event_age: age, ..RetentionRules::default() };
    let signature = |_| again.event_signature();
    assert_eq!(catalogue::cameras_to_date(&conn, signature).unwrap(), [camera(0)]);
    while !catalogue::date_marks(&conn, camera(0), &again, 1).unwrap() {}
    assert_eq!(held(&conn), [11, 12]);
    assert_eq!(catalogue::cameras_to_date(&conn, signature).unwrap(), []);
    assert_eq!(catalogue::release_holds(&conn, seconds(1_000_690 + 86_399), 10).unwrap(), 0);
    assert_eq!(catalogue::release_holds(&conn, seconds(1_000_690 + 86_400), 10).unwrap(), 2);
}
