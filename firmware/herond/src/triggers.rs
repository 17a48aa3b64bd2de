//! What happens calls for recordings: the journal's events, handed to the recorder.
//!
//! Whoever notices something (a detector, a camera's own events, a person) writes it into the journal and needs not know
//! who records. What is like an alarm and what a camera waits for is the recorder's to decide; here an event becomes a
//! trigger.
//!
//! **What has a length.** An event with an end is recorded from its start to its end. One without an end has no length,
//! unless its detail says `"lasting": true`: then it goes on until an event of the same kind and camera has an end. Who
//! writes such events writes two: one when it begins, one when it has ended.

use heron_core::{CameraId, Clock, Event, WallTime};
use heron_journal::{EventFilter, Journal, Received, Subscription};
use heron_record::trigger::MANUAL;
use heron_record::{Recorder, Trigger};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How far back a restart looks: as long as the recorder believes that something lasts.
const LOOK_BACK: Duration = Duration::from_secs(3600);
/// Events looked at then, and after an avalanche of them.
const MOST_EVENTS: usize = 1000;
/// The longest post-roll: what ended before may still be due.
const LONGEST_ROLL: Duration = Duration::from_secs(60);

/// Hands events over until `stop`.
pub(crate) struct Triggers {
    journal: Journal,
    recorder: Arc<Recorder>,
    clock: Arc<dyn Clock>,
    news: Subscription,
    /// Position of the newest event that was handed over.
    seen: u64,
}

impl Triggers {
    /// Listens from now on.
    pub(crate) fn new(journal: Journal, recorder: Arc<Recorder>, clock: Arc<dyn Clock>) -> Self {
        let news = journal.subscribe();
        Self { journal, recorder, clock, news, seen: 0 }
    }

    /// Runs until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        self.catch_up().await;
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.news.recv() => received,
            };
            match received {
                Some(Received::Event(event)) => self.take(&event),
                Some(Received::Lagged(missed)) => {
                    tracing::warn!(
                        missed,
                        "events came faster than they could be looked at; looking them up"
                    );
                    self.catch_up().await;
                }
                None => return,
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if event.seq <= self.seen {
            return;
        }
        self.seen = event.seq;
        if let Some(trigger) = trigger_of(event) {
            self.recorder.trigger(&trigger);
        }
    }

    /// What has happened a moment ago, or lasts, is due still: after a restart, and when events were missed.
    async fn catch_up(&mut self) {
        let now = self.clock.now();
        let filter = EventFilter { start: Some(now - LOOK_BACK), ..EventFilter::default() };
        let page = match self.journal.query(filter, MOST_EVENTS, None).await {
            Ok(page) => page,
            Err(error) => {
                tracing::error!(%error, "what happened a moment ago could not be looked up");
                return;
            }
        };
        let mut events: Vec<Event> = page.items.into_iter().map(|entry| entry.event).collect();
        events.sort_by_key(|e| e.seq);
        let seen = self.seen;
        self.seen = events.last().map_or(seen, |e| e.seq.max(seen));
        events.retain(|e| e.seq > seen);
        for trigger in still_due(&events, now) {
            self.recorder.trigger(&trigger);
        }
    }
}

/// What of `events`, in order, may still be due at `now`.
fn still_due(events: &[Event], now: WallTime) -> Vec<Trigger> {
    let mut lasting: BTreeMap<(CameraId, String), Trigger> = BTreeMap::new();
    let mut due = Vec::new();
    for trigger in events.iter().filter_map(trigger_of) {
        let key = (trigger.camera, trigger.kind.clone());
        match trigger.end {
            None => drop(lasting.insert(key, trigger)),
            Some(end) => {
                lasting.remove(&key);
                if now.saturating_since(end) <= LONGEST_ROLL {
                    due.push(trigger);
                }
            }
        }
    }
    due.extend(lasting.into_values());
    due
}

/// The trigger that an event is, if it is one.
fn trigger_of(event: &Event) -> Option<Trigger> {
    let draft = &event.draft;
    // What the recorder says itself is no reason to record.
    if draft.kind.starts_with("recording.") && draft.kind != MANUAL {
        return None;
    }
    let lasts = draft.detail.get("lasting").and_then(serde_json::Value::as_bool) == Some(true);
    let end = match draft.end {
        None if lasts => None,
        end => Some(end.unwrap_or(draft.start)),
    };
    Some(Trigger { camera: draft.camera?, stream: None, kind: draft.kind.clone(), start: draft.start, end })
}

#[cfg(test)]
mod tests;
