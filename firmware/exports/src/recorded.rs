//! The recorder's footage, as exports want it.

use crate::ExportError;
use crate::footage::{Footage, Missing, Part, PartSpan, VolumeRoom, Wanted};
use bytes::Bytes;
use heron_core::{ErrorKind, StreamKey, WallTime};
use heron_record::{Clip, Playback, Pressure, RecordError, Recorder, VolumeState};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// Files of a part that are held open, so that retention cannot take them while they are read: an hour of segments of
/// half a minute. An MP4 of a day has more; its later files are opened as it comes to them, long before they are the
/// oldest.
const MOST_HELD: usize = 128;

/// Footage of a running recorder.
#[derive(Debug)]
pub struct Recorded {
    recorder: Arc<Recorder>,
    playback: Playback,
}

impl Recorded {
    /// What `recorder` has and will have recorded. `playback` is the daemon's own: it holds the cache of indexes.
    pub fn new(recorder: Arc<Recorder>, playback: Playback) -> Self {
        Self { recorder, playback }
    }
}

impl Footage for Recorded {
    fn estimate(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<u64, ExportError> {
        Ok(self.playback.bytes_between(stream, start, end)?)
    }

    fn part(&self, wanted: &Wanted) -> Result<Option<Box<dyn Part>>, ExportError> {
        let Wanted { stream, start, end, evidence } = *wanted;
        let planned = match evidence {
            true => self.playback.evidence_mp4(stream, start, end),
            false => self.playback.flat_mp4(stream, start, end),
        };
        let clip = match planned {
            Ok(clip) => clip,
            Err(RecordError::NothingRecorded { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match clip.hold(MOST_HELD) {
            Ok(_) => Ok(Some(Box::new(Flat(clip)))),
            Err(error) => Err(error.into()),
        }
    }

    fn gaps(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<Missing>, ExportError> {
        let timeline = self.playback.timeline(stream.camera, start, end, None)?;
        let gaps = timeline.gaps.into_iter().filter(|g| g.stream == stream.kind);
        Ok(gaps.map(|g| Missing { start: g.start, end: g.end, reason: g.reason.to_string() }).collect())
    }

    fn volumes(&self) -> Result<Vec<VolumeRoom>, ExportError> {
        let report = self.recorder.storage()?;
        let ok = report.volumes.into_iter().filter(|v| v.state == VolumeState::Ok);
        Ok(ok
            .filter_map(|v| {
                Some(VolumeRoom {
                    id: v.id?.0,
                    total_bytes: v.total_bytes,
                    free_bytes: v.free_bytes,
                    reserve_bytes: v.reserve_bytes,
                    recordings_bytes: v.recordings_bytes,
                })
            })
            .collect())
    }

    fn volume_root(&self, volume: Uuid) -> Option<PathBuf> {
        self.recorder.volumes().into_iter().find(|v| v.id.is_some_and(|id| id.0 == volume)).map(|v| v.path)
    }

    fn pressure(&self) -> Pressure {
        self.recorder.pressure()
    }
}

/// A flat MP4.
struct Flat(Clip);

impl Part for Flat {
    fn bytes(&self) -> u64 {
        self.0.plan_of().total_len()
    }

    fn etag(&self) -> String {
        self.0.plan_of().etag().to_owned()
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes, ExportError> {
        let expected = range.end - range.start;
        let bytes = self.0.read(range)?;
        if bytes.len() as u64 == expected {
            return Ok(bytes);
        }
        Err(ExportError::Record(RecordError::TooLong("the plan is shorter than it said".into())))
    }

    fn spans(&self) -> Vec<PartSpan> {
        let map = self.0.plan_of().time_map().iter();
        map.map(|s| PartSpan { at_ms: s.clip_nanos / 1_000_000, wall: s.wall, ms: s.nanos / 1_000_000 })
            .collect()
    }

    fn finished(&self) {
        self.0.forget_cached();
    }
}

/// Whether an error is about footage that is no longer there, or no longer whole: planning again may help.
pub(crate) fn footage_is_gone(error: &ExportError) -> bool {
    matches!(error, ExportError::Record(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Damaged))
}
