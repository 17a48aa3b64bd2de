//! The little HTTP/1.1 that the benchmarks need, with the clock read where it matters.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A kept-alive connection to a local port.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    token: Option<String>,
}

/// An answer, and when its first and last bytes came, counted from the request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) first_byte: Duration,
    pub(crate) total: Duration,
}

impl Connection {
    pub(crate) fn open(port: u16, token: Option<&str>) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::with_capacity(1 << 18, stream), token: token.map(str::to_owned) })
    }

    pub(crate) fn get(&mut self, path: &str, range: Option<&str>) -> Result<Answer> {
        let range = range.map_or_else(String::new, |r| format!("Range: bytes={r}\r\n"));
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{range}"), b"")
    }

    pub(crate) fn post(&mut self, path: &str, json: &serde_json::Value) -> Result<Answer> {
        self.send("POST", path, json)
    }

    pub(crate) fn put(&mut self, path: &str, json: &serde_json::Value) -> Result<Answer> {
        self.send("PUT", path, json)
    }

    fn send(&mut self, method: &str, path: &str, json: &serde_json::Value) -> Result<Answer> {
        let body = serde_json::to_vec(json)?;
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n");
        self.exchange(&format!("{head}Content-Length: {}\r\n", body.len()), &body)
    }

    fn exchange(&mut self, head: &str, body: &[u8]) -> Result<Answer> {
        let authorization =
            self.token.as_ref().map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
        let mut request = format!("{head}{authorization}\r\n").into_bytes();
        request.extend_from_slice(body);
        let begun = Instant::now();
        self.stream.get_mut().write_all(&request)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let first_byte = begun.elapsed();
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).context("no HTTP status")?;
        let (mut length, mut chunked) = (0_usize, false);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? <= 2 {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().context("bad content-length")?,
                "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        let body = if chunked { self.chunks()? } else { self.exactly(length)? };
        Ok(Answer { status, body, first_byte, total: begun.elapsed() })
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).context("bad chunk size")?;
            body.append(&mut self.exactly(size)?);
            self.exactly(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

impl Answer {
    /// The body as JSON; an error when the status is not a success.
    pub(crate) fn json(&self) -> Result<serde_json::Value> {
        if !(200..300).contains(&self.status) {
            bail!("status {}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}
