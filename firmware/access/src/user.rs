//! Users and their names.

use crate::{AccessError, Result, Role};
use heron_core::WallTime;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A person's account.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct User {
    /// Identity.
    pub id: Uuid,
    /// Name to sign in with, as it was given; letter case does not matter.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// Cannot sign in.
    pub disabled: bool,
    /// Since when.
    pub created: WallTime,
    /// When they last signed in.
    pub last_login: Option<WallTime>,
}

/// Body of `POST /users`. No `Debug`: it holds a password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 64 letters, digits, `.`, `_`, `-` or `@`, beginning with a letter or digit.
    pub username: String,
    /// 10 to 256 characters.
    pub password: String,
    /// What they may do.
    pub role: Role,
}

/// Body of `PATCH /users/{id}`; absent = unchanged. No `Debug`: it may hold a password.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    /// What they may do from now on.
    pub role: Option<Role>,
    /// A new password; ends their sessions.
    pub password: Option<String>,
    /// Whether they are kept out; ends their sessions.
    pub disabled: Option<bool>,
}

const MOST_CHARS: usize = 64;

/// Trims and checks a name.
pub(crate) fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > MOST_CHARS {
        return Err(AccessError::invalid(
            "username",
            format!("must have 1 to {MOST_CHARS} characters, not {length}"),
        ));
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if !name.chars().all(fits) || !name.starts_with(char::is_alphanumeric) {
        return Err(AccessError::invalid(
            "username",
            "must begin with a letter or a digit and hold only letters, digits, '.', '_', '-' and '@'",
        ));
    }
    Ok(name.to_owned())
}

/// The form under which names are compared. Takes anything; what is no name finds nobody.
pub(crate) fn key_of(name: &str) -> String {
    name.trim().chars().take(MOST_CHARS + 1).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for ok in ["a", "Anna", " anna.b-c_d@example.org ", "Jürgen", "李雷", "007"] {
            assert_eq!(checked_name(ok).unwrap(), ok.trim());
        }
        for bad in [
            "",
            " ",
            "-a",
            "a b",
            "a'--",
            "a\"b",
            "<b>",
            "a\u{0}",
            "../a",
            "a\nb",
            &"x".repeat(65),
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(checked_name(bad).unwrap_err().field(), Some("username"), "{:.20}", bad);
        }
        assert_eq!(key_of(" ANNA "), key_of("anna"));
        assert!(key_of(&"x".repeat(1 << 20)).len() <= 65);
    }
}
