//! The one table of what each role may do.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// See cameras now.
    Live,
    /// Hear them.
    Audio,
    /// See what was recorded.
    Playback,
    /// Take recordings away.
    Export,
    /// Move cameras.
    Ptz,
    /// Acknowledge events, tag them, write notes.
    Acknowledge,
    /// Change cameras and settings.
    Configure,
    /// Delete recordings.
    Delete,
    /// Manage users.
    Users,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Daily work, nothing that changes the box.
    Supervisor,
    /// Watching.
    Viewer,
}

impl Right {
    /// The lower-case name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Audio => "audio",
            Self::Playback => "playback",
            Self::Export => "export",
            Self::Ptz => "ptz",
            Self::Acknowledge => "acknowledge",
            Self::Configure => "configure",
            Self::Delete => "delete",
            Self::Users => "users",
        }
    }
}

impl Role {
    const ALL: [Self; 3] = [Self::Admin, Self::Supervisor, Self::Viewer];

    /// The table.
    pub fn rights(self) -> &'static [Right] {
        use Right::{Acknowledge, Audio, Configure, Delete, Export, Live, Playback, Ptz, Users};
        match self {
            Self::Viewer => &[Live, Playback],
            // Audio comes with export: a clip holds it anyway.
            Self::Supervisor => &[Live, Audio, Playback, Export, Ptz, Acknowledge],
            Self::Admin => &[Live, Audio, Playback, Export, Ptz, Acknowledge, Configure, Delete, Users],
        }
    }
    /// Whether the role has a right.
    pub fn may(self, right: Right) -> bool {
        self.rights().contains(&right)
    }
    /// The lower-case name, as in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Supervisor => "supervisor",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == s)
            .ok_or_else(|| format!("role must be admin, supervisor or viewer, not {s:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_all_that_the_lesser_one_has() {
        for (less, more) in [(Role::Viewer, Role::Supervisor), (Role::Supervisor, Role::Admin)] {
            assert!(less.rights().iter().all(|r| more.may(*r)));
            assert!(less.rights().len() < more.rights().len());
        }
        assert!(!Role::Viewer.may(Right::Export));
        assert!(!Role::Supervisor.may(Right::Configure) && !Role::Supervisor.may(Right::Delete));
    }
}
