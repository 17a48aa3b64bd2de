//! The pool of read-only connections.

use crate::{Result, StoreError};
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

pub(crate) struct Readers {
    /// `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
    returned: Condvar,
    /// One permit per connection: async callers wait here, not on a thread of the blocking pool.
    pub(crate) permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>, most_waiting: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            idle: Mutex::new(Some(connections)),
            returned: Condvar::new(),
            waiting: AtomicUsize::new(0),
            most_waiting,
        }
    }

    /// Takes a place in the bounded queue of async readers.
    pub(crate) fn queue(&self) -> Result<Waiting<'_>> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
            return Err(StoreError::Overloaded);
        }
        Ok(waiting)
    }

    /// Runs `work` in one read transaction, so that all its queries see the same moment. Blocks until a
    /// connection is free.
    pub(crate) fn run<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let conn = {
            let mut idle = self.idle.lock();
            loop {
                match idle.as_mut().map(Vec::pop) {
                    None => return Err(StoreError::Closed.into()),
                    Some(Some(conn)) => break conn,
                    Some(None) => self.returned.wait(&mut idle),
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let tx = conn.unchecked_transaction().map_err(StoreError::from)?;
            work(&tx)
        }))
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        if let Some(idle) = self.idle.lock().as_mut() {
            idle.push(conn);
        }
        self.returned.notify_one();
        result
    }

    /// Closes the connections: the idle ones now, those in use when they come back.
    pub(crate) fn close(&self) {
        let idle = self.idle.lock().take();
        self.returned.notify_all();
        drop(idle);
    }
}

/// A place in the queue; dropping it gives it back.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
