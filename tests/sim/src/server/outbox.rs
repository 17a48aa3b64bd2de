//! What waits to be written to one connection.

use bytes::{Buf, BytesMut};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Bytes that may wait before frames are thrown away: a second of 8 Mbit/s. A key frame of a 4K camera is smaller.
pub(crate) const FULL: usize = 1024 * 1024;

/// Bytes in order, and where one write has to end.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: BytesMut,
    /// Lengths of the writes, when each packet goes alone; they add up to `bytes`.
    cuts: VecDeque<usize>,
    per_packet: bool,
    trickle: Option<Trickle>,
}

/// A byte rate that is not exceeded.
#[derive(Debug)]
struct Trickle {
    bytes_per_second: u32,
    budget: f64,
    at: Duration,
}

impl Outbox {
    pub(crate) fn new(per_packet: bool) -> Self {
        Self { per_packet, ..Self::default() }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Whether so much waits that frames are thrown away.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }
    /// Lets something append to the bytes; what it appends is one write where each packet goes alone.
    pub(crate) fn push(&mut self, f: impl FnOnce(&mut BytesMut)) {
        let before = self.bytes.len();
        f(&mut self.bytes);
        if self.per_packet && self.bytes.len() > before {
            self.cuts.push_back(self.bytes.len() - before);
        }
    }

    /// Limits the byte rate from `now` on, or no longer.
    pub(crate) fn limit(&mut self, bytes_per_second: Option<u32>, now: Duration) {
        if self.trickle.as_ref().map(|t| t.bytes_per_second) != bytes_per_second {
            self.trickle =
                bytes_per_second.map(|bytes_per_second| Trickle { bytes_per_second, budget: 0.0, at: now });
        }
    }

    /// When the rate allows another write; `None` when it does already.
    pub(crate) fn blocked_until(&mut self, now: Duration) -> Option<Duration> {
        let trickle = self.trickle.as_mut()?;
        let rate = f64::from(trickle.bytes_per_second);
        let passed = now.saturating_sub(trickle.at).as_secs_f64();
        // Never more than a second's worth saved up.
        trickle.budget = (trickle.budget + passed * rate).min(rate.max(1.0));
        trickle.at = now;
        // A write every 50 ms, or when all that waits may go.
        let enough = (rate / 20.0).max(1.0).min(self.bytes.len() as f64);
        (trickle.budget < enough).then(|| now + Duration::from_secs_f64((enough - trickle.budget) / rate))
    }

    /// Writes until nothing is left or the rate says stop. Nothing is lost when the future is dropped.
    pub(crate) async fn drain(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        while !self.bytes.is_empty() {
            let mut length = self.cuts.front().copied().unwrap_or(self.bytes.len());
            if let Some(trickle) = &self.trickle {
                length = length.min(trickle.budget as usize);
                if length == 0 {
                    break;
                }
            }
            let written = writer.write(&self.bytes[..length]).await?;
            if written == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            self.bytes.advance(written);
            if let Some(trickle) = &mut self.trickle {
                trickle.budget -= written as f64;
            }
            if let Some(front) = self.cuts.front_mut() {
                *front -= written;
                if *front == 0 {
                    self.cuts.pop_front();
                }
            }
        }
        writer.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_packet_is_one_write() {
        let (mut near, _far) = tokio::io::duplex(1024);
        let mut out = Outbox::new(true);
        out.push(|b| b.extend_from_slice(b"one"));
        out.push(|b| b.extend_from_slice(b"three"));
        out.push(|_| {});
        assert_eq!(out.cuts, [3, 5]);
        out.drain(&mut near).await.unwrap();
        assert!(out.is_empty() && out.cuts.is_empty());
    }

    #[tokio::test]
    async fn a_trickle_lets_no_more_through_than_its_rate() {
        let (mut near, _far) = tokio::io::duplex(1 << 20);
        let mut out = Outbox::new(false);
        let start = Duration::from_secs(9);
        out.limit(Some(1000), start);
        out.push(|b| b.resize(10_000, 7));
        assert_eq!(out.blocked_until(start), Some(start + Duration::from_millis(50)));
        let later = start + Duration::from_millis(300);
        assert_eq!(out.blocked_until(later), None);
        out.drain(&mut near).await.unwrap();
        assert_eq!(out.bytes.len(), 9_700);
        assert_eq!(out.blocked_until(later + Duration::from_secs(100)), None);
        out.drain(&mut near).await.unwrap();
        assert_eq!(out.bytes.len(), 8_700);
        out.limit(None, later);
        out.drain(&mut near).await.unwrap();
        assert!(out.is_empty());
    }
}
