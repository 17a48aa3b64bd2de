//! What the handlers work with: handles to the rooms, given by `herond`.

use crate::http::body::Bodies;
use crate::http::quota::Quota;
use crate::problem::Problem;
use crate::routes::video::Clips;
use axum::http::StatusCode;
use heron_access::Access;
use heron_cameras::CameraRegister;
use heron_core::{Clock, WallTime};
use heron_hub::Hub;
use heron_journal::Journal;
use heron_live::Live;
use heron_settings::Settings;
use heron_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Handles to every room that has something to say over HTTP. All are cheap to clone.
pub struct ApiState {
    /// Accounts, sessions, tokens.
    pub access: Access,
    /// The camera register and its sites.
    pub cameras: CameraRegister,
    /// What happened.
    pub journal: Journal,
    /// Settings of all scopes.
    pub settings: Settings,
    /// The streams' rings: for codecs of streams and counters.
    pub hub: Arc<Hub>,
    /// What the streams are doing, and the probe.
    pub ingest: Arc<heron_ingest::Ingest>,
    /// The recorder: how recording is doing, how full the volumes are.
    pub recorder: Arc<heron_record::Recorder>,
    /// What was recorded. One for the whole daemon: it holds the cache of indexes.
    pub playback: heron_record::Playback,
    /// Copies of footage in S3-compatible storage.
    pub archive: heron_archive::Archive,
    /// Exports as jobs.
    pub exports: heron_exports::Exports,
    /// Live view.
    pub live: Arc<Live>,
    /// The database: for its health.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who the box is.
    pub identity: Identity,
    /// Cancelled when the box shuts down: ends WebSockets, which would otherwise hold the listeners.
    pub shutdown: CancellationToken,
}

/// Who the box is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name, for people: `Heron` unless somebody named it.
    pub name: String,
    /// The version of the firmware.
    pub version: String,
    /// When the daemon started.
    pub started: WallTime,
}

/// What handlers are given: the rooms and the room's own counters.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    rooms: ApiState,
    counters: Counters,
    disk: Arc<Semaphore>,
    clips: Clips,
    probes: Arc<Semaphore>,
    bodies: Bodies,
    sockets: Quota<Uuid>,
    clips_served: Quota<Uuid>,
    downloads: Quota<Uuid>,
}

impl App {
    pub(crate) fn new(rooms: ApiState) -> Self {
        Self(Arc::new(Inner {
            rooms,
            counters: Counters::default(),
            disk: Arc::new(Semaphore::new(DISK_AT_ONCE)),
            clips: Clips::default(),
            probes: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
            bodies: Bodies::new(),
            sockets: Quota::new(usize::MAX, SOCKETS_OF_A_SESSION),
            clips_served: Quota::new(CLIPS_AT_ONCE, CLIPS_OF_A_SESSION),
            downloads: Quota::new(DOWNLOADS_AT_ONCE, DOWNLOADS_OF_A_SESSION),
        }))
    }
    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }
    /// A turn at trying a camera out, unless too many are being tried.
    pub(crate) fn probe_turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.probes).try_acquire_owned().ok()
    }
    /// The bytes of requests' bodies that are held.
    pub(crate) fn bodies(&self) -> &Bodies {
        &self.0.bodies
    }
    /// The sockets that are open, by session. How many there are in all, the listener bounds.
    pub(crate) fn sockets(&self) -> &Quota<Uuid> {
        &self.0.sockets
    }
    /// The clips that are being sent, by session.
    pub(crate) fn clips_served(&self) -> &Quota<Uuid> {
        &self.0.clips_served
    }
    /// The exports that are being downloaded, by session.
    pub(crate) fn downloads(&self) -> &Quota<Uuid> {
        &self.0.downloads
    }
    pub(crate) fn clips(&self) -> &Clips {
        &self.0.clips
    }
    /// Runs what blocks on disk or database on the blocking pool, at most [`DISK_AT_ONCE`] at a time; the others wait.
    pub(crate) async fn disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ApiState) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.0.disk).acquire_owned().await;
        let permit = permit.map_err(|_| Problem::internal("the disk's queue is closed"))?;
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller, who may go away.
            let _permit = permit;
            work(&app)
        });
        done.await.map_err(|_| Problem::internal("work on the disk panicked"))
    }
}

/// Sockets of one session: a page has one for what happens and up to sixteen for pictures; two windows of the largest
/// grid, and the pages that they replace may still be closing their own.
const SOCKETS_OF_A_SESSION: usize = 64;
/// Clips being sent at once. The plan of a day holds some 50 MB and a descriptor; two per session are one that plays
/// and one that is downloaded.
const CLIPS_AT_ONCE: usize = 8;
const CLIPS_OF_A_SESSION: usize = 2;
/// Exports being downloaded at once: each may last for hours and reads the disk as fast as the network takes it. A session has
/// one that runs and one that is begun anew with a range.
const DOWNLOADS_AT_ONCE: usize = 4;
const DOWNLOADS_OF_A_SESSION: usize = 2;
/// Cameras tried out at once: each takes up to 20 s, two connections and a few megabytes.
const PROBES_AT_ONCE: usize = 4;
/// Requests that read disk or database at once. More would not make an SD card or one hard disk faster; each may hold
/// the indexes of a day, a few megabytes.
const DISK_AT_ONCE: usize = 8;

impl std::ops::Deref for App {
    type Target = ApiState;
    fn deref(&self) -> &ApiState {
        &self.0.rooms
    }
}

/// Counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Answers by the first digit of their status; zero for anything below 100.
    answers: [AtomicU64; 6],
}

impl Counters {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.answers.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// Answers with status `class`xx.
    pub(crate) fn answers(&self, class: usize) -> u64 {
        self.answers.get(class).map_or(0, |c| c.load(Ordering::Relaxed))
    }
}
