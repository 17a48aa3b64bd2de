//! One stream being shown: its muxer task and the ring that all its viewers read.

use crate::mux::{Muxer, Part};
use heron_core::TrackKind;
use heron_hub::{LiveReader, Next, Ring, StreamHub};
use std::sync::Arc;
use tokio::task::AbortHandle;

/// The most that one stream's fragments hold. Viewers start at the newest key frame, so two groups of pictures are
/// needed: 16 Mbit/s in groups of 2 s are 8 MB. A group that is larger starts viewers at the key frame after it.
const RING_BYTES: usize = 16 << 20;
/// Units made into fragments at one go, so that a long group of pictures does not hold a worker: 64 of 100 KB are
/// 6 MB of copying, some 2 ms.
const BATCH: usize = 64;

/// Runs while at least one viewer holds it.
#[derive(Debug)]
pub(crate) struct Station {
    ring: Arc<Ring<Part>>,
    task: AbortHandle,
}

impl Station {
    /// Starts the muxer of `stream`. Needs a tokio runtime around it.
    pub(crate) fn start(stream: &StreamHub) -> Arc<Self> {
        let ring = Ring::new(RING_BYTES);
        let reader = stream.live_reader();
        let muxer = Muxer::new(stream.key().kind, stream.format(TrackKind::Audio));
        let task = tokio::spawn(run(reader, muxer, Arc::clone(&ring))).abort_handle();
        Arc::new(Self { ring, task })
    }

    pub(crate) fn reader(&self) -> LiveReader<Part> {
        self.ring.live_reader()
    }

    /// The stream was taken away; a viewer who comes now needs a new station.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(mut reader: LiveReader<heron_core::AccessUnit>, mut muxer: Muxer, ring: Arc<Ring<Part>>) {
    let mut units = Vec::with_capacity(BATCH);
    let mut parts = Vec::new();
    loop {
        match reader.next().await {
            Ok(Next::Item(unit)) => units.push(unit),
            // The muxer itself was late. It goes on at a key frame and the time line closes the hole.
            Ok(Next::Skipped(skipped)) => {
                tracing::warn!(units = skipped.units, "the live muxer fell behind");
                continue;
            }
            Err(_) => break,
        }
        // A skip here leaves units that begin at a key frame as well; an end shows at the next turn.
        let _ = reader.try_drain(&mut units, BATCH - 1);
        for unit in units.drain(..) {
            muxer.push(&unit, &mut parts);
        }
        ring.push_batch(parts.drain(..).map(Arc::new));
        // Many units waiting means a join: let others have the worker between batches.
        tokio::task::consume_budget().await;
    }
    ring.close();
}
