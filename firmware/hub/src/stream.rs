//! One stream: its ring of access units, its formats, its viewers.

use crate::budget::Budget;
use crate::{LiveReader, PinnedReader, Ring, RingStatistics};
use heron_core::{AccessUnit, StreamKey, TrackFormat, TrackKind};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// The place where a stream's access units are handed from `ingest` to everybody else.
#[derive(Debug)]
pub struct StreamHub {
    key: StreamKey,
    ring: Arc<Ring<AccessUnit>>,
    /// Video, audio, metadata.
    formats: Mutex<[Option<Arc<TrackFormat>>; 3]>,
    viewers: AtomicUsize,
    watched: watch::Sender<bool>,
}

/// Counts as a viewer while it lives.
#[derive(Debug)]
pub struct ViewerGuard(Arc<StreamHub>);

impl StreamHub {
    pub(crate) fn new(key: StreamKey, limit_bytes: usize, budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            key,
            ring: Ring::within(limit_bytes, budget),
            formats: Mutex::new([None, None, None]),
            viewers: AtomicUsize::new(0),
            watched: watch::Sender::new(false),
        })
    }

    /// Which stream.
    pub fn key(&self) -> StreamKey {
        self.key
    }

    /// Appends one unit and wakes the readers.
    pub fn push(&self, unit: Arc<AccessUnit>) {
        self.push_batch(std::slice::from_ref(&unit));
    }

    /// Appends `units` in order: one lock, one wake-up of readers.
    pub fn push_batch(&self, units: &[Arc<AccessUnit>]) {
        if units.is_empty() {
            return;
        }
        {
            let mut formats = self.formats.lock();
            for unit in units {
                let slot = &mut formats[slot_of(unit.format.kind())];
                if !slot.as_ref().is_some_and(|f| Arc::ptr_eq(f, &unit.format)) {
                    *slot = Some(Arc::clone(&unit.format));
                }
            }
        }
        self.ring.push_batch(units.iter().cloned());
    }

    /// A connection ended or began: what is held cannot be continued. New live readers wait for the next key
    /// frame; the recorder still gets what it has not read.
    pub fn restart(&self) {
        self.ring.restart();
    }

    /// A reader from the newest key frame on, all tracks. It does not count as a viewer by itself; take a
    /// [`StreamHub::viewer`] when a person is waiting.
    pub fn live_reader(&self) -> LiveReader<AccessUnit> {
        self.ring.live_reader()
    }

    /// A reader that misses nothing while the bound allows.
    pub fn pinned_reader(&self) -> PinnedReader<AccessUnit> {
        self.ring.pinned_reader()
    }

    /// Counts somebody who watches live until the guard is dropped. Ingest then reads the socket at once
    /// instead of on its tick.
    pub fn viewer(self: &Arc<Self>) -> ViewerGuard {
        if self.viewers.fetch_add(1, Ordering::AcqRel) == 0 {
            self.tell_watched();
        }
        ViewerGuard(Arc::clone(self))
    }

    /// How many watch live.
    pub fn viewers(&self) -> usize {
        self.viewers.load(Ordering::Acquire)
    }

    /// Changes when the number of viewers goes from none to some or back.
    pub fn watched(&self) -> watch::Receiver<bool> {
        self.watched.subscribe()
    }

    fn tell_watched(&self) {
        // Computed inside, so that two that come and go at once leave the truth behind.
        self.watched.send_if_modified(|watched| {
            let now = self.viewers() > 0;
            std::mem::replace(watched, now) != now
        });
    }

    /// The newest format of `kind`, once a unit of it has come.
    pub fn format(&self, kind: TrackKind) -> Option<Arc<TrackFormat>> {
        self.formats.lock()[slot_of(kind)].clone()
    }

    /// The newest format of each track that has come: video, audio, metadata.
    pub fn formats(&self) -> Vec<Arc<TrackFormat>> {
        self.formats.lock().iter().flatten().cloned().collect()
    }

    /// The newest key frame that is held, for a still picture.
    pub fn newest_key_frame(&self) -> Option<Arc<AccessUnit>> {
        self.ring.newest_start()
    }

    /// The ring's counters.
    pub fn statistics(&self) -> RingStatistics {
        self.ring.statistics()
    }

    pub(crate) fn close(&self) {
        self.ring.close();
    }
}

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        if self.0.viewers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.tell_watched();
        }
    }
}

fn slot_of(kind: TrackKind) -> usize {
    match kind {
        TrackKind::Video => 0,
        TrackKind::Audio => 1,
        TrackKind::Metadata => 2,
    }
}
