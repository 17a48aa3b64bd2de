//! From the journal to the queue: what happens decides what is archived.

use crate::Result;
use crate::archive::Inner;
use crate::items::{self, NewJob};
use heron_core::{Event, EventDraft, Severity, StreamKind, WallTime};
use heron_journal::Consumer;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events taken at a time.
const BATCH: usize = 200;
/// After the database has refused.
const RETRY: Duration = Duration::from_secs(5);
/// Events of this room and of what people do are no reason to archive anything.
const OWN: &str = "archive.";

/// The task's body.
pub(crate) async fn run(inner: Arc<Inner>, mut consumer: Consumer, stop: CancellationToken) {
    loop {
        match batch(&inner, &consumer).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the journal could not be followed; trying again");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RETRY) => continue,
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            more = consumer.wait() => if !more { return },
        }
    }
}

/// Takes what is new. Whether there may be more.
async fn batch(inner: &Arc<Inner>, consumer: &Consumer) -> Result<bool> {
    let batch = consumer.next_batch(BATCH).await?;
    let Some(last) = batch.events.last().map(|e| e.seq) else { return Ok(false) };
    let full = batch.events.len() == BATCH;
    if batch.missed > 0 && inner.config().is_some() {
        let text = format!(
            "{} events were pruned from the journal before their footage could be archived.",
            batch.missed
        );
        let draft =
            EventDraft::new("archive.missed", Severity::High, inner.clock.now(), "archive").text(text);
        inner.journal.append(draft).await?;
    }
    let jobs: Vec<(NewJob, String)> = match inner.config() {
        Some((config, _)) => batch
            .events
            .iter()
            .filter(|e| !e.draft.kind.starts_with(OWN) && config.what.takes(&e.draft.kind))
            .filter_map(|e| Some((job_of(e, config.what.around())?, e.id.to_string())))
            .collect(),
        None => Vec::new(),
    };
    let now = inner.clock.now();
    if !jobs.is_empty() {
        let refused = inner
            .store
            .write(move |tx| {
                let mut refused = 0u32;
                for (job, why) in &jobs {
                    refused += u32::from(items::put(tx, job, why, now)?.is_none());
                }
                Ok(refused)
            })
            .await?;
        if refused > 0 {
            let text = format!("The footage of {refused} events is not archived: too much waits already.");
            let draft = EventDraft::new("archive.missed", Severity::High, now, "archive").text(text);
            inner.journal.append(draft).await?;
        }
        inner.called.notify_one();
    }
    consumer.ack(last).await?;
    Ok(full)
}

/// The range that belongs to an event of a camera.
fn job_of(event: &Event, (before, after): (i64, i64)) -> Option<NewJob> {
    let camera = event.draft.camera?;
    let start = event.draft.start;
    let end: WallTime = event.draft.end.unwrap_or(start).max(start);
    Some(NewJob {
        camera,
        stream: StreamKind::Main,
        start: start.plus_nanos(-before),
        end: end.plus_nanos(after),
    })
}
