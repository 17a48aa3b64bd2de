//! Where a setting is set.

use crate::{Result, SettingsError};
use heron_core::CameraId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Where a setting is set; the greater one wins. Written `system`, `customer`, `site:{id}`, `camera:{id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The whole box.
    System,
    /// The customer, from the fleet manager.
    Customer,
    /// A site.
    Site(Uuid),
    /// A camera.
    Camera(CameraId),
}

/// The four kinds of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// See [`Scope::System`].
    System,
    /// See [`Scope::Customer`].
    Customer,
    /// See [`Scope::Site`].
    Site,
    /// See [`Scope::Camera`].
    Camera,
}

impl ScopeKind {
    /// All four.
    pub const ALL: &'static [Self] = &[Self::System, Self::Customer, Self::Site, Self::Camera];
}

impl fmt::Display for ScopeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Customer => "customer",
            Self::Site => "site",
            Self::Camera => "camera",
        })
    }
}

impl Scope {
    /// Which of the four kinds it is.
    pub fn kind(self) -> ScopeKind {
        match self {
            Self::System => ScopeKind::System,
            Self::Customer => ScopeKind::Customer,
            Self::Site(_) => ScopeKind::Site,
            Self::Camera(_) => ScopeKind::Camera,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Customer => f.write_str("customer"),
            Self::Site(id) => write!(f, "site:{}", id.hyphenated()),
            Self::Camera(id) => write!(f, "camera:{id}"),
        }
    }
}

impl FromStr for Scope {
    type Err = SettingsError;
    fn from_str(s: &str) -> Result<Self> {
        let found = match s.split_once(':') {
            None if s == "system" => Some(Self::System),
            None if s == "customer" => Some(Self::Customer),
            Some(("site", id)) => Uuid::parse_str(id).ok().map(Self::Site),
            Some(("camera", id)) => id.parse().ok().map(Self::Camera),
            _ => None,
        };
        found.ok_or_else(|| {
            let s: String = s.chars().take(60).collect();
            SettingsError::invalid(
                "scope",
                format!("must be system, customer, site:{{id}} or camera:{{id}} with a UUID, not {s:?}"),
            )
        })
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = std::borrow::Cow::<'de, str>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scopes_are_written_as_the_contract_says() {
        for s in [
            "system",
            "customer",
            "site:0192c0de-0000-7000-8000-000000000001",
            "camera:0192c0de-0000-7000-8000-000000000002",
        ] {
            assert_eq!(s.parse::<Scope>().unwrap().to_string(), s);
        }
    }

    proptest! {
        #[test]
        fn anything_else_is_refused_in_words(s in ".{0,200}") {
            match s.parse::<Scope>() {
                Ok(scope) => prop_assert!(s.starts_with(&scope.kind().to_string())),
                Err(e) => prop_assert_eq!(e.field(), Some("scope")),
            }
        }
    }
}
