//! A pair of UDP sockets for one track, with the losses and disorder that a network may bring.
//!
//! Datagrams are paced: a key frame of 200 kB sent at once is more than the receive buffer that a system grants by
//! default (212,992 bytes with their bookkeeping are about 90 datagrams), and cameras do not send so either.

use crate::seed::Dice;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use heron_core::{Clock as _, SystemClock};
use heron_media::rtsp::PortPair;

/// Datagrams sent at once, and the pause after them: 8 of 1440 bytes in 1 ms are 92 Mbit/s, what a camera's 100 Mbit/s
/// Ethernet carries.
const VOLLEY: usize = 8;
const PAUSE: Duration = Duration::from_millis(1);

/// Datagrams that may wait: a second of the greatest rate that 8 Mbit/s and a burst by ten can make.
const WAITING: usize = 8192;

/// Sockets bound to a pair of ports, the first even, and where they send to.
#[derive(Debug)]
pub(crate) struct UdpPair {
    rtp: UdpSocket,
    rtcp: Arc<UdpSocket>,
    to_rtp: SocketAddr,
    to_rtcp: SocketAddr,
    /// The ports they are bound to.
    pub(crate) ports: PortPair,
    dice: Dice,
    held: Vec<(u8, Vec<u8>)>,
    waiting: VecDeque<Vec<u8>>,
    next_volley: Duration,
    heard_millis: Arc<AtomicU64>,
    _listener: AbortOnDropHandle<()>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was sent.
    Sent,
    /// It was lost on purpose.
    Lost,
    /// It waits for later ones to overtake it.
    Held,
}

impl UdpPair {
    /// Binds a pair on `local` that sends to a client's ports.
    pub(crate) async fn bind(
        local: IpAddr,
        client: IpAddr,
        ports: PortPair,
        dice: Dice,
    ) -> std::io::Result<Self> {
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        // The system hands out a port; its even neighbour is free nearly always.
        for _ in 0..32 {
            let first = UdpSocket::bind((local, 0)).await?;
            let port = first.local_addr()?.port();
            let pair = if port % 2 == 0 {
                UdpSocket::bind((local, port + 1)).await.map(|second| (first, second))
            } else {
                UdpSocket::bind((local, port - 1)).await.map(|second| (second, first))
            };
            match pair {
                Ok((rtp, rtcp)) => return Self::of(rtp, Arc::new(rtcp), client, ports, dice),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    fn of(
        rtp: UdpSocket,
        rtcp: Arc<UdpSocket>,
        client: IpAddr,
        PortPair(to_rtp, to_rtcp): PortPair,
        dice: Dice,
    ) -> std::io::Result<Self> {
        let ports = PortPair(rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        let heard_millis = Arc::new(AtomicU64::new(0));
        let (socket, heard) = (rtcp.clone(), heard_millis.clone());
        let listener = tokio::spawn(async move {
            let mut report = [0u8; 1500];
            loop {
                match socket.recv_from(&mut report).await {
                    Ok((_, from)) if from.ip() == client => {
                        heard.store(SystemClock.monotonic().as_millis() as u64, Ordering::Relaxed);
                    }
                    Ok(_) => {}
                    // A closed port at the other end shows up here; the session's timeout deals with it.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        Ok(Self {
            rtp,
            rtcp,
            to_rtp: (client, to_rtp).into(),
            to_rtcp: (client, to_rtcp).into(),
            ports,
            dice,
            held: Vec::new(),
            waiting: VecDeque::new(),
            next_volley: Duration::ZERO,
            heard_millis,
            _listener: AbortOnDropHandle::new(listener),
        })
    }

    /// When a receiver report last came, on the monotonic clock; zero for never.
    pub(crate) fn heard(&self) -> Duration {
        Duration::from_millis(self.heard_millis.load(Ordering::Relaxed))
    }

    /// Takes an RTP packet to be sent, or not. What is taken waits for [`UdpPair::flush`].
    pub(crate) fn send(&mut self, packet: Vec<u8>, loss: f64, reorder: f64) -> Fate {
        let fate = if loss > 0.0 && self.dice.chance(loss) {
            Fate::Lost
        } else if reorder > 0.0 && self.dice.chance(reorder) {
            let behind = 1 + self.dice.below(4) as u8;
            self.held.push((behind + 1, packet));
            Fate::Held
        } else {
            self.waiting.push_back(packet);
            Fate::Sent
        };
        // Four at most are overtaken at a time, so at most a handful is held.
        let mut n = 0;
        while n < self.held.len() {
            self.held[n].0 -= 1;
            if self.held[n].0 == 0 {
                self.waiting.push_back(self.held.remove(n).1);
            } else {
                n += 1;
            }
        }
        fate
    }

    /// Whether so much waits that frames are thrown away.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING
    }

    /// Sends what may go at a monotonic time.
    pub(crate) fn flush(&mut self, now: Duration) {
        if now < self.next_volley || self.waiting.is_empty() {
            return;
        }
        for _ in 0..VOLLEY {
            let Some(packet) = self.waiting.front() else { break };
            match self.rtp.try_send_to(packet, self.to_rtp) {
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                // Nobody listens there (any more), or it went: either way it is gone.
                _ => drop(self.waiting.pop_front()),
            }
        }
        self.next_volley = now + PAUSE;
    }

    /// When the next volley may go, on the monotonic clock, if anything waits.
    pub(crate) fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.next_volley)
    }

    /// Sends an RTCP packet.
    pub(crate) fn send_report(&self, report: &[u8]) {
        // A full socket buffer loses it, as a network does; the next report follows in a second.
        let _ = self.rtcp.try_send_to(report, self.to_rtcp);
    }
}
