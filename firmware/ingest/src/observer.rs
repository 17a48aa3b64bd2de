//! What ingest tells the house.

use heron_core::{StreamKey, WallTime, link::Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Something happened to a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Pictures are coming.
    Online {
        /// Which stream.
        key: StreamKey,
        /// When the first picture came.
        at: WallTime,
    },
    /// Pictures have stopped coming.
    Lost {
        /// Which stream.
        key: StreamKey,
        /// When that was noticed.
        at: WallTime,
        /// Why.
        failure: Failure,
    },
    /// A try has failed.
    AttemptFailed {
        /// Which stream.
        key: StreamKey,
        /// When.
        at: WallTime,
        /// Failed tries in a row, from 1.
        failed_attempts: u32,
        /// Why.
        failure: Failure,
        /// How long until the next try.
        retry_in: Duration,
    },
    /// Ten tries in a row have failed. Told once per outage.
    Unreachable {
        /// Which stream.
        key: StreamKey,
        /// When.
        at: WallTime,
        /// Since when there have been no pictures.
        since: WallTime,
        /// Failed tries in a row.
        failed_attempts: u32,
        /// Why the last one failed.
        failure: Failure,
    },
    /// Pictures are coming again after `Unreachable`. Told once per outage, after `Online`.
    Recovered {
        /// Which stream.
        key: StreamKey,
        /// When the first picture came.
        at: WallTime,
        /// Since when there had been none.
        since: WallTime,
    },
}

impl Notice {
    /// Which stream it is about.
    pub fn key(&self) -> StreamKey {
        match self {
            Self::Online { key, .. }
            | Self::Lost { key, .. }
            | Self::AttemptFailed { key, .. }
            | Self::Unreachable { key, .. }
            | Self::Recovered { key, .. } => *key,
        }
    }
}

/// Is told of every [`Notice`]. Called on an ingest thread: it must return at once.
pub trait Observer: Send + Sync {
    /// Takes a notice.
    fn notice(&self, notice: Notice);
}

/// Passes notices into a bounded channel; when it is full they are counted and dropped.
#[derive(Debug)]
pub struct ChannelObserver {
    sender: mpsc::Sender<Notice>,
    dropped: AtomicU64,
}

impl ChannelObserver {
    /// With room for `capacity` notices. 1024 is four of each of 256 streams: all fail at once, a few times over,
    /// before the reader has to have run.
    pub fn new(capacity: usize) -> (Arc<Self>, mpsc::Receiver<Notice>) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        (Arc::new(Self { sender, dropped: AtomicU64::new(0) }), receiver)
    }
    /// Notices dropped because the channel was full or its reader gone.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Observer for ChannelObserver {
    fn notice(&self, notice: Notice) {
        if self.sender.try_send(notice).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
