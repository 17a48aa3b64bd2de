//! What happens marks its footage: it is kept for as long as its kind is, and copied to the events' volume.
//!
//! A durable reader of the journal, so that an event of the seconds before a crash keeps its footage too. Which footage an
//! event has is decided here; what a mark means is the recorder's.

use heron_cameras::CameraRegister;
use heron_core::{Event, WallTime};
use heron_journal::{Batch, Consumer, Journal};
use heron_record::trigger::is_alarm;
use heron_record::{EventMark, Recorder};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events taken at a time.
const BATCH: usize = 200;
/// After the database has refused.
const RETRY: Duration = Duration::from_secs(5);
/// Footage around an event that belongs to it, as with a recording that it starts: 10 s on both sides.
const AROUND_NANOS: i64 = 10_000_000_000;

/// Marks until `stop`.
pub(crate) async fn keep(
    journal: Journal,
    recorder: Arc<Recorder>,
    cameras: CameraRegister,
    stop: CancellationToken,
) {
    let mut consumer = loop {
        match journal.consumer("marks").await {
            Ok(consumer) => break consumer,
            Err(error) => {
                tracing::error!(%error, "events cannot be followed to keep their footage; trying again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    };
    loop {
        match mark(&consumer, &recorder, &cameras).await {
            Ok(true) => {}
            Ok(false) => tokio::select! {
                () = stop.cancelled() => return,
                more = consumer.wait() => if !more { return },
            },
            Err(error) => {
                tracing::warn!(%error, "the footage of events could not be marked; trying again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => {}
                }
            }
        }
    }
}

/// Marks what is new. Whether there may be more.
async fn mark(
    consumer: &Consumer,
    recorder: &Arc<Recorder>,
    cameras: &CameraRegister,
) -> anyhow::Result<bool> {
    let Batch { events, missed } = consumer.next_batch(BATCH).await?;
    let Some(last) = events.last().map(|e| e.seq) else { return Ok(false) };
    if missed > 0 {
        tracing::warn!(missed, "events were pruned from the journal before their footage was marked");
    }
    let full = events.len() == BATCH;
    let marks: Vec<EventMark> = events.iter().filter_map(|e| mark_of(e, cameras)).collect();
    if !marks.is_empty() {
        let recorder = Arc::clone(recorder);
        tokio::task::spawn_blocking(move || recorder.mark(&marks)).await??;
    }
    consumer.ack(last).await?;
    Ok(full)
}

/// The footage of an event, if it is one that keeps its footage.
fn mark_of(event: &Event, cameras: &CameraRegister) -> Option<EventMark> {
    let camera = event.draft.camera?;
    let named = cameras.get(camera).map(|c| c.record.events.clone()).unwrap_or_default();
    if !is_alarm(&named, &event.draft.kind) {
        return None;
    }
    let start = event.draft.start;
    let end: WallTime = event.draft.end.unwrap_or(start).max(start);
    Some(EventMark {
        event: event.id.to_string(),
        camera,
        kind: event.draft.kind.clone(),
        start: start.plus_nanos(-AROUND_NANOS),
        end: end.plus_nanos(AROUND_NANOS),
    })
}
