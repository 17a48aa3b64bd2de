//! Decoding times from presentation times.
//!
//! With a reorder depth of `d` frames, the decoder has to hold `d` frames before it can show the first, so the
//! decoding time of a frame is the presentation time that lies `d` places below the newest of all so far: the
//! (d+1)-th largest. Before the first frame, presentation times are thought to go on backwards at the frame rate.

use heron_core::MediaTime;

/// The greatest depth there is: `MaxDpbFrames` of H.264 A.3.1 and `sps_max_num_reorder_pics` of H.265.
const MAX_DEPTH: usize = 16;

/// Frame rate that is assumed for the time before the first frame when none is known.
const ASSUMED_FPS: f32 = 25.0;

/// Both times of one access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Presentation time. The one pushed, but for a frame that would lie before its own decoding time (a reorder
    /// depth not known yet, or a sender's fault): that one is moved up to `dts`.
    pub pts: MediaTime,
    /// Decoding time: strictly increasing and never after `pts`.
    pub dts: MediaTime,
}

/// Makes decoding times for one track. No allocation.
#[derive(Clone, Debug)]
pub struct DtsEstimator {
    depth: usize,
    learning: bool,
    frame_ticks: i64,
    /// The largest presentation times so far, in descending order. Empty before the first frame.
    largest: Option<[i64; MAX_DEPTH + 1]>,
    last_dts: Option<i64>,
}

impl DtsEstimator {
    /// `reorder_frames` and `nominal_fps` as in [`heron_core::VideoFormat`]; `Some(0)` for audio and metadata. With
    /// `None` it begins at zero and learns: each time a frame shows that the depth is greater, that frame's
    /// presentation time is late by the difference, once.
    pub fn new(reorder_frames: Option<u8>, nominal_fps: Option<f32>) -> Self {
        let fps = nominal_fps.filter(|f| (1.0..=240.0).contains(f)).unwrap_or(ASSUMED_FPS);
        let mut estimator = Self {
            depth: 0,
            learning: true,
            frame_ticks: (MediaTime::HZ as f32 / fps) as i64,
            largest: None,
            last_dts: None,
        };
        estimator.set_reorder_frames(reorder_frames);
        estimator
    }

    /// Takes the presentation time of the next access unit in decoding order.
    pub fn push(&mut self, pts: MediaTime) -> Stamps {
        let pts = pts.0;
        let largest = self.largest.get_or_insert_with(|| {
            std::array::from_fn(|i| pts.saturating_sub(self.frame_ticks * (i as i64 + 1)))
        });
        // How many frames before this one in decoding order come after it in output order: the depth by its
        // definition.
        let overtaken = largest.iter().take_while(|&&p| p > pts).count();
        if overtaken <= MAX_DEPTH {
            largest[overtaken..].rotate_right(1);
            largest[overtaken] = pts;
        }
        if self.learning {
            self.depth = self.depth.max(overtaken.min(MAX_DEPTH));
        }
        let mut dts = largest[self.depth].min(pts);
        if let Some(last) = self.last_dts {
            dts = dts.max(last.saturating_add(1));
        }
        self.last_dts = Some(dts);
        Stamps { pts: MediaTime(pts.max(dts)), dts: MediaTime(dts) }
    }

    /// The format changed: a new depth from the next access unit on. The order of decoding times is kept. `None`
    /// keeps what has been learnt.
    pub fn set_reorder_frames(&mut self, reorder_frames: Option<u8>) {
        self.learning = reorder_frames.is_none();
        if let Some(depth) = reorder_frames {
            self.depth = usize::from(depth).min(MAX_DEPTH);
        }
    }

    /// Forgets the frames before a jump of the time line; decoding times go on increasing.
    pub fn discontinuity(&mut self) {
        self.largest = None;
    }

    /// The reorder depth in frames, as told or as learnt so far.
    pub fn depth(&self) -> u8 {
        self.depth as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(estimator: &mut DtsEstimator, pts: &[i64]) -> Vec<(i64, i64)> {
        pts.iter().map(|&p| estimator.push(MediaTime(p * 3600))).map(|s| (s.pts.0, s.dts.0)).collect()
    }

    #[test]
    fn without_reordering_both_are_the_same() {
        let mut e = DtsEstimator::new(Some(0), None);
        assert_eq!(run(&mut e, &[0, 1, 2, 10]), [(0, 0), (3600, 3600), (7200, 7200), (36_000, 36_000)]);
    }

    #[test]
    fn known_depth_delays_by_so_many_frames() {
        // I0 P3 B1 B2 P6 B4 B5: one frame is overtaken at a time.
        let mut e = DtsEstimator::new(Some(1), Some(25.0));
        let dts: Vec<_> = run(&mut e, &[0, 3, 1, 2, 6, 4, 5]).iter().map(|s| s.1 / 3600).collect();
        assert_eq!(dts, [-1, 0, 1, 2, 3, 4, 5]);
        // A pyramid: I0 P4 B2 b1 b3 P8 B6 b5 b7.
        let mut e = DtsEstimator::new(Some(2), Some(25.0));
        let dts: Vec<_> = run(&mut e, &[0, 4, 2, 1, 3, 8, 6, 5, 7]).iter().map(|s| s.1 / 3600).collect();
        assert_eq!(dts, [-2, -1, 0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn an_unknown_depth_is_learnt_once() {
        let mut e = DtsEstimator::new(None, Some(25.0));
        let stamps = run(&mut e, &[0, 3, 1, 2, 6, 4, 5, 9, 7, 8]);
        assert_eq!(e.depth(), 1);
        // The first B-frames are late; from the next P-frame on everything is in place.
        assert_eq!(stamps[2], (3 * 3600 + 1, 3 * 3600 + 1));
        let dts: Vec<_> = stamps[5..].iter().map(|s| s.1 / 3600).collect();
        assert_eq!(dts, [4, 5, 6, 7, 8]);
        assert!(stamps[4..].iter().zip([6, 4, 5, 9, 7, 8]).all(|(s, pts)| s.0 == pts * 3600));
    }

    #[test]
    fn a_jump_back_goes_on_increasing() {
        let mut e = DtsEstimator::new(Some(1), None);
        let before = run(&mut e, &[100, 101, 102]);
        e.discontinuity();
        let after = run(&mut e, &[0, 1]);
        assert!(after[0].1 > before[2].1 && after[1].1 > after[0].1);
    }

    /// A random order of decoding in which no frame is overtaken by more than `depth` others.
    fn reordered(depth: usize) -> impl Strategy<Value = (Vec<i64>, usize)> {
        proptest::collection::vec((1i64..4, 0..=depth), 1..80).prop_map(move |frames| {
            // Each frame waits while up to `depth` later ones go first.
            let mut output = 0;
            let mut held: Vec<i64> = Vec::new();
            let mut decoding = Vec::new();
            for (gap, choice) in frames {
                output += gap;
                held.push(output);
                if held.len() > depth {
                    decoding.push(held.remove(choice.min(held.len() - 1)));
                }
            }
            decoding.extend(held.into_iter().rev());
            // A stream begins with the frame that is shown first.
            decoding.insert(0, 0);
            let overtaken = (0..decoding.len())
                .map(|i| decoding[..i].iter().filter(|&&p| p > decoding[i]).count())
                .max()
                .unwrap_or(0);
            (decoding, overtaken)
        })
    }

    proptest! {
        #[test]
        fn with_the_true_depth_no_presentation_time_is_touched((pts, depth) in reordered(4)) {
            prop_assume!(depth <= MAX_DEPTH);
            let mut e = DtsEstimator::new(Some(depth as u8), None);
            let stamps = run(&mut e, &pts);
            for (i, s) in stamps.iter().enumerate() {
                prop_assert_eq!(s.0, pts[i] * 3600);
                prop_assert!(s.1 <= s.0);
            }
            prop_assert!(stamps.windows(2).all(|w| w[0].1 < w[1].1));
        }

        #[test]
        fn whatever_comes_the_order_holds(
            pts in proptest::collection::vec(any::<i32>(), 1..60),
            told in proptest::option::of(any::<u8>()),
            jumps in proptest::collection::vec(any::<bool>(), 60),
        ) {
            let mut e = DtsEstimator::new(told, Some(f32::NAN));
            let mut last = i64::MIN;
            for (p, jump) in pts.iter().zip(jumps) {
                if jump {
                    e.discontinuity();
                }
                let s = e.push(MediaTime(i64::from(*p)));
                prop_assert!(s.dts.0 > last && s.dts <= s.pts && s.pts.0 >= i64::from(*p));
                last = s.dts.0;
            }
        }
    }
}
