//! What the handle and the worker share.

use crate::ExportError;
use crate::footage::Footage;
use crate::job::{Asker, Export};
use crate::keys;
use crate::manifest::BoxIdentity;
use heron_core::{Clock, EventDraft, Severity};
use heron_evidence::Signer;
use heron_settings::{Scope, Settings};
use heron_store::Store;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use uuid::Uuid;

/// Why the worker lets go of an export.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A person stopped it.
    Cancelled,
    /// The box stops; the next start goes on.
    ShutDown,
    /// It cannot go on.
    Failed(ExportError),
}

impl<E: Into<ExportError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What the worker is at.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The export that is being written.
    pub running: Option<Uuid>,
    /// It is to be cancelled.
    pub cancel: bool,
    /// The box stops.
    pub stop: bool,
    /// Something new is waiting.
    pub news: bool,
}

/// Shared by the handle and the worker.
pub(crate) struct House {
    pub store: Store,
    pub settings: Settings,
    pub clock: Arc<dyn Clock>,
    pub footage: Arc<dyn Footage>,
    pub signer: Option<Arc<dyn Signer>>,
    pub identity: BoxIdentity,
    pub events: Sender<EventDraft>,
    pub turn: Mutex<Turn>,
    pub bell: Condvar,
}

impl House {
    pub(crate) fn setting(&self, key: &str) -> u64 {
        u64::try_from(self.settings.effective(&[Scope::System]).integer(key)).unwrap_or_default()
    }

    /// Bytes a second that an export may read and write.
    pub(crate) fn rate(&self) -> u64 {
        self.setting(keys::RATE).max(1) << 20
    }

    pub(crate) fn keep(&self) -> Duration {
        Duration::from_secs(self.setting(keys::KEEP_DAYS) * 86_400)
    }

    pub(crate) fn percent(&self) -> u64 {
        self.setting(keys::MAX_PERCENT)
    }

    /// Wakes the worker and whoever waits for it.
    pub(crate) fn ring(&self) {
        self.bell.notify_all();
    }

    /// Whether the running export is to go on.
    pub(crate) fn may_go_on(&self) -> Result<(), Halt> {
        let turn = self.turn.lock();
        match (turn.cancel, turn.stop) {
            (true, _) => Err(Halt::Cancelled),
            (false, true) => Err(Halt::ShutDown),
            (false, false) => Ok(()),
        }
    }

    /// Rests for `time`, or until the running export is not to go on.
    pub(crate) fn rest(&self, time: Duration) -> Result<(), Halt> {
        let until = Instant::now() + time;
        let mut turn = self.turn.lock();
        while !turn.cancel && !turn.stop && !self.bell.wait_until(&mut turn, until).timed_out() {}
        drop(turn);
        self.may_go_on()
    }

    /// Notes in the journal what became of an export. Never waits.
    pub(crate) fn tell(&self, kind: &str, severity: Severity, actor: &str, export: &Export, text: String) {
        let cameras: Vec<String> = export.request.cameras.iter().map(|c| c.id.to_string()).collect();
        let mut draft = EventDraft::new(kind, severity, self.clock.now(), actor).text(text).detail(
            serde_json::json!({
                "export": export.id, "cameras": cameras, "stream": export.request.stream,
                "start": export.request.start, "end": export.request.end,
                "format": export.request.format, "evidence": export.request.evidence,
                "bytes": export.file.as_ref().map(|f| f.bytes), "sha256": export.file.as_ref().map(|f| &f.sha256),
            }),
        );
        if let [one] = export.request.cameras.as_slice() {
            draft = draft.camera(one.id);
        }
        if let Err(error) = self.events.try_send(draft) {
            tracing::error!(kind, export = %export.id, %error, "an event was lost: the journal does not keep up");
        }
    }

    /// An export that `asker` may see.
    pub(crate) fn seen(&self, asker: &Asker, id: Uuid) -> Result<Export, ExportError> {
        let found = self.store.read_blocking(|c| crate::table::get(c, id))?;
        found.filter(|e| e.is_seen_by(asker)).ok_or(ExportError::NoSuchExport(id))
    }

    /// What an export is of, for people.
    pub(crate) fn words(export: &Export) -> String {
        let r = &export.request;
        let names: Vec<&str> = r.cameras.iter().take(4).map(|c| c.name.as_str()).collect();
        let more = r.cameras.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more} from {} to {}", names.join(", "), r.start, r.end)
    }
}
