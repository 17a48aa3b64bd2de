//! The first boot.
#![allow(clippy::unwrap_used)]

mod bench;
use bench::{Bench, OWNER, from, home};
use heron_access::{AccessError, Role};
use heron_core::ErrorKind;

#[tokio::test]
async fn a_box_is_claimed_with_its_token_and_then_never_again() {
    let mut b = Bench::new().await;
    assert!(!b.access.is_claimed());
    assert_eq!(b.access.login(OWNER.0, OWNER.1, home()).await.unwrap_err(), AccessError::NotClaimed);
    let token = b.access.claim_token().unwrap();
    b.restart().await;
    assert_eq!(b.access.claim_token().unwrap(), token, "the label stays true");
    let mut changes = b.access.changes();
    let typed = format!(" {} ", token.to_lowercase().replace('-', " "));
    let login = b.access.claim(&typed, " Owner ", OWNER.1, home()).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(
        (login.user.username.as_str(), login.user.role, login.expires_in),
        ("Owner", Role::Admin, 900)
    );
    assert_eq!(b.who(&login).role, Role::Admin);
    for _ in 0..2 {
        assert!(b.access.is_claimed());
        assert_eq!(b.access.claim_token(), None);
        let e = b.access.claim(&token, "second", "another long secret", home()).await.unwrap_err();
        assert_eq!((e.clone(), e.kind()), (AccessError::AlreadyClaimed, ErrorKind::Conflict));
        b.restart().await;
    }
    assert_eq!(b.kinds(), ["access.claimed"]);
    b.access.login("OWNER", OWNER.1, home()).await.unwrap();
    // Neither token nor password lie in the file.
    b.store.close().await;
    let bytes = std::fs::read(b.dir.path().join("heron.db")).unwrap();
    for secret in
        [token.as_bytes(), OWNER.1.as_bytes(), login.access_token.as_bytes(), login.refresh_token.as_bytes()]
    {
        assert!(!bytes.windows(secret.len()).any(|w| w == secret));
    }
}

#[tokio::test]
async fn wrong_tokens_are_refused_slowed_and_reported() {
    let b = Bench::new().await;
    let token = b.access.claim_token().unwrap();
    let thief = || from("192.168.1.66");
    let mut locked = None;
    for i in 0..10 {
        // The name and the password are not looked at without the token.
        match b.access.claim(&format!("7K3MX-{i}"), "", "", thief()).await.unwrap_err() {
            AccessError::WrongClaimToken => assert!(locked.is_none()),
            e @ AccessError::LockedOut { .. } => locked = e.retry_after(),
            e => panic!("{e}"),
        }
    }
    assert_eq!(locked.unwrap().as_secs(), 5);
    let e = b.access.claim(&token, OWNER.0, OWNER.1, thief()).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Exhausted);
    assert_eq!(b.kinds(), ["access.claim_failed"; 5]);
    b.access.claim(&"x".repeat(1 << 20), "a", "b", home()).await.unwrap_err();
    // The owner elsewhere is not kept waiting, and mistakes in name and password do not use up tries.
    for _ in 0..30 {
        let e = b.access.claim(&token, OWNER.0, "short", home()).await.unwrap_err();
        assert_eq!(e.field(), Some("password"));
    }
    let e = b.access.claim(&token, "'; DROP TABLE access_users; --", OWNER.1, home()).await.unwrap_err();
    assert_eq!(e.field(), Some("username"));
    b.access.claim(&token, OWNER.0, OWNER.1, home()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claims_at_once_exactly_one_wins() {
    let b = Bench::new().await;
    let token = b.access.claim_token().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let (access, token) = (b.access.clone(), token.clone());
            tokio::spawn(async move { access.claim(&token, &format!("owner{i}"), OWNER.1, home()).await })
        })
        .collect();
    let mut won = Vec::new();
    for t in tasks {
        match t.await.unwrap() {
            Ok(login) => won.push(login),
            Err(e) => assert_eq!(e, AccessError::AlreadyClaimed),
        }
    }
    assert_eq!(won.len(), 1);
    let users = b.access.users();
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].id, won[0].user.id);
    b.who(&won[0]);
}
