//! Requests' bodies: how large they may be, how many bytes of them the box holds at once, and for how long it waits.

use super::quota::{Quota, Share};
use crate::problem::Problem;
use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt;
use heron_core::ErrorKind;
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The largest body of somebody who is signed in. Camera lists, settings and users are a few kilobytes; 1 MiB leaves
/// room for an import of some thousand rows.
const MEMBERS_BODY: usize = 1024 * 1024;
/// The largest body of anybody else: a name and a password are under 1 KiB.
const STRANGERS_BODY: usize = 16 * 1024;
/// Bytes of bodies held at once, 16 MiB in all. They are counted as they come, so announcing much takes nothing. A
/// buffer that grows may be twice what is in it, and what is read from it is as large again: 64 MiB at worst. Strangers
/// have a part of their own, which a thousand sign-ins fit into, so that they never keep out those who are signed in;
/// one address has a part of each, so that it never keeps out the others.
const MEMBERS: (usize, usize) = (12 << 20, 4 << 20);
const STRANGERS: (usize, usize) = (4 << 20, 1 << 20);
/// How long a client may take to send a body: 1 MiB at 1 Mbit/s is 8 s.
const TIME: Duration = Duration::from_secs(15);
/// When to come back if the bytes are all taken: most bodies are there within a second.
const COME_BACK_SECS: u64 = 2;
/// How much of a body that is too large is still read, to be thrown away. A connection (HTTP/2: a request) that ends over
/// bytes that nobody read is reset, and the client may never see the answer.
const THROWN_AWAY: usize = 4 << 20;
const THROWING_AWAY: Duration = Duration::from_secs(2);

/// The bytes of bodies that are held at the moment.
#[derive(Debug)]
pub(crate) struct Bodies {
    members: Quota<IpAddr>,
    strangers: Quota<IpAddr>,
}

/// What one request's body may take. The clone that stays with the request keeps its bytes counted until the request is
/// answered: what was read from them lives as long.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    limit: usize,
    share: Arc<Mutex<Share<IpAddr>>>,
}

impl Bodies {
    pub(crate) fn new() -> Self {
        Self { members: Quota::new(MEMBERS.0, MEMBERS.1), strangers: Quota::new(STRANGERS.0, STRANGERS.1) }
    }

    /// For a request from `address`, as connections are counted.
    pub(crate) fn allowance(&self, address: IpAddr, signed_in: bool) -> Allowance {
        let (quota, limit) =
            if signed_in { (&self.members, MEMBERS_BODY) } else { (&self.strangers, STRANGERS_BODY) };
        Allowance { limit, share: Arc::new(Mutex::new(quota.nothing(address))) }
    }
}

/// Reads a request's body.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    let Some(allowance) = request.extensions().get::<Allowance>().cloned() else {
        return Err(Problem::internal("a request with a body has no allowance for it"));
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    // Whoever waits to be told to send has not sent anything.
    let keeps_sending = !request.headers().contains_key(header::EXPECT);
    let mut body = request.into_body().into_data_stream();
    let outcome = if announced.is_some_and(|n| n > allowance.limit as u64) {
        Err(too_large(allowance.limit))
    } else {
        timeout(TIME, collect(&mut body, &allowance)).await.unwrap_or_else(|_| Err(too_slow()))
    };
    if keeps_sending && outcome.as_ref().is_err_and(|p| p.status() == StatusCode::PAYLOAD_TOO_LARGE) {
        let _ = timeout(THROWING_AWAY, throw_away(&mut body)).await;
    }
    outcome
}

async fn collect(body: &mut BodyDataStream, allowance: &Allowance) -> Result<Bytes, Problem> {
    let mut all = Vec::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Problem::invalid("The body was cut off."))?;
        if piece.len() > allowance.limit - all.len() {
            return Err(too_large(allowance.limit));
        }
        if !allowance.share.lock().grow(piece.len()) {
            return Err(Problem::of(
                ErrorKind::Unavailable,
                format!("Too many requests are being read at once. Try again in {COME_BACK_SECS} s."),
            )
            .retry_after(COME_BACK_SECS));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}

async fn throw_away(body: &mut BodyDataStream) {
    let mut left = THROWN_AWAY;
    while let Some(Ok(piece)) = body.next().await {
        left = match left.checked_sub(piece.len()) {
            Some(left) => left,
            None => return,
        };
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::of(ErrorKind::TooLarge, format!("The body is larger than {} KiB.", limit / 1024))
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "timed-out",
        "It took too long",
        format!("The body did not arrive within {} s.", TIME.as_secs()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures_util::stream;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn request(allowance: &Allowance, body: Body) -> Request {
        let mut request = Request::new(body);
        request.extensions_mut().insert(allowance.clone());
        request
    }

    #[tokio::test]
    async fn strangers_may_send_little_and_members_more() {
        let bodies = Bodies::new();
        for (signed_in, limit) in [(false, STRANGERS_BODY), (true, MEMBERS_BODY)] {
            let send = async |len: usize| {
                let pieces = vec![b'x'; len];
                let pieces: Vec<_> =
                    pieces.chunks(1000).map(|p| Ok::<_, std::io::Error>(Bytes::copy_from_slice(p))).collect();
                let allowance = bodies.allowance(HERE, signed_in);
                read(request(&allowance, Body::from_stream(stream::iter(pieces)))).await.map(|b| b.len())
            };
            assert_eq!(send(limit).await.unwrap(), limit);
            assert_eq!(send(limit + 1).await.unwrap_err().status(), 413);
        }
    }

    #[tokio::test]
    async fn what_is_held_is_bounded_and_counted_until_the_requests_are_answered() {
        let bodies = Bodies::new();
        let send = async |address: IpAddr, signed_in| {
            let allowance = bodies.allowance(address, signed_in);
            let read = read(request(&allowance, Body::from(vec![b'x'; STRANGERS_BODY]))).await;
            read.map(|_| allowance)
        };
        let mut held = Vec::new();
        for _ in 0..STRANGERS.1 / STRANGERS_BODY {
            held.push(send(HERE, false).await.unwrap());
        }
        let refused = send(HERE, false).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        // Neither other addresses nor those who are signed in are kept out.
        let elsewhere: IpAddr = "10.0.0.1".parse().unwrap();
        assert!(send(elsewhere, false).await.is_ok() && send(HERE, true).await.is_ok());
        held.pop();
        assert!(send(HERE, false).await.is_ok());
        drop(held);
        // All addresses together.
        let mut held = Vec::new();
        for n in 0..STRANGERS.0 / STRANGERS_BODY {
            let address = IpAddr::from([10, 0, 1, (n / 32) as u8]);
            held.push(send(address, false).await.unwrap());
        }
        assert_eq!(send(elsewhere, false).await.unwrap_err().status(), 503);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_not_waited_for() {
        let bodies = Bodies::new();
        let allowance = bodies.allowance(HERE, false);
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        let refused = read(request(&allowance, Body::from_stream(trickle))).await.unwrap_err();
        assert_eq!(refused.status(), 408);
    }
}
