//! The register as other rooms use it.
#![allow(clippy::unwrap_used)]

use heron_cameras::{
    Camera, CameraPatch, CameraRegister, CamerasError, MIGRATIONS, NewCamera, RecordMode, Sealer, Transport,
};
use heron_core::{CameraId, ErrorKind, ManualClock, StreamKind, WallTime};
use heron_store::{Store, StoreOptions};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

async fn open(dir: &Path) -> (Store, CameraRegister) {
    let store = Store::open(&dir.join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap();
    let sealer = Sealer::open_or_create(&dir.join("cameras.key")).unwrap();
    let clock = Arc::new(ManualClock::new("2026-11-20T10:00:00Z".parse::<WallTime>().unwrap()));
    let register = CameraRegister::open(store.clone(), sealer, clock).await.unwrap();
    (store, register)
}

fn patch(json: Value) -> CameraPatch {
    serde_json::from_value(json).map_err(|e| e.to_string()).unwrap()
}

fn login(r: &CameraRegister, id: CameraId) -> Option<(String, String)> {
    r.credentials(id).unwrap().map(|c| (c.username.clone(), c.password.to_string()))
}

fn both(u: &str, p: &str) -> Option<(String, String)> {
    Some((u.to_owned(), p.to_owned()))
}

#[tokio::test]
async fn a_camera_comes_back_after_a_restart_with_its_password() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let mut changes = r.changes();
    let new: NewCamera = serde_json::from_value(json!({
        "name": "  Gate  ", "source": "rtsp://u:p%40ss@10.0.0.5/main", "sub_source": "rtsp://10.0.0.5/sub",
        "tags": ["yard", " gate ", "yard"], "record": {"mode": "continuous", "sub": false}
    }))
    .map_err(|e| e.to_string())
    .unwrap();
    let camera = r.create(new).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let json = serde_json::to_value(&*camera).unwrap();
    assert_eq!(
        json,
        json!({
            "id": camera.id, "name": "Gate", "source": "rtsp://10.0.0.5/main", "sub_source": "rtsp://10.0.0.5/sub",
            "username": "u", "has_password": true, "transport": "auto", "enabled": true, "site": r.default_site().id,
            "tags": ["gate", "yard"], "created": "2026-11-20T10:00:00.000Z",
            "record": {"mode": "continuous", "sub": false, "sub_mode": null, "pre_roll_s": null, "post_roll_s": null,
                "events": [], "schedule": null},
        })
    );
    assert_eq!(login(&r, camera.id), both("u", "p@ss"));
    assert_eq!(format!("{:?}", r.credentials(camera.id).unwrap().unwrap()), "Credentials(u, …)");
    store.close().await;
    for name in ["heron.db", "heron.db-wal"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
        assert!(!bytes.windows(4).any(|w| w == b"p@ss"), "{name} holds the password");
    }
    drop((store, r));
    let (_, r) = open(dir.path()).await;
    assert_eq!(r.get(camera.id).unwrap(), camera);
    assert_eq!(r.by_name("Gate").unwrap().id, camera.id);
    assert_eq!(login(&r, camera.id), both("u", "p@ss"));
    assert!(r.unreadable_passwords().is_empty());
}

#[tokio::test]
async fn names_that_look_like_code_are_data_and_control_characters_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    for name in [
        "Robert'); DROP TABLE cameras_cameras;--",
        "../../etc/passwd",
        "<script>alert(1)</script>",
        "%s%n",
        "Eingang Süd 門 🚪",
        "C:\\CON",
        &"x".repeat(100),
    ] {
        let camera = r.create(NewCamera::new(name, "rtsp://h/x")).await.unwrap();
        assert_eq!(camera.name, name);
        assert_eq!(r.by_name(name).unwrap().id, camera.id);
        let e = r.create(NewCamera::new(name, "rtsp://other/x")).await.unwrap_err();
        assert_eq!((e.kind(), e.field()), (ErrorKind::Conflict, Some("name")));
    }
    for name in [
        "",
        "   ",
        "a\u{0}b",
        "a\nb",
        "a\u{1b}[31m",
        "abc\u{202e}gpj",
        &"x".repeat(101),
        &"x".repeat(1 << 20),
    ] {
        let e = r.create(NewCamera::new(name, "rtsp://h/x")).await.unwrap_err();
        assert_eq!((e.kind(), e.field()), (ErrorKind::Invalid, Some("name")));
        assert!(e.to_string().len() < 200);
    }
    assert_eq!(r.all().len(), 7);
}

#[tokio::test]
async fn every_fault_names_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    let camera = r.create(NewCamera::new("a", "rtsp://h/x")).await.unwrap();
    for (given, field) in [
        (json!({"source": "http://h/x"}), "source"),
        (json!({"sub_source": "rtmp://h/x"}), "sub_source"),
        (json!({"source": "rtsp://a:b@h/x", "sub_source": "rtsp://a:c@h/y"}), "sub_source"),
        (json!({"username": "x".repeat(129)}), "username"),
        (json!({"username": "a\u{0}"}), "username"),
        (json!({"username": "u", "password": "x".repeat(257)}), "password"),
        (json!({"password": "p"}), "username"),
        (json!({"site": Uuid::nil()}), "site"),
        (json!({"tags": vec!["t"; 17]}), "tags"),
        (json!({"tags": ["x".repeat(33)]}), "tags"),
        (json!({"tags": [""]}), "tags"),
        (json!({"transport": "tls"}), "transport"),
        (json!({"transport": "udp", "source": "rtsps://h/x"}), "transport"),
        (json!({"transport": "tcp", "sub_source": "rtsps://h/x"}), "transport"),
    ] {
        let e = r.update(camera.id, patch(given.clone())).await.unwrap_err();
        assert_eq!((e.kind(), e.field()), (ErrorKind::Invalid, Some(field)), "{given}");
        let mut body = json!({"name": "b", "source": "rtsp://h/x"});
        body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let new: NewCamera = serde_json::from_value(body).map_err(|e| e.to_string()).unwrap();
        let e = r.create(new).await.unwrap_err();
        assert_eq!(e.field(), Some(field), "{given}");
    }
    assert_eq!(*r.get(camera.id).unwrap(), *camera, "nothing stuck");
    assert_eq!(r.all().len(), 1);
    for body in [
        json!({"name": null}),
        json!({"enabled": null}),
        json!({"tags": null}),
        json!({"nmae": "x"}),
        json!({"record": {"mode": "maybe"}}),
    ] {
        assert!(serde_json::from_value::<CameraPatch>(body.clone()).is_err(), "{body}");
    }
    let nobody = CameraId::generate();
    assert_eq!(r.update(nobody, patch(json!({}))).await.unwrap_err(), CamerasError::NoCamera(nobody));
    assert_eq!(r.delete(nobody).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(r.get(nobody).unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn patches_change_what_they_name_and_clear_what_is_null() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://u:p@h/x")).await.unwrap().id;
    let now = |json: Value| {
        let r = r.clone();
        async move { r.update(id, patch(json)).await.unwrap() }
    };
    let c = now(json!({"name": "b", "sub_source": "rtsp://h/y", "record": {"mode": "off"}})).await;
    assert_eq!((c.name.as_str(), c.record.mode, c.record.sub), ("b", Some(RecordMode::Off), true));
    assert_eq!(login(&r, id), both("u", "p"), "untouched");
    let c = now(json!({"sub_source": null, "enabled": false})).await;
    assert!(c.sub_source.is_none() && !c.enabled);
    now(json!({"password": "new"})).await;
    assert_eq!(login(&r, id), both("u", "new"));
    now(json!({"source": "rtsp://h/z"})).await;
    assert_eq!(login(&r, id), both("u", "new"), "an address without credentials keeps them");
    now(json!({"source": "rtsp://w@h2/x"})).await;
    assert_eq!(login(&r, id), both("w", ""), "an address with a user alone replaces both");
    now(json!({"source": "rtsp://a:b@h2/x", "username": "c", "password": "d"})).await;
    assert_eq!(login(&r, id), both("c", "d"), "the fields of their own win");
    let c = now(json!({"password": null})).await;
    assert!(!c.has_password);
    assert_eq!(login(&r, id), both("c", ""));
    now(json!({"password": "e"})).await;
    let c = now(json!({"username": null})).await;
    assert_eq!((c.username.clone(), c.has_password, login(&r, id)), (None, false, None));
    let c = now(json!({"source": "rtsps://h/x", "transport": "tls"})).await;
    assert_eq!(c.transport, Transport::Tls);
    let mut changes = r.changes();
    r.delete(id).await.unwrap();
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(r.credentials(id).unwrap_err(), CamerasError::NoCamera(id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patches_at_the_same_time_do_not_undo_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://h/x")).await.unwrap().id;
    let patches = [
        json!({"name": "b"}),
        json!({"sub_source": "rtsp://h/y"}),
        json!({"username": "u", "password": "p"}),
        json!({"enabled": false}),
        json!({"tags": ["t"]}),
        json!({"record": {"sub": false}}),
        json!({"transport": "udp"}),
    ];
    let tasks: Vec<_> = patches
        .into_iter()
        .map(|p| {
            let r = r.clone();
            tokio::spawn(async move { r.update(id, patch(p)).await })
        })
        .collect();
    for t in tasks {
        t.await.unwrap().unwrap();
    }
    let c = r.get(id).unwrap();
    let Camera { name, sub_source, enabled, tags, record, transport, .. } = &*c;
    assert_eq!((name.as_str(), sub_source.is_some(), *enabled), ("b", true, false));
    assert_eq!((tags.len(), record.sub, *transport), (1, false, Transport::Udp));
    assert_eq!(login(&r, id), both("u", "p"));
}

#[tokio::test]
async fn with_another_key_cameras_stay_and_passwords_are_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://u:p@h/x")).await.unwrap().id;
    let open_one = r.create(NewCamera::new("b", "rtsp://h/x")).await.unwrap().id;
    // One camera's sealed password in another's row does not open either.
    store
        .write(move |tx| {
            Ok(tx.execute(
                "UPDATE cameras_cameras SET username = 'u', password = (SELECT password FROM cameras_cameras WHERE name = 'a') WHERE name = 'b'",
                [],
            )?)
        })
        .await
        .unwrap();
    store.close().await;
    let (store, r) = open(dir.path()).await;
    assert_eq!(r.unreadable_passwords(), [open_one]);
    store.close().await;
    std::fs::remove_file(dir.path().join("cameras.key")).unwrap();
    let (_, r) = open(dir.path()).await;
    assert_eq!(r.unreadable_passwords(), [id, open_one]);
    let e = r.credentials(id).unwrap_err();
    assert_eq!(e, CamerasError::Sealed(id));
    assert!(e.to_string().contains("enter the password again"), "{e}");
    r.update(id, patch(json!({"name": "still works"}))).await.unwrap();
    r.update(id, patch(json!({"password": "again"}))).await.unwrap();
    assert_eq!(login(&r, id), both("u", "again"));
    assert_eq!(r.unreadable_passwords(), [open_one]);
}

#[tokio::test]
async fn lists_go_page_by_page_and_the_register_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    for i in 0..256 {
        r.create(NewCamera::new(&format!("c{i}"), "rtsp://h/x")).await.unwrap();
    }
    let e = r.create(NewCamera::new("one more", "rtsp://h/x")).await.unwrap_err();
    assert_eq!(e, CamerasError::Full(256));
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = r.list(100, cursor.as_deref()).unwrap();
        names.extend(page.items.iter().map(|c| c.name.clone()));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    names.dedup();
    assert_eq!(names.len(), 256);
    assert_eq!(r.list(0, None).unwrap().items.len(), 1);
    assert!(r.list(256, None).unwrap().next.is_none());
    assert_eq!(r.list(1, Some("x")).unwrap_err().field(), Some("cursor"));
}

#[tokio::test]
async fn there_is_always_a_site_and_the_claim_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let site = r.default_site();
    assert_eq!((site.name.as_str(), site.timezone.as_str()), ("Home", "UTC"));
    let named = r.set_site(site.id, Some(" Café Süd ".into()), Some("Europe/Berlin".into())).await.unwrap();
    assert_eq!(
        (named.id, named.name.as_str(), named.timezone.as_str()),
        (site.id, "Café Süd", "Europe/Berlin")
    );
    r.set_site(site.id, None, Some("Asia/Kathmandu".into())).await.unwrap();
    assert_eq!(
        r.set_site(site.id, None, Some("Nowhere".into())).await.unwrap_err().field(),
        Some("timezone")
    );
    assert_eq!(r.set_site(site.id, Some(String::new()), None).await.unwrap_err().field(), Some("site_name"));
    assert_eq!(r.set_site(Uuid::nil(), None, None).await.unwrap_err().kind(), ErrorKind::NotFound);
    store.close().await;
    let (_, r) = open(dir.path()).await;
    assert_eq!(r.sites().len(), 1);
    assert_eq!(r.default_site().timezone, "Asia/Kathmandu");
}

fn whole(r: &CameraRegister, id: CameraId, kind: StreamKind) -> Option<String> {
    r.address(id, kind).unwrap().map(|u| u.to_string())
}

#[tokio::test]
async fn a_password_in_the_query_is_sealed_and_comes_back_for_connecting_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let mut new = NewCamera::new("a", "rtsp://h/x?user=u&password=S3cretMain&auth=Ab12cd&n=1");
    new.sub_source = Some("rtsp://h/user=u&pwd=S3cretSub".into());
    let camera = r.create(new).await.unwrap();
    let id = camera.id;
    let (main, sub) = ("rtsp://h/x?user=u&password=***&auth=***&n=1", "rtsp://h/user=u&pwd=***");
    assert_eq!(camera.source.as_str(), main);
    assert_eq!(camera.sub_source.as_ref().unwrap().as_str(), sub);
    for shown in [format!("{camera:?}"), serde_json::to_string(&*camera).unwrap()] {
        assert!(!shown.contains("S3cret") && !shown.contains("Ab12cd"), "{shown}");
    }
    let both_whole = |r: &CameraRegister| (whole(r, id, StreamKind::Main), whole(r, id, StreamKind::Sub));
    let as_given = (
        Some("rtsp://h/x?user=u&password=S3cretMain&auth=Ab12cd&n=1".to_owned()),
        Some("rtsp://h/user=u&pwd=S3cretSub".to_owned()),
    );
    assert_eq!(both_whole(&r), as_given);
    // What a form sends back unchanged changes nothing; another camera's mask stands for nothing.
    r.update(id, patch(json!({"name": "b", "source": main, "sub_source": sub}))).await.unwrap();
    r.update(id, patch(json!({"enabled": false}))).await.unwrap();
    assert_eq!(both_whole(&r), as_given);
    let e = r.create(NewCamera::new("c", main)).await.unwrap_err();
    assert_eq!((e.kind(), e.field()), (ErrorKind::Invalid, Some("source")));
    let e = r.update(id, patch(json!({"source": "rtsp://thief/x?password=***"}))).await.unwrap_err();
    assert_eq!((e.kind(), e.field()), (ErrorKind::Invalid, Some("source")));
    store.close().await;
    for name in ["heron.db", "heron.db-wal"] {
        let bytes = std::fs::read(dir.path().join(name)).unwrap_or_default();
        for secret in ["S3cretMain", "S3cretSub", "Ab12cd"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} in {name}");
        }
    }
    let (store, r) = open(dir.path()).await;
    assert_eq!(both_whole(&r), as_given);
    // Part of it new, part of it as stored; then none.
    r.update(id, patch(json!({"source": "rtsp://h/y?password=new&auth=***"}))).await.unwrap();
    assert_eq!(whole(&r, id, StreamKind::Main).unwrap(), "rtsp://h/y?password=new&auth=Ab12cd");
    r.update(id, patch(json!({"source": "rtsp://h/y", "sub_source": null}))).await.unwrap();
    assert_eq!(both_whole(&r), (Some("rtsp://h/y".into()), None));
    assert_eq!(r.address(CameraId::generate(), StreamKind::Main).unwrap_err().kind(), ErrorKind::NotFound);
    store.close().await;
}

#[tokio::test]
async fn an_address_stored_in_clear_is_sealed_when_the_register_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://h/x")).await.unwrap().id;
    store
        .write(|tx| Ok(tx.execute("UPDATE cameras_cameras SET source = 'rtsp://h/x?pwd=old'", [])?))
        .await
        .unwrap();
    store.close().await;
    for _ in 0..2 {
        let (store, r) = open(dir.path()).await;
        assert_eq!(r.get(id).unwrap().source.as_str(), "rtsp://h/x?pwd=***");
        assert_eq!(whole(&r, id, StreamKind::Main).unwrap(), "rtsp://h/x?pwd=old");
        let row: String = store
            .read(|c| Ok(c.query_row("SELECT source FROM cameras_cameras", [], |r| r.get(0))?))
            .await
            .unwrap();
        assert_eq!(row, "rtsp://h/x?pwd=***");
        store.close().await;
    }
}

#[tokio::test]
async fn without_the_key_file_sealed_addresses_are_asked_for_again_too() {
    let dir = tempfile::tempdir().unwrap();
    let (store, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://h/x?pwd=p")).await.unwrap().id;
    r.create(NewCamera::new("b", "rtsp://h/x")).await.unwrap();
    assert!(r.unreadable_passwords().is_empty());
    store.close().await;
    std::fs::remove_file(dir.path().join("cameras.key")).unwrap();
    let (_, r) = open(dir.path()).await;
    assert_eq!(r.unreadable_passwords(), [id]);
    assert_eq!(r.address(id, StreamKind::Main).unwrap_err(), CamerasError::Sealed(id));
    r.update(id, patch(json!({"name": "still works"}))).await.unwrap();
    assert_eq!(r.unreadable_passwords(), [id]);
    r.update(id, patch(json!({"source": "rtsp://h/x?pwd=again"}))).await.unwrap();
    assert!(r.unreadable_passwords().is_empty());
}

#[tokio::test]
async fn a_stored_password_does_not_follow_an_address_to_another_host() {
    let dir = tempfile::tempdir().unwrap();
    let (_, r) = open(dir.path()).await;
    let id = r.create(NewCamera::new("a", "rtsp://u:p@h/x")).await.unwrap().id;
    for moved in [
        json!({"source": "rtsp://thief/x"}),
        json!({"source": "rtsp://h:8554/x"}),
        json!({"source": "rtsps://h/x"}),
        json!({"sub_source": "rtsp://thief/y"}),
        json!({"source": "rtsp://thief/x", "username": "other"}),
    ] {
        let e = r.update(id, patch(moved.clone())).await.unwrap_err();
        assert_eq!((e.kind(), e.field()), (ErrorKind::Invalid, Some("password")), "{moved}");
        assert!(e.to_string().contains("give the password again (or null to forget it)"), "{e}");
    }
    assert_eq!((r.get(id).unwrap().source.as_str(), login(&r, id)), ("rtsp://h/x", both("u", "p")));
    for (allowed, then) in [
        (json!({"source": "rtsp://H:554/z", "sub_source": "rtsp://h/y"}), both("u", "p")),
        (json!({"source": "rtsp://h2/x", "sub_source": null, "password": "p2"}), both("u", "p2")),
        (json!({"source": "rtsp://v:w@h3/x"}), both("v", "w")),
        (json!({"source": "rtsp://h4/x", "password": null}), both("v", "")),
        (json!({"source": "rtsp://h5/x"}), both("v", "")),
        (json!({"source": "rtsp://h6/x", "username": null}), None),
    ] {
        r.update(id, patch(allowed.clone())).await.unwrap();
        assert_eq!(login(&r, id), then, "{allowed}");
    }
}
