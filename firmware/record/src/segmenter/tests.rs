use super::*;
use bytes::Bytes;
use heron_core::{VideoCodec, VideoFormat};
use proptest::prelude::*;

fn video(width: u16) -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::Mjpeg,
        width,
        height: 48,
        rfc6381: "mjpg".into(),
        config: Bytes::new(),
        parameter_sets: Vec::new(),
        pixel_aspect: (1, 1),
        reorder_frames: Some(2),
        nominal_fps: None,
    }))
}

/// A unit at `ms`, shown at `shown_ms`.
fn unit(format: &Arc<TrackFormat>, ms: i64, shown_ms: i64, key: bool, bytes: usize) -> Arc<AccessUnit> {
    Arc::new(AccessUnit {
        format: Arc::clone(format),
        pts: MediaTime(shown_ms * 90),
        dts: MediaTime(ms * 90),
        audio_samples: 0,
        arrival: WallTime::from_millis(ms),
        camera_time: None,
        wall: WallTime::from_millis(shown_ms),
        random_access: key,
        discontinuity: false,
        payload: vec![1; bytes].into(),
    })
}

fn fragments(out: &[Output]) -> Vec<&Fragment> {
    out.iter().filter_map(|o| if let Output::Fragment(f) = o { Some(f) } else { None }).collect()
}

fn video_samples(out: &[Output]) -> u32 {
    fragments(out).iter().filter_map(|f| f.index.track(TrackKind::Video)).map(|t| t.samples).sum()
}

#[test]
fn frames_that_are_shown_out_of_order_stay_together() {
    // I P B B P B B …: decoded in this order, shown as 0 3 1 2 6 4 5.
    let f = video(64);
    let mut s = Segmenter::new(0);
    let mut out = Vec::new();
    for n in 0..200i64 {
        let shown = match n {
            0 => 0,
            n if n % 3 == 1 => n + 2,
            n => n - 1,
        };
        s.push(unit(&f, n * 40, shown * 40 + 80, n == 0, 100), &mut out);
    }
    s.finish(&mut out);
    let fragments = fragments(&out);
    assert_eq!(video_samples(&out), 200);
    let mut last = i64::MIN;
    for fragment in &fragments {
        let t = fragment.index.track(TrackKind::Video).unwrap();
        assert!(t.duration <= 90_000, "at most a second: {}", t.duration);
        assert!(t.first_pts > last, "a fragment begins with a frame shown after all before it");
        last = t.first_pts + t.duration as i64 - 3 * 3600;
    }
    assert!((9..=10).contains(&fragments.len()), "{}", fragments.len());
}

#[test]
fn an_endless_group_of_pictures_is_cut_every_second_and_stays_one_file() {
    let f = video(64);
    let mut s = Segmenter::new(0);
    let mut out = Vec::new();
    for n in 0..25 * 300 {
        s.push(unit(&f, n * 40, n * 40, n == 0, 100), &mut out);
    }
    s.finish(&mut out);
    assert_eq!(out.iter().filter(|o| matches!(o, Output::Open { .. })).count(), 1);
    assert_eq!(fragments(&out).len(), 300);
}

#[test]
fn a_burst_is_cut_by_size() {
    let f = video(64);
    let mut s = Segmenter::new(0);
    let mut out = Vec::new();
    for n in 0..25 {
        s.push(unit(&f, n * 40, n * 40, n == 0, 1 << 20), &mut out);
    }
    s.finish(&mut out);
    assert_eq!(video_samples(&out), 25);
    for fragment in fragments(&out) {
        assert!(fragment.payloads.iter().map(Bytes::len).sum::<usize>() <= MAX_BYTES);
    }
}

#[test]
fn streams_change_files_at_different_seconds() {
    let mut phases: Vec<i64> = (0..128).map(phase).collect();
    phases.sort_unstable();
    let closest = phases.windows(2).map(|p| p[1] - p[0]).min().unwrap();
    assert!(closest > 100_000_000, "128 streams: never two within a tenth of a second, {closest}");
    let start = WallTime::from_millis(1_000_000_007_000);
    for p in phases {
        let at = rotation(start, p);
        assert_eq!(at.0.rem_euclid(SEGMENT_NANOS), p);
        assert!((30_000_000_000..90_000_000_000).contains(&at.nanos_since(start)));
    }
}

#[test]
fn a_late_sound_track_waits_for_the_next_key_frame_and_the_picture_does_not() {
    let f = video(64);
    let meta = Arc::new(TrackFormat::Metadata);
    let mut s = Segmenter::new(0);
    let mut out = Vec::new();
    for n in 0..200 {
        s.push(unit(&f, n * 40, n * 40, n % 50 == 0, 100), &mut out);
        if n >= 60 {
            s.push(unit(&meta, n * 40, n * 40, true, 10), &mut out);
        }
    }
    s.finish(&mut out);
    assert_eq!(video_samples(&out), 200);
    let tracks: Vec<usize> = out
        .iter()
        .filter_map(|o| if let Output::Open { tracks, .. } = o { Some(tracks.len()) } else { None })
        .collect();
    assert_eq!(tracks, [1, 2]);
    assert_eq!(s.passed_over, 40, "from frame 60 to the key frame 100");
}

proptest! {
    /// Whatever comes, in whatever order: nothing panics, a file opens before it is written to and closes once, it begins
    /// with a key frame, its decoding times rise, and after its first key frame no picture is lost.
    #[test]
    fn any_stream_is_cut_soundly(
        steps in proptest::collection::vec((
            prop_oneof![8 => 1i64..80, 1 => -5000i64..0, 1 => 1000i64..9000], any::<u8>(), 0usize..3000,
        ), 1..300),
    ) {
        let formats = [video(64), video(128)];
        let meta = Arc::new(TrackFormat::Metadata);
        let mut s = Segmenter::new(7_000_000_000);
        let mut out = Vec::new();
        let mut ms = 1_000_000;
        let mut pushed = 0u64;
        for (step, dice, bytes) in steps {
            ms += step;
            let key = dice % 7 == 0;
            if dice % 11 == 3 {
                s.push(unit(&meta, ms, ms, true, bytes), &mut out);
            } else {
                pushed += 1;
                let shown = ms + i64::from(dice % 3) * 40;
                s.push(unit(&formats[usize::from(dice % 40 == 1)], ms, shown, key, bytes), &mut out);
            }
            if dice % 53 == 5 {
                s.flush(&mut out);
            }
        }
        s.finish(&mut out);
        let mut open = false;
        let mut fresh = false;
        let mut last = None;
        for o in &out {
            match o {
                Output::Open { tracks, init, .. } => {
                    prop_assert!(!open && !tracks.is_empty() && !init.is_empty());
                    (open, fresh, last) = (true, true, None);
                }
                Output::Fragment(f) => {
                    prop_assert!(open);
                    prop_assert!(!fresh || f.index.starts_with_key_frame());
                    fresh = false;
                    if let Some(t) = f.index.track(TrackKind::Video) {
                        prop_assert!(last.is_none_or(|l| t.first_dts > l));
                        last = Some(t.first_dts);
                    }
                }
                Output::Close => {
                    prop_assert!(open && !fresh);
                    open = false;
                }
                Output::Hole { start, end } => prop_assert!(start < end),
            }
        }
        prop_assert!(!open && s.is_idle());
        prop_assert!(u64::from(video_samples(&out)) + s.passed_over >= pushed);
    }
}
