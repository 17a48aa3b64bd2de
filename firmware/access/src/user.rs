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
    /// 1 to 64 of a-z, A-Z, 0-9, the accented letters of western Europe (U+00C0 to U+00FF without × and ÷), `.`,
    /// `_`, `-` and `@`, beginning with a letter or digit.
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

/// Latin letters and digits alone, so that no two names look the same: no Cyrillic `а`, no full-width `ａ`. All of
/// them are what they are in every Unicode normal form (NFKC), which is why ª, º and µ are not among them.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{ff}')
}

/// Trims and checks a new name. Names that were given under another rule go on signing in: see [`key_of`].
pub(crate) fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > MOST_CHARS {
        return Err(AccessError::invalid(
            "username",
            format!("must have 1 to {MOST_CHARS} characters, not {length}"),
        ));
    }
    let fits = |c: char| is_letter_or_digit(c) || matches!(c, '.' | '_' | '-' | '@');
    if !name.chars().all(fits) || !name.starts_with(is_letter_or_digit) {
        return Err(AccessError::invalid(
            "username",
            "must begin with a letter or a digit and hold only Latin letters (é, ã and ñ too), digits, '.', '_', '-' and '@'",
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
        for ok in ["a", "Anna", " anna.b-c_d@example.org ", "Jürgen", "José", "João", "Muñoz", "Åse", "007"]
        {
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
            "аdmin",
            "ａdmin",
            "adm\u{131}n",
            "jose\u{301}",
            "1\u{ba}",
            "\u{b5}",
            "a\u{d7}b",
            "a\u{200b}",
            "李雷",
            &"x".repeat(65),
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(checked_name(bad).unwrap_err().field(), Some("username"), "{:.20}", bad);
        }
        assert_eq!(key_of(" ANNA "), key_of("anna"));
        assert!(key_of(&"x".repeat(1 << 20)).len() <= 65);
    }
}
