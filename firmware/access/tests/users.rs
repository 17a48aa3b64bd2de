//! Managing users.
#![allow(clippy::unwrap_used)]

mod bench;
use bench::{Bench, OWNER, home, password_of};
use heron_access::{AccessError, NewUser, Right, Role, UserPatch};
use heron_core::ErrorKind;
use uuid::Uuid;

fn patch() -> UserPatch {
    UserPatch::default()
}

#[tokio::test]
async fn only_administrators_manage_users() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    for role in [Role::Supervisor, Role::Viewer] {
        let user = b.add(&by, role.as_str(), role).await;
        let login = b.login(role.as_str(), home()).await;
        let who = b.who(&login);
        let new = NewUser { username: "x".into(), password: "a long enough one".into(), role: Role::Admin };
        let forbidden = AccessError::Forbidden(Right::Users);
        assert_eq!(b.access.create_user(&who, new).await.unwrap_err(), forbidden);
        let up = UserPatch { role: Some(Role::Admin), ..patch() };
        assert_eq!(b.access.update_user(&who, user.id, up).await.unwrap_err(), forbidden);
        assert_eq!(b.access.delete_user(&who, owner.user.id).await.unwrap_err(), forbidden);
        assert_eq!(forbidden.kind(), ErrorKind::Forbidden);
        assert!(who.require(Right::Live).is_ok() && who.require(Right::Configure).is_err());
    }
    assert_eq!(b.access.users().len(), 3);
}

#[tokio::test]
async fn names_and_passwords_are_checked_and_names_are_unique_in_any_case() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let make = |username: &str, password: &str| {
        let new = NewUser { username: username.into(), password: password.into(), role: Role::Viewer };
        let (access, by) = (b.access.clone(), by.clone());
        async move { access.create_user(&by, new).await }
    };
    for (name, password, field) in [
        ("", "a long enough one", "username"),
        ("a b", "a long enough one", "username"),
        ("Robert'); DROP TABLE access_users;--", "a long enough one", "username"),
        ("anna", "short", "password"),
        ("anna", "anna.anna.anna", "password"),
        ("anna", "Password123", "password"),
    ] {
        assert_eq!(make(name, password).await.unwrap_err().field(), Some(field), "{name} {password}");
    }
    make("Anna", "a long enough one").await.unwrap();
    let e = make(" aNNA", "another long enough one").await.unwrap_err();
    assert_eq!((e.kind(), e.field()), (ErrorKind::Conflict, Some("username")));
    assert!(serde_json::from_str::<NewUser>(r#"{"username":"a","password":"b","role":"root"}"#).is_err());
    assert!(serde_json::from_str::<UserPatch>(r#"{"username":"a"}"#).is_err());
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let me = owner.user.id;
    let changes =
        [UserPatch { role: Some(Role::Viewer), ..patch() }, UserPatch { disabled: Some(true), ..patch() }];
    for change in &changes {
        let e = b.access.update_user(&by, me, change.clone()).await.unwrap_err();
        assert_eq!((e.kind(), e.field()), (ErrorKind::Conflict, Some("role")));
    }
    assert_eq!(b.access.delete_user(&by, me).await.unwrap_err().kind(), ErrorKind::Conflict);
    b.who(&owner);
    let second = b.add(&by, "second", Role::Admin).await;
    b.access.update_user(&by, second.id, UserPatch { disabled: Some(true), ..patch() }).await.unwrap();
    assert!(b.access.delete_user(&by, me).await.is_err(), "a disabled one does not count");
    b.access.update_user(&by, second.id, UserPatch { disabled: Some(false), ..patch() }).await.unwrap();
    b.access.delete_user(&by, me).await.unwrap();
    assert!(b.access.authenticate(&owner.access_token).is_err());
    let login = b.login("second", home()).await;
    assert!(b.access.delete_user(&b.who(&login), second.id).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_administrators_who_remove_each_other_at_once_leave_one() {
    let (b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let second = b.add(&by, "second", Role::Admin).await;
    let login = b.login("second", home()).await;
    let other = b.who(&login);
    let (a, c) =
        tokio::join!(b.access.delete_user(&by, second.id), b.access.delete_user(&other, owner.user.id));
    assert!(a.is_ok() != c.is_ok(), "{a:?} {c:?}");
    assert_eq!(b.access.users().len(), 1);
}

#[tokio::test]
async fn a_role_holds_at_once_and_a_new_password_ends_the_other_sessions() {
    let (mut b, owner) = Bench::claimed().await;
    let by = b.who(&owner);
    let anna = b.add(&by, "anna", Role::Viewer).await;
    let login = b.login("anna", home()).await;
    b.access.update_user(&by, anna.id, UserPatch { role: Some(Role::Admin), ..patch() }).await.unwrap();
    b.who(&login).require(Right::Users).unwrap();
    b.access.update_user(&by, anna.id, UserPatch { role: Some(Role::Viewer), ..patch() }).await.unwrap();
    assert!(b.who(&login).require(Right::Users).is_err());

    let new = UserPatch { password: Some("quite another secret".into()), ..patch() };
    b.access.update_user(&by, anna.id, new).await.unwrap();
    assert!(b.access.authenticate(&login.access_token).is_err());
    let e = b.access.login("anna", &password_of("anna"), home()).await.unwrap_err();
    assert_eq!(e, AccessError::WrongCredentials);
    let one = b.access.login("anna", "quite another secret", home()).await.unwrap();
    let two = b.access.login("anna", "quite another secret", home()).await.unwrap();

    let who = b.who(&one);
    let own = |old: &'static str, new: &'static str| {
        let (access, who) = (b.access.clone(), who.clone());
        async move { access.change_own_password(&who, old, new, home()).await }
    };
    assert_eq!(own("wrong", "a third long secret").await.unwrap_err().field(), Some("old_password"));
    assert_eq!(own("quite another secret", "short").await.unwrap_err().field(), Some("password"));
    own("quite another secret", "a third long secret").await.unwrap();
    b.who(&one);
    assert!(b.access.authenticate(&two.access_token).is_err());
    for _ in 0..5 {
        own("wrong", "x").await.unwrap_err();
    }
    assert_eq!(
        own("a third long secret", "a fourth long secret").await.unwrap_err().kind(),
        ErrorKind::Exhausted
    );

    let nobody = Uuid::now_v7();
    let missing = AccessError::NotFound { what: "user", id: nobody };
    assert_eq!(b.access.update_user(&by, nobody, patch()).await.unwrap_err(), missing);
    assert_eq!(b.access.delete_user(&by, nobody).await.unwrap_err(), missing);
    assert_eq!(b.access.user(nobody).unwrap_err(), missing);
    b.restart().await;
    b.access.login("anna", "a third long secret", home()).await.unwrap();
    b.access.login(OWNER.0, OWNER.1, home()).await.unwrap();
    let kinds = b.kinds();
    for kind in ["access.user_created", "access.user_changed", "access.password_changed"] {
        assert!(kinds.iter().any(|k| k == kind), "{kinds:?}");
    }
}
