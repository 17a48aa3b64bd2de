//! What is known in memory: all users and all sessions. At most 256 users with 32 sessions of about 500
//! bytes: 4 MiB.

use crate::limiter::origin_of;
use crate::token::{self, Hash};
use crate::{AccessError, Login, Principal, Result, User};
use heron_core::WallTime;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long an access token lasts.
pub(crate) const ACCESS_LASTS: Duration = Duration::from_secs(15 * 60);

/// How long a refresh token lasts.
pub(crate) const REFRESH_LASTS: Duration = Duration::from_secs(30 * 24 * 3600);

/// A clock that was set back by more makes access tokens that seem to come from the future, which are
/// refused.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// After a rotation the old access token is good for so long, for requests that are on their way.
const OLD_ACCESS_LASTS: Duration = Duration::from_secs(30);

/// A user with what only this room may know.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) name: Arc<str>,
    pub(crate) key: String,
    /// PHC string.
    pub(crate) password: Arc<str>,
}

/// A session as stored.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) family: Hash,
    pub(crate) refresh: Hash,
    pub(crate) refresh_expires: WallTime,
    pub(crate) access: Hash,
    pub(crate) access_expires: WallTime,
    pub(crate) created: WallTime,
    pub(crate) used: WallTime,
    pub(crate) address: IpAddr,
    pub(crate) agent: Option<String>,
}

/// The successor of a refresh token, kept for a moment in case the token comes again.
struct Replay {
    of: Hash,
    /// Monotonic.
    until: Duration,
    login: Login,
}

struct Live {
    session: Session,
    old_access: Option<(Hash, WallTime)>,
    replay: Option<Replay>,
}

#[derive(Default)]
pub(crate) struct State {
    users: BTreeMap<Uuid, Account>,
    sessions: HashMap<Uuid, Live>,
    by_access: HashMap<Hash, Uuid>,
    by_family: HashMap<Hash, Uuid>,
}

impl State {
    pub(crate) fn new(accounts: Vec<Account>, sessions: Vec<Session>) -> Self {
        let mut state = Self::default();
        for account in accounts {
            state.put_account(account);
        }
        for session in sessions {
            state.put_session(session, None);
        }
        state
    }

    pub(crate) fn put_account(&mut self, account: Account) {
        self.users.insert(account.user.id, account);
    }

    /// Removes a user with all sessions.
    pub(crate) fn remove_account(&mut self, id: Uuid) {
        self.users.remove(&id);
        self.remove_sessions_of(id, None);
    }

    pub(crate) fn account(&self, id: Uuid) -> Result<&Account> {
        self.users.get(&id).ok_or(AccessError::NotFound { what: "user", id })
    }

    pub(crate) fn account_by_key(&self, key: &str) -> Option<&Account> {
        self.users.values().find(|a| a.key == key)
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.users.values()
    }

    /// Adds a session, or replaces it after a rotation: then its old access token lasts a little longer.
    pub(crate) fn put_session(&mut self, session: Session, replay: Option<(Hash, Duration, Login)>) {
        let id = session.id;
        let mut old_access = None;
        if let Some(before) = self.sessions.remove(&id) {
            if let Some((older, _)) = before.old_access {
                self.by_access.remove(&older);
            }
            let until = before.session.access_expires.min(session.used + OLD_ACCESS_LASTS);
            old_access = Some((before.session.access, until));
        }
        self.by_access.insert(session.access, id);
        self.by_family.insert(session.family, id);
        let replay = replay.map(|(of, until, login)| Replay { of, until, login });
        self.sessions.insert(id, Live { session, old_access, replay });
    }

    pub(crate) fn remove_session(&mut self, id: Uuid) {
        if let Some(live) = self.sessions.remove(&id) {
            self.by_access.remove(&live.session.access);
            self.by_family.remove(&live.session.family);
            if let Some((old, _)) = live.old_access {
                self.by_access.remove(&old);
            }
        }
    }

    pub(crate) fn remove_all_sessions(&mut self) {
        self.sessions.clear();
        self.by_access.clear();
        self.by_family.clear();
    }

    /// Removes a user's sessions but one.
    pub(crate) fn remove_sessions_of(&mut self, user: Uuid, but: Option<Uuid>) {
        let gone: Vec<Uuid> = self
            .sessions
            .values()
            .map(|l| &l.session)
            .filter(|s| s.user == user && Some(s.id) != but)
            .map(|s| s.id)
            .collect();
        for id in gone {
            self.remove_session(id);
        }
    }

    pub(crate) fn session(&self, id: Uuid) -> Option<&Session> {
        self.sessions.get(&id).map(|l| &l.session)
    }

    pub(crate) fn session_by_family(&self, family: &Hash) -> Option<&Session> {
        self.by_family.get(family).and_then(|id| self.session(*id))
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().map(|l| &l.session)
    }

    /// The successor that `presented` got a moment ago.
    pub(crate) fn replay(&self, session: Uuid, presented: &Hash, now: Duration) -> Option<Login> {
        let replay = self.sessions.get(&session)?.replay.as_ref()?;
        (token::same(&replay.of, presented) && now < replay.until).then(|| replay.login.clone())
    }

    /// Forgets successors whose moment has passed, and with them the last plain tokens in memory.
    pub(crate) fn forget_replays(&mut self, now: Duration) {
        for live in self.sessions.values_mut() {
            if live.replay.as_ref().is_some_and(|r| now >= r.until) {
                live.replay = None;
            }
        }
    }

    /// Whether `key` is signed in from where `address` is.
    pub(crate) fn is_known(&self, key: &str, address: IpAddr, now: WallTime) -> bool {
        let origin = origin_of(address);
        self.account_by_key(key).is_some_and(|account| {
            self.sessions().any(|s| {
                s.user == account.user.id && s.refresh_expires > now && origin_of(s.address) == origin
            })
        })
    }

    /// Who holds the access token with this hash.
    pub(crate) fn principal(&self, access: &Hash, now: WallTime) -> Option<Principal> {
        let live = self.sessions.get(self.by_access.get(access)?)?;
        let session = &live.session;
        let expires = match &live.old_access {
            Some((old, until)) if old == access => *until,
            _ if session.access == *access => session.access_expires,
            _ => return None,
        };
        let issued = session.access_expires - ACCESS_LASTS;
        if now >= expires || now + CLOCK_SLACK < issued {
            return None;
        }
        let account = self.users.get(&session.user).filter(|a| !a.user.disabled)?;
        Some(Principal {
            user: account.user.id,
            username: Arc::clone(&account.name),
            role: account.user.role,
            session: session.id,
            expires,
        })
    }
}
