//! A camera's login, put together from where it may be given.

use crate::source::ParsedSource;
use crate::{CamerasError, Result, check};
use zeroize::Zeroizing;

/// Where user name and password come from: what was stored, then the addresses, then the fields of their own.
#[derive(Default)]
pub(crate) struct Login {
    pub(crate) username: Option<String>,
    /// A new password.
    pub(crate) password: Option<Zeroizing<String>>,
    /// The stored password is to go.
    pub(crate) cleared: bool,
}

impl Login {
    pub(crate) fn addresses(
        mut self,
        main: Option<&ParsedSource>,
        sub: Option<&ParsedSource>,
    ) -> Result<Self> {
        let of = |s: Option<&ParsedSource>| s.and_then(|s| Some((s.username.clone()?, s.password.clone())));
        let found = match (of(main), of(sub)) {
            (Some(m), Some(s)) if m != s => {
                return Err(CamerasError::invalid(
                    "sub_source",
                    "has another user or password than source; a camera has one login for both streams",
                ));
            }
            (m, s) => m.or(s),
        };
        if let Some((username, password)) = found {
            self.cleared = true;
            self.username = Some(username);
            self.password = password;
        }
        Ok(self)
    }

    pub(crate) fn username(mut self, field: Option<Option<String>>) -> Result<Self> {
        match field {
            None => {}
            Some(Some(username)) if !username.is_empty() => {
                check::secret("username", &username, 128)?;
                self.username = Some(username);
            }
            Some(_) => self = Self { cleared: true, ..Self::default() },
        }
        Ok(self)
    }

    pub(crate) fn password(mut self, field: Option<Option<Zeroizing<String>>>) -> Result<Self> {
        match field {
            None => {}
            Some(Some(password)) => {
                check::secret("password", &password, 256)?;
                if self.username.is_none() {
                    return Err(CamerasError::invalid("username", "a password needs a user name"));
                }
                self.password = Some(password);
            }
            Some(None) => {
                self.cleared = true;
                self.password = None;
            }
        }
        Ok(self)
    }
}
