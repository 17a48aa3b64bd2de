//! What is recorded of a camera, as people set it.

use crate::camera::present;
use crate::{CamerasError, Result};
use heron_core::{RecordMode, Schedule};
use heron_settings::EffectiveSettings;
use serde::{Deserialize, Serialize};

/// The longest pre-roll and post-roll, seconds: pre-roll is held in memory.
pub const MOST_ROLL_S: u16 = 60;
/// Kinds of events that one camera may name.
const MOST_KINDS: usize = 32;
/// Characters of one of them.
const LONGEST_KIND: usize = 64;

/// What is recorded of a camera. What is `None` here is as the settings say (`recording.mode`, `recording.pre_roll_s`,
/// `recording.post_roll_s`), but for `sub_mode`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordPolicy {
    /// When.
    pub mode: Option<RecordMode>,
    /// Whether the sub stream, if there is one, is recorded too.
    pub sub: bool,
    /// When the sub stream is; `None`: as the main stream.
    pub sub_mode: Option<RecordMode>,
    /// Seconds kept from before what starts a recording, 0 to 60.
    pub pre_roll_s: Option<u16>,
    /// Seconds recorded after it, 0 to 60.
    pub post_roll_s: Option<u16>,
    /// Kinds of events that start a recording in mode `event`: `camera.input`, or `analytics.*` for all that begin so.
    /// Empty: every kind that is like an alarm.
    pub events: Vec<String>,
    /// The week's plan, for mode `schedule`; kept in other modes.
    pub schedule: Option<Schedule>,
}

impl Default for RecordPolicy {
    fn default() -> Self {
        Self {
            mode: None,
            sub: true,
            sub_mode: None,
            pre_roll_s: None,
            post_roll_s: None,
            events: Vec::new(),
            schedule: None,
        }
    }
}

/// What is recorded of a camera, with what the settings say where the camera does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectiveRecord {
    /// The camera's mode, also when the setting `recording.mode` is `off` and stops it.
    pub mode: RecordMode,
    /// How the main stream is recorded.
    pub main: RecordMode,
    /// How the sub stream is, if there is one.
    pub sub: RecordMode,
    /// Seconds kept from before an event.
    pub pre_roll_s: u16,
    /// Seconds recorded after it.
    pub post_roll_s: u16,
}

/// What changes of [`RecordPolicy`]; absent = unchanged, null = as the settings say, or none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordPatch {
    /// See [`RecordPolicy::mode`].
    #[serde(deserialize_with = "present")]
    pub mode: Option<Option<RecordMode>>,
    /// See [`RecordPolicy::sub`].
    #[serde(deserialize_with = "present")]
    pub sub: Option<bool>,
    /// See [`RecordPolicy::sub_mode`].
    #[serde(deserialize_with = "present")]
    pub sub_mode: Option<Option<RecordMode>>,
    /// See [`RecordPolicy::pre_roll_s`].
    #[serde(deserialize_with = "present")]
    pub pre_roll_s: Option<Option<u16>>,
    /// See [`RecordPolicy::post_roll_s`].
    #[serde(deserialize_with = "present")]
    pub post_roll_s: Option<Option<u16>>,
    /// All of them from now on.
    #[serde(deserialize_with = "present")]
    pub events: Option<Vec<String>>,
    /// The whole plan from now on.
    #[serde(deserialize_with = "present")]
    pub schedule: Option<Option<Schedule>>,
}

impl RecordPolicy {
    /// With what `patch` changes.
    #[must_use]
    pub fn patched(self, patch: RecordPatch) -> Self {
        Self {
            mode: patch.mode.unwrap_or(self.mode),
            sub: patch.sub.unwrap_or(self.sub),
            sub_mode: patch.sub_mode.unwrap_or(self.sub_mode),
            pre_roll_s: patch.pre_roll_s.unwrap_or(self.pre_roll_s),
            post_roll_s: patch.post_roll_s.unwrap_or(self.post_roll_s),
            events: patch.events.unwrap_or(self.events),
            schedule: patch.schedule.unwrap_or(self.schedule),
        }
    }

    /// What holds with the settings `set` of the camera.
    pub fn effective(&self, set: &EffectiveSettings) -> EffectiveRecord {
        let general = set.text("recording.mode").parse().unwrap_or_default();
        let own = self.mode.unwrap_or(general);
        let seconds = |key| u16::try_from(set.integer(key)).unwrap_or(0).min(MOST_ROLL_S);
        let unless_off = |mode| if general == RecordMode::Off { RecordMode::Off } else { mode };
        let sub = self.sub && set.bool("recording.sub_enabled");
        EffectiveRecord {
            mode: own,
            main: unless_off(own),
            sub: if sub { unless_off(self.sub_mode.unwrap_or(own)) } else { RecordMode::Off },
            pre_roll_s: self.pre_roll_s.unwrap_or_else(|| seconds("recording.pre_roll_s")),
            post_roll_s: self.post_roll_s.unwrap_or_else(|| seconds("recording.post_roll_s")),
        }
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`CamerasError::Invalid`] naming the field, such as `record.schedule.week[2].from`.
    pub(crate) fn check(&self) -> Result<()> {
        for (field, seconds) in
            [("record.pre_roll_s", self.pre_roll_s), ("record.post_roll_s", self.post_roll_s)]
        {
            if let Some(seconds) = seconds.filter(|s| *s > MOST_ROLL_S) {
                let detail = format!("must be 0 to {MOST_ROLL_S} seconds, not {seconds}");
                return Err(CamerasError::invalid(field, detail));
            }
        }
        if self.events.len() > MOST_KINDS {
            let detail = format!("at most {MOST_KINDS} kinds, not {}", self.events.len());
            return Err(CamerasError::invalid("record.events", detail));
        }
        if let Some((i, kind)) = self.events.iter().enumerate().find(|(_, kind)| !is_kind(kind)) {
            let kind: String = kind.chars().take(LONGEST_KIND).collect();
            return Err(CamerasError::invalid(
                format!("record.events[{i}]"),
                format!("must be a kind of event such as camera.input or analytics.*, not {kind:?}"),
            ));
        }
        match &self.schedule {
            Some(schedule) => schedule.check().map_err(|fault| {
                CamerasError::invalid(format!("record.schedule.{}", fault.field), fault.detail)
            }),
            None if [self.mode, self.sub_mode].contains(&Some(RecordMode::Schedule)) => {
                Err(CamerasError::invalid("record.schedule", "mode schedule needs a schedule"))
            }
            None => Ok(()),
        }
    }
}

/// `camera.input`, `analytics.*`: lower-case words with dots between them.
fn is_kind(text: &str) -> bool {
    let word = |w: &str| {
        !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.len() <= LONGEST_KIND && text.strip_suffix(".*").unwrap_or(text).split('.').all(word)
}
