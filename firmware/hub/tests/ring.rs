//! The ring's promises, one test each, and all of them under random schedules.

use heron_hub::{Next, Ring, RingItem, Skipped};
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Debug, PartialEq)]
struct Unit {
    number: u64,
    bytes: usize,
    start: bool,
}

impl RingItem for Unit {
    fn cost_bytes(&self) -> usize {
        self.bytes
    }
    fn is_start(&self) -> bool {
        self.start
    }
}

/// Pushes units of `bytes` whose numbers count up from `from`; `k` is a key frame, anything else is not.
fn push(ring: &Ring<Unit>, from: u64, pattern: &str, bytes: usize) {
    let units = pattern.chars().enumerate();
    ring.push_batch(units.map(|(i, c)| Arc::new(Unit { number: from + i as u64, bytes, start: c == 'k' })));
}

fn numbers(units: &[Arc<Unit>]) -> Vec<u64> {
    units.iter().map(|u| u.number).collect()
}

#[test]
fn without_readers_one_group_of_pictures_is_held() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "kppkppp", 10);
    assert_eq!(ring.statistics().depth_items, 4);
    push(&ring, 7, "k", 10);
    assert_eq!(ring.statistics().depth_items, 1);
    assert_eq!(ring.newest_start().unwrap().number, 7);
}

#[test]
fn a_live_reader_starts_at_the_newest_key_frame() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "kppkpp", 10);
    let mut reader = ring.live_reader();
    let mut out = Vec::new();
    assert_eq!(reader.try_drain(&mut out, 100), Ok(None));
    assert_eq!(numbers(&out), [3, 4, 5]);
}

#[test]
fn a_live_reader_without_a_key_frame_waits_for_one_and_was_owed_nothing() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "pp", 10);
    let mut reader = ring.live_reader();
    push(&ring, 2, "ppp", 10);
    assert!(reader.try_next().unwrap().is_none());
    push(&ring, 5, "pkp", 10);
    let mut out = Vec::new();
    assert_eq!(reader.try_drain(&mut out, 100), Ok(None));
    assert_eq!(numbers(&out), [6, 7]);
}

#[test]
fn a_live_reader_crosses_a_key_frame_within_a_batch() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "kp", 10);
    let mut reader = ring.live_reader();
    let mut out = Vec::new();
    reader.try_drain(&mut out, 100).unwrap();
    push(&ring, 2, "ppkp", 10);
    assert_eq!(reader.try_drain(&mut out, 100), Ok(None));
    assert_eq!(numbers(&out), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_slow_live_reader_jumps_to_the_newest_key_frame_and_is_told() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "kp", 10);
    let mut reader = ring.live_reader();
    assert!(matches!(reader.try_next(), Ok(Some(Next::Item(u))) if u.number == 0));
    push(&ring, 2, "pkppkp", 10);
    assert!(matches!(reader.try_next(), Ok(Some(Next::Skipped(Skipped { units: 5, bytes: 50 })))));
    assert!(matches!(reader.try_next(), Ok(Some(Next::Item(u))) if u.number == 6 && u.start));
    let s = ring.statistics();
    assert_eq!((s.live_skips, s.live_skipped_items), (1, 5));
}

#[test]
fn what_passes_while_an_overrun_reader_waits_for_a_key_frame_is_reported() {
    let ring = Ring::new(50);
    push(&ring, 0, "kp", 10);
    let mut reader = ring.live_reader();
    push(&ring, 2, "pppppp", 10);
    assert!(reader.try_next().unwrap().is_none(), "no key frame is held, nothing can be shown");
    push(&ring, 8, "ppkp", 10);
    assert!(matches!(reader.try_next(), Ok(Some(Next::Skipped(Skipped { units: 10, bytes: 100 })))));
    assert!(matches!(reader.try_next(), Ok(Some(Next::Item(u))) if u.number == 10));
}

#[test]
fn a_pinned_reader_keeps_what_it_has_not_read() {
    let ring = Ring::new(1 << 20);
    let mut reader = ring.pinned_reader();
    push(&ring, 0, "kppkppkpp", 10);
    let mut out = Vec::new();
    let drained = reader.drain(&mut out, 4);
    assert_eq!((drained.units, drained.overrun, drained.remaining), (4, None, 5));
    assert_eq!(ring.statistics().depth_items, 5);
    reader.drain(&mut out, 100);
    assert_eq!(numbers(&out), (0..9).collect::<Vec<_>>());
    assert_eq!(ring.statistics().depth_items, 3, "one group is left for the next viewer");
}

#[test]
fn a_pinned_reader_can_go_back_to_the_key_frame_before_what_it_has_not_released() {
    let ring = Ring::new(1 << 20);
    let mut reader = ring.pinned_reader();
    push(&ring, 0, "kppkppkppkp", 10);
    let mut out = Vec::new();
    assert_eq!(reader.take(&mut out, 100).units, 11);
    assert_eq!(ring.statistics().depth_items, 11, "nothing is released yet");
    reader.release(Some(&out[5]));
    assert_eq!(ring.statistics().depth_items, 8, "kept from the key frame before the fifth");
    reader.rewind();
    let mut again = Vec::new();
    let taken = reader.take(&mut again, 100);
    assert_eq!((numbers(&again), taken.overrun), ((3..11).collect(), None));
    reader.release(None);
    assert_eq!(ring.statistics().depth_items, 2, "one group is left for the next viewer");
    reader.rewind();
    assert_eq!(reader.take(&mut Vec::new(), 100).units, 2, "and for whoever takes over");
}

#[test]
fn what_the_ring_had_to_let_go_is_not_there_to_go_back_to() {
    let ring = Ring::new(50);
    let mut reader = ring.pinned_reader();
    push(&ring, 0, "kpp", 10);
    let mut out = Vec::new();
    reader.take(&mut out, 100);
    push(&ring, 3, "kppp", 10);
    assert_eq!(reader.take(&mut out, 100).overrun, None, "what was lost had been read");
    reader.rewind();
    let mut again = Vec::new();
    reader.take(&mut again, 100);
    assert_eq!(numbers(&again), [2, 3, 4, 5, 6], "from the oldest that is held");
}

#[test]
fn an_overrun_of_a_pinned_reader_is_reported_once_with_its_size() {
    let ring = Ring::new(50);
    let mut reader = ring.pinned_reader();
    push(&ring, 0, "kppkppkppp", 10);
    let mut out = Vec::new();
    let drained = reader.drain(&mut out, 100);
    let lost = drained.overrun.unwrap();
    assert_eq!((lost.units, lost.bytes), (5, 50));
    assert_eq!(numbers(&out), [5, 6, 7, 8, 9]);
    assert_eq!(reader.drain(&mut out, 100).overrun, None);
}

#[test]
fn a_stream_without_key_frames_stays_within_its_bound() {
    let ring = Ring::new(1000);
    let mut reader = ring.pinned_reader();
    for i in 0..1000 {
        push(&ring, i, "p", 30);
        assert!(ring.statistics().depth_bytes <= 1000);
    }
    let mut out = Vec::new();
    assert_eq!(reader.drain(&mut out, 5000).overrun.unwrap().units, 1000 - 33);
    drop(reader);
    push(&ring, 1000, "p", 30);
    assert_eq!(ring.statistics().depth_items, 0, "nobody can start here and nobody reads");
}

#[test]
fn a_restart_lets_new_viewers_wait_but_leaves_the_recorder_its_own() {
    let ring = Ring::new(1 << 20);
    let mut recorder = ring.pinned_reader();
    push(&ring, 0, "kpp", 10);
    ring.restart();
    let mut viewer = ring.live_reader();
    assert!(viewer.try_next().unwrap().is_none());
    push(&ring, 3, "kp", 10);
    assert!(matches!(viewer.try_next(), Ok(Some(Next::Item(u))) if u.number == 3));
    let mut out = Vec::new();
    recorder.drain(&mut out, 100);
    assert_eq!(numbers(&out), [0, 1, 2, 3, 4]);
}

#[test]
fn a_closed_ring_gives_what_is_left_and_then_the_end() {
    let ring = Ring::new(1 << 20);
    push(&ring, 0, "kp", 10);
    let (mut live, mut pinned) = (ring.live_reader(), ring.pinned_reader());
    ring.close();
    assert!(matches!(live.try_next(), Ok(Some(Next::Item(_)))));
    assert!(matches!(live.try_next(), Ok(Some(Next::Item(_)))));
    assert!(live.try_next().is_err());
    let mut out = Vec::new();
    let drained = pinned.drain(&mut out, 100);
    assert!(drained.closed && drained.remaining == 0 && out.len() == 2);
}

#[tokio::test(flavor = "current_thread")]
async fn waiting_readers_wake_on_a_push_and_on_the_end() {
    let ring: Arc<Ring<Unit>> = Ring::new(1 << 20);
    let mut reader = ring.live_reader();
    let waiting = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Ok(Next::Item(unit)) = reader.next().await {
            seen.push(unit.number);
        }
        seen
    });
    tokio::task::yield_now().await;
    push(&ring, 0, "kpp", 10);
    tokio::task::yield_now().await;
    push(&ring, 3, "p", 10);
    tokio::task::yield_now().await;
    ring.close();
    assert_eq!(waiting.await.unwrap(), [0, 1, 2, 3]);
}

#[derive(Clone, Debug)]
enum Step {
    Push { pattern: Vec<bool>, bytes: usize },
    Live { max: usize },
    Pinned { max: usize },
    Reopen,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop::collection::vec(prop::bool::weighted(0.15), 1..12), 1usize..60)
            .prop_map(|(pattern, bytes)| Step::Push { pattern, bytes }),
        2 => (1usize..20).prop_map(|max| Step::Live { max }),
        2 => (1usize..20).prop_map(|max| Step::Pinned { max }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Every reader sees every unit in order or a skip of exactly the missing number; the bound always holds;
    /// live readers begin, and go on after a skip, at a key frame.
    #[test]
    fn nothing_is_lost_silently_and_nothing_exceeds_the_bound(
        limit in 100usize..800,
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let ring = Ring::new(limit);
        let (mut live, mut pinned) = (ring.live_reader(), ring.pinned_reader());
        let (mut pushed, mut pinned_next, mut live_next) = (0u64, 0u64, None::<u64>);
        for step in steps {
            match step {
                Step::Push { pattern, bytes } => {
                    let units: Vec<_> = pattern.iter().enumerate().map(|(i, start)| {
                        Arc::new(Unit { number: pushed + i as u64, bytes, start: *start })
                    }).collect();
                    pushed += units.len() as u64;
                    ring.push_batch(units);
                }
                Step::Live { max } => {
                    let mut out = Vec::new();
                    let skipped = live.try_drain(&mut out, max).unwrap();
                    if let Some(skipped) = skipped {
                        prop_assert!(skipped.units > 0);
                        live_next = live_next.map(|n| n + skipped.units);
                    }
                    if let Some(first) = out.first() {
                        if live_next.is_none() || skipped.is_some() {
                            prop_assert!(first.start, "began at {first:?}");
                        }
                        let expected = live_next.unwrap_or(first.number);
                        let wanted: Vec<u64> = (expected..expected + out.len() as u64).collect();
                        prop_assert_eq!(numbers(&out), wanted);
                        live_next = Some(expected + out.len() as u64);
                    }
                }
                Step::Pinned { max } => {
                    let mut out = Vec::new();
                    let drained = pinned.drain(&mut out, max);
                    pinned_next += drained.overrun.map_or(0, |o| o.units);
                    let wanted: Vec<u64> = (pinned_next..pinned_next + out.len() as u64).collect();
                    prop_assert_eq!(numbers(&out), wanted);
                    pinned_next += out.len() as u64;
                    prop_assert_eq!(drained.remaining, pushed - pinned_next);
                }
                Step::Reopen => {
                    live = ring.live_reader();
                    live_next = None;
                }
                Step::Restart => ring.restart(),
            }
            let s = ring.statistics();
            prop_assert!(s.depth_bytes <= limit && s.peak_bytes <= limit);
            prop_assert_eq!(s.live_readers, 1);
        }
    }
}
