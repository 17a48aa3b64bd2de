//! The writer's thread: takes jobs from the queue, runs as many as wait in one transaction, answers after the
//! commit.

use crate::StoreError;
use crate::error::take_met;
use crate::job::Job;
use crate::store::Shared;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Statistics for the planner, at most 4 MB of free pages given back, the WAL folded into the file.
const CLOSING: &str = "PRAGMA optimize; PRAGMA incremental_vacuum(1000); PRAGMA wal_checkpoint(TRUNCATE);";

/// A transaction that takes longer is worth a line in the log: everybody waits behind it. At most one line a
/// second, by nature.
const SLOW: Duration = Duration::from_secs(1);

/// What travels to the writer.
pub(crate) enum Message {
    /// Work.
    Job(Box<dyn Job>),
    /// Finish what is queued, fold the WAL into the file, and end.
    Close(crate::job::Reply<()>),
}

/// The thread's body. Ends on `Close` or when every `Store` is gone.
pub(crate) fn run(mut conn: Connection, queue: Receiver<Message>, batch: usize, shared: Arc<Shared>) {
    let mut synced = false;
    let mut closing = None;
    while closing.is_none() {
        let Ok(first) = queue.recv() else { break };
        let mut jobs = VecDeque::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => jobs.push_back(job),
                Message::Close(reply) => closing = Some(reply),
            }
            next = if jobs.len() < batch && closing.is_none() { queue.try_recv().ok() } else { None };
        }
        shared.room_in_queue.notify_waiters();
        while !jobs.is_empty() {
            let (began, waiting) = (Instant::now(), jobs.len());
            run_batch(&mut conn, &mut jobs, &mut synced, &shared);
            let took = began.elapsed();
            if took > SLOW {
                tracing::warn!(?took, jobs = waiting - jobs.len(), "a database transaction was slow");
            }
        }
    }
    if let Err(e) = conn.execute_batch(CLOSING) {
        tracing::warn!(error = %e, "the database could not be folded together on closing; the next start will do it");
    }
    drop(conn);
    // First the queue, so that whoever is woken finds it gone.
    drop(queue);
    shared.room_in_queue.notify_waiters();
    if let Some(reply) = closing {
        reply.answer(());
    }
}

/// One transaction. Jobs that did not get to run because the transaction broke under an earlier one stay in
/// `jobs`.
fn run_batch(conn: &mut Connection, jobs: &mut VecDeque<Box<dyn Job>>, synced: &mut bool, shared: &Shared) {
    let durable = jobs.iter().any(|j| j.durable());
    if durable != *synced {
        // Only outside a transaction; FULL syncs the WAL at the commit, and with it all earlier commits.
        let level = if durable { "FULL" } else { "NORMAL" };
        if conn.pragma_update(None, "synchronous", level).is_ok() {
            *synced = durable;
        }
    }
    let (done, outcome) = match conn.transaction_with_behavior(TransactionBehavior::Immediate) {
        Err(e) => (jobs.drain(..).collect(), Err(StoreError::from(e))),
        Ok(tx) => {
            let (done, broken) = run_jobs(&tx, jobs, shared);
            let outcome = match broken {
                Some(e) => Err(e),
                None => tx.commit().map_err(StoreError::from),
            };
            (done, outcome)
        }
    };
    if outcome.is_ok() {
        shared.commits.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(StoreError::Damaged { .. }) = take_met() {
        shared.met_damage();
    }
    for job in done {
        job.finish(outcome.clone());
    }
}

fn run_jobs(
    tx: &Transaction<'_>,
    jobs: &mut VecDeque<Box<dyn Job>>,
    shared: &Shared,
) -> (Vec<Box<dyn Job>>, Option<StoreError>) {
    let mut done = Vec::with_capacity(jobs.len());
    while let Some(mut job) = jobs.pop_front() {
        if let Err(e) = tx.execute_batch("SAVEPOINT job") {
            done.push(job);
            return (done, Some(e.into()));
        }
        let keep = job.run(tx);
        done.push(job);
        if tx.is_autocommit() {
            // SQLite rolls the whole transaction back by itself on some errors: full disk, I/O error, no
            // memory. The neighbours get the reason, not just the fact.
            let why = take_met();
            if matches!(why, Some(StoreError::Damaged { .. })) {
                shared.met_damage();
            }
            let why = why.unwrap_or_else(|| StoreError::Io("the transaction was rolled back".to_owned()));
            return (done, Some(why));
        }
        let end = if keep { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
        if let Err(e) = tx.execute_batch(end) {
            return (done, Some(e.into()));
        }
    }
    (done, None)
}
