//! One recorded file on its way into the bucket.

use crate::archive::Inner;
use crate::bucket::Bucket;
use crate::config::{ArchiveConfig, Verify};
use crate::objects::{self, Object};
use crate::playlist;
use crate::uploads::{self, Upload};
use crate::{ArchiveError, Result};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::StreamExt;
use heron_media::mp4::scan;
use heron_record::catalogue::Segment;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Sent as one part, and what an interruption costs at most. Servers want 5 MiB at least and take 10,000 parts: 80 GB.
const PART: u64 = 8 << 20;
/// Read at a time when a file is hashed.
const BLOCK: usize = 1 << 20;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is stored.
    Stored,
    /// It was stored before.
    Already,
    /// It was deleted before it could be read.
    Gone,
    /// The window closed, or the archive stops: it goes on later.
    Later,
}

/// What is known of a local file before it is sent.
struct Local {
    file: Arc<File>,
    length: u64,
    sha256: String,
    init: Vec<u8>,
    parts: Vec<playlist::Part>,
}

/// Stores a closed segment.
pub(crate) async fn send(
    inner: &Arc<Inner>,
    bucket: &Bucket,
    config: &ArchiveConfig,
    folder: &str,
    segment: &Segment,
) -> Result<Sent> {
    let relative = segment.place().relative_path();
    let key = bucket.key(folder, &relative.to_string_lossy());
    let (place, known) = (bucket.place().to_owned(), key.clone());
    let length = segment.bytes;
    if inner.store.read(move |c| objects::is_stored(c, &place, &known, length)).await? {
        return Ok(Sent::Already);
    }
    let Some(local) = read_local(inner, segment, &key).await? else { return Ok(Sent::Gone) };
    let mut upload = resume(inner, bucket, &key, &local.sha256).await?;
    let parts = local.length.div_ceil(PART).max(1) as usize;
    while upload.parts.len() < parts {
        if !inner.may_send(config) {
            return Ok(Sent::Later);
        }
        let n = upload.parts.len();
        let from = n as u64 * PART;
        let bytes = read_part(&local.file, from, PART.min(local.length - from), &key).await?;
        match bucket.part(&key, &upload.id, n, bytes).await {
            Ok(said) => upload.parts.push(said),
            Err(e) => {
                if is_forgotten(&e) {
                    // The server has dropped the upload (its lifecycle rule): the next try begins anew.
                    inner.store.write(uploads::clear).await?;
                }
                return Err(e);
            }
        }
        note(inner, &upload).await?;
    }
    if let Err(e) = bucket.complete(&key, &upload.id, &upload.parts).await {
        // Completed in an earlier try whose answer was lost, or refused: then it begins anew.
        if bucket.length(&key).await? != Some(local.length) {
            inner.store.write(uploads::clear).await?;
            return Err(e);
        }
    }
    prove(bucket, config, &key, &local).await?;
    let object = Object {
        id: 0,
        camera: segment.stream.camera,
        stream: segment.stream.kind,
        start: segment.start,
        end: segment.end,
        bytes: local.length,
        sha256: local.sha256,
        key,
        stored: inner.clock.now(),
        init: local.init,
        parts: local.parts,
    };
    let place = bucket.place().to_owned();
    inner
        .store
        .write(move |tx| {
            objects::put(tx, &place, &object)?;
            uploads::clear(tx)
        })
        .await?;
    Ok(Sent::Stored)
}

/// Looks at what the server has against what was sent.
async fn prove(bucket: &Bucket, config: &ArchiveConfig, key: &str, local: &Local) -> Result<()> {
    let differs = |problem: String| ArchiveError::Differs { key: key.to_owned(), problem };
    match bucket.length(key).await? {
        Some(length) if length == local.length => {}
        Some(length) => return Err(differs(format!("{length} bytes instead of {}", local.length))),
        None => return Err(differs("it is not there".into())),
    }
    if config.verify == Verify::Checksum {
        return Ok(());
    }
    let mut hash = Context::new(&SHA256);
    let mut stream = bucket.read(key).await?;
    while let Some(chunk) = stream.next().await {
        hash.update(&chunk?);
    }
    if hex::encode(hash.finish()) != local.sha256 {
        bucket.delete(key).await?;
        return Err(differs("its SHA-256 is another".into()));
    }
    Ok(())
}

/// The upload that was begun for the same bytes, or a new one.
async fn resume(inner: &Arc<Inner>, bucket: &Bucket, key: &str, sha256: &str) -> Result<Upload> {
    if let Some(begun) = inner.store.read(uploads::get).await? {
        if begun.place == bucket.place() && begun.key == key && begun.sha256 == sha256 {
            return Ok(begun);
        }
        if begun.place == bucket.place() {
            // Politeness: what is not given up lies there until the bucket's own rules take it.
            if let Err(error) = bucket.abort(&begun.key, &begun.id).await {
                tracing::warn!(%error, "an upload that is no longer wanted could not be given up");
            }
        }
    }
    let id = bucket.begin(key).await?;
    let upload = Upload {
        place: bucket.place().to_owned(),
        key: key.to_owned(),
        id,
        sha256: sha256.to_owned(),
        parts: Vec::new(),
    };
    note(inner, &upload).await?;
    Ok(upload)
}

async fn note(inner: &Arc<Inner>, upload: &Upload) -> Result<()> {
    let upload = upload.clone();
    Ok(inner.store.write(move |tx| uploads::put(tx, &upload)).await?)
}

/// S3 answers `NoSuchUpload` (404) for an id that it does not know any more.
fn is_forgotten(e: &ArchiveError) -> bool {
    matches!(e, ArchiveError::Remote { problem, .. } if problem.contains("NoSuchUpload") || problem.contains("404"))
}

/// Opens, hashes and indexes the local file; `None` when it is gone.
async fn read_local(inner: &Arc<Inner>, segment: &Segment, key: &str) -> Result<Option<Local>> {
    let (playback, id, length, key) = (inner.playback.clone(), segment.id, segment.bytes, key.to_owned());
    blocking(move || {
        let source = match playback.segment_source(id) {
            Ok(source) => source,
            Err(e) if e.kind() == heron_core::ErrorKind::NotFound => return Ok(None),
            Err(heron_record::RecordError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Ok(None);
            }
            Err(e) => return Err(e.into()),
        };
        let read = |source| ArchiveError::Read { key: key.clone(), source };
        let mut hash = Context::new(&SHA256);
        let mut block = vec![0; BLOCK];
        let mut at = 0;
        while at < length {
            let want = usize::try_from(length - at).unwrap_or(BLOCK).min(BLOCK);
            source.file.read_exact_at(&mut block[..want], at).map_err(read)?;
            hash.update(&block[..want]);
            at += want as u64;
        }
        let scanned = scan::scan(&source.file);
        let (init, parts) = match &scanned.init {
            Some(init) => {
                let mut bytes = vec![0; usize::try_from(init.init_len).unwrap_or(0)];
                source.file.read_exact_at(&mut bytes, 0).map_err(read)?;
                (bytes, playlist::parts_of(init, &scanned.fragments))
            }
            // Not playable, but it is what was recorded.
            None => (Vec::new(), Vec::new()),
        };
        let sha256 = hex::encode(hash.finish());
        Ok(Some(Local { file: Arc::new(source.file), length, sha256, init, parts }))
    })
    .await
}

async fn read_part(file: &Arc<File>, from: u64, length: u64, key: &str) -> Result<Bytes> {
    let (file, key) = (Arc::clone(file), key.to_owned());
    blocking(move || {
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, from).map_err(|source| ArchiveError::Read { key, source })?;
        Ok(bytes.into())
    })
    .await
}

/// Runs what reads the disk beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => Err(ArchiveError::Read {
            key: "of a segment".into(),
            source: std::io::Error::other(e.to_string()),
        }),
    }
}
