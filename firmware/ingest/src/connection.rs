//! One TCP connection to a camera, plain or TLS: bytes in, items out.
//!
//! Reading never waits: [`Connection::readable`] waits, [`Connection::receive`] takes what is there. All
//! connections of a shard read into the same buffer ([`Scratch`]), so that it stays in the cache and an idle
//! connection holds no memory but the tail of a packet that is not whole yet.

use crate::STEP_TIMEOUT;
use crate::address::Address;
use crate::failure::End;
use crate::share::Share;
use crate::spec::TlsPolicy;
use crate::tls::{Fingerprint, Handshake};
use heron_media::rtsp::{Item, Request, Response, StreamParser, interleaved_prefix};
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The shared reading buffer's length, bytes: 80 ms of 25 Mbit/s, and any key frame of a 4 Mbit/s stream, in one
/// system call.
const SCRATCH_BYTES: usize = 256 * 1024;
/// The carry keeps no more room than this for the next time: the tail of any packet.
const CARRY_BYTES: usize = 64 * 1024;
/// What may wait to be written, bytes: a hundred requests or reports.
const MAX_UNSENT_BYTES: usize = 64 * 1024;

/// The reading buffer that the connections of a shard share. Borrowed only between two awaits.
pub(crate) type Scratch = Rc<RefCell<Vec<u8>>>;

/// A buffer to share.
pub(crate) fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; SCRATCH_BYTES]))
}

/// What [`Connection::receive`] hands out.
pub(crate) enum Incoming<'a> {
    Response(Response),
    Request(Request),
    Packet { channel: u8, payload: &'a [u8] },
}

enum Wire {
    Plain(TcpStream),
    /// Known to no reactor: bytes that come wake nobody up.
    Unwatched(std::net::TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Between two of the others.
    Gone,
}

/// See the module.
pub(crate) struct Connection {
    wire: Wire,
    peer: SocketAddr,
    local: SocketAddr,
    fingerprint: Option<Fingerprint>,
    parser: StreamParser,
    scratch: Scratch,
    /// The beginning of an item that is not whole yet; after a turn that was too short, what it had no time for: one
    /// reading buffer at most.
    carry: Vec<u8>,
    /// How much of the carry has been given out.
    given: usize,
    unsent: Vec<u8>,
    /// The last [`Connection::receive`] stopped because its share was spent, not because everything was read.
    more: bool,
    /// Bytes that were neither messages nor packets.
    pub(crate) garbage_bytes: u64,
    pub(crate) received_bytes: u64,
}

impl Connection {
    /// Resolves, connects, and shakes hands; ten seconds for each.
    pub(crate) async fn open(address: &Address, policy: TlsPolicy, scratch: Scratch) -> Result<Self, End> {
        let target = format!("{} port {}", address.host, address.port);
        let stream = connect(address, &target).await?;
        let (peer, local) = (stream.peer_addr(), stream.local_addr());
        let (peer, local) = (peer.map_err(End::Broken)?, local.map_err(End::Broken)?);
        let _ = stream.set_nodelay(true);
        // A camera that loses its power says nothing; the silence watch ends playing, this the rest.
        let keepalive =
            TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5));
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let (wire, fingerprint) = if address.tls {
            let (stream, fingerprint) = shake_hands(address, policy, stream, &target).await?;
            (Wire::Tls(Box::new(stream)), fingerprint)
        } else {
            (Wire::Plain(stream), None)
        };
        Ok(Self {
            wire,
            peer,
            local,
            fingerprint,
            parser: StreamParser::new(),
            scratch,
            carry: Vec::new(),
            given: 0,
            unsent: Vec::new(),
            more: false,
            garbage_bytes: 0,
            received_bytes: 0,
        })
    }

    pub(crate) fn peer_ip(&self) -> IpAddr {
        self.peer.ip()
    }
    pub(crate) fn local_ip(&self) -> IpAddr {
        self.local.ip()
    }
    /// Whether it is over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.wire, Wire::Tls(_))
    }
    /// The camera's certificate, over TLS.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }
    /// Channels at and above `channels` are not in use.
    pub(crate) fn limit_channels(&mut self, channels: u16) {
        self.parser.limit_channels(channels);
    }

    /// From now on wake up (or not) when bytes come. Returns whether they do; TLS always does.
    pub(crate) fn watch(&mut self, watch: bool) -> Result<bool, End> {
        self.wire = match std::mem::replace(&mut self.wire, Wire::Gone) {
            Wire::Plain(stream) if !watch => Wire::Unwatched(stream.into_std().map_err(End::Broken)?),
            Wire::Unwatched(stream) if watch => {
                Wire::Plain(TcpStream::from_std(stream).map_err(End::Broken)?)
            }
            other => other,
        };
        Ok(!matches!(self.wire, Wire::Unwatched(_)))
    }

    /// The last [`Connection::receive`] has left something behind. Let the others have their turn, then call it again.
    pub(crate) fn has_more(&self) -> bool {
        self.more
    }

    /// Waits until there is something to read (or the connection has ended). For ever when not watched. The timers and
    /// the other streams of the shard get their turn every time.
    pub(crate) async fn readable(&self) {
        if self.more {
            tokio::task::yield_now().await;
            return;
        }
        let result = match &self.wire {
            Wire::Plain(stream) => stream.readable().await,
            Wire::Tls(stream) => stream.get_ref().0.readable().await,
            Wire::Unwatched(_) | Wire::Gone => std::future::pending().await,
        };
        // An error shows when reading.
        drop(result);
    }

    /// Takes what is there, without waiting and for one turn at most ([`Share`]), and gives every whole item to `sink`
    /// in order. What is left after that waits for the next call.
    ///
    /// # Errors
    /// When the connection has ended or cannot be read any further. Items before that have been given out.
    pub(crate) fn receive(&mut self, mut sink: impl FnMut(Incoming<'_>)) -> Result<(), End> {
        let mut share = Share::default();
        if std::mem::take(&mut self.more) && self.leftovers(&mut share, &mut sink)? {
            self.more = true;
            return Ok(());
        }
        let scratch = Rc::clone(&self.scratch);
        let mut buffer = scratch.borrow_mut();
        loop {
            let start = self.carry.len();
            // What is carried here is the beginning of one item, bounded by the parser's bounds (1 MiB body, 32 KiB
            // head, 64 KiB packet).
            if buffer.len() < start + SCRATCH_BYTES / 2 {
                buffer.resize(start + SCRATCH_BYTES, 0);
            }
            buffer[..start].copy_from_slice(&self.carry);
            let read = match self.wire.try_read(&mut buffer[start..]) {
                Ok(0) => return Err(End::Closed),
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(End::Closed),
                Err(e) => return Err(End::Broken(e)),
            };
            self.received_bytes += read as u64;
            let filled = start + read;
            let drained = filled < buffer.len();
            let (given, spent) = self.process(&buffer[..filled], &mut share, &mut sink)?;
            self.carry.clear();
            self.carry.extend_from_slice(&buffer[given..filled]);
            // The beginning of a large body costs a copy with every read.
            if spent || share.spend(start) {
                self.more = true;
                return Ok(());
            }
            // A read that did not fill the buffer has emptied the socket. The reactor must see EAGAIN all the same,
            // and TLS gives one record at a time.
            if drained && matches!(self.wire, Wire::Unwatched(_)) {
                return Ok(());
            }
        }
    }

    /// Gives out what the turn before had no time for. Returns whether this one is over, too.
    fn leftovers(&mut self, share: &mut Share, sink: &mut impl FnMut(Incoming<'_>)) -> Result<bool, End> {
        let carry = std::mem::take(&mut self.carry);
        let (given, spent) = self.process(&carry[self.given..], share, sink)?;
        self.carry = carry;
        self.given += given;
        if !spent {
            self.carry.drain(..std::mem::take(&mut self.given));
            self.carry.shrink_to(CARRY_BYTES);
        }
        Ok(spent)
    }

    /// Gives out whole items until there are no more or the share is spent. Returns how many bytes they were, and
    /// whether it is.
    fn process(
        &mut self,
        bytes: &[u8],
        share: &mut Share,
        sink: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(usize, bool), End> {
        let (mut at, mut spent) = (0, false);
        while !spent {
            let rest = &bytes[at..];
            let parsed = self.parser.parse(rest).map_err(|e| End::Session(e.into()))?;
            at += parsed.consumed;
            spent = match parsed.item {
                Item::Interleaved { channel, payload } => {
                    sink(Incoming::Packet { channel, payload: &rest[payload] });
                    share.spend(parsed.consumed)
                }
                Item::Response(response) => {
                    sink(Incoming::Response(response));
                    share.message()
                }
                Item::Request(request) => {
                    sink(Incoming::Request(request));
                    share.message()
                }
                Item::Garbage { skipped } => {
                    self.garbage_bytes += skipped as u64;
                    share.spend(skipped)
                }
                Item::NeedMore { .. } => break,
            };
        }
        Ok((at, spent))
    }

    /// Queues a request and writes what can be written at once.
    pub(crate) fn send_request(&mut self, request: &Request) -> Result<(), End> {
        request.write_to(&mut self.unsent);
        self.flush()
    }

    /// Queues a response and writes what can be written at once.
    pub(crate) fn send_response(&mut self, response: &Response) -> Result<(), End> {
        response.write_to(&mut self.unsent);
        self.flush()
    }

    /// Queues an interleaved packet and writes what can be written at once.
    pub(crate) fn send_packet(&mut self, channel: u8, packet: &[u8]) -> Result<(), End> {
        let len = u16::try_from(packet.len()).unwrap_or(u16::MAX);
        self.unsent.extend_from_slice(&interleaved_prefix(channel, len));
        self.unsent.extend_from_slice(&packet[..usize::from(len)]);
        self.flush()
    }

    /// Whether something waits to be written; then call [`Connection::flush`] again soon.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Writes what can be written at once.
    pub(crate) fn flush(&mut self) -> Result<(), End> {
        while !self.unsent.is_empty() {
            match self.wire.try_write(&self.unsent) {
                Ok(0) => return Err(End::Closed),
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(End::Broken(e)),
            }
        }
        if self.unsent.len() > MAX_UNSENT_BYTES { Err(End::Deaf) } else { Ok(()) }
    }
}

impl Wire {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read(buffer),
            Self::Unwatched(stream) => stream.read(buffer),
            Self::Tls(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                at_once(|cx| Pin::new(&mut **stream).poll_read(cx, &mut buffer))?;
                Ok(buffer.filled().len())
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_write(bytes),
            Self::Unwatched(stream) => stream.write(bytes),
            Self::Tls(stream) => {
                let n = at_once(|cx| Pin::new(&mut **stream).poll_write(cx, bytes))?;
                match at_once(|cx| Pin::new(&mut **stream).poll_flush(cx)) {
                    Err(e) if e.kind() != io::ErrorKind::WouldBlock => Err(e),
                    _ => Ok(n),
                }
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Polls once; what is not ready would block. Waking up is the business of [`Connection::readable`].
fn at_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>) -> io::Result<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

async fn in_time<T>(target: &str, what: &'static str, step: impl Future<Output = T>) -> Result<T, End> {
    tokio::time::timeout(STEP_TIMEOUT, step)
        .await
        .map_err(|_| End::TimedOut { target: target.to_owned(), what })
}

async fn connect(address: &Address, target: &str) -> Result<TcpStream, End> {
    let name = (address.host.as_str(), address.port);
    let resolve = |source| End::Resolve { host: address.host.clone(), source };
    let addresses =
        in_time(target, "the name look-up", tokio::net::lookup_host(name)).await?.map_err(resolve)?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    // A name may stand for several addresses; each gets its chance, four at most.
    for candidate in addresses.take(4) {
        match in_time(target, "the connection request", TcpStream::connect(candidate)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    match last.kind() {
        io::ErrorKind::TimedOut => {
            Err(End::TimedOut { target: target.to_owned(), what: "the connection request" })
        }
        _ => Err(End::Connect { target: target.to_owned(), source: last }),
    }
}

async fn shake_hands(
    address: &Address,
    policy: TlsPolicy,
    stream: TcpStream,
    target: &str,
) -> Result<(TlsStream<TcpStream>, Option<Fingerprint>), End> {
    let failed = |source| End::Tls { target: target.to_owned(), source };
    let handshake = Handshake::new(policy).map_err(|e| failed(io::Error::other(e)))?;
    // A name that TLS cannot express (an underscore, a zone) is replaced by the address: nobody checks it.
    let name = ServerName::try_from(address.host.clone())
        .or_else(|_| stream.peer_addr().map(|a| ServerName::from(a.ip())))
        .map_err(failed)?;
    let shaking = TlsConnector::from(Arc::clone(&handshake.config)).connect(name, stream);
    let stream = in_time(target, "the TLS handshake", shaking).await?.map_err(failed)?;
    Ok((stream, handshake.fingerprint()))
}
