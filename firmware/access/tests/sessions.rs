//! Tokens: how long they last, how they rotate, how they end.
#![allow(clippy::unwrap_used)]

mod bench;
use bench::{Bench, OWNER, from, home};
use heron_access::{AccessError, Role, UserPatch};
use heron_core::{ErrorKind, Severity};

const DAY: u64 = 24 * 3600;

#[tokio::test]
async fn access_tokens_last_fifteen_minutes_and_survive_a_restart() {
    let (mut b, login) = Bench::claimed().await;
    b.advance(15 * 60 - 1);
    assert_eq!(b.who(&login).username.as_ref(), OWNER.0);
    b.restart().await;
    b.who(&login);
    b.advance(1);
    assert_eq!(b.access.authenticate(&login.access_token).unwrap_err(), AccessError::WrongToken);
    assert!(b.access.is_live(login.session), "the session itself stands");
    let next = b.access.refresh(&login.refresh_token, home()).await.unwrap();
    assert_eq!(b.who(&next).session, login.session);
}

#[tokio::test]
async fn forged_tokens_are_all_the_same_wrong() {
    let (b, login) = Bench::claimed().await;
    let mut cut = login.access_token.to_string();
    cut.pop();
    let mut flipped = login.access_token.to_string();
    let last = if flipped.ends_with('A') { 'E' } else { 'A' };
    flipped.pop();
    flipped.push(last);
    for forged in [
        "",
        "x",
        "Bearer",
        &cut,
        &flipped,
        &"A".repeat(43),
        &"A".repeat(1 << 20),
        "' OR ''='",
        "\u{0}",
        "ééééééééééééééééééééé=",
    ] {
        assert_eq!(b.access.authenticate(forged).unwrap_err().kind(), ErrorKind::Unauthenticated);
        assert_eq!(b.access.refresh(forged, home()).await.unwrap_err(), AccessError::WrongToken);
    }
    assert!(b.access.authenticate(&login.refresh_token).is_err());
    assert_eq!(b.access.refresh(&"A".repeat(64), home()).await.unwrap_err(), AccessError::WrongToken);
    assert_eq!(b.access.refresh(&login.access_token, home()).await.unwrap_err(), AccessError::WrongToken);
    b.who(&login);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_last_thirty_days_from_the_last_use() {
    let (b, mut login) = Bench::claimed().await;
    for _ in 0..3 {
        b.advance(29 * DAY);
        login = b.access.refresh(&login.refresh_token, home()).await.unwrap();
    }
    b.advance(30 * DAY);
    assert_eq!(b.access.refresh(&login.refresh_token, home()).await.unwrap_err(), AccessError::WrongToken);
    assert!(!b.access.is_live(login.session));
    b.access.sweep().await.unwrap();
    let rows: i64 = b
        .store
        .read(|c| Ok(c.query_row("SELECT count(*) FROM access_sessions", [], |r| r.get(0))?))
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_spent_refresh_token_ends_the_session() {
    let (b, first) = Bench::claimed().await;
    let other = b.access.login(OWNER.0, OWNER.1, home()).await.unwrap();
    let second = b.access.refresh(&first.refresh_token, home()).await.unwrap();
    b.advance(11);
    let third = b.access.refresh(&second.refresh_token, home()).await.unwrap();
    // The thief comes with the first one.
    let mut changes = b.access.changes();
    changes.mark_unchanged();
    let e = b.access.refresh(&first.refresh_token, from("203.0.113.9")).await.unwrap_err();
    assert_eq!(e, AccessError::WrongToken);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    for token in [&second.access_token, &third.access_token] {
        assert_eq!(b.access.authenticate(token).unwrap_err(), AccessError::WrongToken);
    }
    assert_eq!(b.access.refresh(&third.refresh_token, home()).await.unwrap_err(), AccessError::WrongToken);
    let told = b.last_audit();
    assert_eq!((told.kind.as_str(), told.severity), ("access.refresh_reused", Severity::High));
    assert_eq!(told.detail["address"], "203.0.113.9");
    b.who(&other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_refresh_at_the_same_time_get_the_same_tokens() {
    let (b, login) = Bench::claimed().await;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let (access, token) = (b.access.clone(), login.refresh_token.clone());
            tokio::spawn(async move { access.refresh(&token, home()).await })
        })
        .collect();
    let mut pairs = Vec::new();
    for t in tasks {
        let next = t.await.unwrap().unwrap();
        pairs.push((next.access_token.to_string(), next.refresh_token.to_string()));
    }
    pairs.dedup();
    assert_eq!(pairs.len(), 1);
    // Requests that were on their way with the old access token still arrive, for a moment.
    b.who(&login);
    b.advance(9);
    b.access.refresh(&login.refresh_token, home()).await.unwrap();
    b.advance(1);
    assert!(b.access.refresh(&login.refresh_token, home()).await.is_err());
    assert!(!b.access.is_live(login.session));
}

#[tokio::test]
async fn an_old_access_token_ends_soon_after_the_rotation() {
    let (b, login) = Bench::claimed().await;
    let next = b.access.refresh(&login.refresh_token, home()).await.unwrap();
    b.advance(29);
    assert!(b.who(&login).expires < b.who(&next).expires);
    b.advance(1);
    assert!(b.access.authenticate(&login.access_token).is_err());
    let last = b.access.refresh(&next.refresh_token, home()).await.unwrap();
    b.who(&next);
    b.who(&last);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_token_last_longer() {
    let (b, login) = Bench::claimed().await;
    b.clock.set_wall("2026-11-20T09:00:00Z".parse().unwrap());
    assert!(b.access.authenticate(&login.access_token).is_err());
    let next = b.access.refresh(&login.refresh_token, home()).await.unwrap();
    b.who(&next);
}

#[tokio::test]
async fn logging_out_ends_one_session_and_disabling_ends_all() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let anna = b.add(&by, "anna", Role::Supervisor).await;
    let (one, two) = (b.login("anna", home()).await, b.login("anna", from("10.0.0.7")).await);
    b.access.logout(&b.who(&one)).await.unwrap();
    assert!(b.access.authenticate(&one.access_token).is_err());
    assert!(b.access.refresh(&one.refresh_token, home()).await.is_err());
    b.who(&two);
    b.access
        .update_user(&by, anna.id, UserPatch { disabled: Some(true), ..Default::default() })
        .await
        .unwrap();
    assert!(b.access.authenticate(&two.access_token).is_err());
    assert!(!b.access.is_live(two.session));
    assert!(b.access.refresh(&two.refresh_token, home()).await.is_err());
    b.access
        .update_user(&by, anna.id, UserPatch { disabled: Some(false), ..Default::default() })
        .await
        .unwrap();
    assert!(b.access.authenticate(&two.access_token).is_err(), "it does not come back to life");
    b.login("anna", home()).await;
}

#[tokio::test]
async fn sessions_are_listed_ended_and_bounded() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    b.add(&by, "anna", Role::Viewer).await;
    let anna = b.login("anna", home()).await;
    let anna_by = b.who(&anna);
    assert_eq!(b.access.sessions(&by).len(), 2);
    assert_eq!(b.access.sessions(&anna_by).len(), 1);
    let e = b.access.revoke_session(&anna_by, owner.session).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::NotFound, "not even that it exists");
    b.access.revoke_session(&by, anna.session).await.unwrap();
    assert!(b.access.authenticate(&anna.access_token).is_err());
    assert_eq!(b.access.revoke_session(&by, anna.session).await.unwrap_err().kind(), ErrorKind::NotFound);

    let mut logins = Vec::new();
    for _ in 0..33 {
        b.advance(1);
        logins.push(b.login("anna", home()).await);
    }
    assert!(b.access.authenticate(&logins[0].access_token).is_err(), "the least recently used went");
    b.who(&logins[1]);
    assert_eq!(b.access.sessions(&by).len(), 33);
}

#[tokio::test]
async fn after_a_restore_everybody_signs_in_again() {
    let (mut b, owner) = Bench::claimed().await;
    b.access.end_all_sessions("the database was restored").await.unwrap();
    assert!(b.access.authenticate(&owner.access_token).is_err());
    assert!(b.access.refresh(&owner.refresh_token, home()).await.is_err());
    b.restart().await;
    assert!(b.access.refresh(&owner.refresh_token, home()).await.is_err());
    b.access.login(OWNER.0, OWNER.1, home()).await.unwrap();
}
