//! Requests and responses (RFC 2326 §6, §7).

use super::error::quote;
use super::{Headers, MAX_HEADERS, Method, WireError};
use bytes::{BufMut, Bytes};

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// On what: an absolute URL or `*`.
    pub uri: String,
    /// The header fields. `Content-Length` is written from the body, whatever stands here.
    pub headers: Headers,
    /// The body; often empty.
    pub body: Bytes,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code, 100 to 999 (RFC 2326 §7.1.1).
    pub status: u16,
    /// The words after it; may be empty.
    pub reason: String,
    /// The header fields. `Content-Length` is written from the body, whatever stands here.
    pub headers: Headers,
    /// The body; often empty.
    pub body: Bytes,
}

impl Request {
    /// A request without headers or body.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Headers::new(), body: Bytes::new() }
    }
    /// Writes it as it goes on the wire. Control characters and blanks in the URI are percent-encoded.
    pub fn write_to(&self, out: &mut impl BufMut) {
        out.put_slice(self.method.as_str().as_bytes());
        out.put_u8(b' ');
        for b in self.uri.bytes() {
            if b <= 0x20 || b == 0x7f {
                out.put_slice(format!("%{b:02X}").as_bytes());
            } else {
                out.put_u8(b);
            }
        }
        out.put_slice(b" RTSP/1.0\r\n");
        write_rest(&self.headers, &self.body, out);
    }
}

impl Response {
    /// A response without headers or body, with the usual words for `status`.
    pub fn new(status: u16) -> Self {
        Self { status, reason: reason_phrase(status).to_owned(), headers: Headers::new(), body: Bytes::new() }
    }
    /// Whether the status is in 200..300.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// Writes it as it goes on the wire.
    pub fn write_to(&self, out: &mut impl BufMut) {
        let reason: String = self.reason.chars().filter(|c| !c.is_control()).collect();
        out.put_slice(format!("RTSP/1.0 {} {reason}\r\n", self.status).as_bytes());
        write_rest(&self.headers, &self.body, out);
    }
}

/// What requests and responses have in common: header fields and a body.
macro_rules! message {
    ($kind:ty) => {
        impl $kind {
            /// With one more header field.
            pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
                self.headers.push(name, value.as_ref());
                self
            }
            /// With `body` of type `content_type`.
            pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
                self.headers.set("Content-Type", content_type);
                self.body = body.into();
                self
            }
            /// The sequence number, when it can be read.
            pub fn cseq(&self) -> Option<u32> {
                self.headers.number("CSeq").and_then(|n| u32::try_from(n).ok())
            }
            /// As it goes on the wire.
            pub fn to_bytes(&self) -> Bytes {
                let mut out = Vec::with_capacity(512);
                self.write_to(&mut out);
                out.into()
            }
        }
    };
}

message!(Request);
message!(Response);

fn write_rest(headers: &Headers, body: &Bytes, out: &mut impl BufMut) {
    for (name, value) in headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("Content-Length")) {
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    if !body.is_empty() {
        out.put_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.put_slice(b"\r\n");
    out.put_slice(body);
}

/// A start line and headers, read.
#[derive(Debug)]
pub(super) enum Head {
    Request { method: Method, uri: String, headers: Headers },
    Response { status: u16, reason: String, headers: Headers },
}

impl Head {
    /// Reads `head`, which ends before the empty line. `None` when the start line is neither a request nor a
    /// response.
    pub(super) fn parse(head: &[u8]) -> Result<Option<Self>, WireError> {
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
        let Some(start) = lines.next() else { return Ok(None) };
        let mut headers = Headers::new();
        for line in lines {
            if line.starts_with([' ', '\t']) && !headers.is_empty() {
                headers.fold(line);
                continue;
            }
            // A line without a colon is what some cameras leave of a broken header; nothing depends on it.
            let Some((name, value)) = line.split_once(':') else { continue };
            if !headers.push(name, value) {
                return Err(WireError::TooManyHeaders { saw: quote(head), limit: MAX_HEADERS });
            }
        }
        Ok(parse_start(start).map(|s| match s {
            Start::Request(method, uri) => Self::Request { method, uri, headers },
            Start::Response(status, reason) => Self::Response { status, reason, headers },
        }))
    }
    pub(super) fn headers(&self) -> &Headers {
        match self {
            Self::Request { headers, .. } | Self::Response { headers, .. } => headers,
        }
    }
}

enum Start {
    Request(Method, String),
    Response(u16, String),
}

fn parse_start(line: &str) -> Option<Start> {
    let line = line.trim();
    if line.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("RTSP/")) {
        // "RTSP/1.0 200 OK", "RTSP/1.0  200", "RTSP/1.0 200OK".
        let rest = line.split_once(char::is_whitespace)?.1.trim_start();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let status: u16 = rest.get(..digits)?.parse().ok().filter(|s| (100..1000).contains(s))?;
        return Some(Start::Response(status, rest[digits..].trim().to_owned()));
    }
    let mut words = line.split_ascii_whitespace();
    let method = words.next()?;
    if method.len() > 32 || !method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return None;
    }
    let rest: Vec<&str> = words.collect();
    let (version, uri) = rest.split_last()?;
    if uri.is_empty() || !version.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("RTSP/")) {
        return None;
    }
    Some(Start::Request(Method::parse(method), uri.join("%20")))
}

/// The words that usually follow a status code (RFC 2326 §7.1.1).
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        250 => "Low on Storage Space",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        451 => "Parameter Not Understood",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid in This State",
        456 => "Header Field Not Valid for Resource",
        457 => "Invalid Range",
        459 => "Aggregate Operation Not Allowed",
        460 => "Only Aggregate Operation Allowed",
        461 => "Unsupported Transport",
        462 => "Destination Unreachable",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "RTSP Version Not Supported",
        551 => "Option Not Supported",
        _ => "Unknown",
    }
}
