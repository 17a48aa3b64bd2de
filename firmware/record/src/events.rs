//! What the recorder tells people: a bounded way out that never makes it wait.

use heron_core::EventDraft;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Events kept when the journal does not take them: more than every stream of a large box (128) stopping at once.
const MOST_WAITING: usize = 512;

/// Hands events over, in order; keeps some while the other side is busy; counts what it has to drop.
#[derive(Debug)]
pub(crate) struct Outlet {
    sink: Sender<EventDraft>,
    waiting: Mutex<(VecDeque<EventDraft>, u64)>,
}

impl Outlet {
    pub(crate) fn new(sink: Sender<EventDraft>) -> Self {
        Self { sink, waiting: Mutex::new((VecDeque::new(), 0)) }
    }

    /// Tells. Never waits.
    pub(crate) fn tell(&self, event: EventDraft) {
        let mut waiting = self.waiting.lock();
        if waiting.0.len() >= MOST_WAITING {
            waiting.0.pop_front();
            waiting.1 += 1;
            if waiting.1.is_power_of_two() {
                tracing::warn!(
                    dropped = waiting.1,
                    "recording events are not taken; the oldest were dropped"
                );
            }
        }
        waiting.0.push_back(event);
        self.flush(&mut waiting.0);
    }

    /// Tries again.
    pub(crate) fn retry(&self) {
        self.flush(&mut self.waiting.lock().0);
    }

    fn flush(&self, waiting: &mut VecDeque<EventDraft>) {
        while let Some(event) = waiting.pop_front() {
            match self.sink.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    waiting.push_front(event);
                    return;
                }
                // Nobody listens any more: the daemon is going down.
                Err(TrySendError::Closed(_)) => waiting.clear(),
            }
        }
    }
}
