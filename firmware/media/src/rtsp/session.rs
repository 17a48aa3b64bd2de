//! The `Session` header (RFC 2326 §12.37).

use super::headers::lenient_number;
use std::fmt;
use std::time::Duration;

/// A session's name and how long it lives without a sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHeader {
    /// The name, opaque.
    pub id: String,
    /// After how much silence the server may end it. `None` when it was not said (then it is 60 s) or makes no
    /// sense (zero, more than a day).
    pub timeout: Option<Duration>,
}

impl SessionHeader {
    /// Reads the header. `None` when it holds no name.
    pub fn parse(value: &str) -> Option<Self> {
        let mut parts = value.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let timeout = parts
            .filter_map(|p| p.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))
            .and_then(|(_, value)| lenient_number(value))
            .filter(|secs| (1..=86_400).contains(secs))
            .map(Duration::from_secs);
        Some(Self { id, timeout })
    }
}

impl fmt::Display for SessionHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.timeout {
            Some(t) => write!(f, ";timeout={}", t.as_secs()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_many_spellings() {
        let timeout = |v: &str| SessionHeader::parse(v).unwrap().timeout.map(|t| t.as_secs());
        assert_eq!(timeout("634214675641;timeout=60"), Some(60));
        assert_eq!(timeout(" 634214675641 ; Timeout = 30 s"), Some(30));
        assert_eq!(timeout("1;timeout=0"), None);
        assert_eq!(timeout("1;timeout=4294967295"), None);
        assert_eq!(timeout("1"), None);
        assert_eq!(SessionHeader::parse(" ;timeout=60"), None);
        assert_eq!(SessionHeader::parse(" 12 ;timeout=60").unwrap().to_string(), "12;timeout=60");
    }
}
