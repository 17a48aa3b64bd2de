//! What starts a recording in the modes `motion` and `event`.

use heron_core::{CameraId, PlainMode, StreamKind, WallTime};

/// The kind of event that a person starts a recording with. It counts in every mode but `off`.
pub const MANUAL: &str = "recording.trigger";
/// Something moves: what mode `motion` waits for.
pub const MOTION: &str = "camera.motion";
/// What mode `event` waits for when no kinds are named: kinds that are like an alarm.
pub const ALARMS: [&str; 5] = [MOTION, "analytics.*", "camera.input", "camera.tamper", MANUAL];

/// Triggers of one stream that wait for its writer, which looks five times a second: more than a camera has inputs and
/// rules. What does not fit any more is put together with the last one.
pub(crate) const MOST_WAITING: usize = 64;

/// Something happened at a camera that may call for a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// At this camera.
    pub camera: CameraId,
    /// Of this stream alone; `None`: of each of its streams.
    pub stream: Option<StreamKind>,
    /// The kind of event: `camera.motion`, `analytics.intrusion`.
    pub kind: String,
    /// When it began.
    pub start: WallTime,
    /// When it ended; the same as `start` for what has no length. `None`: it lasts, until a trigger of this kind says
    /// when it ended, but no longer than an hour without another word.
    pub end: Option<WallTime>,
}

/// What a trigger did to one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerOutcome {
    /// It is recorded anyway, all the time.
    Continuous,
    /// It is recorded at least until then.
    Recording {
        /// The end of the post-roll, as far as it is known.
        until: WallTime,
    },
    /// Its mode does not wait for this kind.
    NotAwaited,
    /// Nothing is to be recorded now.
    Off,
}

/// Leaves a trigger for a stream's writer. Never waits, never forgets.
pub(crate) fn post(waiting: &mut Vec<Trigger>, trigger: Trigger) {
    let full = waiting.len() >= MOST_WAITING;
    match waiting.last_mut() {
        Some(last) if full => {
            last.start = last.start.min(trigger.start);
            last.end = last.end.zip(trigger.end).map(|(a, b)| a.max(b));
        }
        _ => waiting.push(trigger),
    }
}

/// Whether a recording in `mode` waits for events of `kind`; `named` as in the camera's list.
pub(crate) fn is_awaited(mode: PlainMode, named: &[String], kind: &str) -> bool {
    match mode {
        PlainMode::Off => false,
        _ if kind == MANUAL => true,
        PlainMode::Motion => kind == MOTION,
        PlainMode::Event if named.is_empty() => ALARMS.iter().any(|pattern| matches(pattern, kind)),
        PlainMode::Event => named.iter().any(|pattern| matches(pattern, kind)),
        // It goes on being of use should the schedule end the continuous recording meanwhile.
        PlainMode::Continuous => true,
    }
}

/// Whether an event of `kind` is one whose footage is worth more than other footage: it is like an alarm, or the camera's list
/// `named` has it.
pub fn is_alarm(named: &[String], kind: &str) -> bool {
    ALARMS.iter().any(|pattern| matches(pattern, kind)) || named.iter().any(|pattern| matches(pattern, kind))
}

/// `analytics.*` matches every kind that begins with `analytics.`; without a star the kind itself is meant.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix(".*") {
        Some(room) => kind.strip_prefix(room).is_some_and(|rest| rest.starts_with('.')),
        None => pattern == kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_waits_for_its_kinds() {
        let awaited = |mode, named: &[&str], kind| {
            let named: Vec<String> = named.iter().map(|s| (*s).to_owned()).collect();
            is_awaited(mode, &named, kind)
        };
        assert!(awaited(PlainMode::Motion, &[], "camera.motion"));
        assert!(!awaited(PlainMode::Motion, &["camera.input"], "camera.input"), "the list is for mode event");
        assert!(awaited(PlainMode::Event, &[], "analytics.intrusion"));
        assert!(awaited(PlainMode::Event, &[], "camera.tamper"));
        assert!(!awaited(PlainMode::Event, &[], "camera.unreachable"));
        assert!(!awaited(PlainMode::Event, &[], "analyticsx.intrusion"));
        assert!(!awaited(PlainMode::Event, &[], "analytics"));
        assert!(awaited(PlainMode::Event, &["access.*"], "access.door"));
        assert!(!awaited(PlainMode::Event, &["access.*"], "camera.motion"), "only what is named");
        for mode in [PlainMode::Motion, PlainMode::Event, PlainMode::Continuous] {
            assert!(awaited(mode, &["access.door"], MANUAL));
        }
        assert!(!awaited(PlainMode::Off, &[], MANUAL));
    }
}
