//! Signing in, being locked out, and not being locked out.
#![allow(clippy::unwrap_used)]

mod bench;
use bench::{Bench, OWNER, from, home, password_of};
use heron_access::{AccessError, Origin, Role, UserPatch};
use heron_core::{ErrorKind, Severity};
use std::time::Duration;

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_disabled_one_look_the_same() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let gone = b.add(&by, "gone", Role::Viewer).await;
    b.access
        .update_user(&by, gone.id, UserPatch { disabled: Some(true), ..Default::default() })
        .await
        .unwrap();
    let long = "x".repeat(1 << 20);
    let mut answers = Vec::new();
    for (i, (name, password)) in [
        (OWNER.0, "wrong password"),
        ("nobody", OWNER.1),
        ("gone", password_of("gone").as_str()),
        ("' OR 1=1 --", "x"),
        ("../../etc/shadow", "x"),
        ("", ""),
        (&long, "x"),
        (OWNER.0, &long),
        ("\u{0}", "\u{0}"),
        ("/claim", "x"),
    ]
    .into_iter()
    .enumerate()
    {
        let e = b.access.login(name, password, from(&format!("10.1.1.{i}"))).await.unwrap_err();
        answers.push((e.to_string(), e.kind()));
    }
    answers.dedup();
    assert_eq!(answers, [("the user name or the password is wrong".to_owned(), ErrorKind::Unauthenticated)]);
    // What was typed as the name of nobody is not written down.
    let audit = b.audit.lock().unwrap();
    let failed: Vec<_> = audit.iter().filter(|d| d.kind == "access.login_failed").collect();
    assert_eq!(failed.len(), 10);
    assert!(failed[0].text.as_ref().unwrap().contains("as owner from 10.1.1.0"));
    assert!(failed[1].text.as_ref().unwrap().contains("as an unknown user"));
    let all = format!("{audit:?}");
    assert!(!all.contains("nobody") && !all.contains("OR 1=1") && !all.contains(OWNER.1), "{all}");
}

#[tokio::test]
async fn guessing_is_locked_and_the_owner_elsewhere_is_not() {
    let (b, _) = Bench::claimed().await;
    let thief = || from("203.0.113.9");
    for _ in 0..5 {
        let e = b.access.login(OWNER.0, "wrong password", thief()).await.unwrap_err();
        assert_eq!(e, AccessError::WrongCredentials);
    }
    assert_eq!(
        (b.last_audit().kind.as_str(), b.last_audit().severity),
        ("access.locked_out", Severity::High)
    );
    // Even the right password does not help him now.
    let e = b.access.login(OWNER.0, OWNER.1, thief()).await.unwrap_err();
    assert_eq!((e.kind().http_status(), e.retry_after()), (429, Some(Duration::from_secs(5))));
    b.access.login(OWNER.0, OWNER.1, home()).await.unwrap();
    b.access.login(OWNER.0, OWNER.1, from("198.51.100.4")).await.unwrap();
    b.advance(5);
    b.access.login(OWNER.0, OWNER.1, thief()).await.unwrap();
}

#[tokio::test]
async fn an_attacker_at_the_owners_own_address_cannot_keep_him_out() {
    let (b, owner) = Bench::claimed().await;
    // Behind the same address somebody tries many names, and the owner's without pause, for half a day.
    let mut refused = 0;
    for i in 0..25 {
        if b.access
            .login(&format!("name{i}"), "wrong password", home())
            .await
            .unwrap_err()
            .retry_after()
            .is_some()
        {
            refused += 1;
        }
    }
    assert_eq!(refused, 5, "the address's own limit holds for strangers");
    let mut login = owner;
    for _ in 0..48 {
        b.advance(890);
        let _ = b.access.login(OWNER.0, "wrong password", home()).await;
        // His session goes on.
        b.who(&login);
        login = b.access.refresh(&login.refresh_token, home()).await.unwrap();
    }
    let e = b.access.login(OWNER.0, OWNER.1, home()).await.unwrap_err();
    let wait = e.retry_after().unwrap();
    assert!(wait <= Duration::from_secs(900), "{wait:?}");
    b.advance(wait.as_secs());
    b.access.login(OWNER.0, OWNER.1, home()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_in_parallel_gains_nothing() {
    let (b, _) = Bench::claimed().await;
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let access = b.access.clone();
            tokio::spawn(async move { access.login(OWNER.0, "wrong password", from("203.0.113.9")).await })
        })
        .collect();
    let (mut looked_at, mut locked) = (0, 0);
    for t in tasks {
        match t.await.unwrap().unwrap_err() {
            AccessError::WrongCredentials => looked_at += 1,
            AccessError::LockedOut { .. } => locked += 1,
            e => panic!("{e}"),
        }
    }
    assert_eq!((looked_at, locked), (5, 35));
}

#[tokio::test]
async fn a_flood_of_failures_does_not_flood_the_audit() {
    let (b, _) = Bench::claimed().await;
    for i in 0..50 {
        let _ = b.access.login("nobody", "wrong password", from(&format!("10.0.{i}.1"))).await;
    }
    assert_eq!(b.kinds().len(), 1 + 30);
    b.advance(60);
    let _ = b.access.login("nobody", "wrong password", from("10.1.0.1")).await;
    assert_eq!(b.last_audit().detail["failures_not_listed_before"], 20);
}

#[tokio::test]
async fn signing_in_notes_when_and_from_where() {
    let (b, _) = Bench::claimed().await;
    b.advance(100);
    let agent = Some(format!("evil\u{1b}[31m{}", "x".repeat(1000)));
    let login = b
        .access
        .login("OWNER", OWNER.1, Origin { address: "fe80::1".parse().unwrap(), agent })
        .await
        .unwrap();
    assert_eq!(login.user.last_login.unwrap().to_string(), "2026-11-20T10:01:40.000Z");
    let who = b.who(&login);
    let sessions = b.access.sessions(&who);
    assert_eq!(sessions.len(), 2);
    let this = &sessions[0];
    assert!(this.current && this.id == login.session);
    assert_eq!(this.address.to_string(), "fe80::1");
    let agent = this.agent.as_ref().unwrap();
    assert!(agent.starts_with("evil[31mx") && agent.len() == 200);
    assert_eq!(b.last_audit().detail["address"], "fe80::1");
    assert!(!format!("{login:?}").contains(login.access_token.as_str()));
}
