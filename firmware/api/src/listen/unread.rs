//! A request's body that says whether it was read to its end.

use axum::body::HttpBody;
use hyper::body::{Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// Wraps what comes in. HTTP/1.1 cannot go on after a body that was not read, so the answer has to say that the
/// connection ends; a client that is not told sends its next request into nothing.
pub(super) struct Watched {
    inner: Incoming,
    read: Arc<AtomicBool>,
}

impl Watched {
    /// The body, and whether it has been read to its end (one that is empty has).
    pub(super) fn new(inner: Incoming) -> (Self, Arc<AtomicBool>) {
        let read = Arc::new(AtomicBool::new(inner.is_end_stream()));
        (Self { inner, read: Arc::clone(&read) }, read)
    }
}

impl HttpBody for Watched {
    type Data = <Incoming as HttpBody>::Data;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, hyper::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.read.store(true, Ordering::Relaxed);
        }
        frame
    }
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
