//! Sessions: signing in, renewing, signing out.

use crate::access::Access;
use crate::hasher::Caller;
use crate::state::{ACCESS_LASTS, REFRESH_LASTS, Session};
use crate::token::{self, Family, Hash};
use crate::{AccessError, Login, Origin, Principal, Result, Right, User, row, user};
use heron_core::{Severity, WallTime};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use zeroize::Zeroizing;

/// A refresh token that was just rotated gets its successor again for so long: two tabs of one browser ask at
/// the same time.
const REPLAY_LASTS: Duration = Duration::from_secs(10);

const MOST_AGENT_CHARS: usize = 200;

/// New secrets of a session, with their hashes.
pub(crate) struct Fresh {
    family: Hash,
    access: (Zeroizing<String>, Hash),
    refresh: (Zeroizing<String>, Hash),
}

impl Fresh {
    pub(crate) fn new() -> Result<Self> {
        Self::of(&token::new_family()?)
    }

    fn of(family: &Family) -> Result<Self> {
        Ok(Self {
            family: token::hash(&**family),
            access: token::new_access()?,
            refresh: token::new_refresh(family)?,
        })
    }

    pub(crate) fn login(self, user: User, session: Uuid) -> Login {
        Login {
            access_token: self.access.0,
            refresh_token: self.refresh.0,
            expires_in: ACCESS_LASTS.as_secs(),
            user,
            session,
        }
    }
}

/// A new session.
pub(crate) fn session_for(user: Uuid, fresh: &Fresh, origin: &Origin, now: WallTime) -> Session {
    Session {
        id: Uuid::now_v7(),
        user,
        family: fresh.family,
        refresh: fresh.refresh.1,
        refresh_expires: now + REFRESH_LASTS,
        access: fresh.access.1,
        access_expires: now + ACCESS_LASTS,
        created: now,
        used: now,
        address: origin.address,
        agent: origin
            .agent
            .as_ref()
            .map(|a| a.chars().filter(|c| !c.is_control()).take(MOST_AGENT_CHARS).collect()),
    }
}

/// What the writer found when a refresh token came.
enum Rotation {
    Done,
    /// The token is of a living session, but not its current one.
    Old(Uuid),
}

impl Access {
    /// Signs in with name and password.
    ///
    /// # Errors
    /// [`AccessError::NotClaimed`]; [`AccessError::WrongCredentials`] for an unknown user, a wrong password
    /// and a disabled user alike; [`AccessError::LockedOut`], [`AccessError::Exhausted`] with how long to
    /// wait.
    pub async fn login(&self, username: &str, password: &str, origin: Origin) -> Result<Login> {
        if !self.is_claimed() {
            return Err(AccessError::NotClaimed);
        }
        let key = user::key_of(username);
        let (now, monotonic) = self.now();
        let (known, account) = {
            let state = self.0.state.read();
            (state.is_known(&key, origin.address, now), state.account_by_key(&key).cloned())
        };
        let this = self
            .0
            .limiter
            .begin(&key, origin.address, known, monotonic)
            .map_err(|l| AccessError::LockedOut { retry_after: l.retry_after })?;
        let caller = if known { Caller::Known } else { Caller::Stranger };
        let hash = account.as_ref().map(|a| Arc::clone(&a.password));
        let right = match self.0.hasher.verify(caller, hash.clone(), password).await {
            Ok(right) => right,
            Err(e) => {
                self.0.limiter.undecided(this);
                return Err(e);
            }
        };
        let Some(account) = account.filter(|a| right && !a.user.disabled) else {
            let name = self.0.state.read().account_by_key(&key).map(|a| a.user.username.clone());
            self.audit_wrong(name.as_deref(), &origin, this.locks_for);
            return Err(AccessError::WrongCredentials);
        };
        self.0.limiter.right(this);
        let login = self.new_session(account.user.id, hash, &origin, now).await?;
        let name = &login.user.username;
        let text = format!("{name} signed in from {}", origin.address);
        let detail = json!({"address": origin.address, "session": login.session});
        self.0.audit("access.login", Severity::Standard, name, text, detail);
        Ok(login)
    }

    fn audit_wrong(&self, name: Option<&str>, origin: &Origin, locks_for: Option<Duration>) {
        // Only names that exist: people type passwords into the field for the name.
        let who = name.unwrap_or("an unknown user");
        let mut detail = json!({"address": origin.address, "username": name});
        let (kind, severity, text) = match locks_for {
            None => (
                "access.login_failed",
                Severity::Medium,
                format!("a sign-in as {who} from {} failed", origin.address),
            ),
            Some(wait) => {
                detail["locked_seconds"] = wait.as_secs().into();
                (
                    "access.locked_out",
                    Severity::High,
                    format!(
                        "sign-ins as {who} from {} are locked for {} s after too many wrong passwords",
                        origin.address,
                        wait.as_secs()
                    ),
                )
            }
        };
        self.0.audit_failure(kind, severity, text, detail);
    }

    /// Makes a session, unless the user was removed, disabled or given another password while theirs was
    /// being checked.
    async fn new_session(
        &self,
        user: Uuid,
        checked: Option<Arc<str>>,
        origin: &Origin,
        now: WallTime,
    ) -> Result<Login> {
        let fresh = Fresh::new()?;
        let session = session_for(user, &fresh, origin, now);
        let id = session.id;
        let inner = Arc::clone(&self.0);
        let (account, ..) = self
            .0
            .store
            .write_durable_then(
                move |tx| {
                    let mut account = match row::one_account(tx, user) {
                        Ok(a) if !a.user.disabled && Some(&a.password) == checked.as_ref() => a,
                        Ok(_) | Err(AccessError::NotFound { .. }) => {
                            return Err(AccessError::WrongCredentials);
                        }
                        Err(e) => return Err(e),
                    };
                    account.user.last_login = Some(now);
                    tx.execute(
                        "UPDATE access_users SET last_login_ns = ?2 WHERE id = ?1",
                        (user.as_bytes(), now.as_nanos()),
                    )?;
                    row::put_session(tx, &session)?;
                    let gone = row::trim_sessions(tx, user)?;
                    Ok((account, session, gone))
                },
                move |(account, session, gone)| {
                    let mut state = inner.state.write();
                    state.put_account(account.clone());
                    state.put_session(session.clone(), None);
                    for id in gone {
                        state.remove_session(*id);
                    }
                    drop(state);
                    inner.changed();
                },
            )
            .await?;
        Ok(fresh.login(account.user, id))
    }

    /// Trades a refresh token for a new pair; the old one is spent. See invariant 7. Synced to disk: if a
    /// power cut undid the rotation, the new token would look like a stolen one.
    ///
    /// # Errors
    /// [`AccessError::WrongToken`], whatever is wrong with it.
    pub async fn refresh(&self, refresh_token: &str, origin: Origin) -> Result<Login> {
        let (family, presented) = token::refresh_parts(refresh_token).ok_or(AccessError::WrongToken)?;
        let family_hash = token::hash(&*family);
        let (now, monotonic) = self.now();
        // Forged ones end here, without a disk.
        let account = {
            let mut state = self.0.state.write();
            state.forget_replays(monotonic);
            let user = state.session_by_family(&family_hash).ok_or(AccessError::WrongToken)?.user;
            state.account(user).map_err(|_| AccessError::WrongToken)?.clone()
        };
        let fresh = Fresh::of(&family)?;
        let renewed = session_for(account.user.id, &fresh, &origin, now);
        let inner = Arc::clone(&self.0);
        let session_id = self.0.state.read().session_by_family(&family_hash).map(|s| s.id);
        let login = fresh.login(account.user, session_id.unwrap_or_default());
        let successor = login.clone();
        let rotation = self
            .0
            .store
            .write_durable_then(
                move |tx| {
                    let current = row::session_by_family(tx, &family_hash)?.ok_or(AccessError::WrongToken)?;
                    if current.refresh_expires <= now || row::one_account(tx, current.user)?.user.disabled {
                        return Err(AccessError::WrongToken);
                    }
                    if !token::same(&current.refresh, &presented) {
                        return Ok((Rotation::Old(current.id), None));
                    }
                    let next =
                        Session { id: current.id, user: current.user, created: current.created, ..renewed };
                    row::put_session(tx, &next)?;
                    Ok((Rotation::Done, Some(next)))
                },
                move |(_, next)| {
                    if let Some(next) = next {
                        let replay = (presented, monotonic + REPLAY_LASTS, successor);
                        inner.state.write().put_session(next.clone(), Some(replay));
                    }
                },
            )
            .await;
        match rotation {
            Ok((Rotation::Done, _)) => Ok(login),
            Ok((Rotation::Old(session), _)) => self.old_refresh(session, &presented, &origin).await,
            Err(AccessError::NotFound { .. }) => Err(AccessError::WrongToken),
            Err(e) => Err(e),
        }
    }

    /// A spent refresh token: its successor again if that was a moment ago, the end of the session otherwise.
    async fn old_refresh(&self, session: Uuid, presented: &Hash, origin: &Origin) -> Result<Login> {
        let (_, monotonic) = self.now();
        let (replay, name) = {
            let state = self.0.state.read();
            let name = state
                .session(session)
                .and_then(|s| state.account(s.user).ok())
                .map(|a| a.user.username.clone());
            (state.replay(session, presented, monotonic), name)
        };
        if let Some(login) = replay {
            return Ok(login);
        }
        if self.end_session(session).await? {
            let name = name.unwrap_or_default();
            let text = format!(
                "a spent token of {name}'s session came again from {}: it or its successor was stolen, so the session was ended",
                origin.address
            );
            let detail = json!({"address": origin.address, "username": name, "session": session});
            self.0.audit("access.refresh_reused", Severity::High, "access", text, detail);
        }
        Err(AccessError::WrongToken)
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn logout(&self, who: &Principal) -> Result<()> {
        if self.end_session(who.session).await? {
            let text = format!("{} signed out", who.username);
            self.0.audit(
                "access.logout",
                Severity::Standard,
                &who.username,
                text,
                json!({"session": who.session}),
            );
        }
        Ok(())
    }

    /// Ends a session: one's own, or anybody's for those who manage users.
    ///
    /// # Errors
    /// [`AccessError::NotFound`], also for somebody else's session without the right.
    pub async fn revoke_session(&self, by: &Principal, session: Uuid) -> Result<()> {
        let missing = AccessError::NotFound { what: "session", id: session };
        let owner = self.0.state.read().session(session).map(|s| s.user).ok_or(missing.clone())?;
        if owner != by.user && by.require(Right::Users).is_err() {
            return Err(missing);
        }
        if !self.end_session(session).await? {
            return Err(missing);
        }
        let text = format!("{} ended a session", by.username);
        let detail = json!({"session": session, "user": owner});
        self.0.audit("access.session_revoked", Severity::Standard, &by.username, text, detail);
        Ok(())
    }
}
