//! What goes out over HTTP/1.1: bytes, or the place of bytes that the connection will send itself.
//!
//! hyper owns the socket and knows nothing of files. So where an answer stands for a stretch of a file ([`Deferred`]), its
//! body gives hyper a [`Chunk::Stand`]: a piece of the right length whose bytes are those of [`STAND_IN`], over and over.
//! hyper counts it, and hands slices of it to the connection's `poll_write_vectored`; the connection ([`super::direct`])
//! knows them by their address, sends what they stand for, and tells hyper that it wrote them. Taking the socket away from
//! hyper instead would mean doing keep-alive, pipelining, heads and their time limits a second time.
//!
//! **Why a stand-in can never leave the box.** Only this body makes them, and only a connection that sends files is given
//! this body (`Outgoing::deferring`); hyper is told never to copy bodies (`writev(true)`), so the connection sees every one
//! by its address; it sends bytes of that address under no circumstances; and what it sends in their place must be, byte for
//! byte of length, what the body queued. Anything else ends the connection. HTTP/2 and TLS have bodies of another type.

use crate::http::stream::Deferred;
use axum::body::{Body, HttpBody};
use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What slices of stand-ins point into. Not zeros, so that a test that finds them somewhere knows them.
static STAND_IN: [u8; 64 * 1024] = [0xA5; 64 * 1024];
/// The longest stand-in: a chunk's length is a `usize`, which has 32 bits on small boxes.
const LONGEST: u64 = 1 << 30;
/// Stand-ins that hyper may hold at once: it asks for more while less than its 64 KiB are waiting, so two.
const MOST_QUEUED: usize = 4;

/// What stand-ins of one connection stand for, in the order in which hyper will write them.
pub(super) type Queue = Arc<Mutex<VecDeque<Deferred>>>;

/// Whether a slice is part of a stand-in.
pub(super) fn is_stand_in(slice: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// Whether a slice is exactly what a stand-in of `left` bytes shows next.
pub(super) fn stands_for(slice: &[u8], left: u64) -> bool {
    std::ptr::eq(slice.as_ptr(), STAND_IN.as_ptr()) && slice.len() as u64 == shown(left)
}

/// How many of `left` bytes of a stand-in one slice shows.
pub(super) fn shown(left: u64) -> u64 {
    left.min(STAND_IN.len() as u64)
}

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Chunk {
    Bytes(Bytes),
    /// Stands for so many bytes.
    Stand(usize),
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Stand(left) => *left,
        }
    }
    fn chunk(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Stand(left) => &STAND_IN[..shown(*left as u64) as usize],
        }
    }
    fn advance(&mut self, count: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(count),
            Self::Stand(left) => *left -= count,
        }
    }
}

/// The body of an answer over HTTP/1.1.
pub(super) struct Outgoing(Kind);

enum Kind {
    Bytes(Body),
    /// What is left of it, and where the connection looks for what stand-ins stand for.
    Deferred(Deferred, Queue),
}

impl Outgoing {
    /// A body as it is.
    pub(super) fn bytes(body: Body) -> Self {
        Self(Kind::Bytes(body))
    }

    /// A body of which the connection that looks into `queue` sends the bytes.
    pub(super) fn deferring(deferred: Deferred, queue: &Queue) -> Self {
        Self(Kind::Deferred(deferred, Arc::clone(queue)))
    }
}

impl HttpBody for Outgoing {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        match &mut self.0 {
            Kind::Bytes(body) => {
                Pin::new(body).poll_frame(cx).map(|f| f.map(|f| f.map(|f| f.map_data(Chunk::Bytes))))
            }
            Kind::Deferred(deferred, _) if deferred.range.is_empty() => Poll::Ready(None),
            Kind::Deferred(deferred, queue) => {
                let mut queue = queue.lock();
                if queue.len() >= MOST_QUEUED {
                    let problem = io::Error::other("more parts of files wait than can be written");
                    return Poll::Ready(Some(Err(axum::Error::new(problem))));
                }
                let mut piece = deferred.clone();
                piece.range.end = piece.range.end.min(piece.range.start.saturating_add(LONGEST));
                deferred.range.start = piece.range.end;
                let stand = Chunk::Stand((piece.range.end - piece.range.start) as usize);
                queue.push_back(piece);
                Poll::Ready(Some(Ok(Frame::data(stand))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Bytes(body) => body.is_end_stream(),
            Kind::Deferred(deferred, _) => deferred.range.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Bytes(body) => body.size_hint(),
            Kind::Deferred(deferred, _) => SizeHint::with_exact(deferred.range.end - deferred.range.start),
        }
    }
}
