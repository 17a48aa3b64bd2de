//! One unit of work for the writer: a closure, where its answer goes, and what to do after the commit.

use crate::StoreError;
use rusqlite::Transaction;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use tokio::sync::oneshot;

/// What the writer's thread sees of a job.
pub(crate) trait Job: Send {
    /// Runs it inside its savepoint. True when its changes should stay.
    fn run(&mut self, tx: &Transaction<'_>) -> bool;
    /// Answers the caller once the fate of the whole transaction is known.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
    /// Whether the WAL must be synced before the answer.
    fn durable(&self) -> bool;
}

/// Where the answer goes. A caller that has gone away is not an error: the work is done all the same.
pub(crate) enum Reply<T> {
    Async(oneshot::Sender<T>),
    Blocking(mpsc::SyncSender<T>),
}

impl<T> Reply<T> {
    pub(crate) fn answer(self, value: T) {
        match self {
            Self::Async(s) => drop(s.send(value)),
            Self::Blocking(s) => drop(s.send(value)),
        }
    }
}

pub(crate) struct WriteJob<T, E, F, A> {
    pub(crate) work: Option<F>,
    pub(crate) after: A,
    pub(crate) result: Option<Result<T, E>>,
    pub(crate) reply: Reply<Result<T, E>>,
    pub(crate) durable: bool,
}

impl<T, E, F, A> Job for WriteJob<T, E, F, A>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send,
    A: FnOnce(&T) + Send,
{
    fn run(&mut self, tx: &Transaction<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result =
            catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, after, reply, .. } = *self;
        let answer = match (result, committed) {
            (Some(Ok(value)), Ok(())) => {
                // It is committed, whatever `after` does; and the writer must outlive it.
                if catch_unwind(AssertUnwindSafe(|| after(&value))).is_err() {
                    tracing::error!("what follows a database job failed inside (a defect in herond)");
                }
                Ok(value)
            }
            (Some(Err(own)), _) => Err(own),
            (_, Err(e)) => Err(e.into()),
            (None, Ok(())) => Err(StoreError::Closed.into()),
        };
        reply.answer(answer);
    }

    fn durable(&self) -> bool {
        self.durable
    }
}
