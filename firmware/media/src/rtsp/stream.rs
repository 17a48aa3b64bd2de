//! One direction of an RTSP connection, cut into messages and interleaved packets (RFC 2326 §10.12).

use super::error::quote;
use super::message::Head;
use super::{MAX_BODY_BYTES, MAX_GARBAGE_BYTES, MAX_HEAD_BYTES, Request, Response, WireError};
use bytes::Bytes;
use std::ops::Range;

/// The next thing in the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
    /// An interleaved packet.
    Interleaved {
        /// The channel from the `Transport` header's `interleaved`.
        channel: u8,
        /// Where the payload lies in the buffer that was given.
        payload: Range<usize>,
    },
    /// Bytes that are neither; the search goes on behind them.
    Garbage {
        /// How many bytes were skipped by this call.
        skipped: usize,
    },
    /// The next item is not whole yet.
    NeedMore {
        /// The buffer must hold at least this many bytes, counted after dropping [`Parsed::consumed`], before
        /// another call can say more.
        at_least: usize,
    },
}

/// An item and how far it reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The item.
    pub item: Item,
    /// How many bytes to drop from the front of the buffer, after the payload has been used. Zero with
    /// [`Item::NeedMore`] unless leading blanks were dropped.
    pub consumed: usize,
}

/// Cuts a byte stream into items. Feed it the unconsumed bytes again and again.
#[derive(Clone, Debug, Default)]
pub struct StreamParser {
    /// A whole message has been seen.
    started: bool,
    /// Interleaved channels that can occur; zero means that all can.
    channels: u16,
    /// Bytes skipped since the last whole item.
    skipped: usize,
}

/// The four bytes before an interleaved packet of `len` bytes.
pub fn interleaved_prefix(channel: u8, len: u16) -> [u8; 4] {
    let [hi, lo] = len.to_be_bytes();
    [b'$', channel, hi, lo]
}

impl StreamParser {
    /// A parser at the beginning of a connection.
    pub fn new() -> Self {
        Self::default()
    }
    /// Only channels below `channels` are in use. Makes finding the way back after garbage surer; packets on other
    /// channels are still taken while in step, if they look like RTP.
    pub fn limit_channels(&mut self, channels: u16) {
        self.channels = channels;
    }

    /// The item at the front of `buffer`.
    ///
    /// # Errors
    /// [`WireError`] when the connection cannot be read any further.
    pub fn parse(&mut self, buffer: &[u8]) -> Result<Parsed, WireError> {
        if let [b'$', channel, hi, lo, rest @ ..] = buffer
            && self.is_packet(*channel, buffer)
        {
            let len = usize::from(u16::from_be_bytes([*hi, *lo]));
            if rest.len() < len {
                return Ok(need(4 + len, 0));
            }
            self.skipped = 0;
            let item = Item::Interleaved { channel: *channel, payload: 4..4 + len };
            return Ok(Parsed { item, consumed: 4 + len });
        }
        let blanks = buffer.iter().take_while(|b| matches!(b, b'\r' | b'\n' | b' ' | b'\t' | 0)).count();
        if blanks == buffer.len() {
            self.count_skipped(buffer, blanks)?;
            return Ok(need(1, blanks));
        }
        if blanks > 0 && buffer[blanks] == b'$' {
            self.count_skipped(buffer, blanks)?;
            let mut parsed = self.parse(&buffer[blanks..])?;
            parsed.consumed += blanks;
            if let Item::Interleaved { payload, .. } = &mut parsed.item {
                *payload = payload.start + blanks..payload.end + blanks;
            }
            return Ok(parsed);
        }
        let mut parsed = self.parse_message(&buffer[blanks..])?;
        parsed.consumed += blanks;
        Ok(parsed)
    }

    /// A packet of RTP or RTCP has version 2 (RFC 3550 §5.1). In step, a channel in use or that version is enough:
    /// old live555 servers go on sending for a session that is over, on channels that nobody asked for. While
    /// lost in garbage it takes both.
    fn is_packet(&self, channel: u8, buffer: &[u8]) -> bool {
        match self.skipped {
            0 => self.known(channel) || plausible_packet(buffer),
            _ => self.known(channel) && plausible_packet(buffer),
        }
    }

    fn known(&self, channel: u8) -> bool {
        self.channels == 0 || u16::from(channel) < self.channels
    }

    fn parse_message(&mut self, buffer: &[u8]) -> Result<Parsed, WireError> {
        match start_of(buffer) {
            StartKind::Undecided => return Ok(need(buffer.len() + 1, 0)),
            StartKind::Neither => return self.skip(buffer),
            StartKind::Message => {}
        }
        let window = &buffer[..buffer.len().min(MAX_HEAD_BYTES)];
        let Some((head, body_at)) = split_head(window) else {
            if buffer.len() >= MAX_HEAD_BYTES {
                return Err(WireError::HeadTooLarge { saw: quote(buffer), limit: MAX_HEAD_BYTES });
            }
            return Ok(need(buffer.len() + 1, 0));
        };
        let Some(head) = Head::parse(head)? else {
            return self.skip(buffer);
        };
        let announced = head.headers().number("Content-Length").unwrap_or(0);
        let len = usize::try_from(announced).ok().filter(|l| *l <= MAX_BODY_BYTES).ok_or_else(|| {
            WireError::BodyTooLarge { saw: quote(buffer), announced, limit: MAX_BODY_BYTES }
        })?;
        let Some(body) = buffer.get(body_at..body_at + len) else {
            return Ok(need(body_at + len, 0));
        };
        self.started = true;
        self.skipped = 0;
        let body = Bytes::copy_from_slice(body);
        let item = match head {
            Head::Request { method, uri, headers } => Item::Request(Request { method, uri, headers, body }),
            Head::Response { status, reason, headers } => {
                Item::Response(Response { status, reason, headers, body })
            }
        };
        Ok(Parsed { item, consumed: body_at + len })
    }

    /// Skips to the next place where something may begin.
    fn skip(&mut self, buffer: &[u8]) -> Result<Parsed, WireError> {
        if !self.started
            && let Some(hint) = other_protocol(buffer)
        {
            return Err(WireError::NotRtsp { saw: quote(buffer), hint });
        }
        let mut at = 1;
        while at < buffer.len() && !self.may_begin(&buffer[at..]) {
            at += 1;
        }
        self.count_skipped(buffer, at)?;
        Ok(Parsed { item: Item::Garbage { skipped: at }, consumed: at })
    }

    /// Whether an item may begin at the front of `rest`, strictly: this is how the way back is found.
    fn may_begin(&self, rest: &[u8]) -> bool {
        match rest {
            [b'$'] => true,
            [b'$', channel, ..] => self.known(*channel) && plausible_packet(rest),
            [b'R' | b'r', ..] => prefix_of(rest, b"RTSP/"),
            [b'A'..=b'Z', ..] => METHODS.iter().any(|m| prefix_of(rest, m)),
            _ => false,
        }
    }

    fn count_skipped(&mut self, buffer: &[u8], skipped: usize) -> Result<(), WireError> {
        self.skipped += skipped;
        if self.skipped > MAX_GARBAGE_BYTES {
            return Err(WireError::Garbage { saw: quote(buffer), skipped: self.skipped });
        }
        Ok(())
    }
}

fn need(at_least: usize, consumed: usize) -> Parsed {
    Parsed { item: Item::NeedMore { at_least }, consumed }
}

/// The requests that a peer may send without being asked, for finding the way back after garbage.
const METHODS: [&[u8]; 11] = [
    b"OPTIONS ",
    b"DESCRIBE ",
    b"ANNOUNCE ",
    b"SETUP ",
    b"PLAY ",
    b"PAUSE ",
    b"RECORD ",
    b"TEARDOWN ",
    b"GET_PARAMETER ",
    b"SET_PARAMETER ",
    b"REDIRECT ",
];

/// Whether one of the two is the beginning of the other, case-insensitively.
fn prefix_of(bytes: &[u8], token: &[u8]) -> bool {
    let n = bytes.len().min(token.len());
    bytes[..n].eq_ignore_ascii_case(&token[..n])
}

/// RTP version 2 behind the four bytes, as far as they are here, and room for the smallest RTCP packet.
fn plausible_packet(buffer: &[u8]) -> bool {
    match buffer {
        [_, _, hi, lo, first, ..] => u16::from_be_bytes([*hi, *lo]) >= 8 && first >> 6 == 2,
        [_, _, hi, lo] => u16::from_be_bytes([*hi, *lo]) >= 8,
        _ => true,
    }
}

enum StartKind {
    Message,
    Neither,
    Undecided,
}

/// Whether a message begins here: `RTSP/` or a token, a blank, and a first line that has `RTSP/` in it.
fn start_of(buffer: &[u8]) -> StartKind {
    const LONGEST_LINE: usize = 8 * 1024;
    if buffer[0] == b'$' {
        // What is whole enough to be told from garbage was taken or refused before.
        return if buffer.len() < 5 { StartKind::Undecided } else { StartKind::Neither };
    }
    if prefix_of(buffer, b"RTSP/") {
        return if buffer.len() < 5 { StartKind::Undecided } else { StartKind::Message };
    }
    let token =
        buffer.iter().take(33).take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
    if token == 0 || token > 32 || !buffer[0].is_ascii_alphabetic() {
        return StartKind::Neither;
    }
    match buffer.get(token) {
        None => return StartKind::Undecided,
        Some(b' ' | b'\t') => {}
        Some(_) => return StartKind::Neither,
    }
    let window = &buffer[..buffer.len().min(LONGEST_LINE)];
    match window.iter().position(|b| *b == b'\n') {
        Some(end) if contains_version(&window[..end]) => StartKind::Message,
        Some(_) => StartKind::Neither,
        None if window.len() == LONGEST_LINE => StartKind::Neither,
        // A start line is text; anything else in it settles the matter at once.
        None if window.iter().any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\r')) => StartKind::Neither,
        None => StartKind::Undecided,
    }
}

fn contains_version(line: &[u8]) -> bool {
    line.windows(5).any(|w| w.eq_ignore_ascii_case(b"RTSP/"))
}

/// Start line with headers, and where the body begins. Lines may end in LF alone.
fn split_head(window: &[u8]) -> Option<(&[u8], usize)> {
    let mut from = 0;
    while let Some(at) = window[from..].iter().position(|b| *b == b'\n') {
        let next = from + at + 1;
        match &window[next..] {
            [b'\n', ..] => return Some((&window[..from + at], next + 1)),
            [b'\r', b'\n', ..] => return Some((&window[..from + at], next + 2)),
            _ => from = next,
        }
    }
    None
}

fn other_protocol(buffer: &[u8]) -> Option<&'static str> {
    match buffer {
        [0x15, 0x03, ..] => Some("that is TLS: use rtsps://, or the camera's plain port"),
        b if b.starts_with(b"HTTP/") => Some("that is a web server: RTSP is usually port 554"),
        b if b.starts_with(b"SSH-") => Some("that is an SSH server: RTSP is usually port 554"),
        _ => None,
    }
}
