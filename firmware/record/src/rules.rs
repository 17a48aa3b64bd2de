//! How long footage is kept: what the settings say for one camera, as the recorder uses it.

use heron_core::CameraId;
use heron_settings::EffectiveSettings;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const GIB: u64 = 1 << 30;

/// What thinning leaves of continuous footage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinTo {
    /// The key frames of the main stream, without sound.
    #[default]
    Keys,
    /// The sub stream: the main stream goes where the sub stream covers it.
    Sub,
}

/// How long the footage of one camera is kept. What contradicts is decided by rank: a lock, then the greatest age
/// (the law), then the least age and events, then the byte limit, then room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetentionRules {
    /// Footage younger than this is never deleted for room, nor for [`RetentionRules::max_bytes`].
    pub min_age: Duration,
    /// Footage older than this is always deleted, room or not, event or not; `None`: any age is welcome. Only a lock is
    /// stronger.
    pub max_age: Option<Duration>,
    /// Most bytes of one stream, on all volumes together and without copies; `None`: as many as there is room for.
    pub max_bytes: Option<u64>,
    /// Footage of an event is kept this long after the event's end, when continuous footage around it goes; zero: no
    /// longer than the footage around it.
    pub event_age: Duration,
    /// As [`RetentionRules::event_age`], for kinds of events: a whole kind (`analytics.intrusion`) or a family
    /// (`analytics.*`). The longest name that fits decides.
    pub event_ages: BTreeMap<String, Duration>,
    /// Continuous footage older than this is thinned; `None`: never.
    pub thin_after: Option<Duration>,
    /// To what.
    pub thin_to: ThinTo,
    /// A second copy of everything goes to another volume.
    pub mirror: bool,
    /// A second copy of the footage of events goes to a volume that is there for it.
    pub event_copy: bool,
}

impl RetentionRules {
    /// Nothing but a greatest age.
    pub fn at_most(max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..Self::default() }
    }

    /// What the settings say that hold for one camera.
    pub fn from_settings(set: &EffectiveSettings) -> Self {
        let count = |key| u64::try_from(set.integer(key)).unwrap_or(0);
        let days = |key| DAY * u32::try_from(count(key)).unwrap_or(u32::MAX);
        let some = |d: Duration| (d > Duration::ZERO).then_some(d);
        let kinds = set.0.get("retention.event_days_by_kind").and_then(|e| e.value.as_object());
        let event_ages = kinds.into_iter().flatten().filter_map(|(kind, n)| {
            Some((kind.clone(), DAY * u32::try_from(n.as_u64()?).unwrap_or(u32::MAX)))
        });
        Self {
            min_age: days("retention.min_days"),
            max_age: some(days("retention.max_days")),
            max_bytes: Some(count("retention.max_bytes_gib").saturating_mul(GIB)).filter(|b| *b > 0),
            event_age: days("retention.event_days"),
            event_ages: event_ages.collect(),
            thin_after: some(days("retention.thin_after_days")),
            thin_to: match set.text("retention.thin_to") {
                "sub" => ThinTo::Sub,
                _ => ThinTo::Keys,
            },
            mirror: set.bool("volumes.mirror"),
            event_copy: set.bool("recording.event_copy"),
        }
    }

    /// How long the footage of an event of that kind is kept.
    pub fn age_of_event(&self, kind: &str) -> Duration {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => kind == name,
        };
        self.event_ages
            .iter()
            .filter(|(name, _)| fits(name))
            .max_by_key(|(name, _)| (!name.ends_with('*'), name.len()))
            .map_or(self.event_age, |(_, age)| *age)
    }

    /// What of the rules decides how long events are kept, in one line: when it differs, marks are dated anew.
    pub(crate) fn event_signature(&self) -> String {
        let mut text = self.event_age.as_secs().to_string();
        for (kind, age) in &self.event_ages {
            text.push_str(&format!(" {kind}={}", age.as_secs()));
        }
        text
    }
}

/// The rules of all cameras.
#[derive(Debug)]
pub(crate) struct Rules {
    of: RwLock<HashMap<CameraId, Arc<RetentionRules>>>,
    general: RwLock<Arc<RetentionRules>>,
}

impl Rules {
    pub(crate) fn new(general: RetentionRules) -> Self {
        Self { of: RwLock::default(), general: RwLock::new(Arc::new(general)) }
    }

    pub(crate) fn set(&self, camera: Option<CameraId>, rules: RetentionRules) {
        match camera {
            Some(camera) => drop(self.of.write().insert(camera, Arc::new(rules))),
            None => *self.general.write() = Arc::new(rules),
        }
    }

    pub(crate) fn forget(&self, camera: CameraId) {
        self.of.write().remove(&camera);
    }

    /// What holds for a camera.
    pub(crate) fn of(&self, camera: CameraId) -> Arc<RetentionRules> {
        let own = self.of.read().get(&camera).map(Arc::clone);
        own.unwrap_or_else(|| self.general())
    }

    /// What holds for the others.
    pub(crate) fn general(&self) -> Arc<RetentionRules> {
        Arc::clone(&self.general.read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_an_event_decides() {
        let ages = [("analytics.*", 10), ("analytics.intrusion", 90), ("analytics.plate.*", 3), ("*", 5)];
        let rules = RetentionRules {
            event_age: DAY,
            event_ages: ages.iter().map(|(k, d)| ((*k).to_owned(), DAY * *d)).collect(),
            ..RetentionRules::default()
        };
        let days = |kind| rules.age_of_event(kind).as_secs() / 86_400;
        assert_eq!(days("analytics.intrusion"), 90);
        assert_eq!(days("analytics.line"), 10);
        assert_eq!(days("analytics.plate.seen"), 3);
        assert_eq!(days("camera.tamper"), 5);
    }
}
