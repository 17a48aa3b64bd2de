//! What people are told of gaps.

use crate::ledger::Gap;
use heron_core::{EventDraft, GapReason, Severity, StreamKey};

fn severity(reason: GapReason) -> Severity {
    match reason {
        GapReason::Disabled | GapReason::Restart | GapReason::NotScheduled => Severity::Standard,
        GapReason::CameraUnreachable | GapReason::StreamDiscontinuity => Severity::Medium,
        GapReason::Overrun | GapReason::Damaged => Severity::High,
        GapReason::VolumeFull | GapReason::VolumeFailed => Severity::Critical,
    }
}

/// Recording has stopped.
pub(crate) fn stopped(stream: StreamKey, gap: &Gap) -> EventDraft {
    EventDraft::new("recording.stopped", severity(gap.reason), gap.start, "record")
        .camera(stream.camera)
        .text(format!("The {} stream is not being recorded: {}", stream.kind, words(gap.reason)))
        .detail(serde_json::json!({ "stream": stream.kind.as_str(), "reason": gap.reason.as_str() }))
}

/// A gap is over; `told` when people had been told that recording stopped; `next` when another one follows at once.
pub(crate) fn ended(stream: StreamKey, gap: &Gap, told: bool, next: Option<GapReason>) -> EventDraft {
    let end = gap.end.unwrap_or(gap.start);
    let seconds = end.saturating_since(gap.start).as_secs_f64();
    let (kind, severity, text) = match next {
        None if told => {
            ("recording.resumed", Severity::Standard, format!("The {} stream is recorded again", stream.kind))
        }
        // The alarm is over although no footage follows.
        Some(GapReason::NotScheduled) if told => (
            "recording.resumed",
            Severity::Standard,
            format!(
                "Nothing of the {} stream is to be recorded any more; {seconds:.1} s are missing: {}",
                stream.kind,
                words(gap.reason)
            ),
        ),
        _ => {
            let text =
                format!("{seconds:.1} s of the {} stream are missing: {}", stream.kind, words(gap.reason));
            ("recording.gap", severity(gap.reason), text)
        }
    };
    EventDraft::new(kind, severity, gap.start, "record").camera(stream.camera).end(end).text(text).detail(
        serde_json::json!({ "stream": stream.kind.as_str(), "reason": gap.reason.as_str(), "seconds": seconds }),
    )
}

fn words(reason: GapReason) -> &'static str {
    match reason {
        GapReason::CameraUnreachable => "no pictures come from the camera",
        GapReason::Disabled => "the camera or its recording was switched off",
        GapReason::Restart => "the recorder was not running",
        GapReason::VolumeFull => "the recording volume is full and nothing on it may be deleted",
        GapReason::VolumeFailed => "the recording volume cannot be written",
        GapReason::Overrun => "the disk was slower than the cameras for too long",
        GapReason::StreamDiscontinuity => "packets were lost or the camera's clock jumped",
        GapReason::Damaged => "a file was found damaged or missing",
        GapReason::NotScheduled => "nothing was to be recorded at this time",
    }
}
