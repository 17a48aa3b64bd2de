//! The UDP sockets of a session: a pair per track, packets put back in order.

use crate::demux::Demux;
use crate::failure::End;
use crate::session::{TrackPlan, TrackTransport};
use crate::share::Share;
use crate::track::Instant;
use heron_core::AccessUnit;
use heron_media::rtp::{Delivery, ReorderBuffer};
use socket2::SockRef;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::UdpSocket;

/// How far ahead of a missing packet the buffer reaches: 128 packets of 1400 bytes are 360 ms of 4 Mbit/s.
const REORDER_PACKETS: usize = 128;
/// How long a missing packet is waited for. In a local network reordering is a matter of milliseconds, but behind a
/// radio link or a busy switch a packet may come after the next picture: two pictures of a 10 fps stream. Nothing waits
/// while nothing is missing. (Players of the field wait 200 ms to 2 s.)
const REORDER_HOLD: Duration = Duration::from_millis(200);
/// What is asked of the kernel per socket; it gives what its limit allows. A key frame of 400 kB comes at once.
const SOCKET_BUFFER_BYTES: usize = 2 << 20;
/// The largest datagram.
const MAX_DATAGRAM_BYTES: usize = 65_536;

struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    reorder: ReorderBuffer,
    rtp_peer: Option<SocketAddr>,
    rtcp_peer: Option<SocketAddr>,
    source: Option<IpAddr>,
}

/// See the module.
pub(crate) struct UdpMedia {
    local: IpAddr,
    peer: IpAddr,
    pairs: Vec<Option<Pair>>,
    datagram: Vec<u8>,
    /// The last [`UdpMedia::receive`] stopped because a share was spent.
    more: bool,
    pub(crate) strangers: u64,
}

impl UdpMedia {
    /// For a camera at `peer`, reached from `local`.
    pub(crate) fn new(local: IpAddr, peer: IpAddr) -> Self {
        Self {
            local,
            peer,
            pairs: Vec::new(),
            datagram: vec![0; MAX_DATAGRAM_BYTES],
            more: false,
            strangers: 0,
        }
    }

    /// Binds an even port and the odd one after it for `track`.
    pub(crate) async fn bind(&mut self, track: usize) -> Result<(u16, u16), End> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..32 {
            match bind_pair(self.local).await {
                Ok((rtp, rtcp)) => {
                    let ports = (port_of(&rtp)?, port_of(&rtcp)?);
                    for socket in [&rtp, &rtcp] {
                        let _ = SockRef::from(socket).set_recv_buffer_size(SOCKET_BUFFER_BYTES);
                    }
                    if self.pairs.len() <= track {
                        self.pairs.resize_with(track + 1, || None);
                    }
                    let reorder = ReorderBuffer::new(REORDER_PACKETS, REORDER_HOLD);
                    self.pairs[track] =
                        Some(Pair { rtp, rtcp, reorder, rtp_peer: None, rtcp_peer: None, source: None });
                    return Ok(ports);
                }
                Err(error) => last = error,
            }
        }
        Err(End::Ports(last))
    }

    /// Where the camera sends from and listens, once all tracks are set up. Pairs of tracks that the camera refused
    /// are closed.
    pub(crate) fn agreed(&mut self, plans: &[TrackPlan]) {
        self.pairs.truncate(plans.len());
        for (pair, plan) in self.pairs.iter_mut().zip(plans) {
            let (Some(pair), Some(TrackTransport::Udp { server_ports, source })) =
                (pair.as_mut(), plan.transport)
            else {
                continue;
            };
            let ip = source.unwrap_or(self.peer);
            pair.source = source;
            pair.rtp_peer = server_ports.map(|(rtp, _)| SocketAddr::new(ip, rtp));
            pair.rtcp_peer = server_ports.map(|(_, rtcp)| SocketAddr::new(ip, rtcp));
        }
    }

    /// Opens the way through firewalls and address translation: a datagram from each of our ports to its
    /// counterpart. The RTP one is a packet without payload that no camera looks at.
    pub(crate) fn punch(&self, report: &[u8]) {
        const EMPTY_RTP: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for pair in self.pairs.iter().flatten() {
            if let Some(peer) = pair.rtp_peer {
                let _ = pair.rtp.try_send_to(&EMPTY_RTP, peer);
            }
            if let Some(peer) = pair.rtcp_peer {
                let _ = pair.rtcp.try_send_to(report, peer);
            }
        }
    }

    /// Sends an RTCP packet to the camera's end of `track`; what cannot be sent at once is lost, as reports may be.
    pub(crate) fn send_report(&self, track: usize, packet: &[u8]) {
        if let Some(Some(pair)) = self.pairs.get(track)
            && let Some(peer) = pair.rtcp_peer
        {
            let _ = pair.rtcp.try_send_to(packet, peer);
        }
    }

    /// Waits until a socket has something to read.
    pub(crate) async fn readable(&self) {
        poll_fn(|cx| {
            let mut ready = false;
            // Every socket is asked, so that each one will wake the task.
            for socket in self.pairs.iter().flatten().flat_map(|p| [&p.rtp, &p.rtcp]) {
                ready |= socket.poll_recv_ready(cx).is_ready();
            }
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// When packets that are held must be given up waiting for.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.pairs.iter().flatten().filter_map(|p| p.reorder.deadline()).min()
    }

    /// The last [`UdpMedia::receive`] has left something behind. Let the others have their turn, then call it again.
    pub(crate) fn has_more(&self) -> bool {
        self.more
    }

    /// Takes what is there, without waiting and for one turn per track at most ([`Share`]).
    pub(crate) fn receive(&mut self, demux: &mut Demux, now: Instant, out: &mut Vec<Arc<AccessUnit>>) {
        self.more = false;
        for (track, pair) in self.pairs.iter_mut().enumerate() {
            let Some(pair) = pair else { continue };
            let welcome = |from: SocketAddr| from.ip() == self.peer || Some(from.ip()) == pair.source;
            let mut share = Share::default();
            while let Ok((len, from)) = pair.rtp.try_recv_from(&mut self.datagram) {
                let bytes = &self.datagram[..len];
                if !welcome(from) {
                    self.strangers += 1;
                } else if let [_, _, hi, lo, ..] = bytes {
                    let sequence = u16::from_be_bytes([*hi, *lo]);
                    pair.reorder.push(sequence, bytes, now.monotonic, &mut |delivery| {
                        if let Delivery::Packet(packet) = delivery {
                            demux.rtp(track, packet, now, out);
                        }
                    });
                }
                if share.spend(len) {
                    self.more = true;
                    break;
                }
            }
            pair.reorder.poll(now.monotonic, &mut |delivery| {
                if let Delivery::Packet(packet) = delivery {
                    demux.rtp(track, packet, now, out);
                }
            });
            while let Ok((len, from)) = pair.rtcp.try_recv_from(&mut self.datagram) {
                if welcome(from) {
                    demux.rtcp(track, &self.datagram[..len], now);
                } else {
                    self.strangers += 1;
                }
                if share.spend(len) {
                    self.more = true;
                    break;
                }
            }
        }
    }
}

async fn bind_pair(local: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let first = UdpSocket::bind((local, 0)).await?;
    let port = first.local_addr()?.port();
    // RFC 3550 §11: RTP on an even port, RTCP on the next one.
    if port % 2 == 0 {
        let second = UdpSocket::bind((local, port + 1)).await?;
        Ok((first, second))
    } else {
        let second = UdpSocket::bind((local, port - 1)).await?;
        Ok((second, first))
    }
}

fn port_of(socket: &UdpSocket) -> Result<u16, End> {
    socket.local_addr().map(|a| a.port()).map_err(End::Ports)
}
