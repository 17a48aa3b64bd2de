//! Footage that is invented, fails on demand, and is always the same; and a house of exports around it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use heron_core::{CameraId, EventDraft, ManualClock, StreamKey, StreamKind, WallTime};
use heron_evidence::BoxKey;
use heron_exports::{
    Asker, BoxIdentity, Export, ExportError, ExportFormat, ExportState, Exports, ExportsConfig, Footage,
    KEYS, MIGRATIONS, Missing, NewExport, Part, PartSpan, VolumeRoom, Wanted,
};
use heron_record::{Pressure, RecordError};
use heron_settings::{Scope, Settings};
use heron_store::{Store, StoreOptions};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use uuid::Uuid;

/// When footage begins.
pub const START: WallTime = WallTime(1_794_996_000_000_000_000);
/// Ten days later.
pub const NOW: WallTime = WallTime(1_795_860_000_000_000_000);

pub fn camera(n: u128) -> CameraId {
    CameraId(Uuid::from_u128(n))
}

pub fn after(seconds: i64) -> WallTime {
    START.plus_nanos(seconds * 1_000_000_000)
}

/// Bytes per second of invented footage.
pub const RATE: u64 = 1000;

/// What is recorded: per camera, ranges in seconds from [`START`].
#[derive(Debug, Default)]
pub struct Invented {
    pub recorded: Mutex<BTreeMap<CameraId, Vec<(i64, i64)>>>,
    pub volumes: Mutex<Vec<(VolumeRoom, PathBuf)>>,
    pub pressure: Mutex<Pressure>,
    /// Reads that succeed before every other one fails.
    pub reads_left: AtomicU64,
    /// What a failing read says: the footage is gone, or the disk is bad.
    pub gone: AtomicBool,
    pub reads: AtomicU64,
    pub asked: AtomicU64,
}

impl Invented {
    fn spans(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Vec<(WallTime, WallTime)> {
        let recorded = self.recorded.lock();
        let own = recorded.get(&stream.camera).cloned().unwrap_or_default();
        own.iter()
            .map(|(from, to)| (after(*from).max(start), after(*to).min(end)))
            .filter(|(from, to)| from < to)
            .collect()
    }
}

struct InventedPart {
    footage: Arc<Invented>,
    wanted: Wanted,
    spans: Vec<(WallTime, WallTime)>,
    bytes: u64,
    tag: String,
}

pub struct Of(pub Arc<Invented>);

impl Footage for Of {
    fn estimate(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<u64, ExportError> {
        Ok(self
            .0
            .spans(stream, start, end)
            .iter()
            .map(|(a, b)| b.saturating_since(*a).as_secs() * RATE)
            .sum())
    }
    fn part(&self, wanted: &Wanted) -> Result<Option<Box<dyn Part>>, ExportError> {
        let spans = self.0.spans(wanted.stream, wanted.start, wanted.end);
        if spans.is_empty() {
            return Ok(None);
        }
        let bytes = self.estimate(wanted.stream, wanted.start, wanted.end)?.max(1);
        let tag = hex::encode(Sha256::digest(format!("{wanted:?} {spans:?}")));
        Ok(Some(Box::new(InventedPart { footage: Arc::clone(&self.0), wanted: *wanted, spans, bytes, tag })))
    }
    fn gaps(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<Missing>, ExportError> {
        let recorded = self.0.recorded.lock();
        let own = recorded.get(&stream.camera).cloned().unwrap_or_default();
        Ok(own
            .windows(2)
            .map(|w| (after(w[0].1).max(start), after(w[1].0).min(end)))
            .filter(|(a, b)| a < b)
            .map(|(a, b)| Missing { start: a, end: b, reason: "restart".into() })
            .collect())
    }
    fn volumes(&self) -> Result<Vec<VolumeRoom>, ExportError> {
        Ok(self.0.volumes.lock().iter().map(|(v, _)| v.clone()).collect())
    }
    fn volume_root(&self, volume: Uuid) -> Option<PathBuf> {
        self.0.volumes.lock().iter().find(|(v, _)| v.id == volume).map(|(_, path)| path.clone())
    }
    fn pressure(&self) -> Pressure {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        *self.0.pressure.lock()
    }
}

impl Part for InventedPart {
    fn bytes(&self) -> u64 {
        self.bytes
    }
    fn etag(&self) -> String {
        self.tag.clone()
    }
    fn read(&self, range: Range<u64>) -> Result<Bytes, ExportError> {
        self.footage.reads.fetch_add(1, Ordering::SeqCst);
        let left = self.footage.reads_left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(if self.footage.gone.load(Ordering::SeqCst) {
                RecordError::NoSuchSegment(1).into()
            } else {
                let source = std::io::Error::other("bad sector");
                RecordError::Io { doing: "read", path: "x".into(), source }.into()
            });
        }
        if left != u64::MAX {
            self.footage.reads_left.store(left - 1, Ordering::SeqCst);
        }
        // The tag over and over, with its number in every line, so that no two places are alike.
        let line = self.tag.len() as u64 + 8;
        let mut bytes = Vec::with_capacity((range.end - range.start + 2 * line) as usize);
        for number in range.start / line..=range.end / line {
            bytes.extend_from_slice(&number.to_be_bytes());
            bytes.extend_from_slice(self.tag.as_bytes());
        }
        let skip = (range.start % line) as usize;
        Ok(Bytes::from(bytes).slice(skip..skip + (range.end - range.start) as usize))
    }
    fn spans(&self) -> Vec<PartSpan> {
        let mut at_ms = 0;
        let mut out = Vec::new();
        for (from, to) in &self.spans {
            let ms = to.nanos_since(*from) / 1_000_000;
            out.push(PartSpan { at_ms, wall: *from, ms });
            at_ms += ms;
        }
        out
    }
    fn evidence(&self) -> serde_json::Value {
        if self.wanted.evidence { serde_json::json!({"heads": ["00"]}) } else { serde_json::Value::Null }
    }
}

pub fn key() -> Arc<BoxKey> {
    Arc::new(BoxKey::from_seed(zeroize::Zeroizing::new([7; 32])).unwrap())
}

pub fn owner() -> Asker {
    Asker { id: Uuid::from_u128(1), name: "owner".into(), sees_all: true }
}

pub fn guard() -> Asker {
    Asker { id: Uuid::from_u128(2), name: "guard".into(), sees_all: false }
}

/// A house in a temporary folder.
pub struct House {
    pub dir: Arc<tempfile::TempDir>,
    pub footage: Arc<Invented>,
    pub clock: Arc<ManualClock>,
    pub exports: Exports,
    pub events: Receiver<EventDraft>,
    pub settings: Settings,
    pub runtime: tokio::runtime::Runtime,
    pub store: Store,
}

impl House {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let footage = Arc::new(Invented::default());
        footage.reads_left.store(u64::MAX, Ordering::SeqCst);
        let id = Uuid::from_u128(77);
        let volume = dir.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        std::fs::write(volume.join(".heron-volume"), format!("heron-volume 1\nuuid = {id}\n")).unwrap();
        let room = VolumeRoom {
            id,
            total_bytes: 10 << 30,
            free_bytes: 5 << 30,
            reserve_bytes: 1 << 20,
            recordings_bytes: 1 << 30,
        };
        footage.volumes.lock().push((room, volume));
        let clock = Arc::new(ManualClock::new(NOW));
        Self::at(Arc::new(dir), footage, clock)
    }

    pub fn at(dir: Arc<tempfile::TempDir>, footage: Arc<Invented>, clock: Arc<ManualClock>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rooms = [heron_settings::MIGRATIONS, MIGRATIONS];
        let store = Store::open(&dir.path().join("heron.db"), StoreOptions::default(), &rooms).unwrap();
        let settings = runtime.block_on(Settings::open(store.clone(), clock.clone(), &[KEYS])).unwrap();
        // Tests are not what this bound is for.
        let fast = [("exports.rate_mib_s".to_owned(), 1000.into())].into();
        runtime.block_on(settings.put(Scope::System, fast, None, "test", None)).unwrap();
        let (sender, events) = tokio::sync::mpsc::channel(1000);
        let exports = Exports::start(ExportsConfig {
            store: store.clone(),
            settings: settings.clone(),
            clock: clock.clone(),
            footage: Arc::new(Of(Arc::clone(&footage))),
            signer: Some(key()),
            identity: BoxIdentity { name: "Heron".into(), version: "0.1.0".into() },
            events: sender,
        })
        .unwrap();
        Self { dir, footage, clock, exports, events, settings, runtime, store }
    }

    /// Stops and starts again, as an update does.
    pub fn restart(self) -> Self {
        self.exports.shutdown();
        let (dir, footage, clock) =
            (Arc::clone(&self.dir), Arc::clone(&self.footage), Arc::clone(&self.clock));
        self.runtime.block_on(self.store.clone().close());
        drop(self);
        Self::at(dir, footage, clock)
    }

    pub fn set(&self, key: &str, value: i64) {
        let mut values = self.settings.get(Scope::System).values;
        values.insert(key.into(), value.into());
        self.runtime.block_on(self.settings.put(Scope::System, values, None, "test", None)).unwrap();
    }

    pub fn record(&self, n: u128, spans: &[(i64, i64)]) {
        self.footage.recorded.lock().insert(camera(n), spans.to_vec());
    }

    pub fn volume(&self) -> PathBuf {
        self.footage.volumes.lock()[0].1.clone()
    }

    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.volume().join("exports")) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub fn kinds(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|e| e.kind).collect()
    }

    /// Waits until an export has come to rest.
    pub fn wait(&self, id: Uuid) -> Export {
        eventually("the export comes to rest", || {
            let export = self.exports.get(&owner(), id).unwrap();
            matches!(export.state, ExportState::Done | ExportState::Failed | ExportState::Cancelled)
                .then_some(export)
        })
    }

    pub fn done(&self, id: Uuid) -> (Export, Vec<u8>) {
        let export = self.wait(id);
        assert_eq!(export.state, ExportState::Done, "{export:?}");
        let open = self.exports.open(&owner(), id).unwrap();
        let mut bytes = vec![0; open.bytes as usize];
        std::os::unix::fs::FileExt::read_exact_at(&open.file, &mut bytes, 0).unwrap();
        assert_eq!(open.file.metadata().unwrap().len(), open.bytes);
        let file = export.file.as_ref().unwrap();
        assert_eq!((file.bytes, &file.sha256), (open.bytes, &hex::encode(Sha256::digest(&bytes))));
        (export, bytes)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.exports.shutdown();
    }
}

pub fn eventually<T>(what: &str, mut happened: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = happened() {
            return value;
        }
        assert!(Instant::now() < until, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn wanted(cameras: &[u128], start: i64, end: i64, format: ExportFormat) -> NewExport {
    NewExport {
        cameras: cameras.iter().map(|n| (camera(*n), Some(format!("Camera {n}")))).collect(),
        stream: StreamKind::Main,
        start: after(start),
        end: after(end),
        format,
        evidence: false,
        note: Some("for the <police> & insurance".into()),
        timezone: "America/Sao_Paulo".into(),
    }
}

/// Extracts a ZIP with the program that everybody has.
pub fn extract(zip: &[u8], into: &Path) {
    let path = into.join("export.zip");
    std::fs::write(&path, zip).unwrap();
    let tested = Command::new("unzip").arg("-t").arg(&path).output().unwrap();
    assert!(tested.status.success(), "{}", text(&tested));
    let done = Command::new("unzip").arg("-q").arg(&path).arg("-d").arg(into).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let script = "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None";
    let python = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(python.status.success(), "{}", text(&python));
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
