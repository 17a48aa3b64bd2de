//! What is recorded of a camera, as it travels.

use crate::state::App;
use crate::wire::present;
use heron_cameras::{Camera, EffectiveRecord, RecordMode, RecordPatch, RecordPolicy};
use heron_core::Schedule;
use heron_settings::Scope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RecordMode)]
pub(crate) enum RecordModeName {
    /// All the time.
    Continuous,
    /// While something moves.
    Motion,
    /// Around events.
    Event,
    /// By the week's plan.
    Schedule,
    /// Never.
    Off,
}

impl From<RecordMode> for RecordModeName {
    fn from(mode: RecordMode) -> Self {
        match mode {
            RecordMode::Continuous => Self::Continuous,
            RecordMode::Motion => Self::Motion,
            RecordMode::Event => Self::Event,
            RecordMode::Schedule => Self::Schedule,
            RecordMode::Off => Self::Off,
        }
    }
}

impl From<RecordModeName> for RecordMode {
    fn from(name: RecordModeName) -> Self {
        match name {
            RecordModeName::Continuous => Self::Continuous,
            RecordModeName::Motion => Self::Motion,
            RecordModeName::Event => Self::Event,
            RecordModeName::Schedule => Self::Schedule,
            RecordModeName::Off => Self::Off,
        }
    }
}

/// What is recorded of a camera.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RecordPolicy)]
pub(crate) struct RecordView {
    /// When.
    mode: RecordModeName,
    /// The sub stream too.
    sub: bool,
    /// When the sub stream is; null: as `mode`.
    sub_mode: Option<RecordModeName>,
    /// Seconds kept from before an event, 0 to 60.
    pre_roll_s: u16,
    /// Seconds recorded after it, 0 to 60.
    post_roll_s: u16,
    /// Kinds of events that start a recording in mode `event`: `camera.input`, or `analytics.*` for all that begin so.
    /// Empty: every kind that is like an alarm.
    events: Vec<String>,
    /// The week's plan, by the clock of the camera's site.
    #[schema(value_type = Option<Object>, example = json!({
        "week": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "08:00", "to": "18:00", "mode": "event"}],
        "holidays": [{"date": "2026-12-25", "mode": "off"}], "otherwise": "continuous"
    }))]
    schedule: Option<Schedule>,
    /// Which of `mode`, `pre_roll_s` and `post_roll_s` are as the settings say, since the camera does not.
    inherited: Vec<&'static str>,
}

impl RecordView {
    /// As it holds for `camera`.
    pub(crate) fn of(app: &App, camera: &Camera) -> Self {
        let own = &camera.record;
        let EffectiveRecord { mode, pre_roll_s, post_roll_s, .. } = effective(app, camera);
        let given = [
            ("mode", own.mode.is_some()),
            ("pre_roll_s", own.pre_roll_s.is_some()),
            ("post_roll_s", own.post_roll_s.is_some()),
        ];
        Self {
            mode: mode.into(),
            sub: own.sub,
            sub_mode: own.sub_mode.map(Into::into),
            pre_roll_s,
            post_roll_s,
            events: own.events.clone(),
            schedule: own.schedule.clone(),
            inherited: given.into_iter().filter(|(_, given)| !given).map(|(name, _)| name).collect(),
        }
    }
}

/// What is recorded of a camera, with what the settings say.
pub(crate) fn effective(app: &App, camera: &Camera) -> EffectiveRecord {
    let chain = [Scope::System, Scope::Customer, Scope::Site(camera.site), Scope::Camera(camera.id)];
    camera.record.effective(&app.settings.effective(&chain))
}

/// What to record of a camera, or what to change about it; what is absent stays, or is as usual for a new camera. Null is
/// as the settings say for `mode`, `pre_roll_s` and `post_roll_s`, and none for the others.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RecordPatch)]
pub(crate) struct RecordBody {
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<RecordModeName>)]
    mode: Option<Option<RecordModeName>>,
    sub: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<RecordModeName>)]
    sub_mode: Option<Option<RecordModeName>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 60)]
    pre_roll_s: Option<Option<u16>>,
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<u16>, maximum = 60)]
    post_roll_s: Option<Option<u16>>,
    events: Option<Vec<String>>,
    /// The whole plan.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    schedule: Option<Option<Schedule>>,
    /// Read only: taken so that what was read can be sent back, and passed over.
    #[schema(read_only)]
    #[serde(rename = "inherited")]
    _inherited: Option<Vec<String>>,
}

impl RecordBody {
    /// For a new camera.
    pub(crate) fn policy(self) -> RecordPolicy {
        RecordPolicy::default().patched(self.patch())
    }

    /// For a camera that is there.
    pub(crate) fn patch(self) -> RecordPatch {
        RecordPatch {
            mode: self.mode.map(|m| m.map(Into::into)),
            sub: self.sub,
            sub_mode: self.sub_mode.map(|m| m.map(Into::into)),
            pre_roll_s: self.pre_roll_s,
            post_roll_s: self.post_roll_s,
            events: self.events,
            schedule: self.schedule,
        }
    }
}
