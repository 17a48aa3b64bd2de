use super::*;
use bytes::Bytes;
use heron_core::{AudioCodec, AudioFormat, MediaTime, TrackFormat, VideoCodec, VideoFormat};
use proptest::prelude::*;

fn video() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::H264,
        width: 16,
        height: 16,
        rfc6381: "avc1.42C00A".into(),
        config: Bytes::new(),
        parameter_sets: vec![],
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: None,
    }))
}

fn audio() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(AudioFormat {
        codec: AudioCodec::G711a,
        sample_rate_hz: 8000,
        channels: 1,
        config: Bytes::new(),
        rfc6381: "alaw".into(),
    }))
}

fn at(ms: i64) -> WallTime {
    WallTime::from_millis(1_794_996_000_000 + ms)
}

fn unit(format: &Arc<TrackFormat>, ms: i64, key: bool, bytes: usize) -> Arc<AccessUnit> {
    let time = MediaTime::from_nanos(ms * 1_000_000);
    Arc::new(AccessUnit {
        format: Arc::clone(format),
        pts: time,
        dts: time,
        audio_samples: 0,
        arrival: at(ms),
        camera_time: None,
        wall: at(ms),
        random_access: key,
        discontinuity: false,
        payload: vec![0; bytes].into(),
    })
}

const TEN: Duration = Duration::from_secs(10);

/// Ten pictures a second with a key frame every `gop_ms`.
fn fill(p: &mut PreRoll, range_ms: std::ops::Range<i64>, gop_ms: i64, bytes: usize) {
    let format = video();
    for ms in range_ms.step_by(100) {
        p.push(unit(&format, ms, ms % gop_ms == 0, bytes), TEN);
    }
}

fn first(p: &PreRoll) -> Option<i64> {
    p.units().next().map(|u| u.wall.nanos_since(at(0)) / 1_000_000)
}

#[test]
fn it_holds_the_time_asked_for_and_the_group_that_was_going_on_then() {
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    fill(&mut p, 300..60_000, 2000, 1000);
    // The newest is of 59.9 s: 12 s before it the group of 46 s was going on.
    assert_eq!(first(&p), Some(46_000));
    assert_eq!(p.bytes(), 1000 * 140);
    assert!(p.begin_at(|u| u.wall >= at(49_900)));
    assert_eq!(first(&p), Some(48_000), "the key frame at or before the first frame due");
    assert!(!p.begin_at(|u| u.wall >= at(70_000)));
    assert_eq!(first(&p), Some(48_000));
}

#[test]
fn nothing_is_held_before_the_first_key_frame() {
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    fill(&mut p, 100..2000, 2000, 1000);
    assert!(p.units.is_empty());
    assert!(!p.begin_at(|_| true));
}

#[test]
fn a_burst_gives_way_by_whole_groups_and_a_group_too_large_is_not_held() {
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    fill(&mut p, 0..12_000, 2000, 1000);
    // Ten times 4 Mbit/s and more: 20 pictures of 400 kB in each group, so four groups are within 32 MiB.
    fill(&mut p, 12_000..30_000, 2000, 400_000);
    assert!(p.bytes() <= STREAM_BYTES);
    assert_eq!(first(&p), Some(22_000));
    assert!(p.units().next().unwrap().is_key_frame());
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    fill(&mut p, 0..30_000, 1_000_000, 400_000);
    assert!(p.units.is_empty(), "300 pictures of 400 kB");
    fill(&mut p, 1_000_000..1_000_300, 1_000_000, 400_000);
    assert_eq!(first(&p), Some(1_000_000));
}

#[test]
fn all_streams_together_keep_the_bound_by_equal_shares() {
    let budget = Budget::new(1_000_000);
    let mut streams: Vec<PreRoll> = (0..4).map(|_| PreRoll::new(Arc::clone(&budget))).collect();
    let format = video();
    for ms in (0..20_000).step_by(100) {
        for p in &mut streams {
            p.push(unit(&format, ms, ms % 500 == 0, 10_000), TEN);
        }
    }
    assert!(budget.held() <= 1_000_000 + 4 * 10_000, "{}", budget.held());
    assert!(streams.iter().all(|p| p.bytes() >= 150_000), "{streams:?}");
    drop(streams);
    assert_eq!((budget.held(), budget.holders.load(Ordering::Relaxed)), (0, 0));
}

#[test]
fn frames_that_go_on_from_the_file_need_no_key_frame_of_their_own() {
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    p.join();
    fill(&mut p, 300..3000, 2000, 1000);
    assert_eq!(first(&p), Some(300));
    assert!(p.joins() && p.begin_at(|u| u.wall >= at(500)));
    assert_eq!((p.joins(), first(&p)), (true, Some(300)), "nothing is missing between the file and these");
    assert!(p.begin_at(|u| u.wall >= at(2500)));
    assert_eq!((p.joins(), first(&p)), (false, Some(2000)), "a recording of its own");
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    p.join();
    fill(&mut p, 300..20_000, 2000, 1000);
    assert_eq!((p.joins(), first(&p)), (false, Some(6000)), "too long ago");
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    p.join();
    fill(&mut p, 300..3000, 2000, 1000);
    p.part();
    assert_eq!((p.joins(), first(&p)), (false, Some(2000)));
}

#[test]
fn what_is_held_ages_when_no_more_comes_and_is_trimmed_to_an_instant() {
    let mut p = PreRoll::new(Budget::new(TOTAL_BYTES));
    fill(&mut p, 0..6000, 2000, 1000);
    p.age(at(17_000), TEN);
    assert!(!p.units.is_empty());
    p.trim(at(4500));
    assert_eq!(first(&p), Some(4000));
    p.age(at(18_000), TEN);
    assert!(p.units.is_empty());
}

#[test]
fn after_the_clock_was_set_a_frame_was_when_it_arrived() {
    let mut u = AccessUnit::clone(&unit(&video(), 0, true, 1));
    u.arrival = at(1500);
    assert_eq!(box_time(&u), at(0));
    u.arrival = at(-3_600_000);
    assert_eq!(box_time(&u), at(-3_600_000));
}

proptest! {
    /// Whatever comes: the bytes are those of the units, within the bound; the front is a key frame unless it joins; and
    /// the budget knows all of it.
    #[test]
    fn it_stays_sound(acts in proptest::collection::vec((0u8..13, 1usize..6_000_000), 1..200)) {
        let budget = Budget::new(TOTAL_BYTES);
        let mut p = PreRoll::new(Arc::clone(&budget));
        let (v, a) = (video(), audio());
        let mut ms = 0;
        for (act, n) in acts {
            ms += (n % 700) as i64;
            match act {
                0 => p.join(),
                1 => p.part(),
                2 => drop(p.written(n % 3)),
                3 => drop(p.begin_at(|u| u.wall >= at(ms - 3000))),
                4 => p.trim(at(ms - 2000)),
                5 => p.age(at(ms + n as i64 / 100), TEN),
                12 => {
                    let next = p.units.get(n % 7).cloned();
                    p.rewind_to(next.as_ref());
                }
                6 => drop(p.push(unit(&a, ms, true, n % 1000), TEN)),
                7 | 8 => drop(p.push(unit(&v, ms, true, n), TEN)),
                _ => drop(p.push(unit(&v, ms, false, n / 4), TEN)),
            }
            prop_assert_eq!(p.bytes, p.units.iter().map(|u| u.payload.len()).sum::<usize>());
            prop_assert!(p.bytes <= STREAM_BYTES);
            prop_assert_eq!(budget.held(), p.bytes);
            prop_assert_eq!(budget.holders.load(Ordering::Relaxed), usize::from(!p.units.is_empty()));
            prop_assert!(p.joins() || p.units().next().is_none_or(|u| u.is_key_frame()));
            let keys = p.units.iter().filter(|u| u.is_key_frame()).count();
            prop_assert_eq!(keys, p.keys.len());
        }
    }
}
