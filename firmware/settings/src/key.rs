//! A registered setting: its type, its bounds, its words, its schema.

use crate::{Result, Scope, ScopeKind, SettingsError};
use serde_json::{Value, json};

/// What a setting may hold.
#[derive(Clone, Copy, Debug)]
pub enum KeyType {
    /// Yes or no.
    Bool {
        /// When nobody has said anything.
        default: bool,
    },
    /// A whole number.
    Integer {
        /// When nobody has said anything.
        default: i64,
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// One line of text without control characters.
    Text {
        /// When nobody has said anything.
        default: &'static str,
        /// Fewest characters.
        min_chars: usize,
        /// Most characters.
        max_chars: usize,
    },
    /// One of a few words.
    Choice {
        /// When nobody has said anything.
        default: &'static str,
        /// The words.
        of: &'static [&'static str],
    },
    /// Whole numbers by name: `{"analytics.*": 30}`. A name is dotted words and may end with `*`; there are at most
    /// 64. Nothing is in it when nobody has said anything.
    Integers {
        /// Least number.
        min: i64,
        /// Greatest number.
        max: i64,
    },
    /// An IANA time zone name such as `Europe/Berlin`.
    TimeZone {
        /// When nobody has said anything.
        default: &'static str,
    },
}

/// One setting that a room registers.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted name; begins with the room's name.
    pub name: &'static str,
    /// What it may hold.
    pub kind: KeyType,
    /// Unit of a number: `days`, `bytes`.
    pub unit: Option<&'static str>,
    /// One sentence for people.
    pub help: &'static str,
    /// Where it may be set.
    pub scopes: &'static [ScopeKind],
}

impl Key {
    /// The value when nobody has said anything.
    pub fn default_value(&self) -> Value {
        match self.kind {
            KeyType::Bool { default } => default.into(),
            KeyType::Integer { default, .. } => default.into(),
            KeyType::Integers { .. } => json!({}),
            KeyType::Text { default, .. }
            | KeyType::Choice { default, .. }
            | KeyType::TimeZone { default } => default.into(),
        }
    }

    /// Checks a value that somebody wants to set at `scope`.
    pub(crate) fn check(&self, scope: Scope, value: &Value) -> Result<()> {
        if !self.scopes.contains(&scope.kind()) {
            let allowed: Vec<_> = self.scopes.iter().map(ToString::to_string).collect();
            return Err(SettingsError::invalid(
                self.name,
                format!("cannot be set for a {}, only for: {}", scope.kind(), allowed.join(", ")),
            ));
        }
        self.fault(value).map_or(Ok(()), |fault| Err(SettingsError::invalid(self.name, fault)))
    }

    fn fault(&self, value: &Value) -> Option<String> {
        match self.kind {
            KeyType::Bool { .. } => {
                (!value.is_boolean()).then(|| format!("must be true or false, not {}", short(value)))
            }
            KeyType::Integer { min, max, .. } => match value.as_i64() {
                Some(n) if (min..=max).contains(&n) => None,
                _ => {
                    let unit = self.unit.map(|u| format!(" {u}")).unwrap_or_default();
                    Some(format!("must be a whole number from {min} to {max}{unit}, not {}", short(value)))
                }
            },
            KeyType::Integers { min, max } => integers_fault(value, min, max, self.unit),
            KeyType::Text { min_chars, max_chars, .. } => match value.as_str() {
                Some(s) if s.chars().any(char::is_control) => {
                    Some("must not hold control characters".to_owned())
                }
                Some(s) if (min_chars..=max_chars).contains(&s.chars().count()) => None,
                _ => Some(format!(
                    "must be text of {min_chars} to {max_chars} characters, not {}",
                    short(value)
                )),
            },
            KeyType::Choice { of, .. } => match value.as_str() {
                Some(s) if of.contains(&s) => None,
                _ => Some(format!("must be one of {}, not {}", of.join(", "), short(value))),
            },
            KeyType::TimeZone { .. } => match value.as_str() {
                Some(s) if s.len() <= 64 && jiff::tz::TimeZone::get(s).is_ok() => None,
                _ => Some(format!("must be a time zone such as Europe/Berlin or UTC, not {}", short(value))),
            },
        }
    }

    /// JSON Schema (draft 2020-12) of the value. Null is allowed everywhere: it means "not set here".
    pub(crate) fn schema(&self) -> Value {
        let mut schema = match self.kind {
            KeyType::Bool { .. } => json!({ "type": ["boolean", "null"] }),
            KeyType::Integer { min, max, .. } => {
                json!({ "type": ["integer", "null"], "minimum": min, "maximum": max })
            }
            KeyType::Integers { min, max } => json!({
                "type": ["object", "null"],
                "maxProperties": MOST_NAMES,
                "propertyNames": { "pattern": "^([a-z0-9_]+\\.)*([a-z0-9_]+|\\*)$", "maxLength": 64 },
                "additionalProperties": { "type": "integer", "minimum": min, "maximum": max },
            }),
            KeyType::Text { min_chars, max_chars, .. } => {
                json!({ "type": ["string", "null"], "minLength": min_chars, "maxLength": max_chars })
            }
            KeyType::Choice { of, .. } => {
                let mut words: Vec<Value> = of.iter().map(|w| Value::from(*w)).collect();
                words.push(Value::Null);
                json!({ "enum": words })
            }
            KeyType::TimeZone { .. } => {
                json!({ "type": ["string", "null"], "format": "iana-time-zone", "maxLength": 64 })
            }
        };
        schema["default"] = self.default_value();
        schema["description"] = self.help.into();
        if let Some(unit) = self.unit {
            schema["x-unit"] = unit.into();
        }
        schema["x-scopes"] = json!(self.scopes);
        schema
    }
}

/// Names in one value of [`KeyType::Integers`].
const MOST_NAMES: usize = 64;

fn integers_fault(value: &Value, min: i64, max: i64, unit: Option<&str>) -> Option<String> {
    let Some(all) = value.as_object() else {
        return Some(format!("must be an object of names and whole numbers, not {}", short(value)));
    };
    if all.len() > MOST_NAMES {
        return Some(format!("must have at most {MOST_NAMES} names, not {}", all.len()));
    }
    let word = |w: &str| {
        !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    all.iter().find_map(|(name, number)| {
        let (stem, family) = name.strip_suffix('*').map_or((name.as_str(), false), |stem| (stem, true));
        let words = if family { stem.strip_suffix('.').unwrap_or(stem) } else { stem };
        let named = name.len() <= 64
            && (family == (stem.is_empty() || stem.ends_with('.')))
            && ((family && stem.is_empty()) || words.split('.').all(word));
        if !named {
            let name = short(&Value::from(name.as_str()));
            return Some(format!("{name} is not a name such as analytics.intrusion or analytics.*"));
        }
        let fits = number.as_i64().is_some_and(|n| (min..=max).contains(&n));
        let unit = unit.map(|u| format!(" {u}")).unwrap_or_default();
        (!fits).then(|| {
            format!("{name} must be a whole number from {min} to {max}{unit}, not {}", short(number))
        })
    })
}

/// A value for an error message, cut short.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KEYS;

    #[test]
    fn integers_by_name_are_checked_name_by_name() {
        let fault = |v: Value| integers_fault(&v, 0, 10, Some("days"));
        for good in [json!({}), json!({"*": 1}), json!({"analytics.*": 0, "camera.lost": 10, "manual": 3})] {
            assert_eq!(fault(good.clone()), None, "{good}");
        }
        for bad in [
            json!(3),
            json!({"": 1}),
            json!({"a.": 1}),
            json!({"a..b": 1}),
            json!({"a*": 1}),
            json!({"A": 1}),
            json!({"a": 11}),
            json!({"a": "1"}),
            json!({".*": 1}),
            json!({"x".repeat(65): 1}),
        ] {
            assert!(fault(bad.clone()).is_some(), "{bad}");
        }
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for key in KEYS {
            assert_eq!(key.fault(&key.default_value()), None, "{}", key.name);
            assert!(!key.scopes.is_empty() && key.help.ends_with('.'), "{}", key.name);
        }
    }
}
