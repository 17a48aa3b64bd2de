//! One client's connection: what it reads, what it writes, and when.

use super::House;
use super::outbox::Outbox;
use super::respond::{Answer, Conversation};
use super::session::{Session, Tick};
use crate::camera::Trouble;
use crate::config::Pace;
use crate::drawn::LiveFrame;
use bytes::{Buf, BytesMut};
use heron_core::{Clock as _, SystemClock};
use heron_media::rtsp::{Item, StreamParser};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

/// Unread bytes kept at most: a request with the greatest head and body that `media` takes, and some packets.
const UNREAD: usize = 2 * 1024 * 1024;

/// The longest sleep of a connection that nothing happens on.
const IDLE: Duration = Duration::from_secs(1);

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The client left, or its session was torn down or timed out.
    Closed,
    /// It is to be reset, so that the client sees an error at once.
    Reset,
}

/// What woke the connection up.
enum Wake {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<()>),
    Frame(Result<Arc<LiveFrame>, RecvError>),
    Time,
}

/// Serves one client until one side ends it.
pub(crate) async fn serve<R, W>(
    mut reader: R,
    mut writer: W,
    house: Arc<House>,
    local: SocketAddr,
    remote: SocketAddr,
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut out = Outbox::new(house.pace == Pace::Packet);
    let mut talk = Conversation { house, local, remote, session: None };
    let (mut parser, mut unread) = (StreamParser::new(), BytesMut::with_capacity(4096));
    let timer = tokio::time::sleep(IDLE);
    tokio::pin!(timer);
    let mut ending = false;
    let mut trouble = None;
    loop {
        let now = SystemClock.monotonic();
        let (mut deaf, mut mute) = (false, false);
        let mut deadline = now + IDLE;
        if let Some(session) = &mut talk.session {
            trouble.get_or_insert_with(|| session.trouble.clone());
            if session.tick(now, &mut out) == Tick::Drop {
                return End::Reset;
            }
            if now.saturating_sub(session.last_heard()) > talk.house.session_timeout {
                tracing::info!(camera = session.camera.number, "session timed out");
                return End::Closed;
            }
            let now_wrong = session.trouble.borrow();
            let stalled = now_wrong.stalled(now);
            if stalled {
                let answers = now_wrong.faults.stall.is_some_and(|s| s.answers);
                (deaf, mute) = (!answers, !answers);
                deadline = now_wrong.stall_until.map_or(deadline, |end| deadline.min(end));
            }
            let limit = now_wrong.faults.trickle_bytes_per_second;
            drop(now_wrong);
            out.limit(limit, now);
            deadline = session.deadline(stalled).map_or(deadline, |d| deadline.min(d));
        }
        if let Some(until) = out.blocked_until(now).filter(|_| !out.is_empty()) {
            mute = true;
            deadline = deadline.min(until);
        }
        if ending && out.is_empty() {
            return End::Closed;
        }
        let at = Instant::now() + deadline.saturating_sub(now);
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        let wake = tokio::select! {
            biased;
            wrote = out.drain(&mut writer), if !out.is_empty() && !mute => Wake::Wrote(wrote),
            read = reader.read_buf(&mut unread), if !deaf && !ending => Wake::Read(read),
            frame = next_live(&mut talk.session) => Wake::Frame(frame),
            () = &mut timer => Wake::Time,
            () = changed(&mut trouble) => Wake::Time,
        };
        match wake {
            Wake::Wrote(Ok(())) | Wake::Time => {}
            Wake::Wrote(Err(_)) | Wake::Read(Err(_) | Ok(0)) => return End::Closed,
            Wake::Frame(frame) => {
                if let Some(session) = &mut talk.session
                    && session.live_frame(frame, &mut out) == Tick::Drop
                {
                    return End::Reset;
                }
            }
            Wake::Read(Ok(_)) => match converse(&mut talk, &mut parser, &mut unread, &mut out).await {
                Progress::GoOn => {}
                Progress::Finish => ending = true,
                Progress::End(end) => return end,
            },
        }
    }
}

/// What reading has led to.
enum Progress {
    GoOn,
    /// What waits is written, then the connection ends.
    Finish,
    End(End),
}

/// Answers all whole requests that have come.
async fn converse(
    talk: &mut Conversation,
    parser: &mut StreamParser,
    unread: &mut BytesMut,
    out: &mut Outbox,
) -> Progress {
    loop {
        let parsed = match parser.parse(unread) {
            Ok(parsed) => parsed,
            Err(why) => {
                tracing::warn!(from = %talk.remote, "not RTSP: {why}");
                return Progress::End(End::Closed);
            }
        };
        let item = parsed.item;
        if !matches!(item, Item::NeedMore { .. })
            && let Some(session) = &mut talk.session
        {
            session.heard = session.camera.monotonic_now();
        }
        unread.advance(parsed.consumed);
        match item {
            Item::NeedMore { at_least } if at_least <= UNREAD => return Progress::GoOn,
            Item::NeedMore { .. } => return Progress::End(End::Closed),
            Item::Interleaved { .. } | Item::Garbage { .. } | Item::Response(_) => {}
            Item::Request(request) => match talk.answer(&request).await {
                Answer::Send(response) => out.push(|b| response.write_to(b)),
                Answer::SendAndEnd(response) => {
                    talk.session = None;
                    out.push(|b| response.write_to(b));
                    return Progress::Finish;
                }
                Answer::Reset => return Progress::End(End::Reset),
            },
        }
    }
}

async fn next_live(session: &mut Option<Session>) -> Result<Arc<LiveFrame>, RecvError> {
    match session {
        Some(session) => session.next_live().await,
        None => std::future::pending().await,
    }
}

/// Waits until the camera's faults change; for ever before there is a session.
async fn changed(trouble: &mut Option<watch::Receiver<Trouble>>) {
    let lives = match trouble {
        Some(trouble) => trouble.changed().await.is_ok(),
        None => false,
    };
    if !lives {
        std::future::pending::<()>().await;
    }
}
