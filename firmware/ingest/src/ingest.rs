//! All streams of the box.

use crate::address::{Address, AddressError};
use crate::observer::Observer;
use crate::probe::ProbeReport;
use crate::shard::{Command, Shard};
use crate::spec::{IngestConfig, StreamSpec};
use crate::statistics::StreamCounters;
use crate::status::{StreamStatus, show_fingerprint, show_transport};
use heron_core::{Clock, ErrorKind, Grade, LinkStatistics, StreamKey, StreamState, TrackFormat};
use heron_hub::Hub;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Why ingest does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A thread could not be started.
    #[error("an ingest thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// There are as many streams as [`IngestConfig::max_streams`] allows.
    #[error("no more than {limit} streams can be taken in; remove one first")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A shard has a thousand commands before this one, or has ended.
    #[error("ingest is busy or has ended; try again")]
    Busy,
}

impl IngestError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Thread(_) => ErrorKind::Internal,
            Self::TooMany { .. } => ErrorKind::Exhausted,
            Self::Address(error) => error.kind(),
            Self::Busy => ErrorKind::Unavailable,
        }
    }
}

/// What is known of a stream.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// What it is doing.
    pub state: StreamState,
    /// How its link is doing.
    pub link: LinkStatistics,
    /// A verdict.
    pub grade: Grade,
    /// The newest format of each track that has come: video, audio, metadata.
    pub formats: Vec<Arc<TrackFormat>>,
    /// What has gone wrong without ending it.
    pub counters: StreamCounters,
    /// `tcp`, `udp` or `tls`, of the newest connection.
    pub transport: Option<&'static str>,
    /// SHA-256 fingerprint of the camera's certificate, of the newest connection.
    pub fingerprint: Option<String>,
    /// The camera's `Server` header, of the newest connection.
    pub server: Option<String>,
    /// The camera's address, of the newest connection.
    pub peer: Option<IpAddr>,
}

struct Entry {
    shard: usize,
    status: Arc<StreamStatus>,
}

/// Takes streams in. See the crate's documentation.
pub struct Ingest {
    config: IngestConfig,
    hub: Arc<Hub>,
    shards: Vec<Mutex<Shard>>,
    streams: Mutex<HashMap<StreamKey, Entry>>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Ingest {
    /// Starts the shards.
    ///
    /// # Errors
    /// [`IngestError::Thread`] when one cannot be started.
    pub fn start(
        config: IngestConfig,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, IngestError> {
        let shards = (0..config.shards.clamp(1, 8))
            .map(|index| {
                Shard::start(index, config, Arc::clone(&clock), Arc::clone(&observer)).map(Mutex::new)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { config, hub, shards, streams: Mutex::new(HashMap::new()) })
    }

    /// Takes a stream in, from now until it is removed. One with the same key is replaced; its readers in the hub
    /// stay.
    ///
    /// # Errors
    /// [`IngestError`] when the address cannot be used, or there is no room.
    pub fn add_stream(&self, spec: StreamSpec) -> Result<(), IngestError> {
        Address::of(&spec)?;
        let mut streams = self.streams.lock();
        let known = streams.get(&spec.key).map(|entry| entry.shard);
        if known.is_none() && streams.len() >= self.config.max_streams {
            return Err(IngestError::TooMany { limit: self.config.max_streams });
        }
        let load = |shard: usize| streams.values().filter(|e| e.shard == shard).count();
        let shard = known.or_else(|| (0..self.shards.len()).min_by_key(|s| load(*s))).unwrap_or(0);
        let (key, status) = (spec.key, Arc::new(StreamStatus::default()));
        let hub = self.hub.stream(key);
        self.tell(shard, Command::Add { spec, hub, status: Arc::clone(&status) })?;
        streams.insert(key, Entry { shard, status });
        Ok(())
    }

    /// Lets a stream go; its readers in the hub come to an end. Returns whether it was there.
    pub fn remove_stream(&self, key: StreamKey) -> bool {
        let Some(entry) = self.streams.lock().remove(&key) else { return false };
        // A shard that cannot be told has ended, and its streams with it.
        let _ = self.tell(entry.shard, Command::Remove { key });
        self.hub.remove(key);
        true
    }

    /// What is known of a stream; at most a second old.
    pub fn statistics(&self, key: StreamKey) -> Option<StreamReport> {
        let status = Arc::clone(&self.streams.lock().get(&key)?.status).get();
        let formats = self.hub.get(key).map(|s| s.formats()).unwrap_or_default();
        Some(StreamReport {
            formats,
            transport: show_transport(&status.facts),
            fingerprint: status.facts.fingerprint.as_ref().map(show_fingerprint),
            server: status.facts.server,
            peer: status.facts.peer,
            state: status.state,
            link: status.link,
            grade: status.grade,
            counters: status.counters,
        })
    }

    /// The streams that are taken in.
    pub fn streams(&self) -> Vec<StreamKey> {
        self.streams.lock().keys().copied().collect()
    }

    /// Connects to `spec`'s camera, plays until the first key frame and two seconds more, and reports; at most
    /// `timeout`. Nothing is recorded or shown. Can be awaited on any runtime. The key of `spec` is not looked at.
    ///
    /// # Errors
    /// [`IngestError::Busy`] when the shard has ended. Whatever the camera does wrong is in the report.
    pub async fn probe(&self, spec: StreamSpec, timeout: Duration) -> Result<ProbeReport, IngestError> {
        let (reply, report) = oneshot::channel();
        // The last shard: with two, the one with fewer streams.
        self.tell(self.shards.len() - 1, Command::Probe { spec, timeout, reply })?;
        report.await.map_err(|_| IngestError::Busy)
    }

    /// Ends every session politely and then the threads. Blocks for 2 s at most; not for a runtime's thread.
    pub fn stop(&self) {
        for shard in &self.shards {
            let _ = shard.lock().commands.try_send(Command::End);
        }
        for shard in &self.shards {
            shard.lock().join();
        }
    }

    fn tell(&self, shard: usize, command: Command) -> Result<(), IngestError> {
        let shard = self.shards.get(shard).ok_or(IngestError::Busy)?;
        shard.lock().commands.try_send(command).map_err(|_| IngestError::Busy)
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // Not joined: whoever wants to wait calls `stop`.
        for shard in &self.shards {
            let _ = shard.lock().commands.try_send(Command::End);
        }
    }
}
