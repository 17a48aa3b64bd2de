//! One viewer: a cursor in the stream's fragments, turned into messages.

use crate::message::{EndReason, LiveMessage, WaitReason};
use crate::mux::{Part, Shown};
use crate::room::Counters;
use crate::station::Station;
use heron_core::{Clock, StreamKey};
use heron_hub::{LiveReader, Next, ViewerGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

/// How long nothing may come before a viewer is told, at first and later. The first is short: a person has just
/// clicked. The second is longer than the pause of a camera of one frame per second.
const FIRST_PATIENCE: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(3);

/// Somebody who watches a stream. Dropping it leaves; the last one to leave stops the muxer.
#[derive(Debug)]
pub struct Viewer {
    key: StreamKey,
    reader: LiveReader<Part>,
    /// Messages made and not yet taken: at most hello, init and fragment.
    ready: VecDeque<LiveMessage>,
    shown: Option<Arc<Shown>>,
    pictures: Option<u64>,
    skipped: bool,
    told_to_wait: bool,
    over: bool,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
    // These are kept for what their drop does.
    _station: Arc<Station>,
    _guard: ViewerGuard,
}

impl Viewer {
    pub(crate) fn new(
        key: StreamKey,
        station: Arc<Station>,
        guard: ViewerGuard,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        counters.viewers.fetch_add(1, Ordering::Relaxed);
        Self {
            key,
            reader: station.reader(),
            ready: VecDeque::with_capacity(3),
            shown: None,
            pictures: None,
            skipped: false,
            told_to_wait: false,
            over: false,
            counters,
            clock,
            _station: station,
            _guard: guard,
        }
    }

    /// Which stream is watched.
    pub fn key(&self) -> StreamKey {
        self.key
    }

    /// The next message, waiting for it. After [`LiveMessage::End`] it waits for ever. Cancel-safe.
    pub async fn next(&mut self) -> LiveMessage {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return message;
            }
            if self.over {
                std::future::pending::<()>().await;
            }
            let patience = if self.shown.is_none() { FIRST_PATIENCE } else { PATIENCE };
            let next = if self.told_to_wait {
                self.reader.next().await
            } else {
                match timeout(patience, self.reader.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        self.told_to_wait = true;
                        let never = self.shown.is_none();
                        let reason = if never { WaitReason::NoKeyFrame } else { WaitReason::NoPictures };
                        return LiveMessage::Waiting(reason);
                    }
                }
            };
            match next {
                Ok(Next::Item(part)) => self.take(&part),
                Ok(Next::Skipped(_)) => self.skipped = true,
                Err(_) => {
                    self.over = true;
                    return LiveMessage::End(EndReason::StreamRemoved);
                }
            }
        }
    }

    fn take(&mut self, part: &Part) {
        self.told_to_wait = false;
        if std::mem::take(&mut self.skipped) {
            // The next part is a key frame, so it counts itself.
            let missed = part.pictures.saturating_sub(self.pictures.unwrap_or(0) + 1);
            self.counters.skipped_frames.fetch_add(missed, Ordering::Relaxed);
            self.ready.push_back(LiveMessage::Skipped(missed));
        }
        self.pictures = Some(part.pictures);
        if !self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &part.shown)) {
            self.shown = Some(Arc::clone(&part.shown));
            let mut hello = part.shown.hello.clone();
            hello.server_time = self.clock.now();
            self.ready.push_back(LiveMessage::Hello(Box::new(hello)));
            if !part.shown.init.is_empty() {
                self.ready.push_back(LiveMessage::Init(part.shown.init.clone()));
            }
        }
        self.ready.push_back(LiveMessage::Fragment(part.bytes.clone()));
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.counters.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}
