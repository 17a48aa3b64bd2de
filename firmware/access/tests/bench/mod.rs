//! A box with a clock that the test moves, and what it told the audit.
#![allow(dead_code, unreachable_pub)]

use heron_access::{Access, AccessOptions, Login, MIGRATIONS, NewUser, Origin, Principal, Role, User};
use heron_core::{EventDraft, ManualClock, WallTime};
use heron_store::{Store, StoreOptions};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const OWNER: (&str, &str) = ("owner", "correct horse battery");

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub access: Access,
    pub audit: Arc<Mutex<Vec<EventDraft>>>,
}

pub fn from(address: &str) -> Origin {
    Origin { address: address.parse().unwrap(), agent: Some("browser".into()) }
}

pub fn home() -> Origin {
    from("192.168.1.20")
}

impl Bench {
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap()));
        let audit = Arc::new(Mutex::new(Vec::new()));
        let (store, access) = Self::open(&dir, &clock, &audit).await;
        Self { dir, store, clock, access, audit }
    }

    async fn open(
        dir: &tempfile::TempDir,
        clock: &Arc<ManualClock>,
        audit: &Arc<Mutex<Vec<EventDraft>>>,
    ) -> (Store, Access) {
        let store =
            Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap();
        let sink = Arc::clone(audit);
        let access = Access::open(
            store.clone(),
            clock.clone(),
            AccessOptions::default(),
            Arc::new(move |draft| sink.lock().unwrap().push(draft)),
        )
        .await
        .unwrap();
        (store, access)
    }

    pub async fn restart(&mut self) {
        self.store.close().await;
        (self.store, self.access) = Self::open(&self.dir, &self.clock, &self.audit).await;
    }

    /// A box that its owner has claimed, and who is signed in from home.
    pub async fn claimed() -> (Self, Login) {
        let b = Self::new().await;
        let token = b.access.claim_token().unwrap();
        let login = b.access.claim(&token, OWNER.0, OWNER.1, home()).await.unwrap();
        (b, login)
    }

    pub fn who(&self, login: &Login) -> Principal {
        self.access.authenticate(&login.access_token).unwrap()
    }

    pub async fn add(&self, by: &Principal, name: &str, role: Role) -> User {
        let new = NewUser { username: name.into(), password: password_of(name), role };
        self.access.create_user(by, new).await.unwrap()
    }

    pub async fn login(&self, name: &str, origin: Origin) -> Login {
        self.access.login(name, &password_of(name), origin).await.unwrap()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub fn kinds(&self) -> Vec<String> {
        self.audit.lock().unwrap().iter().map(|d| d.kind.clone()).collect()
    }

    pub fn last_audit(&self) -> EventDraft {
        self.audit.lock().unwrap().last().unwrap().clone()
    }
}

pub fn password_of(name: &str) -> String {
    if name == OWNER.0 { OWNER.1.to_owned() } else { format!("the long secret of {name}") }
}
