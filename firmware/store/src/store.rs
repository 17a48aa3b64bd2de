//! The handle that rooms hold.

use crate::error::take_met;
use crate::job::{Reply, WriteJob};
use crate::options::with_suffix;
use crate::readers::Readers;
use crate::writer::{self, Message};
use crate::{Migrations, Result, StoreError, StoreOptions, migrate, open};
use rusqlite::{Connection, Transaction};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use tokio::sync::{Notify, oneshot, watch};

/// Whether the file is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// No query has met damage.
    Good,
    /// A query met a broken page. The next start checks the whole file and recovers if need be; say so
    /// loudly.
    Damaged,
}

/// State that the writer's thread shares with the handles.
pub(crate) struct Shared {
    /// Woken whenever the writer has taken jobs out of the queue.
    pub(crate) room_in_queue: Notify,
    /// Committed transactions since opening.
    pub(crate) commits: AtomicU64,
    health: watch::Sender<StoreHealth>,
    suspect: PathBuf,
}

impl Shared {
    /// Notes damage: in memory for whoever watches, and in a marker file for the next start.
    pub(crate) fn met_damage(&self) {
        if self.health.send_replace(StoreHealth::Damaged) == StoreHealth::Good {
            tracing::error!(marker = %self.suspect.display(), "the database has a damaged page; restart herond to recover it");
            if let Err(e) = std::fs::write(&self.suspect, b"") {
                tracing::error!(error = %e, marker = %self.suspect.display(), "cannot leave the marker that makes the next start check the database");
            }
        }
    }
}

pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) shared: Arc<Shared>,
    readers: Readers,
    queue: SyncSender<Message>,
    /// Value of `Shared::commits` at the last backup.
    pub(crate) backed_up: AtomicU64,
    /// One backup at a time.
    pub(crate) backing_up: parking_lot::Mutex<()>,
}

/// The database. Cheap to clone; the file closes when the last clone is gone or at [`Store::close`].
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.0.path.display())
    }
}

impl Store {
    /// Opens or creates the database at `path` and brings every room's tables up to date. Blocks (reads the
    /// disk): call it before the runtime starts or from `spawn_blocking`.
    ///
    /// # Errors
    /// [`StoreError::CannotOpen`], [`StoreError::Foreign`], [`StoreError::Damaged`], [`StoreError::TooNew`],
    /// [`StoreError::Migration`], [`StoreError::DiskFull`], [`StoreError::ReadOnly`].
    pub fn open(path: &Path, options: StoreOptions, rooms: &[Migrations]) -> Result<Self> {
        let mut conn = open::writer(path, &options)?;
        migrate::migrate(&mut conn, rooms).map_err(|e| open::at(path, e))?;
        Self::start(path, options, conn)
    }

    /// Starts the writer's thread and the readers on a connection that is ready.
    pub(crate) fn start(path: &Path, options: StoreOptions, conn: Connection) -> Result<Self> {
        let readers =
            (0..options.readers.max(1)).map(|_| open::reader(path, &options)).collect::<Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            room_in_queue: Notify::new(),
            // One ahead of `backed_up`, so that the first backup is due at once.
            commits: AtomicU64::new(1),
            health: watch::Sender::new(StoreHealth::Good),
            suspect: with_suffix(path, ".suspect"),
        });
        let (queue, jobs) = mpsc::sync_channel(options.write_queue.max(1));
        let batch = options.batch.max(1);
        let of_writer = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(conn, jobs, batch, of_writer))
            .map_err(|e| StoreError::CannotOpen { path: path.to_owned(), reason: e.to_string() })?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            readers: Readers::new(readers, options.read_queue.max(1)),
            options,
            shared,
            queue,
            backed_up: AtomicU64::new(0),
            backing_up: parking_lot::Mutex::new(()),
        })))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether damage has been met; changes are seen through the receiver.
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.0.shared.health.subscribe()
    }

    /// Runs `work` on the writer's thread and returns when its transaction is committed. `work` must be quick
    /// (others wait behind it) and must not open or end transactions. Waits while the queue is full. If the
    /// caller stops waiting, the work is still done.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.try_write(work).await
    }

    /// [`Store::write`] with the room's own error type: `Err` undoes the job and comes back as it is.
    pub async fn try_write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.submit(work, |_: &T| (), false).await
    }

    /// [`Store::try_write`] that also syncs the WAL, so that a power cut right after it loses nothing. Costs
    /// one disk flush.
    pub async fn write_durable<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.submit(work, |_: &T| (), true).await
    }

    /// [`Store::try_write`] with `after`, which runs on the writer's thread right after the commit, in the
    /// order of the commits and before the next transaction. It must not block: it is for sends on broadcast
    /// channels.
    pub async fn write_then<T, E, F, A>(&self, work: F, after: A) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.submit(work, after, false).await
    }

    /// [`Store::write_then`] that also syncs the WAL first, as [`Store::write_durable`].
    pub async fn write_durable_then<T, E, F, A>(&self, work: F, after: A) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        self.submit(work, after, true).await
    }

    /// [`Store::write`] for plain threads. Never call it on a tokio worker.
    pub fn write_blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.write_then_blocking(work, |_: &T| ())
    }

    /// [`Store::write_then`] for plain threads.
    pub fn write_then_blocking<T, E, F, A>(&self, work: F, after: A) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = mpsc::sync_channel(1);
        let job =
            WriteJob { work: Some(work), after, result: None, reply: Reply::Blocking(reply), durable: false };
        self.0.queue.send(Message::Job(Box::new(job))).map_err(|_| StoreError::Closed)?;
        answer.recv().unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn submit<T, E, F, A>(&self, work: F, after: A, durable: bool) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
        A: FnOnce(&T) + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = WriteJob { work: Some(work), after, result: None, reply: Reply::Async(reply), durable };
        self.send(Message::Job(Box::new(job))).await?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// Puts a message into the queue, waiting for room without blocking the thread.
    async fn send(&self, mut message: Message) -> Result<()> {
        loop {
            // Made before the try, so that room made between the two is not missed.
            let room = self.0.shared.room_in_queue.notified();
            match self.0.queue.try_send(message) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
                Err(TrySendError::Full(back)) => message = back,
            }
            room.await;
        }
    }

    /// Runs `work` on a read-only connection, in one read transaction, on tokio's blocking pool. It sees
    /// everything committed before the call. [`StoreError::Overloaded`] when too many wait already.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.try_read(work).await
    }

    /// [`Store::read`] with the room's own error type.
    pub async fn try_read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let waiting = self.0.readers.queue()?;
        let permits = Arc::clone(&self.0.readers.permits);
        let permit = permits.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        drop(waiting);
        let store = self.clone();
        tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller, who may stop waiting.
            let _permit = permit;
            store.try_read_blocking(work)
        })
        .await
        .unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// [`Store::read`] for plain threads. Never call it on a tokio worker.
    pub fn read_blocking<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.try_read_blocking(work)
    }

    fn try_read_blocking<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = self.0.readers.run(work);
        if let Some(StoreError::Damaged { .. }) = take_met() {
            self.0.shared.met_damage();
        }
        result
    }

    /// Checks every page, row and index. Reads the whole file (about 100 MB/s from eMMC).
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with what was found.
    pub async fn integrity_check(&self) -> Result<()> {
        let path = self.0.path.clone();
        self.read(move |conn| open::check(conn, &path, true)).await
    }

    /// Closes the readers, finishes queued writes, folds the WAL into the file and ends the writer's thread.
    /// What comes after it, from any clone, fails with [`StoreError::Closed`].
    pub async fn close(&self) {
        self.0.readers.close();
        let (reply, answer) = oneshot::channel();
        if self.send(Message::Close(Reply::Async(reply))).await.is_ok() {
            // An error means that the writer had ended already.
            let _ = answer.await;
        }
    }
}
