//! Every byte that a plain connection sends against the file it stands for.

use super::super::connection::{Connection, Service};
use super::super::slots::Slots;
use super::*;
use crate::http::stream::{Content, OpenFile, Representation, holding, serve};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hyper::body::Frame;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::io::Write;
use std::ops::Range;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(30);
const LEN: u64 = 3_000_003;

/// Pieces of a file, bytes in memory and bytes that are made, in turn, as a clip has them.
struct Mixed {
    file: Arc<std::fs::File>,
    len: u64,
    piece: u64,
}

impl Content for Mixed {
    fn len(&self) -> u64 {
        self.len
    }
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        OpenFile { file: Arc::clone(&self.file), len: self.len }.read(range)
    }
    fn place(&self, range: Range<u64>) -> io::Result<Place> {
        let end = ((range.start / self.piece + 1) * self.piece).min(range.end);
        match range.start / self.piece % 3 {
            0 => self.read(range.start..end).map(Place::Bytes),
            _ => Ok(Place::File {
                file: Arc::clone(&self.file),
                offset: range.start,
                length: end - range.start,
            }),
        }
    }
}

fn bytes(len: u64) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn temporary(bytes: &[u8]) -> (tempfile::NamedTempFile, Arc<std::fs::File>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let open = Arc::new(std::fs::File::open(file.path()).unwrap());
    (file, open)
}

fn answer(content: Arc<dyn Content>, method: &Method, headers: &HeaderMap) -> Response {
    let content_type = HeaderValue::from_static("video/mp4");
    let representation =
        Representation { content, content_type, etag: "\"tag\"".into(), cache_control: "private" };
    serve(method, headers, representation)
}

/// A server of `router` on a port of its own.
struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
}

impl Server {
    async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        tokio::spawn(async move {
            let slots = Slots::new();
            while let Ok((stream, address)) = listener.accept().await {
                let slot = Arc::new(slots.take(address.ip()).unwrap());
                let service = Service { router: router.clone(), door: None };
                tokio::spawn(Connection { address, service, shutdown: token.clone(), slot }.plain(stream));
            }
        });
        Self { address, shutdown }
    }

    /// A server of one content at `/`, with a short answer of another kind at `/json`.
    async fn of(content: Arc<dyn Content>) -> Self {
        let one = get(async move |method: Method, headers: HeaderMap| answer(content, &method, &headers));
        Self::start(Router::new().route("/", one).route("/json", get(async || "{\"short\":true}"))).await
    }

    async fn client(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn ask(&mut self, method: &str, path: &str, more: &str) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
    }

    /// Status and announced length.
    async fn head(&mut self) -> (u16, u64) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::time::timeout(LONG, self.0.read_u8()).await.expect("a head comes").unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap_or("0");
        (head[9..12].parse().unwrap(), length.parse().unwrap())
    }

    async fn body(&mut self, length: u64) -> Vec<u8> {
        let mut body = vec![0; length as usize];
        tokio::time::timeout(LONG, self.0.read_exact(&mut body)).await.expect("a body comes").unwrap();
        body
    }

    async fn whole(&mut self) -> (u16, Vec<u8>) {
        let (status, length) = self.head().await;
        (status, self.body(length).await)
    }

    /// What comes until the connection ends.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = tokio::time::timeout(LONG, self.0.read_to_end(&mut rest)).await.expect("it ends");
        rest
    }
}

/// Not `assert_eq`: three megabytes are no message.
#[track_caller]
fn same(got: &[u8], wanted: &[u8]) {
    assert_eq!(got.len(), wanted.len());
    let first = got.iter().zip(wanted).position(|(a, b)| a != b);
    assert_eq!(first, None, "the first byte that differs");
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn files_and_mixtures_arrive_whole_and_the_connection_goes_on() {
    let wanted = bytes(LEN);
    let (_dir, file) = temporary(&wanted);
    let contents: [Arc<dyn Content>; 3] = [
        Arc::new(OpenFile { file: Arc::clone(&file), len: LEN }),
        Arc::new(Mixed { file: Arc::clone(&file), len: LEN, piece: 100_000 }),
        Arc::new(Mixed { file, len: LEN, piece: 1_013 }),
    ];
    for content in contents {
        let server = Server::of(content).await;
        let mut client = server.client().await;
        for _ in 0..2 {
            client.ask("GET", "/", "").await;
            let (status, body) = client.whole().await;
            assert_eq!(status, 200);
            same(&body, &wanted);
            client.ask("GET", "/json", "").await;
            assert_eq!(client.whole().await, (200, b"{\"short\":true}".to_vec()));
            client.ask("HEAD", "/", "").await;
            assert_eq!(client.head().await, (200, LEN));
            client.ask("GET", "/", "If-None-Match: \"tag\"\r\n").await;
            assert_eq!(client.whole().await, (304, vec![]));
            client.ask("GET", "/", "Range: bytes=99999999-\r\n").await;
            assert_eq!(client.whole().await.0, 416);
        }
    }
}

#[test]
fn any_range_in_any_order_is_that_part_of_the_file() {
    let wanted = bytes(LEN);
    let (_dir, file) = temporary(&wanted);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (server, client) = runtime.block_on(async {
        let server = Server::of(Arc::new(Mixed { file, len: LEN, piece: 40_009 })).await;
        let client = server.client().await;
        (server, client)
    });
    let client = tokio::sync::Mutex::new(client);
    // Of a few bytes, about as long as is left to the kernel, and long.
    let range = (0..LEN, prop_oneof![1..2_000u64, 120_000..140_000u64, 1..LEN]);
    TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() })
        .run(&proptest::collection::vec(range, 1..5), |ranges| {
            runtime.block_on(async {
                let mut client = client.lock().await;
                // All are asked for before the first is read.
                for (start, len) in &ranges {
                    client.ask("GET", "/", &format!("Range: bytes={start}-{}\r\n", start + len - 1)).await;
                }
                for (start, len) in &ranges {
                    let (status, body) = client.whole().await;
                    prop_assert_eq!(status, 206);
                    same(&body, &wanted[*start as usize..(start + len).min(LEN) as usize]);
                }
                Ok(())
            })
        })
        .unwrap();
    drop(server);
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte() {
    let wanted = bytes(LEN);
    let (_dir, file) = temporary(&wanted);
    let server = Server::of(Arc::new(Mixed { file, len: LEN, piece: 70_001 })).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = Client(BufReader::with_capacity(512, socket.connect(server.address).await.unwrap()));
    client.ask("GET", "/", "").await;
    let (_, length) = client.head().await;
    let mut body = Vec::new();
    while (body.len() as u64) < length {
        // Steps of changing length, so that the socket fills up and empties.
        let step = (body.len() % 17 + 1) * 3_001;
        body.extend(client.body((step as u64).min(length - body.len() as u64)).await);
        tokio::task::yield_now().await;
    }
    same(&body, &wanted);
}

#[tokio::test]
async fn what_is_held_is_let_go_of_when_it_is_sent_or_the_client_is_gone_or_does_not_read() {
    let wanted = bytes(20_000_000);
    let (_dir, file) = temporary(&wanted);
    let held = Arc::new(());
    let (content, holder) = (Arc::new(OpenFile { file, len: 20_000_000 }), Arc::clone(&held));
    let route = async |patience: Duration, content, holder, method: Method, headers: HeaderMap| {
        holding(answer(content, &method, &headers), holder, patience)
    };
    let (again, holder_too) = (Arc::clone(&content), Arc::clone(&holder));
    let router = Router::new()
        .route("/patient", get(async move |m, h| route(LONG * 10, content, holder, m, h).await))
        .route(
            "/impatient",
            get(async move |m, h| route(Duration::from_millis(50), again, holder_too, m, h).await),
        );
    let server = Server::start(router).await;
    let at_rest = Arc::strong_count(&held);
    let mut client = server.client().await;
    client.ask("GET", "/patient", "").await;
    same(&client.whole().await.1, &wanted);
    eventually("sent, and let go of", || Arc::strong_count(&held) == at_rest).await;

    client.ask("GET", "/patient", "").await;
    let (_, _) = client.head().await;
    same(&client.body(100_000).await, &wanted[..100_000]);
    eventually("held while it is being sent", || Arc::strong_count(&held) > at_rest).await;
    drop(client);
    eventually("the client is gone", || Arc::strong_count(&held) == at_rest).await;

    let mut client = server.client().await;
    client.ask("GET", "/impatient", "").await;
    assert_eq!(client.head().await.0, 200);
    eventually("the client does not read", || Arc::strong_count(&held) == at_rest).await;
    let rest = client.rest().await;
    assert!(rest.len() < wanted.len(), "cut off");
    same(&rest, &wanted[..rest.len()]);
}

#[tokio::test]
async fn a_file_that_retention_deletes_is_sent_whole_and_one_that_became_shorter_ends_early() {
    let wanted = bytes(20_000_000);
    for shorten in [false, true] {
        let (path, file) = temporary(&wanted);
        let server = Server::of(Arc::new(OpenFile { file, len: 20_000_000 })).await;
        let mut client = server.client().await;
        client.ask("GET", "/", "").await;
        assert_eq!(client.head().await, (200, 20_000_000));
        let mut body = client.body(50_000).await;
        if shorten {
            std::fs::OpenOptions::new().write(true).open(path.path()).unwrap().set_len(12_345_678).unwrap();
        } else {
            path.close().unwrap();
        }
        body.extend(client.rest_of(20_000_000 - 50_000).await);
        if shorten {
            assert!(body.len() <= 12_345_678, "{}", body.len());
        }
        same(&body, &wanted[..body.len()]);
        assert_eq!(body.len() == wanted.len(), !shorten);
    }
}

impl Client {
    /// `length` bytes, or fewer when the connection ends.
    async fn rest_of(&mut self, length: u64) -> Vec<u8> {
        let mut rest = vec![0; length as usize];
        let mut got = 0;
        while got < rest.len() {
            match tokio::time::timeout(LONG, self.0.read(&mut rest[got..])).await.expect("it moves") {
                Ok(0) | Err(_) => break,
                Ok(n) => got += n,
            }
        }
        rest.truncate(got);
        rest
    }
}

#[tokio::test]
async fn an_answer_whose_head_says_another_length_is_not_left_to_the_kernel() {
    let (_dir, file) = temporary(&bytes(LEN));
    let content: Arc<dyn Content> = Arc::new(OpenFile { file, len: LEN });
    let odd = get(async move || {
        let deferred = Deferred { content, range: 0..LEN, held: None, patience: None };
        let mut response = ([(header::CONTENT_LENGTH, "5")], "12345").into_response();
        response.extensions_mut().insert(deferred);
        response
    });
    let server = Server::start(Router::new().route("/", odd)).await;
    let mut client = server.client().await;
    client.ask("GET", "/", "").await;
    assert_eq!(client.whole().await, (200, b"12345".to_vec()));
}

#[tokio::test]
async fn a_stream_that_cannot_send_files_gets_their_bytes() {
    let wanted = bytes(LEN);
    let (_dir, file) = temporary(&wanted);
    let content: Arc<dyn Content> = Arc::new(OpenFile { file, len: LEN });
    let one = get(async move |method: Method, headers: HeaderMap| answer(content, &method, &headers));
    let (mut near, far) = tokio::io::duplex(1 << 16);
    let address: std::net::SocketAddr = "10.0.0.1:5".parse().unwrap();
    let slot = Arc::new(Slots::new().take(address.ip()).unwrap());
    let service = Service { router: Router::new().route("/", one), door: None };
    let connection = Connection { address, service, shutdown: CancellationToken::new(), slot };
    let serving = tokio::spawn(connection.http1(far, true));
    near.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    near.read_to_end(&mut all).await.unwrap();
    same(&all[all.len() - LEN as usize..], &wanted);
    serving.await.unwrap();
}

/// A connection, its queue, and the other end.
async fn pair() -> (Direct, Queue, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    let queue = Queue::default();
    (Direct::new(near, Arc::clone(&queue)), queue, far)
}

async fn write(direct: &mut Direct, slices: &[&[u8]]) -> io::Result<usize> {
    let slices: Vec<IoSlice<'_>> = slices.iter().map(|s| IoSlice::new(s)).collect();
    std::future::poll_fn(|cx| Pin::new(&mut *direct).poll_write_vectored(cx, &slices)).await
}

#[tokio::test]
async fn a_stand_in_that_was_not_announced_ends_the_connection_and_never_leaves_it() {
    use super::super::outgoing::{Chunk, Outgoing};
    use bytes::Buf;
    let wanted = bytes(200_000);
    let (_dir, file) = temporary(&wanted);
    let content: Arc<dyn Content> = Arc::new(OpenFile { file, len: 200_000 });
    let stand_in = Chunk::Stand(200_000);
    let deferred = |range| Deferred { content: Arc::clone(&content), range, held: None, patience: None };

    // Nothing was queued; something of another length was; part of one, from its middle; not to its end.
    for (queued, slice) in [
        (None, stand_in.chunk()),
        (Some(0..10), stand_in.chunk()),
        (Some(0..200_000), &stand_in.chunk()[1..]),
        (Some(0..200_000), &stand_in.chunk()[..100]),
    ] {
        let (mut direct, queue, mut far) = pair().await;
        queue.lock().extend(queued.map(deferred));
        write(&mut direct, &[slice]).await.unwrap_err();
        drop(direct);
        let mut got = Vec::new();
        let _ = far.read_to_end(&mut got).await;
        assert_eq!(got, b"", "not a byte");
    }

    // Other bytes while one is under way, or one written as if it were bytes.
    let (mut direct, queue, mut far) = pair().await;
    queue.lock().push_back(deferred(0..200_000));
    assert_eq!(write(&mut direct, &[b"head", stand_in.chunk()]).await.unwrap(), 4);
    let n = write(&mut direct, &[stand_in.chunk()]).await.unwrap();
    assert!(n > 0);
    write(&mut direct, &[b"something else"]).await.unwrap_err();
    drop(direct);
    let mut got = Vec::new();
    let _ = far.read_to_end(&mut got).await;
    assert_eq!(&got[..4], b"head");
    same(&got[4..], &wanted[..got.len() - 4]);

    let (mut direct, _, _far) = pair().await;
    std::future::poll_fn(|cx| Pin::new(&mut direct).poll_write(cx, stand_in.chunk())).await.unwrap_err();

    // The body announces what it hands over, in order, and no more than can be written.
    let queue: Queue = Arc::default();
    let mut body = Outgoing::deferring(deferred(0..200_000), &queue);
    assert_eq!(body.size_hint().exact(), Some(200_000));
    let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap().remaining(), 200_000);
    assert!(body.is_end_stream());
    assert_eq!(queue.lock().front().map(|d| d.range.clone()), Some(0..200_000));
    assert_eq!(queue.lock().len(), 1);
    for _ in 0..3 {
        let mut body = Outgoing::deferring(deferred(0..1), &queue);
        std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
    }
    let mut body = Outgoing::deferring(deferred(0..1), &queue);
    assert!(std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().is_err());
    let mut plain = Outgoing::bytes(Body::from("as it is"));
    let frame: Frame<Chunk> =
        std::future::poll_fn(|cx| Pin::new(&mut plain).poll_frame(cx)).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap().chunk(), b"as it is");
}
