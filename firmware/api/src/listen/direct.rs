//! A plain connection that sends files by the kernel: `sendfile` from the page cache to the socket.
//!
//! ```text
//!   Outgoing ──(stand-in)──> hyper ──poll_write_vectored──> Direct ── bytes ─────────────────────> socket
//!        └────────(what it stands for)──> Queue ──────────────┘ └─ stand-in: job on the blocking pool ─ sendfile ─┘
//! ```
//!
//! **Nothing blocks a worker.** `sendfile` waits for the disk when a page is not in memory, and nothing that a program
//! without mapped memory can ask says beforehand whether all of them are. So it runs on the blocking pool, in steps: as much
//! as the socket takes, [`STEP`] at most. A step begins only when the socket has room (a third of its buffer, as `poll(2)`
//! reports it), so steps are few and large: one for about a megabyte. What a dying disk can hold is [`STEPS_AT_ONCE`] threads of the
//! pool's 512 and this one connection.
//!
//! **What goes wrong ends the connection.** The head with its length has been sent by then; a client that gets less knows
//! that it did not get all. A file that has become shorter ends where it ends; one that retention has deleted is still open
//! here and is sent whole.
//!
//! Measured against the alternatives (README, `bench play`): reading and writing copies each byte twice; mapping the file
//! copies once, waits for the disk on whatever thread touches it, and kills the daemon when a file becomes shorter.

use super::outgoing::{Queue, is_stand_in, shown, stands_for};
use crate::http::stream::{Deferred, Place};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SendFlags;
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::PollSemaphore;

/// Bytes of one step: more than a socket's buffer takes (4 MiB at most, usually 2.5), less than a slow disk reads in 100 ms.
const STEP: u64 = 4 << 20;
/// Steps of all connections that run at once. Eight clips and a page's worth of playlists, four times over; an eighth of
/// the blocking pool.
const STEPS_AT_ONCE: usize = 64;

static STEPS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(STEPS_AT_ONCE)));

/// The connection. Reads and other writes go through.
pub(super) struct Direct {
    stream: TcpStream,
    queue: Queue,
    /// What is being sent: the front of the queue, taken out.
    current: Option<Sending>,
    /// The socket once more, while something is being sent: a step may outlive the connection by a moment.
    socket: Option<Arc<OwnedFd>>,
    turns: PollSemaphore,
    step: Option<JoinHandle<io::Result<u64>>>,
}

/// A stand-in on its way.
struct Sending {
    what: Deferred,
    /// Bytes that hyper has not been told of.
    left: u64,
    /// Of these, bytes that are sent.
    sent: u64,
    /// For how long the client has taken nothing.
    unread: Option<Pin<Box<Sleep>>>,
}

impl Direct {
    pub(super) fn new(stream: TcpStream, queue: Queue) -> Self {
        let turns = PollSemaphore::new(Arc::clone(&STEPS));
        Self { stream, queue, current: None, socket: None, turns, step: None }
    }

    /// Sends what the stand-in `slice` stands for; how much of it is done.
    fn poll_stand_in(&mut self, cx: &mut Context<'_>, slice: &[u8]) -> Poll<io::Result<usize>> {
        let mut sending = match self.current.take() {
            Some(sending) => sending,
            None => {
                let Some(what) = self.queue.lock().pop_front() else { return Poll::Ready(Err(mixed_up())) };
                let left = what.range.end - what.range.start;
                Sending { what, left, sent: 0, unread: None }
            }
        };
        if !stands_for(slice, sending.left) {
            return Poll::Ready(Err(mixed_up()));
        }
        let outcome = match sending.sent {
            0 => self.poll_send(cx, &mut sending),
            _ => Poll::Ready(Ok(())),
        };
        if let Poll::Ready(Err(error)) = outcome {
            match error.kind() {
                // The client's own affair.
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::TimedOut => {
                    tracing::debug!(%error, "a download was not taken to its end");
                }
                _ => tracing::warn!(%error, "a download was cut off: a recording could not be sent"),
            }
            return Poll::Ready(Err(error));
        }
        let done = sending.sent.min(shown(sending.left));
        sending.sent -= done;
        sending.left -= done;
        match sending.left {
            0 => self.socket = None,
            _ => self.current = Some(sending),
        }
        match outcome {
            Poll::Ready(_) => Poll::Ready(Ok(done as usize)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Sends some more; ready when `sent` is not zero.
    fn poll_send(&mut self, cx: &mut Context<'_>, sending: &mut Sending) -> Poll<io::Result<()>> {
        loop {
            if let Some(step) = &mut self.step {
                let sent = ready!(Pin::new(step).poll(cx));
                self.step = None;
                let sent = sent.map_err(|_| io::Error::other("sending a file panicked"))??;
                if sent > 0 {
                    sending.sent = sent;
                    sending.what.range.start += sent;
                    sending.unread = None;
                    return Poll::Ready(Ok(()));
                }
            }
            if self.poll_room(cx)?.is_pending() {
                return sending.poll_unread(cx);
            }
            let Some(turn) = ready!(self.turns.poll_acquire(cx)) else {
                return Poll::Ready(Err(io::Error::other("the turns at sending are closed")));
            };
            let socket = match &self.socket {
                Some(socket) => Arc::clone(socket),
                None => Arc::clone(self.socket.insert(Arc::new(self.stream.as_fd().try_clone_to_owned()?))),
            };
            let what = sending.what.clone();
            self.step = Some(tokio::task::spawn_blocking(move || step(&socket, &what, turn)));
        }
    }

    /// Whether the socket has room. What the runtime believes is checked and put right: steps find the socket full behind
    /// its back.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            let room = self.stream.try_io(Interest::WRITABLE, || match has_room(self.stream.as_fd())? {
                true => Ok(()),
                false => Err(io::ErrorKind::WouldBlock.into()),
            });
            match room {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        if self.step.is_some() {
            // A step that is under way has the socket open too; nobody waits for what it sends.
            let _ = rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Both);
        }
    }
}

impl Sending {
    /// Never ready but by an error: the client takes nothing for too long.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(patience) = self.what.patience else { return Poll::Pending };
        let timer = self.unread.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(timer.as_mut().poll(cx));
        // Should it be asked again after all.
        timer.as_mut().reset(Instant::now() + patience);
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("the client took nothing of it for {} s", patience.as_secs()),
        )))
    }
}

fn mixed_up() -> io::Error {
    io::Error::other("what is to be written is not what was announced; the connection is ended")
}

fn has_room(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    // A connection that has failed counts as well: the step will say why.
    match rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(n) => Ok(n > 0),
        Err(Errno::INTR) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

/// Sends from the start of `what` until the socket is full. Blocks on the disk.
fn step(socket: &OwnedFd, what: &Deferred, _turn: OwnedSemaphorePermit) -> io::Result<u64> {
    let most = STEP.min(what.range.end - what.range.start);
    let mut sent = 0;
    while sent < most {
        let from = what.range.start + sent;
        match some(socket, what, from, most - sent) {
            Ok(n) => sent += n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            // What was sent was sent; the next step meets the same again.
            Err(_) if sent > 0 => break,
            Err(e) => return Err(e),
        }
    }
    Ok(sent)
}

/// Sends from `from` on what lies in one piece, at most `most` bytes; never none.
fn some(socket: &OwnedFd, what: &Deferred, from: u64, most: u64) -> io::Result<u64> {
    let sent = match what.content.place(from..what.range.end)? {
        Place::File { file, mut offset, length } => {
            let length = usize::try_from(length.min(most)).unwrap_or(usize::MAX);
            rustix::fs::sendfile(socket, &*file, Some(&mut offset), length)?
        }
        Place::Bytes(bytes) => {
            let bytes = &bytes[..bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX))];
            rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)?
        }
    };
    match sent {
        0 => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the recording ends {} bytes early", what.range.end - from),
        )),
        n => Ok(n as u64),
    }
}

impl AsyncRead for Direct {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Direct {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = bufs.iter().take_while(|b| !is_stand_in(b)).count();
        match bufs.get(bytes) {
            Some(stand_in) if bytes == 0 => this.poll_stand_in(cx, stand_in),
            // A stand-in must be written to its end before anything else is.
            _ if this.current.is_some() => Poll::Ready(Err(mixed_up())),
            _ => Pin::new(&mut this.stream).poll_write_vectored(cx, &bufs[..bytes]),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
