//! What a password must be.

use crate::{AccessError, Result};

const LEAST_CHARS: usize = 10;
const MOST_CHARS: usize = 256;

/// The commonest passwords of ten characters and more, in lower case: shorter ones are refused by length.
const COMMON: &str = include_str!("common_passwords.txt");

/// Checks a new password for `username`: length, not the name, not among the commonest, not a few characters
/// over and over. No rules about digits and signs (NIST SP 800-63B §5.1.1.2: they make passwords worse).
pub(crate) fn check(field: &'static str, password: &str, username: &str) -> Result<()> {
    let refuse = |detail: String| Err(AccessError::invalid(field, detail));
    let length = password.chars().count();
    if !(LEAST_CHARS..=MOST_CHARS).contains(&length) {
        return refuse(format!("must have {LEAST_CHARS} to {MOST_CHARS} characters, not {length}"));
    }
    if password.chars().any(char::is_control) {
        return refuse("must not hold control characters".to_owned());
    }
    let lower = password.to_lowercase();
    let name = username.trim().to_lowercase();
    // The name alone, several times, or with a few characters around it.
    let without_name = if name.is_empty() { lower.clone() } else { lower.replace(&name, "") };
    if without_name != lower && without_name.chars().count() < 6 {
        return refuse("must not be the user name, or hardly more than it".to_owned());
    }
    if COMMON.lines().any(|common| common == lower) {
        return refuse(
            "is one of the most common passwords; choose another, for example four unrelated words"
                .to_owned(),
        );
    }
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < 5 {
        return refuse(
            "repeats a few characters only; choose another, for example four unrelated words".to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords() {
        for ok in ["correct horse battery", "пароль-очень-длинный", "J6f!kq0Zbb", "anna has a little lamb"]
        {
            check("password", ok, "anna").unwrap();
        }
        for (bad, says) in [
            ("", "10 to 256"),
            ("short", "10 to 256"),
            ("123456789", "10 to 256"),
            (&"x1Yz9".repeat(60), "10 to 256"),
            ("Password123", "most common"),
            ("1234567890", "most common"),
            ("hikvision12345", "most common"),
            ("aaaabbbbaaaabbbb", "few characters"),
            ("ANNAANNAANNA", "user name"),
            ("anna.anna1", "user name"),
            ("tab\tin the middle", "control"),
        ] {
            let e = check("password", bad, "Anna").unwrap_err();
            assert!(e.to_string().contains(says), "{bad:.20}: {e}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_it_is_compared_in() {
        for line in COMMON.lines() {
            assert_eq!(line, line.to_lowercase());
        }
    }
}
