//! A real S3 server in a temporary directory, that can be made to misbehave, and a box with footage.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use heron_archive::{Archive, ArchiveConfig, NewConfig};
use heron_cameras::Sealer;
use heron_core::Clock;
use heron_journal::{Journal, JournalOptions};
use heron_store::{Store, StoreOptions};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[path = "../../../record/tests/common/mod.rs"]
pub mod footage;

pub const ACCESS: &str = "AKHERON";
pub const SECRET: &str = "not-a-real-secret";
pub const BUCKET: &str = "footage";

/// What the server does wrong, and what it was asked.
#[derive(Default)]
pub struct Mood {
    /// Answers 503.
    pub refuses: AtomicBool,
    /// Flips a bit in the next so many parts.
    pub corrupts: AtomicU32,
    /// Loses the answer of the next so many completions: they are done, but the client hears 500.
    pub forgets: AtomicU32,
    /// Parts that were sent.
    pub parts: AtomicU32,
    /// Uploads begun.
    pub begun: AtomicU32,
}

pub struct Server {
    pub dir: tempfile::TempDir,
    pub address: SocketAddr,
    pub mood: Arc<Mood>,
    stop: CancellationToken,
}

fn due(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok()
}

async fn answer(
    s3: S3Service,
    mood: Arc<Mood>,
    request: http::Request<Incoming>,
) -> http::Response<s3s::Body> {
    let error = |status: u16| http::Response::builder().status(status).body(s3s::Body::empty()).unwrap();
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return error(400) };
    let mut body = body.to_bytes();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    if mood.refuses.load(Ordering::SeqCst) {
        return error(503);
    }
    if query.contains("partNumber=") {
        mood.parts.fetch_add(1, Ordering::SeqCst);
        if due(&mood.corrupts) {
            let mut altered = body.to_vec();
            let middle = altered.len() / 2;
            altered[middle] ^= 1;
            body = Bytes::from(altered);
        }
    }
    let completes = parts.method == http::Method::POST && query.contains("uploadId=");
    if parts.method == http::Method::POST && query.contains("uploads") {
        mood.begun.fetch_add(1, Ordering::SeqCst);
    }
    let answer = s3.call(http::Request::from_parts(parts, s3s::Body::from(body))).await;
    if completes && due(&mood.forgets) {
        return error(400);
    }
    answer.unwrap_or_else(|_| error(500))
}

impl Server {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Self {
            address: listener.local_addr().unwrap(),
            dir,
            mood: Arc::default(),
            stop: CancellationToken::new(),
        };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let mut s3 = S3ServiceBuilder::new(s3s_fs::FileSystem::new(self.dir.path()).unwrap());
        s3.set_auth(SimpleAuth::from_single(ACCESS, SECRET));
        let s3 = s3.build();
        self.stop = CancellationToken::new();
        let (stop, mood) = (self.stop.clone(), Arc::clone(&self.mood));
        tokio::spawn(async move {
            loop {
                let socket = tokio::select! {
                    () = stop.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                let (s3, mood, stop) = (s3.clone(), Arc::clone(&mood), stop.clone());
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let (s3, mood) = (s3.clone(), Arc::clone(&mood));
                        async move { Ok::<_, std::convert::Infallible>(answer(s3, mood, request).await) }
                    });
                    let builder = Builder::new(TokioExecutor::new());
                    tokio::select! {
                        () = stop.cancelled() => {}
                        _ = builder.serve_connection(TokioIo::new(socket), service) => {}
                    }
                });
            }
        });
    }

    /// The server goes away; connections break.
    pub fn vanish(&self) {
        self.stop.cancel();
    }

    /// And comes back at the same address.
    pub async fn come_back(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let listener = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(e) => assert!(Instant::now() < deadline, "{e}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.serve(listener);
    }

    pub fn config(&self) -> ArchiveConfig {
        serde_json::from_value(serde_json::json!({
            "endpoint": format!("http://{}", self.address), "bucket": BUCKET, "prefix": "boxes", "access_key": ACCESS,
        }))
        .unwrap()
    }

    /// The recordings in the bucket, without what the server keeps for itself.
    pub fn stored(&self) -> Vec<PathBuf> {
        let all = footage::files_under(&self.dir.path().join(BUCKET));
        all.into_iter().filter(|p| p.extension().is_some_and(|e| e == "mp4")).collect()
    }
}

pub fn entered(config: ArchiveConfig) -> NewConfig {
    NewConfig { config, secret: Some(SECRET.to_owned().into()) }
}

/// The archive's own surroundings; the footage is a [`footage::Box`]'s.
pub struct Keeper {
    pub store: Store,
    pub journal: Journal,
    pub archive: Archive,
    stop: CancellationToken,
}

impl Keeper {
    pub async fn open(footage: &footage::Box) -> Self {
        let path = footage.dir.path().join("archive.db");
        let migrations = [heron_journal::MIGRATIONS, heron_archive::MIGRATIONS];
        let store = Store::open(&path, StoreOptions::default(), &migrations).unwrap();
        let clock = Arc::clone(&footage.clock) as Arc<dyn Clock>;
        let journal =
            Journal::open(store.clone(), Arc::clone(&clock), JournalOptions::default()).await.unwrap();
        let sealer = Sealer::open_or_create(&footage.dir.path().join("seal.key")).unwrap();
        let stop = CancellationToken::new();
        let archive = Archive::open(
            store.clone(),
            journal.clone(),
            footage.recorder.playback(),
            sealer,
            clock,
            stop.clone(),
        )
        .await
        .unwrap();
        Self { store, journal, archive, stop }
    }

    /// Ends it as a restart does.
    pub async fn close(self) {
        self.stop.cancel();
        drop(self.archive);
        drop(self.journal);
        self.store.close().await;
    }
}

pub async fn eventually<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
