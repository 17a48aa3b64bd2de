//! RTSP methods (RFC 2326 §10).

use std::fmt;

/// A request's method. Methods are case-sensitive on the wire; reading is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `OPTIONS`.
    Options,
    /// `DESCRIBE`.
    Describe,
    /// `ANNOUNCE`.
    Announce,
    /// `SETUP`.
    Setup,
    /// `PLAY`.
    Play,
    /// `PAUSE`.
    Pause,
    /// `RECORD`.
    Record,
    /// `TEARDOWN`.
    Teardown,
    /// `GET_PARAMETER`.
    GetParameter,
    /// `SET_PARAMETER`.
    SetParameter,
    /// `REDIRECT`.
    Redirect,
    /// Any other token, as it came.
    Other(Box<str>),
}

const NAMED: [(Method, &str); 11] = [
    (Method::Options, "OPTIONS"),
    (Method::Describe, "DESCRIBE"),
    (Method::Announce, "ANNOUNCE"),
    (Method::Setup, "SETUP"),
    (Method::Play, "PLAY"),
    (Method::Pause, "PAUSE"),
    (Method::Record, "RECORD"),
    (Method::Teardown, "TEARDOWN"),
    (Method::GetParameter, "GET_PARAMETER"),
    (Method::SetParameter, "SET_PARAMETER"),
    (Method::Redirect, "REDIRECT"),
];

impl Method {
    /// The method that `token` names.
    pub fn parse(token: &str) -> Self {
        NAMED
            .iter()
            .find(|(_, name)| token.eq_ignore_ascii_case(name))
            .map_or_else(|| Self::Other(token.into()), |(m, _)| m.clone())
    }
    /// As it goes on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(token) => token,
            named => NAMED.iter().find(|(m, _)| m == named).map_or("", |(_, name)| name),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The methods of a `Public` (or `Allow`) header. Separators may be commas, semicolons or blanks.
pub fn parse_public(value: &str) -> Vec<Method> {
    value.split([',', ';', ' ', '\t']).filter(|t| !t.is_empty()).take(64).map(Method::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_is_read_in_any_spelling() {
        assert_eq!(
            parse_public("OPTIONS,describe ,  GET_PARAMETER; FROB"),
            [Method::Options, Method::Describe, Method::GetParameter, Method::Other("FROB".into())]
        );
        assert_eq!(Method::Other("FROB".into()).to_string(), "FROB");
        assert_eq!(Method::SetParameter.to_string(), "SET_PARAMETER");
    }
}
