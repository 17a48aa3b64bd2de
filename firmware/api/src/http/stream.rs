//! Bodies that are read piece by piece: recorded files, virtual files, bytes in memory.
//!
//! What is served is a [`Content`]: something of known length whose bytes can be read at any place. There are three ways
//! from there to the client, and handlers notice none of them:
//!
//! 1. **At once.** What lies in the page cache is read without waiting (`RWF_NOWAIT`), on the worker: a small range is one
//!    system call and no hop to another thread.
//! 2. **In chunks.** What has to come from a disk is read in bounded chunks on the blocking pool, so a slow disk never
//!    holds a worker and a slow client never fills memory.
//! 3. **By the kernel.** A large body goes out with what it stands for beside it ([`Deferred`]); the listener of plain
//!    HTTP/1.1 sends that by `sendfile` and never asks the body. TLS and HTTP/2 have to see the bytes and take way 1 or 2.

use super::alive::Alive;
use super::conditional::{not_modified, range_still_valid};
use super::range::{Wanted, wanted};
use crate::problem::Problem;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::any::Any;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

/// The most that is read at once. With one chunk being sent and one being made, a download holds 512 KiB.
const CHUNK: u64 = 256 * 1024;
/// The most that is copied out of the page cache at once on a worker: 64 KiB are some 10 us on a fast core, 60 us on a
/// small one.
const AT_ONCE: u64 = 64 * 1024;
/// From here on a body is left to the kernel where it can be: two system calls more than copying, and a hop.
const WORTH_DEFERRING: u64 = 2 * AT_ONCE;

/// Bytes of known number that can be read at any place. Reading blocks.
pub(crate) trait Content: Send + Sync + 'static {
    /// How many there are.
    fn len(&self) -> u64;
    /// The bytes of `range`, which lies within the length; all of them, or an error.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
    /// The same when that needs no waiting: all of them, or `None`. Does not block.
    fn read_now(&self, _range: Range<u64>) -> Option<Bytes> {
        None
    }
    /// Where the first bytes of `range` come from, which is not empty. Blocks.
    fn place(&self, range: Range<u64>) -> io::Result<Place> {
        let end = range.end.min(range.start.saturating_add(CHUNK));
        self.read(range.start..end).map(Place::Bytes)
    }
    /// The bytes themselves when they are in memory.
    fn in_memory(&self) -> Option<&Bytes> {
        None
    }
}

/// Where bytes come from; never none.
#[derive(Debug)]
pub(crate) enum Place {
    /// These.
    Bytes(Bytes),
    /// `length` bytes from `offset` of a file.
    File { file: Arc<File>, offset: u64, length: u64 },
}

/// What a response's body stands for, in its extensions: the listener may send it itself, in place of the body.
#[derive(Clone)]
pub(crate) struct Deferred {
    pub(crate) content: Arc<dyn Content>,
    /// Which bytes of it; as many as the answer's `Content-Length` says.
    pub(crate) range: Range<u64>,
    /// Kept until the last of them is sent.
    pub(crate) held: Option<Arc<dyn Any + Send + Sync>>,
    /// How long a client may take nothing, where that is less than for other answers.
    pub(crate) patience: Option<Duration>,
}

impl Content for Bytes {
    fn len(&self) -> u64 {
        Bytes::len(self) as u64
    }
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        // Within the length of memory, so within usize.
        Ok(self.slice(range.start as usize..range.end as usize))
    }
    fn in_memory(&self) -> Option<&Bytes> {
        Some(self)
    }
}

/// The first `len` bytes of a file that is open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: Arc<File>,
    pub(crate) len: u64,
}

impl Content for OpenFile {
    fn len(&self) -> u64 {
        self.len
    }
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut buffer = vec![0; (range.end - range.start) as usize];
        self.file.read_exact_at(&mut buffer, range.start)?;
        Ok(buffer.into())
    }
    fn read_now(&self, range: Range<u64>) -> Option<Bytes> {
        heron_record::read_now(&self.file, range.start, range.end - range.start)
    }
    fn place(&self, range: Range<u64>) -> io::Result<Place> {
        let length = range.end - range.start;
        Ok(Place::File { file: Arc::clone(&self.file), offset: range.start, length })
    }
}

/// What a content is served with.
pub(crate) struct Representation {
    /// The bytes.
    pub(crate) content: Arc<dyn Content>,
    /// Its media type.
    pub(crate) content_type: HeaderValue,
    /// A strong entity tag, in quotes.
    pub(crate) etag: String,
    /// What caches may do.
    pub(crate) cache_control: &'static str,
}

/// Answers a GET or HEAD for `representation` with 200, 206, 304 or 416 (RFC 9110 §14.2, §15.3.7, §15.5.17).
pub(crate) fn serve(method: &Method, headers: &HeaderMap, representation: Representation) -> Response {
    let Representation { content, content_type, etag, cache_control } = representation;
    let len = content.len();
    let mut common = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&etag) {
        common.insert(header::ETAG, tag);
    }
    common.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    common.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if not_modified(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    let range = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let range = range.filter(|_| *method == Method::GET && range_still_valid(headers, &etag));
    let (status, range) = match wanted(range, len) {
        Wanted::Whole => (StatusCode::OK, 0..len),
        Wanted::Part { start, end } => {
            if let Ok(v) = HeaderValue::from_str(&format!("bytes {start}-{}/{len}", end - 1)) {
                common.insert(header::CONTENT_RANGE, v);
            }
            (StatusCode::PARTIAL_CONTENT, start..end)
        }
        Wanted::Nothing => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                "That part does not exist",
                format!("The range asked for lies outside its {len} bytes."),
            );
            return match HeaderValue::from_str(&format!("bytes */{len}")) {
                Ok(v) => problem.header(header::CONTENT_RANGE, v).into_response(),
                Err(_) => problem.into_response(),
            };
        }
    };
    common.insert(header::CONTENT_TYPE, content_type);
    common.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if *method == Method::HEAD {
        return (status, common).into_response();
    }
    let deferred = (range.end - range.start >= WORTH_DEFERRING && content.in_memory().is_none()).then(|| {
        Deferred { content: Arc::clone(&content), range: range.clone(), held: None, patience: None }
    });
    let mut response = (status, common, body_of(content, range)).into_response();
    if let Some(deferred) = deferred {
        response.extensions_mut().insert(deferred);
    }
    response
}

/// Keeps `held` until the answer's body has been sent, or until the client has taken nothing of it for `patience`.
pub(crate) fn holding<H: Send + Sync + 'static>(
    mut response: Response,
    held: H,
    patience: Duration,
) -> Response {
    // What is in memory is taken at once, whatever the client does.
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let held = Arc::new(held);
    if let Some(deferred) = response.extensions_mut().get_mut::<Deferred>() {
        deferred.held = Some(Arc::clone(&held) as _);
        deferred.patience = Some(patience);
    }
    response.map(|body| Body::new(Alive::new(body, held, patience)))
}

/// A body that sends `range` of `content`, and fails the connection when it cannot be read: the status has been sent by
/// then, so that is the only honest signal left.
fn body_of(content: Arc<dyn Content>, range: Range<u64>) -> Body {
    if let Some(bytes) = content.in_memory() {
        return Body::from(bytes.slice(range.start as usize..range.end as usize));
    }
    if range.end - range.start <= AT_ONCE
        && let Some(bytes) = content.read_now(range.clone())
    {
        return Body::from(bytes);
    }
    Body::from_stream(futures_util::stream::unfold((content, range), |(content, range)| async move {
        if range.is_empty() {
            return None;
        }
        let at_once = range.start..range.end.min(range.start.saturating_add(AT_ONCE));
        if let Some(bytes) = content.read_now(at_once.clone()) {
            return Some((Ok(bytes), (content, at_once.end..range.end)));
        }
        let chunk = range.start..range.end.min(range.start.saturating_add(CHUNK));
        let rest = chunk.end..range.end;
        let of_reader = Arc::clone(&content);
        let wanted = chunk.end - chunk.start;
        let read = tokio::task::spawn_blocking(move || of_reader.read(chunk)).await;
        let read = match read {
            Ok(Ok(bytes)) if Content::len(&bytes) == wanted => return Some((Ok(bytes), (content, rest))),
            Ok(Ok(bytes)) => Err(io::Error::other(format!("{} bytes of {wanted} are there", bytes.len()))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other("the reader panicked")),
        };
        if let Err(error) = &read {
            tracing::warn!(%error, "a download was cut off: a recording could not be read");
        }
        // Nothing after it.
        Some((read, (content, 0..0)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use std::io::Write;

    fn open(bytes: &[u8], len: u64) -> Arc<dyn Content> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(OpenFile { file: Arc::new(file), len })
    }

    fn representation(content: Arc<dyn Content>) -> Representation {
        Representation {
            content,
            content_type: HeaderValue::from_static("video/mp4"),
            etag: "\"tag\"".into(),
            cache_control: "private",
        }
    }

    fn get(headers: &[(header::HeaderName, &'static str)], content: &Arc<dyn Content>) -> Response {
        let headers = headers.iter().map(|(k, v)| (k.clone(), HeaderValue::from_static(v))).collect();
        serve(&Method::GET, &headers, representation(Arc::clone(content)))
    }

    async fn bytes_of(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn files_and_memory_are_served_whole_and_in_parts() {
        let whole: Vec<u8> = (0..700_000u32).map(|i| (i % 251) as u8).collect();
        for content in [open(&whole, 700_000), Arc::new(Bytes::from(whole.clone())) as Arc<dyn Content>] {
            let response = get(&[], &content);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[header::CONTENT_LENGTH], "700000");
            assert_eq!(response.headers()[header::ACCEPT_RANGES], "bytes");
            assert_eq!(bytes_of(response).await, whole);

            let response = get(&[(header::RANGE, "bytes=2-300001")], &content);
            assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
            assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 2-300001/700000");
            assert_eq!(bytes_of(response).await, &whole[2..=300_001]);

            let response = get(&[(header::RANGE, "bytes=-7")], &content);
            assert_eq!(bytes_of(response).await, &whole[whole.len() - 7..]);

            let response = get(&[(header::RANGE, "bytes=9999999-")], &content);
            assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
            assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes */700000");

            let response = get(&[(header::RANGE, "bytes=0-1"), (header::IF_RANGE, "\"old\"")], &content);
            assert_eq!(response.status(), StatusCode::OK);
            let response = get(&[(header::IF_NONE_MATCH, "\"tag\"")], &content);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
            let head = serve(&Method::HEAD, &HeaderMap::new(), representation(content));
            assert_eq!(head.headers()[header::CONTENT_LENGTH], "700000");
            assert!(bytes_of(head).await.is_empty());
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_short_fails_the_body() {
        let response = get(&[], &open(b"short", 6));
        assert!(to_bytes(response.into_body(), usize::MAX).await.is_err());
    }
}
