//! A whole box in a temporary folder, asked in process.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]
#![allow(dead_code, reason = "every test file uses its own part")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use heron_access::{Access, AccessOptions, NewUser, Role};
use heron_api::{ApiState, Identity, Peer};
use heron_cameras::{CameraRegister, Sealer};
use heron_core::{Clock, StreamKey, SystemClock};
use heron_exports::{BoxIdentity, Exports, ExportsConfig, Recorded};
use heron_hub::{Hub, HubConfig};
use heron_ingest::{ChannelObserver, Ingest, IngestConfig};
use heron_journal::{Journal, JournalOptions};
use heron_live::Live;
use heron_record::{Playback, Recorder, RecorderConfig, VolumeConfig};
use heron_settings::Settings;
use heron_store::{Store, StoreOptions};
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const CAMERA_PASSWORD: &str = "s3cret-of-the-camera";

/// The rooms, opened on temporary folders.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) access: Access,
    pub(crate) cameras: CameraRegister,
    pub(crate) journal: Journal,
    pub(crate) hub: Arc<Hub>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) live: Arc<Live>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) router: Router,
    state: Option<ApiState>,
}

impl House {
    /// A box that nobody has claimed.
    pub(crate) async fn unclaimed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let path = folder.path().join("heron.db");
        let rooms = [
            heron_journal::MIGRATIONS,
            heron_settings::MIGRATIONS,
            heron_cameras::MIGRATIONS,
            heron_access::MIGRATIONS,
            heron_record::MIGRATIONS,
            heron_archive::MIGRATIONS,
            heron_exports::MIGRATIONS,
        ];
        let store = Store::open(&path, StoreOptions::default(), &rooms).unwrap();
        let journal =
            Journal::open(store.clone(), Arc::clone(&clock), JournalOptions::default()).await.unwrap();
        let settings =
            Settings::open(store.clone(), Arc::clone(&clock), &[heron_settings::KEYS, heron_exports::KEYS])
                .await
                .unwrap();
        let sealer = Sealer::open_or_create(&folder.path().join("seal.key")).unwrap();
        let cameras = CameraRegister::open(store.clone(), sealer.clone(), Arc::clone(&clock)).await.unwrap();
        let access =
            Access::open(store.clone(), Arc::clone(&clock), AccessOptions::default(), Arc::new(|_| {}))
                .await
                .unwrap();
        let hub = Hub::new(HubConfig::default());
        let (observer, _) = ChannelObserver::new(64);
        let ingest =
            Ingest::start(IngestConfig::default(), Arc::clone(&hub), Arc::clone(&clock), observer).unwrap();
        let (events, _) = tokio::sync::mpsc::channel(64);
        let volume = folder.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        let mut volume = VolumeConfig::new(volume);
        // The usual reserve would be more than a small test machine has free.
        volume.reserve_bytes = Some(1 << 20);
        let config = RecorderConfig::new(vec![volume]);
        let recorder =
            Recorder::start(config, Arc::clone(&hub), store.clone(), Arc::clone(&clock), events).unwrap();
        let recorder = Arc::new(recorder);
        let live = Live::new(Arc::clone(&hub), Arc::clone(&clock));
        let shutdown = CancellationToken::new();
        let started = clock.now();
        let archive = heron_archive::Archive::open(
            store.clone(),
            journal.clone(),
            recorder.playback(),
            sealer,
            Arc::clone(&clock),
            shutdown.clone(),
        )
        .await
        .unwrap();
        let exports = Exports::start(ExportsConfig {
            store: store.clone(),
            settings: settings.clone(),
            clock: Arc::clone(&clock),
            footage: Arc::new(Recorded::new(Arc::clone(&recorder), recorder.playback())),
            signer: recorder.signer(),
            identity: BoxIdentity { name: "Heron".into(), version: "0.1.0".into() },
            events: tokio::sync::mpsc::channel(64).0,
        })
        .unwrap();
        let make = || ApiState {
            exports: exports.clone(),
            access: access.clone(),
            cameras: cameras.clone(),
            journal: journal.clone(),
            settings: settings.clone(),
            hub: Arc::clone(&hub),
            ingest: Arc::new(
                Ingest::start(
                    IngestConfig::default(),
                    Arc::clone(&hub),
                    Arc::clone(&clock),
                    ChannelObserver::new(64).0,
                )
                .unwrap(),
            ),
            recorder: Arc::clone(&recorder),
            playback: recorder.playback(),
            archive: archive.clone(),
            live: Arc::clone(&live),
            store: store.clone(),
            clock: Arc::clone(&clock),
            identity: Identity { name: "Heron".into(), version: "0.1.0".into(), started },
            shutdown: shutdown.clone(),
        };
        drop(ingest);
        let router = heron_api::router(make());
        let state = Some(make());
        Self { router, state, folder, access, cameras, journal, hub, recorder, live, shutdown }
    }

    /// A box with an administrator `admin`, a `supervisor` and a `viewer`, who are not signed in.
    pub(crate) async fn new() -> Self {
        let house = Self::unclaimed().await;
        let token = house.access.claim_token().unwrap();
        let login = house.access.claim(&token, "admin", PASSWORD, origin()).await.unwrap();
        let admin = house.access.authenticate(&login.access_token).unwrap();
        for (name, role) in [("supervisor", Role::Supervisor), ("viewer", Role::Viewer)] {
            let new = NewUser { username: name.into(), password: PASSWORD.into(), role };
            house.access.create_user(&admin, new).await.unwrap();
        }
        house
    }

    /// The rooms for a server of its own; once.
    pub(crate) fn take_state(&mut self) -> ApiState {
        self.state.take().unwrap()
    }

    pub(crate) async fn token(&self, user: &str) -> String {
        self.access.login(user, PASSWORD, origin()).await.unwrap().access_token.to_string()
    }

    /// A client on this machine, not signed in.
    pub(crate) fn nobody(&self) -> Client {
        Client {
            router: self.router.clone(),
            headers: HeaderMap::new(),
            peer: "127.0.0.1:5000".parse().unwrap(),
            secure: false,
        }
    }

    /// A client with the token of `user`.
    pub(crate) async fn client(&self, user: &str) -> Client {
        self.nobody().with("authorization", &format!("Bearer {}", self.token(user).await))
    }

    pub(crate) fn playback(&self) -> Playback {
        self.recorder.playback()
    }

    /// Adds a camera that cannot be reached and that no ingest tries.
    pub(crate) async fn camera(&self) -> StreamKey {
        let admin = self.client("admin").await;
        let body = serde_json::json!({"name": "Gate", "source": "rtsp://127.0.0.1:9/main", "enabled": true});
        let answer = admin.post("/api/v1/cameras", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let id: uuid::Uuid = answer.json()["id"].as_str().unwrap().parse().unwrap();
        StreamKey::new(heron_core::CameraId(id), heron_core::StreamKind::Main)
    }
}

pub(crate) fn origin() -> heron_access::Origin {
    heron_access::Origin { address: "127.0.0.1".parse().unwrap(), agent: None }
}

/// Somebody who asks.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    headers: HeaderMap,
    peer: std::net::SocketAddr,
    secure: bool,
}

impl Client {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        let name: header::HeaderName = name.parse().unwrap();
        self.headers.insert(name, value.parse().unwrap());
        self
    }
    /// From elsewhere.
    pub(crate) fn remote(mut self) -> Self {
        self.peer = "10.1.2.3:5000".parse().unwrap();
        self
    }
    pub(crate) fn over_tls(mut self) -> Self {
        self.secure = true;
        self
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Body) -> Answer {
        Answer::of(self.open(method, path, body).await).await
    }
    /// The answer, its body not read.
    pub(crate) async fn open(&self, method: &str, path: &str, body: Body) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().entry("host").or_insert("localhost".parse().unwrap());
        request.extensions_mut().insert(Peer { address: self.peer, secure: self.secure });
        self.router.clone().oneshot(request).await.unwrap()
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, Body::empty()).await
    }
    pub(crate) async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let client = self.clone().with("content-type", "application/json");
        client.send(method.as_str(), path, Body::from(body.to_string())).await
    }
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PATCH, path, body).await
    }
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: bytes::Bytes,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Self { status: parts.status, headers: parts.headers, body }
    }
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{} {e}: {}", self.status, self.text()))
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
    /// That it is a problem document with this status, this slug, and (unless empty) this field to blame.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, slug: &str, field: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        let kind = problem["type"].as_str().unwrap();
        assert_eq!(kind, format!("https://heron.invalid/problems/{slug}"), "{problem}");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        assert_eq!(problem["field"].as_str().unwrap_or(""), field, "{problem}");
    }
    /// The value of a cookie that it sets, with its attributes.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let lead = format!("{name}=");
        let all = self.headers.get_all(header::SET_COOKIE);
        all.iter()
            .map(|v| v.to_str().unwrap())
            .find(|v| v.starts_with(&lead))
            .map(|v| v[lead.len()..].to_owned())
    }
}

/// A cookie's value alone.
pub(crate) fn value_of(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}
