//! The one thread that writes exports, one at a time, and keeps their folders tidy.

use crate::ExportError;
use crate::house::{Halt, House};
use crate::job::{Export, ExportState};
use crate::room::{self, Finished, Taken, human};
use crate::run::Run;
use crate::shelf::Shelf;
use crate::table;
use heron_core::Severity;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How often it looks for what has expired.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// How much nicer than everything else its thread is. Linux derives the priority of its reads and writes from it too, as long
/// as nobody has set another one (`ionice`), so that schedulers that have priorities (BFQ) let recording go first.
const NICE: i32 = 15;
/// Rows that are kept: the newest. A row is a kilobyte or two, its parts a few more.
const MOST_ROWS: usize = 500;

/// Runs until the house stops.
pub(crate) fn run(house: &House) {
    // On Linux this is the thread's own. Not being allowed to be nice is no reason not to work: the pace still holds.
    let _ = rustix::process::nice(NICE);
    let mut tidied: Option<Instant> = None;
    loop {
        if tidied.is_none_or(|t| t.elapsed() >= TIDY_EVERY) {
            if let Err(error) = tidy(house) {
                tracing::warn!(%error, "the exports could not be tidied up");
            }
            tidied = Some(Instant::now());
        }
        match take_turn(house) {
            Ok(Some(export)) => {
                let id = export.id;
                if catch_unwind(AssertUnwindSafe(|| one(house, export))).is_err() {
                    fail(house, id, "the box made a mistake; the log says more. Resume it to try again");
                }
                let mut turn = house.turn.lock();
                (turn.running, turn.cancel) = (None, false);
                drop(turn);
                house.ring();
            }
            Ok(None) => {
                let mut turn = house.turn.lock();
                if !turn.stop && !turn.news {
                    house.bell.wait_for(&mut turn, TIDY_EVERY);
                }
                turn.news = false;
            }
            Err(error) => {
                tracing::error!(%error, "the list of exports cannot be read");
                let mut turn = house.turn.lock();
                if !turn.stop {
                    house.bell.wait_for(&mut turn, TIDY_EVERY);
                }
            }
        }
        if house.turn.lock().stop {
            return;
        }
    }
}

/// The next export, marked as running.
fn take_turn(house: &House) -> Result<Option<Export>, ExportError> {
    let mut turn = house.turn.lock();
    if turn.stop {
        return Ok(None);
    }
    let next = house.store.write_blocking(|tx| {
        let Some(id) = table::next(tx)? else { return Ok(None) };
        let Some(mut export) = table::get(tx, id)? else { return Ok(None) };
        (export.state, export.error) = (ExportState::Running, None);
        (export.finished, export.expires) = (None, None);
        table::update(tx, &export)?;
        Ok(Some(export))
    })?;
    turn.running = next.as_ref().map(|e| e.id);
    Ok(next)
}

/// One export, to its end, its failure or the box's.
fn one(house: &House, mut export: Export) {
    tracing::info!(export = %export.id, "exporting {}", House::words(&export));
    let halted = match prepare(house, &mut export) {
        Ok((shelf, reserve)) => match Run::open(house, export.clone(), shelf, reserve) {
            Ok(mut run) => {
                let done = run.go();
                export = run.export;
                done
            }
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    };
    let now = house.clock.now();
    match halted {
        Ok(()) => {
            (export.state, export.finished) = (ExportState::Done, Some(now));
            export.expires = Some(now + house.keep());
            if note(house, &export) {
                let bytes = export.file.as_ref().map_or(0, |f| f.bytes);
                let text = format!("The export of {} is ready: {}.", House::words(&export), human(bytes));
                house.tell("export.done", Severity::Standard, "exports", &export, text);
            }
        }
        Err(Halt::ShutDown) => {
            note(house, &export);
        }
        Err(Halt::Cancelled) => {
            if let Err(error) = discard(house, &export) {
                tracing::warn!(export = %export.id, %error, "the file of a cancelled export is still there");
            }
            (export.state, export.finished) = (ExportState::Cancelled, Some(now));
            (export.bytes_done, export.bytes_checked, export.volume) = (0, 0, None);
            note(house, &export);
        }
        Err(Halt::Failed(error)) => {
            (export.state, export.finished) = (ExportState::Failed, Some(now));
            export.error = Some(error.to_string());
            tracing::warn!(export = %export.id, %error, "an export failed");
            if note(house, &export) {
                let text = format!("The export of {} failed: {error}.", House::words(&export));
                house.tell("export.failed", Severity::Medium, "exports", &export, text);
            }
        }
    }
}

/// Writes the row; says so in the log when it cannot be.
fn note(house: &House, export: &Export) -> bool {
    let row = export.clone();
    let noted = house.store.write_blocking(move |tx| table::update(tx, &row));
    if let Err(error) = &noted {
        tracing::error!(export = %export.id, %error, "what became of an export could not be noted; it will be tried again");
    }
    noted.is_ok()
}

fn fail(house: &House, id: Uuid, words: &'static str) {
    let now = house.clock.now();
    let failed = house.store.write_blocking(move |tx| {
        let Some(mut export) = table::get(tx, id)? else { return Ok(()) };
        (export.state, export.finished, export.error) =
            (ExportState::Failed, Some(now), Some(words.to_owned()));
        table::update(tx, &export)
    });
    if let Err(error) = failed {
        tracing::error!(export = %id, %error, "a failed export could not be noted");
    }
}

/// Finds the export a place, and makes room there. Answers the volume's reserve too.
fn prepare(house: &House, export: &mut Export) -> Result<(Shelf, u64), ExportError> {
    let volumes = house.footage.volumes()?;
    let exports = house.store.read_blocking(table::all)?;
    let percent = house.percent();
    let needed = export.bytes_total;
    let here = export.volume.and_then(|id| volumes.iter().find(|v| v.id == id));
    // Its own bytes are `needed`; what others still have to write comes after it.
    let taken = |id| taken_on(&exports, id, Some(export.id), false);
    let volume = here.or_else(|| room::best(&volumes, percent, taken, needed));
    let Some(volume) = volume else {
        let why = if volumes.is_empty() { "no recording volume can be written" } else { NO_ROOM };
        return Err(ExportError::NoRoom { needed: human(needed), why: why.into() });
    };
    let root = house.footage.volume_root(volume.id).ok_or(ExportError::VolumeAway)?;
    let shelf = Shelf::open(volume.id, &root)?;
    let finished: Vec<Finished> = exports
        .iter()
        .filter(|e| e.state == ExportState::Done && e.volume == Some(volume.id))
        .map(|e| Finished { id: e.id, bytes: e.file.as_ref().map_or(0, |f| f.bytes) })
        .collect();
    for id in room::victims(&finished, needed, room::budget(volume, percent)) {
        if let Some(victim) = exports.iter().find(|e| e.id == id) {
            expire(house, victim, "Its room was needed for a newer one")?;
        }
    }
    export.volume = Some(volume.id);
    Ok((shelf, volume.reserve_bytes))
}

/// Why nothing fits, when nothing fits.
pub(crate) const NO_ROOM: &str = "exports would take more of the volumes than they may (setting exports.max_percent), or \
    too little footage could be deleted to make room; delete exports that are done with, or export less";

/// What exports take of a volume; what is not written yet counts for every volume, unless only finished ones are asked for.
pub(crate) fn taken_on(exports: &[Export], volume: Uuid, but: Option<Uuid>, with_waiting: bool) -> Taken {
    let mut taken = Taken::default();
    for e in exports.iter().filter(|e| Some(e.id) != but) {
        let here = e.volume == Some(volume);
        match e.state {
            ExportState::Done if here => taken.finished += e.file.as_ref().map_or(0, |f| f.bytes),
            ExportState::Failed if here => taken.committed += e.bytes_done,
            ExportState::Queued | ExportState::Running if with_waiting => taken.committed += e.bytes_total,
            _ => {}
        }
    }
    taken
}

/// Deletes what an export has written and forgets how far it was.
pub(crate) fn discard(house: &House, export: &Export) -> Result<(), ExportError> {
    let id = export.id;
    if let Some(volume) = export.volume
        && let Some(root) = house.footage.volume_root(volume)
    {
        match Shelf::open(volume, &root) {
            Ok(shelf) => shelf.remove_all_of(id)?,
            // What lies there is removed when the volume is back.
            Err(ExportError::VolumeAway) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(house.store.write_blocking(move |tx| table::reset_parts(tx, id))?)
}

/// Deletes an export, first its file, then its row.
pub(crate) fn remove(house: &House, export: &Export) -> Result<(), ExportError> {
    discard(house, export)?;
    let id = export.id;
    Ok(house.store.write_blocking(move |tx| table::delete(tx, id))?)
}

fn expire(house: &House, export: &Export, why: &str) -> Result<(), ExportError> {
    remove(house, export)?;
    let text = format!("The export of {} was deleted. {why}.", House::words(export));
    house.tell("export.expired", Severity::Standard, "exports", export, text);
    Ok(())
}

/// Deletes what has expired, what failed long ago, and what nothing speaks of any more.
fn tidy(house: &House) -> Result<(), ExportError> {
    let now = house.clock.now();
    let exports = house.store.read_blocking(table::all)?;
    let idle = exports.iter().filter(|e| !e.state.is_active());
    let mut too_many = exports.len().saturating_sub(MOST_ROWS);
    for export in idle {
        let ended = export.finished.unwrap_or(export.created);
        let over = match export.state {
            ExportState::Done => export.expires.is_some_and(|t| t <= now),
            _ => now.saturating_since(ended) >= house.keep(),
        };
        if over || too_many > 0 {
            too_many = too_many.saturating_sub(1);
            match export.state {
                ExportState::Done => expire(house, export, "It was kept as long as the settings say")?,
                _ => remove(house, export)?,
            }
        } else if export.state == ExportState::Failed
            && export.bytes_done > 0
            && now.saturating_since(ended) >= KEEP_FAILED
        {
            discard(house, export)?;
            let mut row = export.clone();
            (row.bytes_done, row.bytes_checked, row.volume) = (0, 0, None);
            house.store.write_blocking(move |tx| table::update(tx, &row))?;
        }
    }
    sweep(house, &exports)
}

/// How long what a failed export has written is kept for resuming.
const KEEP_FAILED: Duration = Duration::from_secs(86_400);

/// Removes what exports of ours left on volumes where they no longer are. Files that no row speaks of may be another box's:
/// they are left alone.
fn sweep(house: &House, exports: &[Export]) -> Result<(), ExportError> {
    let known: HashSet<(Uuid, Uuid)> = exports.iter().filter_map(|e| Some((e.id, e.volume?))).collect();
    let ids: HashSet<Uuid> = exports.iter().map(|e| e.id).collect();
    for volume in house.footage.volumes()? {
        let Some(root) = house.footage.volume_root(volume.id) else { continue };
        if !root.join(heron_record::layout::EXPORTS).is_dir() {
            continue;
        }
        let shelf = Shelf::open(volume.id, &root)?;
        for found in shelf.list()? {
            if ids.contains(&found.id) && !known.contains(&(found.id, volume.id)) {
                shelf.remove(&found.name)?;
            }
        }
    }
    Ok(())
}
