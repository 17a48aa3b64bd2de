//! The handle that the daemon and the API hold.

use crate::bucket::Bucket;
use crate::config::{ArchiveConfig, ConfigShown, NewConfig};
use crate::items::{self, Item, NewJob};
use crate::objects::{self, Object};
use crate::pace::Pace;
use crate::{ArchiveError, Result, feed, playlist, uploads, worker};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use heron_cameras::Sealer;
use heron_core::{Clock, StreamKey, WallTime};
use heron_journal::Journal;
use heron_record::Playback;
use heron_store::Store;
use rusqlite::OptionalExtension;
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// What the seal of the secret is bound to.
const SECRET: &str = "archive secret";
/// Longest piece that a player may ask for: four seconds of 64 Mbit/s.
const MOST_PIECE: u64 = 32 << 20;
/// Longest range of one answer about what is stored.
const LONGEST_NANOS: i64 = 86_400_000_000_000;

/// How the archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveState {
    /// No bucket is configured.
    Off,
    /// All is well.
    Ok,
    /// The window is closed.
    Waiting,
    /// The bucket does not take what is sent; it is tried again.
    Failing,
}

/// How the archive is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArchiveStatus {
    /// Whether a bucket is configured.
    pub configured: bool,
    /// How it is.
    pub state: ArchiveState,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Ranges that wait.
    pub queued: i64,
    /// Files in the bucket.
    pub objects: u64,
    /// Their length in all.
    pub stored_bytes: u64,
    /// Sent since the start, with what was sent twice.
    pub uploaded_bytes: u64,
    /// When a file was last stored.
    pub last_success: Option<WallTime>,
    /// Whether footage may be sent now.
    pub window_open: bool,
}

/// Copies of chosen footage in S3-compatible storage. Cheap to clone.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({:?})", self.0.doing().state)
    }
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) playback: Playback,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) called: Notify,
    sealer: Sealer,
    pace: Arc<Pace>,
    account: Mutex<Option<Account>>,
    folder: String,
    new_config: AtomicBool,
    doing: Mutex<Doing>,
    stored: AtomicU64,
    stop: CancellationToken,
}

struct Account {
    config: ArchiveConfig,
    secret: Zeroizing<String>,
    bucket: Option<Bucket>,
}

#[derive(Clone, Debug)]
pub(crate) struct Doing {
    state: ArchiveState,
    problem: Option<String>,
    last_success: Option<WallTime>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(crate) fn config(&self) -> Option<(ArchiveConfig, String)> {
        locked(&self.account).as_ref().map(|a| (a.config.clone(), self.folder.clone()))
    }

    /// The bucket of the configuration.
    pub(crate) fn bucket(&self) -> Result<Bucket> {
        let mut account = locked(&self.account);
        let account = account.as_mut().ok_or(ArchiveError::NotConfigured)?;
        if let Some(bucket) = &account.bucket {
            return Ok(bucket.clone());
        }
        let bucket = Bucket::new(&account.config, &account.secret, &self.pace)?;
        account.bucket = Some(bucket.clone());
        Ok(bucket)
    }

    /// Whether the next part may go: it is this configuration still, its window is open, and nobody says stop.
    pub(crate) fn may_send(&self, config: &ArchiveConfig) -> bool {
        let same = locked(&self.account).as_ref().is_some_and(|a| a.config == *config);
        same && config.is_open(self.clock.now()) && !self.stop.is_cancelled()
    }

    pub(crate) fn take_new_config(&self) -> bool {
        self.new_config.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn set_state(&self, state: ArchiveState, problem: Option<String>) {
        let mut doing = locked(&self.doing);
        (doing.state, doing.problem) = (state, problem);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.doing().state == ArchiveState::Failing
    }

    pub(crate) fn stored(&self, bytes: u64) {
        self.stored.fetch_add(bytes, Ordering::Relaxed);
        locked(&self.doing).last_success = Some(self.clock.now());
    }

    fn doing(&self) -> Doing {
        locked(&self.doing).clone()
    }
}

impl Archive {
    /// Reads the configuration and begins to work; ends with `stop`.
    ///
    /// # Errors
    /// [`ArchiveError::Store`], [`ArchiveError::Journal`]. A secret that does not open is no error: the archive is failing
    /// then and says why.
    pub async fn open(
        store: Store,
        journal: Journal,
        playback: Playback,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
    ) -> Result<Self> {
        let (folder, kept) = store.write(read_or_begin).await?;
        let mut doing = Doing { state: ArchiveState::Off, problem: None, last_success: None };
        let account = kept.and_then(|(config, sealed)| {
            let opened = sealed.and_then(|s| sealer.open_named(SECRET, &s));
            if opened.is_none() {
                doing.state = ArchiveState::Failing;
                doing.problem =
                    Some("the secret was sealed with another box's key; enter it again".to_owned());
                tracing::error!("the archive's secret does not open with this box's key; enter it again");
            }
            Some(Account { config, secret: opened?, bucket: None })
        });
        let pace = Arc::new(Pace::new());
        if let Some(account) = &account {
            pace.set(account.config.bandwidth_kbit);
        }
        let consumer = journal.consumer("archive").await?;
        let inner = Arc::new(Inner {
            store,
            journal,
            playback,
            clock,
            called: Notify::new(),
            sealer,
            pace,
            account: Mutex::new(account),
            folder,
            new_config: AtomicBool::new(false),
            doing: Mutex::new(doing),
            stored: AtomicU64::new(0),
            stop: stop.clone(),
        });
        tokio::spawn(worker::run(Arc::clone(&inner), stop.clone()));
        tokio::spawn(feed::run(Arc::clone(&inner), consumer, stop));
        Ok(Self(inner))
    }

    /// How it is doing.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn status(&self) -> Result<ArchiveStatus> {
        let config = self.0.config().map(|(config, _)| config);
        let place = config.as_ref().map(ArchiveConfig::place).unwrap_or_default();
        let (queued, (objects, stored_bytes)) =
            self.0.store.read(move |c| Ok((items::waiting(c)?, objects::totals(c, &place)?))).await?;
        let doing = self.0.doing();
        Ok(ArchiveStatus {
            configured: config.is_some(),
            state: doing.state,
            problem: doing.problem,
            queued,
            objects,
            stored_bytes,
            uploaded_bytes: self.0.pace.sent(),
            last_success: doing.last_success,
            window_open: config.is_some_and(|c| c.is_open(self.0.clock.now())),
        })
    }

    /// The configuration, without its secret.
    pub fn config(&self) -> Option<ConfigShown> {
        self.0.config().map(|(config, _)| ConfigShown { config, has_secret: true })
    }

    /// Checks and keeps a configuration. It takes effect at once; an upload to another bucket is left there.
    ///
    /// # Errors
    /// [`ArchiveError::Invalid`] naming the field; `secret` when there is none for this address and access key.
    pub async fn configure(&self, new: NewConfig) -> Result<ConfigShown> {
        let config = new.config.checked()?;
        let secret = match new.secret {
            Some(secret)
                if (1..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                secret
            }
            Some(_) => return Err(ArchiveError::invalid("secret", "must be 1 to 256 printable characters")),
            None => locked(&self.0.account)
                .as_ref()
                .filter(|a| a.config.same_account(&config))
                .map(|a| a.secret.clone())
                .ok_or_else(|| {
                    ArchiveError::invalid(
                        "secret",
                        "must be entered: none is stored for this address and access key",
                    )
                })?,
        };
        Bucket::new(&config, &secret, &self.0.pace)?;
        let sealed =
            self.0.sealer.seal_named(SECRET, &secret).map_err(|e| ArchiveError::Secret(e.to_string()))?;
        let text = serde_json::to_string(&config).map_err(|e| ArchiveError::Secret(e.to_string()))?;
        self.0
            .store
            .write(move |tx| {
                tx.execute("UPDATE archive_config SET config = ?1, secret = ?2", (text, sealed))?;
                Ok(())
            })
            .await?;
        self.0.pace.set(config.bandwidth_kbit);
        *locked(&self.0.account) = Some(Account { config: config.clone(), secret, bucket: None });
        self.called_anew();
        Ok(ConfigShown { config, has_secret: true })
    }

    /// Forgets the configuration and its secret. What is in the bucket stays there; what waits, waits.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn forget(&self) -> Result<()> {
        self.0
            .store
            .write(|tx| {
                tx.execute("UPDATE archive_config SET config = NULL, secret = NULL", ())?;
                uploads::clear(tx)
            })
            .await?;
        *locked(&self.0.account) = None;
        self.called_anew();
        Ok(())
    }

    fn called_anew(&self) {
        self.0.new_config.store(true, Ordering::Relaxed);
        self.0.called.notify_one();
    }

    /// Writes a small file to the bucket, reads it back and takes it away: whether the configuration works.
    ///
    /// # Errors
    /// [`ArchiveError::NotConfigured`]; [`ArchiveError::Remote`] with what came back.
    pub async fn test(&self) -> Result<()> {
        self.0.bucket()?.probe(&self.0.folder).await
    }

    /// Archives a range of a stream. Asking again for the same range gives the same job.
    ///
    /// # Errors
    /// [`ArchiveError::Invalid`], [`ArchiveError::NotConfigured`], [`ArchiveError::Full`].
    pub async fn add(&self, job: NewJob) -> Result<Item> {
        let now = self.0.clock.now();
        job.checked(now)?;
        if self.0.config().is_none() {
            return Err(ArchiveError::NotConfigured);
        }
        let item = self
            .0
            .store
            .write(move |tx| {
                let Some(id) = items::put(tx, &job, "job", now)? else { return Ok(None) };
                // Asked for again: perhaps because a file had been lost in the bucket.
                items::postpone(tx, id, now, None)?;
                items::get(tx, id)
            })
            .await?;
        self.0.called.notify_one();
        item.ok_or(ArchiveError::Full(items::MOST_ITEMS))
    }

    /// One range and what became of it.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`].
    pub async fn item(&self, id: i64) -> Result<Item> {
        let found = self.0.store.read(move |c| items::get(c, id)).await?;
        found.ok_or(ArchiveError::NotFound { what: "job", id })
    }

    /// What waits and what was done lately, newest first; `before` is the last id of the page before.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn items(&self, before: Option<i64>, limit: u32) -> Result<Vec<Item>> {
        let before = before.unwrap_or(i64::MAX);
        Ok(self.0.store.read(move |c| items::list(c, before, limit.clamp(1, 500))).await?)
    }

    /// Takes a range out of the queue. What is stored of it stays.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`].
    pub async fn remove(&self, id: i64) -> Result<()> {
        let found = self.0.store.write(move |tx| items::remove(tx, id)).await?;
        if found { Ok(()) } else { Err(ArchiveError::NotFound { what: "job", id }) }
    }

    /// What is in the bucket of a stream between `start` and `end`, at most a day.
    ///
    /// # Errors
    /// [`ArchiveError::Invalid`] naming `end`; [`ArchiveError::NotConfigured`].
    pub async fn stored(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<Object>> {
        if end <= start || end.nanos_since(start) > LONGEST_NANOS {
            return Err(ArchiveError::invalid("end", "must be after start, and at most a day after it"));
        }
        let place = self.place()?;
        Ok(self.0.store.read(move |c| objects::overlapping(c, &place, stream, start, end)).await?)
    }

    fn place(&self) -> Result<String> {
        self.0.config().map(|(config, _)| config.place()).ok_or(ArchiveError::NotConfigured)
    }

    /// A HLS playlist over what is in the bucket of a stream; `None` when there is nothing. It names `{base}/{id}/init.mp4`
    /// ([`Archive::init`]) and `{base}/{id}/{offset}-{length}.m4s` ([`Archive::piece`]).
    ///
    /// # Errors
    /// As [`Archive::stored`].
    pub async fn playlist(
        &self,
        stream: StreamKey,
        start: WallTime,
        end: WallTime,
        base: &str,
    ) -> Result<Option<String>> {
        let stored = self.stored(stream, start, end).await?;
        Ok(playlist::playlist(&stored, start, end, base))
    }

    /// A file in the bucket.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`], [`ArchiveError::NotConfigured`].
    pub async fn object(&self, id: i64) -> Result<Object> {
        let place = self.place()?;
        let found = self.0.store.read(move |c| objects::get(c, &place, id)).await?;
        found.ok_or(ArchiveError::NotFound { what: "recording", id })
    }

    /// The init segment of a file, as browsers play it. Asks no bucket.
    ///
    /// # Errors
    /// As [`Archive::object`].
    pub async fn init(&self, id: i64) -> Result<Bytes> {
        let object = self.object(id).await?;
        Ok(playlist::init_for_players(&object)
            .ok_or(ArchiveError::NotFound { what: "recording", id })?
            .into())
    }

    /// A piece that a playlist names, from the bucket.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`] for a piece that no playlist names; [`ArchiveError::Remote`]; [`ArchiveError::Differs`] when
    /// it is not what was recorded.
    pub async fn piece(&self, id: i64, offset: u64, length: u64) -> Result<Bytes> {
        let object = self.object(id).await?;
        let named = object.parts.iter().any(|p| p.offset == offset && p.length == length);
        if !named || length > MOST_PIECE {
            return Err(ArchiveError::NotFound { what: "recording", id });
        }
        let bytes = self.0.bucket()?.range(&object.key, offset..offset.saturating_add(length)).await?;
        if bytes.len() as u64 != length {
            let problem = format!("{} bytes came instead of {length}", bytes.len());
            return Err(ArchiveError::Differs { key: object.key, problem });
        }
        playlist::for_players(&object, bytes)
            .map_err(|problem| ArchiveError::Differs { key: object.key, problem })
    }

    /// A whole file from the bucket, as it was recorded.
    ///
    /// # Errors
    /// As [`Archive::object`], and [`ArchiveError::Remote`].
    pub async fn read(&self, id: i64) -> Result<(Object, BoxStream<'static, Result<Bytes>>)> {
        let object = self.object(id).await?;
        let stream = self.0.bucket()?.read(&object.key).await?;
        Ok((object, stream))
    }
}

type Kept = (String, Option<(ArchiveConfig, Option<Vec<u8>>)>);

/// This box's folder, made at first use, and what was configured.
fn read_or_begin(tx: &rusqlite::Transaction<'_>) -> heron_store::Result<Kept> {
    let found: Option<(String, Option<String>, Option<Vec<u8>>)> = tx
        .query_row("SELECT box, config, secret FROM archive_config", (), |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })
        .optional()?;
    let Some((folder, config, secret)) = found else {
        let folder = uuid::Uuid::new_v4().to_string();
        tx.execute("INSERT INTO archive_config(one, box) VALUES (1, ?1)", [&folder])?;
        return Ok((folder, None));
    };
    let config = config.and_then(|text| {
        serde_json::from_str(&text)
            .inspect_err(
                |error| tracing::error!(%error, "the archive's configuration cannot be read; enter it again"),
            )
            .ok()
    });
    Ok((folder, config.map(|c| (c, secret))))
}
