//! Works through what waits: one item, one file, one part at a time.

use crate::archive::{ArchiveState, Inner};
use crate::items::{self, Item, NewJob};
use crate::uploader::{self, Sent, blocking};
use crate::{ArchiveError, Result};
use heron_core::{EventDraft, Severity, StreamKind, WallTime};
use heron_record::catalogue::SegmentState;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between looks when nothing calls.
const LOOK: Duration = Duration::from_secs(10);
/// First wait after a failure; doubles up to [`MOST_PATIENCE`].
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_PATIENCE: Duration = Duration::from_secs(600);
/// Failures in a row before people are told.
const TELL_AFTER: u32 = 3;
/// A range whose last file is still being written is looked at again after this: files are a minute long.
const STILL_OPEN: i64 = 30_000_000_000;
/// Items for whole cameras are made in steps of this, and not for the newest two minutes, which are still being written.
const STEP_NANOS: i64 = 300_000_000_000;
const SETTLED_NANOS: i64 = 120_000_000_000;
/// Most footage in one item of a whole camera: after an outage of days it is taken an hour at a time.
const MOST_STEP_NANOS: i64 = 3_600_000_000_000;

/// What became of an item.
enum Outcome {
    /// It is done, with so many files.
    Done(u32),
    /// Some of it is still being recorded, or the window closed.
    Later,
}

/// The task's body.
pub(crate) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    let mut failures = 0u32;
    let mut patience = PATIENCE;
    loop {
        let wait = if failures > 0 { patience } else { LOOK };
        tokio::select! {
            () = stop.cancelled() => return,
            () = inner.called.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        if failures > 0 && inner.take_new_config() {
            (failures, patience) = (0, PATIENCE);
        }
        loop {
            if stop.is_cancelled() {
                return;
            }
            match step(&inner).await {
                Ok(true) => {
                    if failures >= TELL_AFTER {
                        tell(
                            &inner,
                            "archive.recovered",
                            Severity::Standard,
                            "The archive takes footage again.".into(),
                        );
                    }
                    (failures, patience) = (0, PATIENCE);
                }
                Ok(false) => break,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "footage could not be archived");
                    inner.set_state(ArchiveState::Failing, Some(error.to_string()));
                    if failures == TELL_AFTER {
                        let text = format!("Footage cannot be archived: {error}. It is tried again.");
                        tell(&inner, "archive.failing", Severity::High, text);
                    }
                    if failures > 1 {
                        patience = (patience * 2).min(MOST_PATIENCE);
                    }
                    break;
                }
            }
        }
    }
}

fn tell(inner: &Arc<Inner>, kind: &'static str, severity: Severity, text: String) {
    let draft = EventDraft::new(kind, severity, inner.clock.now(), "archive").text(text);
    let journal = inner.journal.clone();
    tokio::spawn(async move {
        if let Err(error) = journal.append(draft).await {
            tracing::error!(%error, kind, "an event could not be written to the journal");
        }
    });
}

/// Does one thing. `false` when there is nothing to do now.
async fn step(inner: &Arc<Inner>) -> Result<bool> {
    let Some((config, folder)) = inner.config() else {
        inner.set_state(ArchiveState::Off, None);
        return Ok(false);
    };
    for camera in &config.what.cameras {
        follow(inner, *camera).await?;
    }
    if !inner.may_send(&config) {
        inner.set_state(ArchiveState::Waiting, None);
        return Ok(false);
    }
    let now = inner.clock.now();
    let Some(item) = inner.store.read(move |c| items::next(c, now)).await? else {
        // What failed waits for its next try: that is no success.
        if inner.store.read(items::waiting).await? == 0 || !inner.is_failing() {
            inner.set_state(ArchiveState::Ok, None);
        }
        return Ok(false);
    };
    let bucket = inner.bucket()?;
    let id = item.id;
    match archive(inner, &bucket, &config, &folder, &item).await {
        Ok(Outcome::Done(files)) => {
            inner.store.write(move |tx| items::finish(tx, id, files)).await?;
            inner.set_state(ArchiveState::Ok, None);
        }
        Ok(Outcome::Later) => {
            let due = inner.clock.now().plus_nanos(STILL_OPEN);
            inner.store.write(move |tx| items::postpone(tx, id, due, None)).await?;
        }
        Err(error) => {
            // Others may go before it: it may be this item that is to blame.
            let due = inner.clock.now().plus_nanos(STILL_OPEN);
            let problem = error.to_string();
            inner.store.write(move |tx| items::postpone(tx, id, due, Some(&problem))).await?;
            return Err(error);
        }
    }
    Ok(true)
}

/// Stores every file of an item.
async fn archive(
    inner: &Arc<Inner>,
    bucket: &crate::bucket::Bucket,
    config: &crate::ArchiveConfig,
    folder: &str,
    item: &Item,
) -> Result<Outcome> {
    let (playback, key, start, end) = (inner.playback.clone(), item.key(), item.start, item.end);
    let segments = blocking(move || Ok(playback.segments(key, start, end)?)).await?;
    let (mut files, mut open) = (0, false);
    for segment in &segments {
        if segment.state != SegmentState::Closed {
            open = true;
            continue;
        }
        match uploader::send(inner, bucket, config, folder, segment).await? {
            Sent::Stored => {
                files += 1;
                inner.stored(segment.bytes);
            }
            Sent::Already => files += 1,
            Sent::Gone => {
                tracing::warn!(camera = %item.camera, start = %segment.start, "footage was deleted before it could be archived");
            }
            Sent::Later => return Ok(Outcome::Later),
        }
    }
    // What happens after an event is not recorded yet when the event is told.
    if open || inner.clock.now() < item.end.plus_nanos(2_000_000_000) {
        Ok(Outcome::Later)
    } else {
        Ok(Outcome::Done(files))
    }
}

/// Makes items for everything of a camera that is new.
async fn follow(inner: &Arc<Inner>, camera: heron_core::CameraId) -> Result<()> {
    let now = inner.clock.now();
    let until = now.plus_nanos(-SETTLED_NANOS);
    let begun = inner.store.read(move |c| items::cursor(c, camera)).await?;
    let Some(from) = begun else {
        // From now on: what is there already is archived by a job.
        return Ok(inner.store.write(move |tx| items::move_cursor(tx, camera, until)).await?);
    };
    let mut from = from;
    while until.nanos_since(from) >= STEP_NANOS {
        let end = WallTime(from.0.saturating_add(MOST_STEP_NANOS).min(until.0));
        let put = inner
            .store
            .write(move |tx| {
                for stream in StreamKind::ALL {
                    let job = NewJob { camera, stream, start: from, end };
                    if items::put(tx, &job, "camera", now)?.is_none() {
                        return Ok(false);
                    }
                }
                items::move_cursor(tx, camera, end)?;
                Ok(true)
            })
            .await?;
        if !put {
            return Err(ArchiveError::Full(items::MOST_ITEMS));
        }
        from = end;
    }
    Ok(())
}
