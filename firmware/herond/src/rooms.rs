//! Opening the rooms that keep things in the database, lowest floor first.

use crate::config::Config;
use crate::tls::write_private;
use anyhow::{Context, Result};
use heron_access::{Access, AccessOptions, AuditSink};
use heron_cameras::{CameraRegister, Sealer};
use heron_core::{Clock, EventDraft, Severity, SystemClock};
use heron_journal::{Journal, JournalOptions};
use heron_settings::Settings;
use heron_store::{Migrations, Store, StoreOptions};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Sender};

/// What `audit` and the recorder may have waiting for the journal: a burst of every one of 256 cameras saying four
/// things at once. Beyond it an event is counted as lost and logged; recording never waits for the journal.
const EVENTS_WAITING: usize = 1024;

/// Every room below `ingest`, `record`, `live` and `api`.
pub(crate) struct Rooms {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) settings: Settings,
    pub(crate) cameras: CameraRegister,
    pub(crate) sealer: Sealer,
    pub(crate) access: Access,
    /// Takes events from anywhere; bounded, never waited for.
    pub(crate) events: Sender<EventDraft>,
    /// Had the database to be repaired at this start?
    pub(crate) recovered: bool,
}

/// Where the database lies.
pub(crate) fn database(config: &Config) -> PathBuf {
    config.data_dir.join("heron.db")
}

pub(crate) fn migrations() -> [Migrations; 7] {
    [
        heron_journal::MIGRATIONS,
        heron_settings::MIGRATIONS,
        heron_cameras::MIGRATIONS,
        heron_access::MIGRATIONS,
        heron_record::MIGRATIONS,
        heron_archive::MIGRATIONS,
        heron_exports::MIGRATIONS,
    ]
}

/// Opens the database and nothing else. Blocks.
pub(crate) fn open_store(
    config: &Config,
    clock: &dyn Clock,
) -> Result<(Store, Option<heron_store::Recovery>)> {
    heron_store::open_or_recover(&database(config), StoreOptions::default(), &migrations(), clock)
        .context("the database cannot be opened")
}

/// What seals passwords and keys at rest, by the box's own key file.
pub(crate) async fn open_sealer(config: &Config) -> Result<Sealer> {
    let key = config.data_dir.join("seal.key");
    Ok(tokio::task::spawn_blocking(move || Sealer::open_or_create(&key)).await??)
}

/// Opens all of them, and announces what was found.
pub(crate) async fn open(config: &Config) -> Result<Rooms> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, recovery) = {
        let (config, clock) = (config.clone(), Arc::clone(&clock));
        tokio::task::spawn_blocking(move || open_store(&config, clock.as_ref())).await??
    };
    let journal = Journal::open(store.clone(), Arc::clone(&clock), JournalOptions::default()).await?;
    let events = into_journal(journal.clone());
    if let Some(recovery) = &recovery {
        tracing::error!("{recovery}");
        let text = recovery.to_string();
        tell(
            &events,
            EventDraft::new("store.recovered", Severity::Critical, clock.now(), "store").text(text),
        );
    }
    let settings =
        Settings::open(store.clone(), Arc::clone(&clock), &[heron_settings::KEYS, heron_exports::KEYS])
            .await?;
    let sealer = open_sealer(config).await?;
    let cameras = CameraRegister::open(store.clone(), sealer.clone(), Arc::clone(&clock)).await?;
    for camera in cameras.unreadable_passwords() {
        tracing::error!(%camera, "the camera's password was sealed with another key: enter it again");
        let text = "The camera's password was sealed with another key. Enter it again.";
        let draft = EventDraft::new("camera.password_unreadable", Severity::High, clock.now(), "cameras");
        tell(&events, draft.camera(camera).text(text));
    }
    let audit: AuditSink = {
        let events = events.clone();
        Arc::new(move |draft| tell(&events, draft))
    };
    let access = Access::open(store.clone(), Arc::clone(&clock), AccessOptions::default(), audit).await?;
    if recovery.is_some() {
        // A backup may hold sessions that were ended and users that were disabled since it was made.
        access.end_all_sessions("the database was restored").await?;
    }
    offer_claim(config, &access)?;
    Ok(Rooms {
        clock,
        store,
        journal,
        settings,
        cameras,
        sealer,
        access,
        events,
        recovered: recovery.is_some(),
    })
}

/// Writes and prints the first-boot token while nobody owns the box; removes the file once somebody does.
fn offer_claim(config: &Config, access: &Access) -> Result<()> {
    let file = config.claim_token_file();
    match access.claim_token() {
        Some(token) => {
            write_private(&file, format!("{token}\n").as_bytes()).context("key `claim.token_file`")?;
            tracing::info!("nobody owns this box yet; claim it with the token {token}");
        }
        None if file.exists() => {
            fs::remove_file(&file).with_context(|| format!("cannot remove the spent {}", file.display()))?;
        }
        None => {}
    }
    Ok(())
}

/// The way into the journal: one task appends what a bounded channel holds.
fn into_journal(journal: Journal) -> Sender<EventDraft> {
    let (sender, mut receiver) = mpsc::channel::<EventDraft>(EVENTS_WAITING);
    tokio::spawn(async move {
        while let Some(draft) = receiver.recv().await {
            if let Err(error) = journal.append(draft).await {
                tracing::error!(%error, "an event could not be written to the journal");
            }
        }
    });
    sender
}

/// Hands an event over without waiting; says so in the log when the journal does not keep up.
pub(crate) fn tell(events: &Sender<EventDraft>, draft: EventDraft) {
    if let Err(error) = events.try_send(draft) {
        let (mpsc::error::TrySendError::Full(draft) | mpsc::error::TrySendError::Closed(draft)) = error;
        tracing::error!(kind = draft.kind, "an event was lost: the journal does not keep up");
    }
}
