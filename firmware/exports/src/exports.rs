//! The handle that the daemon and the API hold.

use crate::ExportError;
use crate::footage::Footage;
use crate::house::{House, Turn};
use crate::job::{Asker, Export, ExportFormat, ExportPage, ExportRequest, ExportState, ExportedCamera};
use crate::manifest::BoxIdentity;
use crate::plan;
use crate::room::{self, human};
use crate::shelf::{self, Shelf};
use crate::table;
use crate::worker::{self, NO_ROOM, taken_on};
use heron_core::{CameraId, Clock, EventDraft, Severity, StreamKey, StreamKind, WallTime};
use heron_evidence::Signer;
use heron_settings::Settings;
use heron_store::Store;
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

/// Exports that may wait for their turn: a day's work of a busy site; a row each.
pub const MOST_WAITING: usize = 32;
/// What the small files and headers of a ZIP take, at most, beside the footage.
const OVERHEAD: u64 = 256 << 10;
/// How long a call waits for the worker to let go of an export: a chunk and a sync.
const LET_GO: Duration = Duration::from_secs(10);
/// A download in many ranges is one download; after so long it is another.
const ONE_DOWNLOAD: Duration = Duration::from_secs(3600);
/// Downloads that are remembered: of every export, by two people.
const MOST_DOWNLOADS: usize = 1000;

/// What exports need of the house.
pub struct ExportsConfig {
    /// The database, opened with [`crate::MIGRATIONS`].
    pub store: Store,
    /// The settings, opened with [`crate::KEYS`].
    pub settings: Settings,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where footage comes from and exports go.
    pub footage: Arc<dyn Footage>,
    /// Who signs; `None` when the box has no key: manifests are not signed then, and say so.
    pub signer: Option<Arc<dyn Signer>>,
    /// Who the box is.
    pub identity: BoxIdentity,
    /// Takes what people should know; never waited for.
    pub events: Sender<EventDraft>,
}

/// What to export, as somebody asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExport {
    /// The cameras with their names; `None` for one that is not registered: its footage may still be there.
    pub cameras: Vec<(CameraId, Option<String>)>,
    /// Which stream of each.
    pub stream: StreamKind,
    /// First instant.
    pub start: WallTime,
    /// End, exclusive.
    pub end: WallTime,
    /// In which form.
    pub format: ExportFormat,
    /// The fragments as recorded, with their seals.
    pub evidence: bool,
    /// Why.
    pub note: Option<String>,
    /// IANA name of the time zone where the cameras are.
    pub timezone: String,
}

/// A finished export, open for reading.
#[derive(Debug)]
pub struct OpenExport {
    /// The file; goes on to work when the export is deleted.
    pub file: File,
    /// Its length.
    pub bytes: u64,
    /// What to call it: ASCII letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its media type.
    pub media_type: &'static str,
    /// A strong entity tag, quotes included.
    pub etag: String,
}

/// The exports. Cheap to clone. Every call blocks on the database or the disk.
#[derive(Clone)]
pub struct Exports(Arc<Inner>);

struct Inner {
    house: Arc<House>,
    thread: Mutex<Option<JoinHandle<()>>>,
    downloads: Mutex<HashMap<(Uuid, Uuid), Duration>>,
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exports")
    }
}

impl Exports {
    /// Starts the worker, which goes on with what was running when the box stopped.
    ///
    /// # Errors
    /// [`ExportError::Io`] when there is no thread to be had.
    pub fn start(config: ExportsConfig) -> Result<Self, ExportError> {
        let ExportsConfig { store, settings, clock, footage, signer, identity, events } = config;
        let (turn, bell) = (Mutex::new(Turn::default()), Condvar::new());
        let house = Arc::new(House { store, settings, clock, footage, signer, identity, events, turn, bell });
        let of_worker = Arc::clone(&house);
        let thread = std::thread::Builder::new()
            .name("exports".into())
            .spawn(move || worker::run(&of_worker))
            .map_err(|e| ExportError::io("start a thread for", "exports", e))?;
        Ok(Self(Arc::new(Inner {
            house,
            thread: Mutex::new(Some(thread)),
            downloads: Mutex::new(HashMap::new()),
        })))
    }

    /// Takes an export on.
    ///
    /// # Errors
    /// [`ExportError::Invalid`] naming the field; [`ExportError::NoSuchCamera`], [`ExportError::NothingRecorded`],
    /// [`ExportError::TooLarge`], [`ExportError::NoRoom`], [`ExportError::TooMany`]; the catalogue's and the database's.
    pub fn create(&self, asker: &Asker, new: NewExport) -> Result<Export, ExportError> {
        let house = &self.0.house;
        let now = house.clock.now();
        let mut request = ExportRequest {
            cameras: new.cameras.iter().map(|(id, name)| named(*id, name.as_deref())).collect(),
            stream: new.stream,
            start: new.start,
            end: new.end,
            format: new.format,
            evidence: new.evidence,
            note: new.note,
            timezone: new.timezone,
        };
        plan::check(&mut request, now)?;
        let mut parts = Vec::new();
        for part in plan::parts(&request) {
            let stream = StreamKey::new(request.cameras[part.camera].id, request.stream);
            let bytes = house.footage.estimate(stream, part.start, part.end)?;
            parts.push((part, bytes));
        }
        for (n, (id, name)) in new.cameras.iter().enumerate() {
            let recorded = parts.iter().any(|(p, bytes)| p.camera == n && *bytes > 0);
            if name.is_none() && !recorded {
                return Err(ExportError::NoSuchCamera(*id));
            }
        }
        let footage: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
        if footage == 0 {
            return Err(ExportError::NothingRecorded);
        }
        let export = Export {
            id: Uuid::now_v7(),
            state: ExportState::Queued,
            request,
            bytes_done: 0,
            bytes_total: footage + footage / 50 + OVERHEAD,
            bytes_checked: 0,
            file: None,
            error: None,
            remarks: Vec::new(),
            created: now,
            created_by: asker.name.clone(),
            finished: None,
            expires: None,
            owner: asker.id,
            volume: None,
        };
        // One at a time: two requests must not be promised the same room.
        let mut turn = house.turn.lock();
        self.room_for(&export)?;
        let row = export.clone();
        house.store.write_blocking(move |tx| table::insert(tx, &row, &parts))?;
        turn.news = true;
        drop(turn);
        house.ring();
        let text = format!("{} exports {}.", asker.name, House::words(&export));
        house.tell("export.created", Severity::Standard, &asker.name, &export, text);
        Ok(export)
    }

    /// Whether the export can be taken on beside those that there are.
    fn room_for(&self, export: &Export) -> Result<(), ExportError> {
        let house = &self.0.house;
        let exports = house.store.read_blocking(table::all)?;
        let waiting = exports.iter().filter(|e| e.state.is_active() && e.id != export.id).count();
        if waiting >= MOST_WAITING {
            return Err(ExportError::TooMany(waiting));
        }
        let (volumes, percent, needed) = (house.footage.volumes()?, house.percent(), export.bytes_total);
        let largest = volumes.iter().map(|v| room::budget(v, percent)).max();
        match largest {
            None => {
                let why = "no recording volume can be written; look at the storage page".to_owned();
                Err(ExportError::NoRoom { needed: human(needed), why })
            }
            Some(allowed) if needed > allowed => Err(ExportError::TooLarge {
                needed: human(needed),
                allowed: human(allowed),
                advice: "export a shorter range or fewer cameras, or raise the setting exports.max_percent",
            }),
            Some(_) => {
                let taken = |id| taken_on(&exports, id, Some(export.id), true);
                if room::best(&volumes, percent, taken, needed).is_some() {
                    return Ok(());
                }
                Err(ExportError::NoRoom { needed: human(needed), why: NO_ROOM.into() })
            }
        }
    }

    /// Exports that `asker` may see, newest first.
    ///
    /// # Errors
    /// [`ExportError::Invalid`] naming `cursor`; [`ExportError::Store`].
    pub fn list(&self, asker: &Asker, limit: usize, cursor: Option<&str>) -> Result<ExportPage, ExportError> {
        let wrong = |_| ExportError::invalid("cursor", "is not one that this list gave out");
        let before = cursor.map(|c| c.parse::<Uuid>().map_err(wrong)).transpose()?;
        let owner = (!asker.sees_all).then_some(asker.id);
        let limit = limit.max(1);
        let mut items =
            self.0.house.store.read_blocking(|c| table::list(c, owner, before, limit.saturating_add(1)))?;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|e| e.id.to_string());
        Ok(ExportPage { items, next })
    }

    /// One export.
    ///
    /// # Errors
    /// [`ExportError::NoSuchExport`], also when it is somebody else's; [`ExportError::Store`].
    pub fn get(&self, asker: &Asker, id: Uuid) -> Result<Export, ExportError> {
        self.0.house.seen(asker, id)
    }

    /// Stops an export and removes its file. One that is done is left alone: delete it instead.
    ///
    /// # Errors
    /// [`ExportError::NoSuchExport`]; [`ExportError::Conflict`] when it is over; [`ExportError::Store`].
    pub fn cancel(&self, asker: &Asker, id: Uuid) -> Result<Export, ExportError> {
        let house = &self.0.house;
        let was_running = self.let_go(asker, id)?;
        let turn = house.turn.lock();
        let mut export = house.seen(asker, id)?;
        if export.state == ExportState::Cancelled && !was_running {
            return Ok(export);
        }
        if export.state != ExportState::Cancelled {
            // It may have come to its end just before it was to be stopped.
            if turn.running == Some(id) || !export.state.is_active() {
                let problem = "only one that waits or runs can be cancelled; delete it instead";
                return Err(ExportError::Conflict { state: export.state.as_str(), problem });
            }
            worker::discard(house, &export)?;
            (export.state, export.finished) = (ExportState::Cancelled, Some(house.clock.now()));
            (export.bytes_done, export.bytes_checked, export.volume) = (0, 0, None);
            let row = export.clone();
            house.store.write_blocking(move |tx| table::update(tx, &row))?;
        }
        drop(turn);
        let text = format!("{} cancelled the export of {}.", asker.name, House::words(&export));
        house.tell("export.cancelled", Severity::Standard, &asker.name, &export, text);
        Ok(export)
    }

    /// Makes the worker let go of an export, if it has it; answers whether it had.
    fn let_go(&self, asker: &Asker, id: Uuid) -> Result<bool, ExportError> {
        let house = &self.0.house;
        house.seen(asker, id)?;
        let mut turn = house.turn.lock();
        if turn.running != Some(id) {
            return Ok(false);
        }
        turn.cancel = true;
        house.ring();
        let until = Instant::now() + LET_GO;
        while turn.running == Some(id) {
            if house.bell.wait_until(&mut turn, until).timed_out() && turn.running == Some(id) {
                let problem = "it is being stopped, but the disk is slow; look again in a moment";
                return Err(ExportError::Conflict { state: "running", problem });
            }
        }
        Ok(true)
    }

    /// Takes a failed or cancelled export on again: a failed one goes on where it was.
    ///
    /// # Errors
    /// [`ExportError::NoSuchExport`]; [`ExportError::Conflict`] for one that is done, waits or runs; as
    /// [`Exports::create`] when there is no room.
    pub fn resume(&self, asker: &Asker, id: Uuid) -> Result<Export, ExportError> {
        let house = &self.0.house;
        let mut turn = house.turn.lock();
        let mut export = house.seen(asker, id)?;
        if !matches!(export.state, ExportState::Failed | ExportState::Cancelled) {
            let problem = "only one that failed or was cancelled can be resumed";
            return Err(ExportError::Conflict { state: export.state.as_str(), problem });
        }
        self.room_for(&export)?;
        (export.state, export.error, export.finished) = (ExportState::Queued, None, None);
        export.bytes_checked = 0;
        let row = export.clone();
        house.store.write_blocking(move |tx| table::update(tx, &row))?;
        turn.news = true;
        drop(turn);
        house.ring();
        let text = format!("{} resumed the export of {}.", asker.name, House::words(&export));
        house.tell("export.resumed", Severity::Standard, &asker.name, &export, text);
        Ok(export)
    }

    /// Deletes an export and its file; one that runs is stopped first.
    ///
    /// # Errors
    /// [`ExportError::NoSuchExport`]; [`ExportError::Conflict`] when the disk is too slow to stop it now;
    /// [`ExportError::Io`], [`ExportError::Store`].
    pub fn delete(&self, asker: &Asker, id: Uuid) -> Result<(), ExportError> {
        self.let_go(asker, id)?;
        let house = &self.0.house;
        let turn = house.turn.lock();
        let export = house.seen(asker, id)?;
        if turn.running == Some(id) {
            let problem = "it has just begun; try again";
            return Err(ExportError::Conflict { state: "running", problem });
        }
        worker::remove(house, &export)?;
        drop(turn);
        let text = format!("{} deleted the export of {}.", asker.name, House::words(&export));
        house.tell("export.deleted", Severity::Standard, &asker.name, &export, text);
        Ok(())
    }

    /// Opens the file of a finished export.
    ///
    /// # Errors
    /// [`ExportError::NoSuchExport`]; [`ExportError::Conflict`] when it is not done; [`ExportError::VolumeAway`],
    /// [`ExportError::Io`], [`ExportError::Store`].
    pub fn open(&self, asker: &Asker, id: Uuid) -> Result<OpenExport, ExportError> {
        let house = &self.0.house;
        let export = house.seen(asker, id)?;
        let (Some(done), Some(volume)) = (&export.file, export.volume) else {
            let problem = "there is no file yet";
            return Err(ExportError::Conflict { state: export.state.as_str(), problem });
        };
        let root = house.footage.volume_root(volume).ok_or(ExportError::VolumeAway)?;
        let shelf = Shelf::open(volume, &root)?;
        let name = shelf::finished(id, export.request.format);
        let file = shelf.read(&name)?.ok_or_else(|| {
            let gone = std::io::Error::new(std::io::ErrorKind::NotFound, "somebody deleted it; export again");
            ExportError::io("open", shelf.path(&name), gone)
        })?;
        Ok(OpenExport {
            file,
            bytes: done.bytes,
            name: done.name.clone(),
            media_type: export.request.format.media_type(),
            etag: format!("\"{}\"", done.sha256),
        })
    }

    /// Notes in the journal that `asker` took the file away. A download in many ranges is noted once an hour.
    pub fn note_download(&self, asker: &Asker, id: Uuid) {
        let house = &self.0.house;
        let now = house.clock.monotonic();
        {
            let mut downloads = self.0.downloads.lock();
            downloads.retain(|_, at| now.saturating_sub(*at) < ONE_DOWNLOAD);
            if downloads.contains_key(&(id, asker.id)) {
                return;
            }
            // Beyond that each request is noted; nothing is left out.
            if downloads.len() < MOST_DOWNLOADS {
                downloads.insert((id, asker.id), now);
            }
        }
        if let Ok(export) = house.seen(asker, id) {
            let text = format!("{} downloaded the export of {}.", asker.name, House::words(&export));
            house.tell("export.downloaded", Severity::Standard, &asker.name, &export, text);
        }
    }

    /// Stops the worker; what runs goes on at the next start. Waits a few seconds at most.
    pub fn shutdown(&self) {
        self.0.house.turn.lock().stop = true;
        self.0.house.ring();
        let Some(thread) = self.0.thread.lock().take() else { return };
        let until = Instant::now() + SHUTDOWN_PATIENCE;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}

/// A chunk and a sync; a disk that hangs must not hold up the machine's power-off.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(3);

impl Drop for Inner {
    fn drop(&mut self) {
        self.house.turn.lock().stop = true;
        self.house.ring();
    }
}

/// A camera with its name, or with a part of its id when nobody knows its name any more.
fn named(id: CameraId, name: Option<&str>) -> ExportedCamera {
    let name = match name {
        Some(name) => name.to_owned(),
        None => format!("removed camera {}", &id.to_string()[..8]),
    };
    ExportedCamera { id, name }
}
