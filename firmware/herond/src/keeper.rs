//! The daemon's life: up floor by floor, down in the opposite order.

use crate::config::Config;
use crate::evidence_key;
use crate::marks;
use crate::memory;
use crate::rooms::{self, Rooms};
use crate::supervise::Supervisor;
use crate::tls;
use crate::triggers::Triggers;
use anyhow::{Context, Result};
use heron_access::Access;
use heron_api::{ApiState, HttpConfig, HttpsConfig, Identity};
use heron_archive::Archive;
use heron_core::{EventDraft, Severity};
use heron_exports::{BoxIdentity, Exports, ExportsConfig, Recorded};
use heron_hub::{Hub, HubConfig};
use heron_ingest::{ChannelObserver, Ingest, IngestConfig};
use heron_live::Live;
use heron_record::{Playback, Recorder, RecorderConfig, VolumeConfig, VolumeRole};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Notices that may wait for the supervisor: four of each of 256 streams.
const NOTICES_WAITING: usize = 1024;
/// What the box is called until somebody names it.
const NAME: &str = "Heron";
/// A session lives for minutes at least, so a minute late is soon enough.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Runs until a signal says stop.
pub(crate) async fn keep(config: Config) -> Result<()> {
    // First of all, so that a stop during the start, which may wait for disks, is not a crash.
    let mut signals = Signals::listen()?;
    // Installed once for rustls, before anything speaks TLS; it fails only when it is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let rooms = Arc::new(rooms::open(&config).await?);
    let started = rooms.clock.now();
    let hub_config =
        HubConfig { total_bytes: memory::for_streams(config.memory_mib), ..HubConfig::default() };
    tracing::info!(
        mib = hub_config.total_bytes >> 20,
        "memory for frames that wait to be written; key `memory_mib` changes it"
    );
    let hub = Hub::new(hub_config);
    let recorder = start_recorder(&config, &rooms, &hub).await?;
    let (observer, notices) = ChannelObserver::new(NOTICES_WAITING);
    let clock = Arc::clone(&rooms.clock);
    let ingest = Arc::new(Ingest::start(IngestConfig::default(), Arc::clone(&hub), clock, observer)?);
    let mut supervisor = Supervisor {
        rooms: Arc::clone(&rooms),
        ingest: Arc::clone(&ingest),
        recorder: Arc::clone(&recorder),
        running: BTreeMap::new(),
    };
    supervisor.follow();
    let stop = CancellationToken::new();
    let triggers = Triggers::new(rooms.journal.clone(), Arc::clone(&recorder), Arc::clone(&rooms.clock));
    let triggering = tokio::spawn(triggers.run(stop.clone()));
    let marking = tokio::spawn(marks::keep(
        rooms.journal.clone(),
        Arc::clone(&recorder),
        rooms.cameras.clone(),
        stop.clone(),
    ));
    let supervising = tokio::spawn(supervisor.run(notices, stop.clone()));
    let backups = tokio::spawn(rooms.store.clone().keep_backups());
    let sweeping = tokio::spawn(sweep_sessions(rooms.access.clone()));

    let playback = recorder.playback();
    let archive = Archive::open(
        rooms.store.clone(),
        rooms.journal.clone(),
        playback.clone(),
        rooms.sealer.clone(),
        Arc::clone(&rooms.clock),
        stop.clone(),
    )
    .await
    .context("the archive cannot be opened")?;
    let exports = start_exports(&rooms, &recorder, &playback).await?;
    let state = ApiState {
        exports: exports.clone(),
        access: rooms.access.clone(),
        cameras: rooms.cameras.clone(),
        journal: rooms.journal.clone(),
        settings: rooms.settings.clone(),
        hub: Arc::clone(&hub),
        ingest: Arc::clone(&ingest),
        recorder: Arc::clone(&recorder),
        playback,
        archive,
        live: Live::new(Arc::clone(&hub), Arc::clone(&rooms.clock)),
        store: rooms.store.clone(),
        clock: Arc::clone(&rooms.clock),
        identity: Identity { name: NAME.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), started },
        shutdown: stop.clone(),
    };
    let serving = heron_api::serve(state, http(&config)?, stop.clone()).await?;
    for (scheme, address) in [("http", serving.http), ("https", serving.https)] {
        if let Some(address) = address {
            tracing::info!("serving {scheme}://{address}/");
        }
    }

    signals.any().await;
    tracing::info!("stopping");
    stop.cancel();
    serving.ended().await;
    let _ = supervising.await;
    let _ = triggering.await;
    let _ = marking.await;
    tokio::task::spawn_blocking(move || {
        exports.shutdown();
        ingest.stop();
        let whole = recorder.shutdown();
        tracing::info!(whole, "recording has stopped");
    })
    .await?;
    backups.abort();
    sweeping.abort();
    rooms.store.close().await;
    Ok(())
}

/// Forgets sessions that have ended by themselves.
async fn sweep_sessions(access: Access) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = access.sweep().await {
            tracing::error!(%error, "ended sessions could not be forgotten");
        }
    }
}

async fn start_recorder(config: &Config, rooms: &Arc<Rooms>, hub: &Arc<Hub>) -> Result<Arc<Recorder>> {
    let volumes = volumes(config);
    let (rooms, hub) = (Arc::clone(rooms), Arc::clone(hub));
    let events: tokio::sync::mpsc::Sender<EventDraft> = rooms.events.clone();
    let of_key = config.clone();
    tokio::task::spawn_blocking(move || {
        // Footage without evidence is worth more than none.
        let signer = evidence_key::open_or_create(&of_key).inspect_err(|error| {
            tracing::error!("recordings are not sealed: {error:#}");
            let text = format!("Recordings cannot be proven: {error:#}");
            let draft = EventDraft::new("evidence.no_key", Severity::High, rooms.clock.now(), "herond");
            rooms::tell(&rooms.events, draft.text(text));
        });
        let signer = signer.ok();
        let clock = Arc::clone(&rooms.clock);
        let config = RecorderConfig { lost_rows: rooms.recovered, signer, ..RecorderConfig::new(volumes) };
        Recorder::start(config, hub, rooms.store.clone(), clock, events)
    })
    .await?
    .map(Arc::new)
    .context("recording cannot start")
}

/// Goes on with the exports that were under way.
async fn start_exports(rooms: &Arc<Rooms>, recorder: &Arc<Recorder>, playback: &Playback) -> Result<Exports> {
    let (rooms, recorder, playback) = (Arc::clone(rooms), Arc::clone(recorder), playback.clone());
    tokio::task::spawn_blocking(move || {
        Exports::start(ExportsConfig {
            store: rooms.store.clone(),
            settings: rooms.settings.clone(),
            clock: Arc::clone(&rooms.clock),
            signer: recorder.signer(),
            identity: BoxIdentity { name: NAME.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            events: rooms.events.clone(),
            footage: Arc::new(Recorded::new(recorder, playback)),
        })
    })
    .await?
    .context("exports cannot start")
}

/// The volumes as the recorder wants them.
pub(crate) fn volumes(config: &Config) -> Vec<VolumeConfig> {
    let of = |v: &crate::config::Volume| VolumeConfig {
        reserve_bytes: v.reserve_bytes,
        quota_bytes: v.quota_bytes,
        role: match v.role {
            crate::config::VolumeRole::Spread => VolumeRole::Spread,
            crate::config::VolumeRole::Mirror => VolumeRole::Mirror,
            crate::config::VolumeRole::Events => VolumeRole::Events,
        },
        ..VolumeConfig::new(&v.path)
    };
    config.volumes.iter().map(of).collect()
}

fn http(config: &Config) -> Result<HttpConfig> {
    let https = match &config.https {
        None => None,
        Some(https) => {
            let (cert, key) = match (&https.cert_file, &https.key_file) {
                (Some(cert), Some(key)) => (cert.clone(), key.clone()),
                _ => {
                    let own = tls::ensure_self_signed(&config.data_dir)?;
                    (own.cert, own.key)
                }
            };
            let read = |name: &str, path: &std::path::Path| {
                std::fs::read(path)
                    .with_context(|| format!("key `https.{name}`: cannot read {}", path.display()))
            };
            Some(HttpsConfig {
                listen: https.listen,
                certificate_pem: read("cert_file", &cert)?,
                key_pem: read("key_file", &key)?,
            })
        }
    };
    Ok(HttpConfig { listen: Some(config.http.listen), insecure: config.http.insecure, https })
}

/// What says stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on a signal is waited for; before, it would end the process as it stands.
    fn listen() -> Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
