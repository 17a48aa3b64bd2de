//! Looks at one recorded file and says what its catalogue row should be.

use crate::catalogue::{Segment, SegmentState, VolumeId};
use crate::layout::SegmentPlace;
use crate::summary;
use heron_core::WallTime;
use heron_media::mp4::{Problem, scan};
use std::fs::File;

/// What a file turned out to be.
#[derive(Debug)]
pub(crate) enum Finding {
    /// A recording. `cut` when bytes after its last whole fragment are of no use.
    Recording { segment: Segment, cut: Option<Cut> },
    /// A recording that was begun, and nothing of it can be played: what a crash leaves of a file's first moment.
    Stub { length: u64, why: String },
    /// No recording that could be played; left alone.
    Unusable(String),
}

/// What follows the last whole fragment.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) bytes: u64,
    pub(crate) why: String,
}

/// Reads the file's structure. The row's `id` is zero.
pub(crate) fn inspect(file: &File, place: SegmentPlace, volume: VolumeId) -> Finding {
    let scan = scan::scan(file);
    let length = file.metadata().map_or(scan.valid_len, |m| m.len());
    let why = || scan.problem.as_ref().map_or_else(|| "it ends early".to_owned(), Problem::to_string);
    if let Some(Problem::Io { .. }) = &scan.problem {
        // Never judged by what a dying disk did not give.
        return Finding::Unusable(why());
    }
    let Some(init) = &scan.init else {
        return if length == 0 { Finding::Stub { length, why: why() } } else { Finding::Unusable(why()) };
    };
    if scan.fragments.is_empty() {
        return Finding::Stub { length, why: format!("it has no whole fragment ({})", why()) };
    }
    let Some(format) = summary::format_of(init.tracks.iter().map(|t| &t.spec)) else {
        return Finding::Unusable("it has no video track".into());
    };
    let Some((start, end, frames)) = summary::extent_of(&scan.fragments) else {
        return Finding::Unusable("it says nowhere when it was recorded".into());
    };
    if start.as_millis() != place.start_ms {
        return Finding::Unusable(format!(
            "its name says {} but its first picture is of {start}",
            WallTime::from_millis(place.start_ms)
        ));
    }
    let segment = Segment {
        id: 0,
        stream: place.stream,
        volume,
        start,
        end,
        origin: place.origin,
        suffix: place.suffix,
        bytes: scan.valid_len,
        init_bytes: u32::try_from(init.init_len).unwrap_or(u32::MAX),
        frames,
        format,
        state: SegmentState::Closed,
        locked: false,
    };
    let rest = length.saturating_sub(scan.valid_len);
    Finding::Recording { segment, cut: (rest > 0).then(|| Cut { bytes: rest, why: why() }) }
}
