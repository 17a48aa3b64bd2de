//! Where recordings lie on a volume, and what a recording's file name says.
//!
//! `<volume>/recordings/<camera uuid>/<YYYY-MM-DD>/<HHMMSS.mmm>Z-<main|sub>.mp4`, UTC, by the wall time of the
//! first frame. What was not recorded as it came says so after the stream: `-main.backfill.mp4`, `-main.copy.mp4`,
//! `-main.keys.mp4` ([`Origin`]). A second file of the same millisecond (possible only when the clock was set back) has
//! `~2`, `~3`, … before `.mp4`.

use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use std::path::{Path, PathBuf};

/// The folder of all recordings, under the volume's root.
pub const RECORDINGS: &str = "recordings";
/// The folder of exports, under the volume's root. The recorder leaves it alone.
pub const EXPORTS: &str = "exports";
/// The file that makes a folder a volume of ours.
pub const MARKER: &str = ".heron-volume";

const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// Where a segment came from. It stands in the file's name, so that the catalogue can be rebuilt from files alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Recorded as it came from the camera.
    #[default]
    Live,
    /// Fetched afterwards from the camera's own storage.
    Backfill,
    /// A second copy of footage that another volume holds.
    Copy,
    /// What thinning left of an older segment: key frames alone.
    Keys,
}

impl Origin {
    /// Every origin.
    pub const ALL: [Self; 4] = [Self::Live, Self::Backfill, Self::Copy, Self::Keys];

    /// What the file name says, with its dot; nothing for what was recorded as it came.
    fn mark(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Backfill => ".backfill",
            Self::Copy => ".copy",
            Self::Keys => ".keys",
        }
    }

    /// As in the catalogue's column.
    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Backfill => 1,
            Self::Copy => 2,
            Self::Keys => 3,
        }
    }

    /// From the catalogue's column.
    pub(crate) fn of_code(code: i64) -> Self {
        Self::ALL.into_iter().find(|o| o.code() == code).unwrap_or_default()
    }
}

/// The place of one segment, relative to its volume's root; everything the file name says and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentPlace {
    /// The stream.
    pub stream: StreamKey,
    /// Wall time of the first frame, whole milliseconds since the epoch (the rest is in the file's `prft`).
    pub start_ms: i64,
    /// Where it came from.
    pub origin: Origin,
    /// 0 for the first file of that millisecond, 1 for the second (`~2`), and so on.
    pub suffix: u32,
}

impl SegmentPlace {
    /// The place of a segment of live footage that starts at `start`.
    pub fn new(stream: StreamKey, start: WallTime, suffix: u32) -> Self {
        Self { stream, start_ms: start.as_millis(), origin: Origin::Live, suffix }
    }

    /// `YYYY-MM-DD`, UTC.
    pub fn day(&self) -> String {
        day_name(WallTime::from_millis(self.start_ms))
    }

    /// `recordings/<camera>/<YYYY-MM-DD>`.
    pub fn folder(&self) -> PathBuf {
        Path::new(RECORDINGS).join(self.stream.camera.to_string()).join(self.day())
    }

    /// `<HHMMSS.mmm>Z-<main|sub>[.<origin>].mp4`, with `~n` when it is not the first of its millisecond.
    pub fn file_name(&self) -> String {
        let ms_of_day = self.start_ms.rem_euclid(86_400_000);
        let (s, ms) = (ms_of_day / 1000, ms_of_day % 1000);
        let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
        let (kind, mark) = (self.stream.kind, self.origin.mark());
        match self.suffix {
            0 => format!("{h:02}{m:02}{s:02}.{ms:03}Z-{kind}{mark}.mp4"),
            n => format!("{h:02}{m:02}{s:02}.{ms:03}Z-{kind}{mark}~{}.mp4", n + 1),
        }
    }

    /// Folder and file name, relative to the volume's root.
    pub fn relative_path(&self) -> PathBuf {
        self.folder().join(self.file_name())
    }

    /// Whether a folder's name is one that [`Self::day`] would give.
    pub fn is_day(name: &str) -> bool {
        format!("{name}T00:00:00Z").parse::<WallTime>().is_ok_and(|at| day_name(at) == name)
    }

    /// Reads a place back from its folder's and file's names; `None` when any of them is not exactly what
    /// [`Self::relative_path`] would give (then the file is not ours).
    pub fn parse(camera: &str, day: &str, file: &str) -> Option<Self> {
        let camera_id: CameraId = camera.parse().ok()?;
        let day_start: WallTime = format!("{day}T00:00:00Z").parse().ok()?;
        let stem = file.strip_suffix(".mp4")?;
        let (clock, rest) = stem.split_once("Z-")?;
        let (kind, suffix) = match rest.split_once('~') {
            None => (rest, 0),
            Some((kind, n)) => (kind, n.parse::<u32>().ok()?.checked_sub(1)?),
        };
        let (kind, mark) = kind.split_at(kind.find('.').unwrap_or(kind.len()));
        let origin = Origin::ALL.into_iter().find(|o| o.mark() == mark)?;
        let kind: StreamKind = kind.parse().ok()?;
        let (hms, ms) = clock.split_once('.')?;
        if hms.len() != 6 || ms.len() != 3 || !hms.bytes().chain(ms.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let hms: i64 = hms.parse().ok()?;
        let ms: i64 = ms.parse().ok()?;
        let (h, m, s) = (hms / 10_000, hms / 100 % 100, hms % 100);
        let start_ms = day_start.as_millis() + ((h * 60 + m) * 60 + s) * 1000 + ms;
        let place = Self { stream: StreamKey::new(camera_id, kind), start_ms, origin, suffix };
        // The one spelling: a name that reads back differently (25 o'clock, upper-case UUID) is foreign.
        let same = place.file_name() == file && place.day() == day && camera_id.to_string() == camera;
        same.then_some(place)
    }
}

/// `YYYY-MM-DD` of an instant, UTC.
pub fn day_name(at: WallTime) -> String {
    at.to_timestamp().strftime("%Y-%m-%d").to_string()
}

/// The first instant of the UTC day of `at`.
pub fn day_start(at: WallTime) -> WallTime {
    WallTime(at.0.div_euclid(NANOS_PER_DAY).saturating_mul(NANOS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera() -> CameraId {
        "01890000-0000-7000-8000-0000000000aa".parse().unwrap()
    }

    #[test]
    fn a_place_is_utc_camera_day_and_clock() {
        let start: WallTime = "2026-11-20T01:44:17.123999Z".parse().unwrap();
        let place = SegmentPlace::new(StreamKey::new(camera(), StreamKind::Main), start, 0);
        assert_eq!(
            place.relative_path().to_str().unwrap(),
            "recordings/01890000-0000-7000-8000-0000000000aa/2026-11-20/014417.123Z-main.mp4"
        );
        let second = SegmentPlace { suffix: 1, ..place };
        assert_eq!(second.file_name(), "014417.123Z-main~2.mp4");
        let fetched = SegmentPlace { origin: Origin::Backfill, ..second };
        assert_eq!(fetched.file_name(), "014417.123Z-main.backfill~2.mp4");
    }

    #[test]
    fn foreign_names_are_not_ours() {
        let c = camera().to_string();
        for (cam, day, file) in [
            (c.as_str(), "2026-11-20", "holiday.mp4"),
            (c.as_str(), "2026-11-20", "250000.000Z-main.mp4"),
            (c.as_str(), "2026-11-20", "014417.123Z-third.mp4"),
            (c.as_str(), "2026-11-20", "014417.123Z-main~1.mp4"),
            (c.as_str(), "2026-11-20", "014417.123Z-main.mine.mp4"),
            (c.as_str(), "2026-11-20", "014417.123Z-main~2.copy.mp4"),
            (c.as_str(), "2026-11-20", "+14417.123Z-main.mp4"),
            (c.as_str(), "2026-13-20", "014417.123Z-main.mp4"),
            ("gate", "2026-11-20", "014417.123Z-main.mp4"),
            (&c.to_uppercase(), "2026-11-20", "014417.123Z-main.mp4"),
        ] {
            assert_eq!(SegmentPlace::parse(cam, day, file), None, "{cam}/{day}/{file}");
        }
    }

    proptest! {
        #[test]
        fn names_round_trip(ms in 0i64..4_102_444_800_000, suffix in 0u32..20, main: bool, origin in 0..4usize) {
            let kind = if main { StreamKind::Main } else { StreamKind::Sub };
            let origin = Origin::ALL[origin];
            let place = SegmentPlace { stream: StreamKey::new(camera(), kind), start_ms: ms, origin, suffix };
            let back = SegmentPlace::parse(&camera().to_string(), &place.day(), &place.file_name());
            prop_assert_eq!(back, Some(place));
        }

        #[test]
        fn no_name_makes_it_panic(cam in ".{0,40}", day in ".{0,12}", file in ".{0,40}") {
            let _ = SegmentPlace::parse(&cam, &day, &file);
        }
    }
}
