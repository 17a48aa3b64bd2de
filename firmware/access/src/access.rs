//! The handle: opening, authenticating, listing.

use crate::hasher::Hasher;
use crate::limiter::Limiter;
use crate::state::{Session, State};
use crate::token;
use crate::{AccessError, Principal, Result, Right, SessionSummary, User, row};
use heron_core::{Clock, EventDraft, Severity, WallTime};
use heron_store::Store;
use parking_lot::{Mutex, RwLock};
use rusqlite::OptionalExtension;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Gets the audit events, after the fact. It is called on a tokio worker and must not block: `try_send` into
/// a bounded channel whose other end appends to the journal.
pub type AuditSink = Arc<dyn Fn(EventDraft) + Send + Sync>;

/// Failed sign-ins that are written down in a minute.
const FAILURES_A_MINUTE: u32 = 30;

/// Nothing to choose yet.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AccessOptions {}

/// Users, sessions and the claim. Cheap to clone.
#[derive(Clone)]
pub struct Access(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    audit: AuditSink,
    pub(crate) hasher: Hasher,
    pub(crate) limiter: Limiter,
    pub(crate) state: RwLock<State>,
    /// `None` once claimed.
    pub(crate) claim_token: RwLock<Option<String>>,
    changes: watch::Sender<u64>,
    failures: Mutex<Failures>,
}

/// How many failures were written down in this minute, and how many were not.
#[derive(Default)]
struct Failures {
    minute: u64,
    written: u32,
    suppressed: u64,
}

impl Inner {
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
    }

    /// Tells the audit sink.
    pub(crate) fn audit(&self, kind: &str, severity: Severity, actor: &str, text: String, detail: Value) {
        (self.audit)(EventDraft::new(kind, severity, self.clock.now(), actor).text(text).detail(detail));
    }

    /// Tells the audit sink of a failure, unless there were many this minute already.
    pub(crate) fn audit_failure(&self, kind: &str, severity: Severity, text: String, mut detail: Value) {
        {
            let mut failures = self.failures.lock();
            let minute = self.clock.monotonic().as_secs() / 60;
            if failures.minute != minute {
                *failures = Failures { minute, written: 0, suppressed: failures.suppressed };
            }
            if failures.written >= FAILURES_A_MINUTE {
                failures.suppressed += 1;
                return;
            }
            failures.written += 1;
            let suppressed = std::mem::take(&mut failures.suppressed);
            if suppressed > 0 {
                detail["failures_not_listed_before"] = suppressed.into();
            }
        }
        self.audit(kind, severity, "access", text, detail);
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access(claimed: {})", self.is_claimed())
    }
}

impl Access {
    /// Opens users and sessions in `store`, which was opened with [`crate::MIGRATIONS`]; makes the claim
    /// token at the first start.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        _options: AccessOptions,
        audit: AuditSink,
    ) -> Result<Self> {
        let fresh = token::new_claim()?;
        let now = clock.now();
        let (claim_token, accounts, sessions) = store
            .write_durable(move |tx| {
                tx.execute(
                    "INSERT INTO access_box(one, claim_token) VALUES (1, ?1)
                     ON CONFLICT(one) DO UPDATE SET claim_token = coalesce(claim_token, excluded.claim_token)
                     WHERE claimed_ns IS NULL",
                    [fresh],
                )?;
                let claim_token: Option<String> = tx
                    .query_row("SELECT claim_token FROM access_box WHERE claimed_ns IS NULL", [], |r| {
                        r.get(0)
                    })
                    .optional()?
                    .flatten();
                tx.execute("DELETE FROM access_sessions WHERE refresh_expires_ns <= ?1", [now.as_nanos()])?;
                Ok::<_, AccessError>((claim_token, row::accounts(tx)?, row::sessions(tx)?))
            })
            .await?;
        Ok(Self(Arc::new(Inner {
            store,
            clock,
            audit,
            hasher: Hasher::new()?,
            limiter: Limiter::default(),
            state: RwLock::new(State::new(accounts, sessions)),
            claim_token: RwLock::new(claim_token),
            changes: watch::Sender::new(0),
            failures: Mutex::default(),
        })))
    }

    /// Whether somebody owns the box.
    pub fn is_claimed(&self) -> bool {
        self.0.claim_token.read().is_none()
    }

    /// The token that proves possession, to be printed and written to the token file (mode 0600): the same
    /// over restarts until the box is claimed, `None` from then on.
    pub fn claim_token(&self) -> Option<String> {
        self.0.claim_token.read().clone()
    }

    /// Who holds this access token. Reads memory only.
    ///
    /// # Errors
    /// [`AccessError::WrongToken`], whatever is wrong with it.
    pub fn authenticate(&self, access_token: &str) -> Result<Principal> {
        let hash = token::access_hash(access_token).ok_or(AccessError::WrongToken)?;
        let now = self.0.clock.now();
        self.0.state.read().principal(&hash, now).ok_or(AccessError::WrongToken)
    }

    /// Who a session belongs to now, and what they may do now: for long-lived sockets, to be asked again
    /// whenever [`Access::changes`] moves. The access token they opened with may have ended meanwhile; the
    /// session must still stand.
    ///
    /// # Errors
    /// [`AccessError::WrongToken`] when the session was revoked, has ended, or its user is disabled or gone.
    pub fn standing(&self, session: Uuid) -> Result<Principal> {
        let now = self.0.clock.now();
        let state = self.0.state.read();
        let session =
            state.session(session).filter(|s| s.refresh_expires > now).ok_or(AccessError::WrongToken)?;
        let account =
            state.account(session.user).ok().filter(|a| !a.user.disabled).ok_or(AccessError::WrongToken)?;
        Ok(Principal {
            user: account.user.id,
            username: Arc::clone(&account.name),
            role: account.user.role,
            session: session.id,
            expires: session.refresh_expires,
        })
    }

    /// Whether a session still stands: [`Access::standing`] for those who need no more.
    pub fn is_live(&self, session: Uuid) -> bool {
        self.standing(session).is_ok()
    }

    /// Counts changes of users, sessions and the claim: when it moves, sockets ask [`Access::is_live`].
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// One user.
    ///
    /// # Errors
    /// [`AccessError::NotFound`].
    pub fn user(&self, id: Uuid) -> Result<User> {
        self.0.state.read().account(id).map(|a| a.user.clone())
    }

    /// All users, oldest first: at most 256.
    pub fn users(&self) -> Vec<User> {
        self.0.state.read().accounts().map(|a| a.user.clone()).collect()
    }

    /// `by`'s own sessions, or everybody's for those who manage users; most recently used first.
    pub fn sessions(&self, by: &Principal) -> Vec<SessionSummary> {
        let everybody = by.require(Right::Users).is_ok();
        let now = self.0.clock.now();
        let mut list: Vec<SessionSummary> = self
            .0
            .state
            .read()
            .sessions()
            .filter(|s| (everybody || s.user == by.user) && s.refresh_expires > now)
            .map(|s| summary(s, by.session))
            .collect();
        list.sort_by_key(|s| (std::cmp::Reverse(s.last_used), s.id));
        list
    }

    /// Removes what has ended from memory and disk. Call it about once a minute: sign-ins do part of it, but
    /// a quiet box has none.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn sweep(&self) -> Result<()> {
        let now = self.0.clock.now();
        let ended: Vec<Uuid> = {
            let mut state = self.0.state.write();
            state.forget_replays(self.0.clock.monotonic());
            state.sessions().filter(|s| s.refresh_expires <= now).map(|s| s.id).collect()
        };
        for id in ended {
            self.end_session(id).await?;
        }
        Ok(())
    }

    /// Ends everybody's sessions: after the database was restored from a backup, in which sessions and users
    /// that have been ended since still stand.
    ///
    /// # Errors
    /// [`AccessError::Store`].
    pub async fn end_all_sessions(&self, why: &str) -> Result<()> {
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write_durable_then(
                |tx| {
                    tx.execute("DELETE FROM access_sessions", [])?;
                    Ok::<_, AccessError>(())
                },
                move |()| {
                    inner.state.write().remove_all_sessions();
                    inner.changed();
                },
            )
            .await?;
        let text = format!("everybody was signed out: {why}");
        self.0.audit("access.all_sessions_ended", Severity::High, "access", text, Value::Null);
        Ok(())
    }

    /// Removes a session from disk and memory; whether it was there.
    pub(crate) async fn end_session(&self, id: Uuid) -> Result<bool> {
        let inner = Arc::clone(&self.0);
        self.0
            .store
            .write_durable_then(
                move |tx| row::delete_session(tx, id),
                move |_| {
                    inner.state.write().remove_session(id);
                    inner.changed();
                },
            )
            .await
    }

    pub(crate) fn now(&self) -> (WallTime, Duration) {
        (self.0.clock.now(), self.0.clock.monotonic())
    }
}

fn summary(s: &Session, asking: Uuid) -> SessionSummary {
    SessionSummary {
        id: s.id,
        user: s.user,
        created: s.created,
        last_used: s.used,
        address: s.address,
        agent: s.agent.clone(),
        current: s.id == asking,
    }
}
