//! What one client may take of the box, over real sockets: bodies, hosts, WebSockets.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use common::{House, PASSWORD};
use futures_util::{SinkExt, StreamExt};
use heron_api::{HttpConfig, Serving};
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const LONG: Duration = Duration::from_secs(20);
const PROBLEM: &str = "content-type: application/problem+json";

struct Server {
    house: House,
    _serving: Serving,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let mut house = House::new().await;
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config = HttpConfig { listen: Some(local), insecure: false, https: None };
        let serving = heron_api::serve(house.take_state(), config, house.shutdown.clone()).await.unwrap();
        let address = serving.http.unwrap();
        Self { house, _serving: serving, address }
    }
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
    async fn socket(
        &self,
        path: &str,
        token: &str,
    ) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, u16> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        match connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => {
                assert!(response.headers().contains_key("retry-after"), "{response:?}");
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// One answer, without what may follow it.
async fn answer(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let whole = async {
        loop {
            let text = String::from_utf8_lossy(&all).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
                if body.len() >= length.parse::<usize>().unwrap() {
                    return text;
                }
            }
            assert_ne!(stream.read_buf(&mut all).await.unwrap(), 0, "{text}");
        }
    };
    timeout(LONG, whole).await.expect("an answer comes")
}

fn login(length: usize) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_client_learns_of_it() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    // A little too large: read to its end, and the connection goes on.
    stream.write_all(login(20_000).as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 20_000]).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("http/1.1 413") && refused.contains(PROBLEM), "{refused}");
    assert!(refused.contains("16 kib") && !refused.contains("connection: close"), "{refused}");
    let body = json!({"username": "viewer", "password": PASSWORD}).to_string();
    stream.write_all(format!("{}{body}", login(body.len())).as_bytes()).await.unwrap();
    let fine = answer(&mut stream).await;
    assert!(fine.starts_with("http/1.1 200"), "{fine}");

    // Far too large: the answer comes, and says that the connection ends.
    let mut stream = server.connect().await;
    stream.write_all(login(64 << 20).as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 1 << 20]).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("http/1.1 413") && refused.contains("connection: close"), "{refused}");

    // The same without a length.
    let mut stream = server.connect().await;
    let chunked = login(0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    stream.write_all(chunked.as_bytes()).await.unwrap();
    stream.write_all(format!("8000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x8000)).as_bytes()).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("http/1.1 413"), "{refused}");

    // Somebody who waits to be told to send is not told to.
    let mut stream = server.connect().await;
    let waits = login(1 << 20).replace("Content-Length", "Expect: 100-continue\r\nContent-Length");
    stream.write_all(waits.as_bytes()).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("http/1.1 413") && refused.contains("connection: close"), "{refused}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_ends_the_connection_and_the_answer_says_so() {
    let server = Server::start().await;
    let mut stream = server.connect().await;
    let nowhere = login(64).replace("/auth/login", "/nowhere");
    stream.write_all(nowhere.as_bytes()).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("http/1.1 404") && refused.contains("connection: close"), "{refused}");
    assert_eq!(timeout(LONG, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = Server::start().await;
    for hosts in ["", "Host: localhost\r\nHost: evil.example\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(format!("GET /health HTTP/1.1\r\n{hosts}\r\n").as_bytes()).await.unwrap();
        let refused = answer(&mut stream).await;
        assert!(refused.starts_with("http/1.1 400") && refused.contains(PROBLEM), "{refused}");
    }
    let mut stream = server.connect().await;
    let head = format!("GET /health HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(200 * 1024));
    let _ = stream.write_all(head.as_bytes()).await;
    let mut all = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut all)).await.expect("it is ended");
    assert!(all.is_empty() || all.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&all));
}

#[tokio::test]
async fn a_session_has_so_many_sockets() {
    let server = Server::start().await;
    let token = server.house.token("viewer").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(server.socket("/api/v1/ws", &token).await.unwrap());
    }
    assert_eq!(server.socket("/api/v1/ws", &token).await.unwrap_err(), 429);
    let other = server.house.token("viewer").await;
    server.socket("/api/v1/ws", &other).await.unwrap();
    // One that is closed makes room.
    drop(open.pop());
    let again = async { while server.socket("/api/v1/ws", &token).await.is_err() {} };
    timeout(LONG, again).await.expect("its place is given back");
}

#[tokio::test]
async fn a_client_that_says_too_much_is_ended() {
    let server = Server::start().await;
    let key = server.house.camera().await;
    let token = server.house.token("viewer").await;
    for path in ["/api/v1/ws".to_owned(), format!("/api/v1/cameras/{}/live.ws", key.camera)] {
        for flood in [Message::Ping(vec![0; 125].into()), Message::Text("{}".into())] {
            let mut socket = server.socket(&path, &token).await.unwrap();
            for _ in 0..500 {
                if socket.feed(flood.clone()).await.is_err() {
                    break;
                }
            }
            let _ = socket.flush().await;
            // What it is told may be lost: bytes that were not read reset a connection that is closed.
            let ended = async { while let Some(Ok(_)) = socket.next().await {} };
            timeout(LONG, ended).await.expect("it is ended");
        }
    }
}
