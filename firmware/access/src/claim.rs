//! The first boot: whoever holds the box makes the first administrator.

use crate::access::Access;
use crate::hasher::Caller;
use crate::sign_in::{Fresh, session_for};
use crate::state::Account;
use crate::{AccessError, Login, Origin, Result, Role, User, password, row, token, user};
use heron_core::Severity;
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The account that the limiter counts claims under; no user can be called so.
const CLAIM: &str = "/claim";

impl Access {
    /// Makes the first administrator. Works exactly once: of several at the same time one wins.
    ///
    /// # Errors
    /// [`AccessError::AlreadyClaimed`]; [`AccessError::WrongClaimToken`]; [`AccessError::LockedOut`];
    /// [`AccessError::Invalid`] naming `username` or `password` (said only to those who have the token).
    pub async fn claim(
        &self,
        claim_token: &str,
        username: &str,
        password: &str,
        origin: Origin,
    ) -> Result<Login> {
        let Some(expected) = self.claim_token().map(Zeroizing::new) else {
            return Err(AccessError::AlreadyClaimed);
        };
        let (now, monotonic) = self.now();
        let this = self
            .0
            .limiter
            .begin(CLAIM, origin.address, false, monotonic)
            .map_err(|l| AccessError::LockedOut { retry_after: l.retry_after })?;
        if !token::claim_matches(claim_token, &expected) {
            let text = format!("somebody at {} tried to claim the box with a wrong token", origin.address);
            self.0.audit_failure(
                "access.claim_failed",
                Severity::High,
                text,
                json!({"address": origin.address}),
            );
            return Err(AccessError::WrongClaimToken);
        }
        self.0.limiter.right(this);
        let username = user::checked_name(username)?;
        password::check("password", password, &username)?;
        let hash = self.0.hasher.hash(Caller::Known, password).await?;
        let account = Account {
            name: username.as_str().into(),
            key: user::key_of(&username),
            password: hash.into(),
            user: User {
                id: Uuid::now_v7(),
                username,
                role: Role::Admin,
                disabled: false,
                created: now,
                last_login: None,
            },
        };
        let fresh = Fresh::new()?;
        let session = session_for(account.user.id, &fresh, &origin, now);
        let login = fresh.login(account.user.clone(), session.id);
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write_durable_then(
                move |tx| {
                    let claimed = tx.execute(
                        "UPDATE access_box SET claim_token = NULL, claimed_ns = ?1 WHERE claimed_ns IS NULL",
                        [now.as_nanos()],
                    )?;
                    if claimed == 0 {
                        return Err(AccessError::AlreadyClaimed);
                    }
                    row::insert_account(tx, &account)?;
                    row::put_session(tx, &session)?;
                    Ok((account, session))
                },
                move |(account, session)| {
                    {
                        let mut state = inner.state.write();
                        state.put_account(account.clone());
                        state.put_session(session.clone(), None);
                    }
                    *inner.claim_token.write() = None;
                    inner.changed();
                },
            )
            .await?;
        let name = &login.user.username;
        let text = format!("{name} claimed the box from {}", origin.address);
        self.0.audit("access.claimed", Severity::High, name, text, json!({"address": origin.address}));
        Ok(login)
    }
}
