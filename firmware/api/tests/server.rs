//! Over real sockets: TLS, redirects, WebSockets, slow clients, shutdown.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]

mod common;

use common::{House, PASSWORD};
use futures_util::{SinkExt, StreamExt};
use heron_api::{HttpConfig, HttpsConfig, ServeError, Serving};
use heron_core::{
    AccessUnit, EventDraft, MediaTime, Severity, TrackFormat, VideoCodec, VideoFormat, WallTime,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const LONG: Duration = Duration::from_secs(20);

struct Server {
    house: House,
    serving: Serving,
    certificate: rustls::pki_types::CertificateDer<'static>,
}

impl Server {
    async fn start() -> Self {
        let mut house = House::new().await;
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let local: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config = HttpConfig {
            listen: Some(local),
            insecure: false,
            https: Some(HttpsConfig {
                listen: local,
                certificate_pem: pair.cert.pem().into_bytes(),
                key_pem: pair.signing_key.serialize_pem().into_bytes(),
            }),
        };
        let serving = heron_api::serve(house.take_state(), config, house.shutdown.clone()).await.unwrap();
        Self { house, serving, certificate: pair.cert.der().clone() }
    }
    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.serving.http.unwrap()).await.unwrap()
    }
    async fn tls(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.serving.https.unwrap()).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect("localhost".try_into().unwrap(), stream).await.unwrap()
    }
    async fn socket(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket, String> {
        let address = self.serving.http.unwrap();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                Err(format!("{} {}", response.status(), String::from_utf8_lossy(&body)))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn next(socket: &mut Socket) -> Message {
    loop {
        match timeout(LONG, socket.next()).await.expect("something comes") {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => return message,
            other => panic!("{other:?}"),
        }
    }
}

async fn next_json(socket: &mut Socket) -> Value {
    match next(socket).await {
        Message::Text(text) => serde_json::from_str(text.as_str()).unwrap(),
        other => panic!("expected text, got {other:?}"),
    }
}

/// One request in plain HTTP/1.1, and everything that comes back.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let _ = timeout(LONG, stream.read_to_end(&mut all)).await.expect("an answer comes");
    String::from_utf8_lossy(&all).into_owned()
}

fn jpeg(n: u8) -> AccessUnit {
    let format = Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::Mjpeg,
        width: 640,
        height: 360,
        rfc6381: "mjpg".into(),
        config: bytes::Bytes::new(),
        parameter_sets: vec![],
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: None,
    }));
    AccessUnit {
        format,
        pts: MediaTime(i64::from(n) * 3600),
        dts: MediaTime(i64::from(n) * 3600),
        audio_samples: 0,
        arrival: WallTime(0),
        camera_time: None,
        wall: WallTime(0),
        random_access: true,
        discontinuity: false,
        payload: vec![n; 10].into(),
    }
}

#[tokio::test]
async fn both_listeners_serve_and_end() {
    let server = Server::start().await;
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let plain = ask(&mut server.plain().await, request).await;
    assert!(plain.starts_with("HTTP/1.1 200 OK\r\n") && plain.contains("\"healthy\""), "{plain}");
    let secure = ask(&mut server.tls().await, request).await;
    assert!(secure.starts_with("HTTP/1.1 200 OK\r\n") && secure.contains("\"healthy\""), "{secure}");
    // Over TLS the cookies are marked so.
    let body = json!({"username": "admin", "password": PASSWORD}).to_string();
    let login = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(&mut server.tls().await, &login).await;
    assert!(
        answer.to_lowercase().contains("set-cookie: heron_session=") && answer.contains("; Secure"),
        "{answer}"
    );
    let answer = ask(&mut server.plain().await, &login).await;
    assert!(answer.contains("heron_session=") && !answer.contains("; Secure"), "{answer}");

    // A connection that idles does not hold up the end.
    let _idle = server.plain().await;
    server.house.shutdown.cancel();
    timeout(LONG, server.serving.ended()).await.expect("everything ends");
}

#[tokio::test]
async fn rubbish_on_the_wire_is_refused_and_harms_nobody() {
    let server = Server::start().await;
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    for rubbish in ["\u{16}\u{3}\u{1} not http\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n", &huge] {
        let mut stream = server.plain().await;
        let _ = stream.write_all(rubbish.as_bytes()).await;
        let mut all = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut all)).await.expect("it is ended");
        let answer = String::from_utf8_lossy(&all);
        assert!(
            all.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
            "{answer}"
        );
    }
    let mut not_tls = TcpStream::connect(server.serving.https.unwrap()).await.unwrap();
    not_tls.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _ = timeout(LONG, not_tls.read_to_end(&mut Vec::new())).await.expect("it is ended");
    let fine = ask(
        &mut server.plain().await,
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(fine.starts_with("HTTP/1.1 200"), "{fine}");
}

#[tokio::test]
async fn an_address_in_use_and_a_bad_certificate_are_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut house = House::new().await;
    let config = HttpConfig { listen: Some(taken.local_addr().unwrap()), insecure: false, https: None };
    let error = heron_api::serve(house.take_state(), config, house.shutdown.clone()).await.unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(error.to_string().contains("choose another address"), "{error}");
    let mut house = House::new().await;
    let https =
        HttpsConfig { listen: "127.0.0.1:0".parse().unwrap(), certificate_pem: vec![], key_pem: vec![] };
    let config = HttpConfig { listen: None, insecure: false, https: Some(https) };
    let error = heron_api::serve(house.take_state(), config, house.shutdown.clone()).await.unwrap_err();
    assert!(matches!(error, ServeError::Tls(_)), "{error}");
}

#[tokio::test]
async fn live_pictures_come_over_a_socket() {
    let server = Server::start().await;
    let key = server.house.camera().await;
    let path = format!("/api/v1/cameras/{}/live.ws", key.camera);
    let token = server.house.token("viewer").await;
    let bearer = format!("Bearer {token}");
    let mut socket = server.socket(&path, &[("authorization", &bearer)]).await.unwrap();
    let waiting = next_json(&mut socket).await;
    assert_eq!(
        (waiting["type"].as_str(), waiting["reason"].as_str()),
        (Some("waiting"), Some("connecting")),
        "{waiting}"
    );
    server.house.hub.stream(key).push(Arc::new(jpeg(1)));
    let hello = loop {
        let message = next_json(&mut socket).await;
        if message["type"] == "hello" {
            break message;
        }
        assert_eq!(message["type"], "waiting");
    };
    assert_eq!((hello["mime"].as_str(), hello["stream"].as_str()), (Some("image/jpeg"), Some("main")));
    assert_eq!((hello["width"].as_u64(), hello["height"].as_u64()), (Some(640), Some(360)));
    assert!(hello["server_time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(next(&mut socket).await, Message::Binary(vec![1; 10].into()));
    server.house.hub.stream(key).push(Arc::new(jpeg(2)));
    assert_eq!(next(&mut socket).await, Message::Binary(vec![2; 10].into()));
    assert_eq!(server.house.live.statistics().viewers, 1);

    // Leaving is noticed, and the muxer ends.
    socket.close(None).await.unwrap();
    let gone = async {
        while server.house.live.statistics().viewers > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, gone).await.expect("the viewer is gone");

    // The box's end is told.
    let mut socket = server.socket(&path, &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(next_json(&mut socket).await["type"], "hello");
    next(&mut socket).await;
    server.house.shutdown.cancel();
    assert_eq!(next_json(&mut socket).await, json!({"type": "end", "reason": "shutdown"}));
    timeout(LONG, server.serving.ended()).await.expect("sockets do not hold up the end");
}

#[tokio::test]
async fn sockets_are_only_for_those_who_may() {
    let server = Server::start().await;
    let key = server.house.camera().await;
    let path = format!("/api/v1/cameras/{}/live.ws", key.camera);
    let token = server.house.token("viewer").await;
    let (bearer, cookie) = (format!("Bearer {token}"), format!("heron_session={token}"));
    let host = server.serving.http.unwrap().to_string();
    let own = format!("http://{host}");
    let refusal =
        async |path: &str, headers: &[(&str, &str)]| server.socket(path, headers).await.unwrap_err();
    assert!(refusal(&path, &[]).await.starts_with("401"));
    assert!(refusal(&path, &[("cookie", &cookie)]).await.starts_with("403"), "a cookie alone is not enough");
    assert!(
        refusal(&path, &[("cookie", &cookie), ("origin", "https://evil.example")])
            .await
            .contains("cross-site")
    );
    server.socket(&path, &[("cookie", &cookie), ("origin", &own)]).await.unwrap();
    let missing = "/api/v1/cameras/018f7a36-0000-7000-8000-000000000000/live.ws";
    assert!(refusal(missing, &[("authorization", &bearer)]).await.starts_with("404"));
    assert!(
        refusal(&format!("{path}?stream=sub"), &[("authorization", &bearer)]).await.contains("no sub stream")
    );
    assert!(refusal(&format!("{path}?stream=x"), &[("authorization", &bearer)]).await.starts_with("400"));
    let plain = server.house.client("viewer").await.get(&path).await;
    plain.is_problem(426, "upgrade-required", "");

    // Signing out ends what is open.
    let mut socket = server.socket(&path, &[("authorization", &bearer)]).await.unwrap();
    let client = server.house.nobody().with("authorization", &bearer);
    client.send("POST", "/api/v1/auth/logout", axum::body::Body::empty()).await;
    loop {
        let message = next_json(&mut socket).await;
        if message["type"] == "end" {
            assert_eq!(message["reason"], "signed_out");
            break;
        }
    }
}

#[tokio::test]
async fn what_happens_comes_over_a_socket() {
    let server = Server::start().await;
    let key = server.house.camera().await;
    let bearer = format!("Bearer {}", server.house.token("viewer").await);
    let mut socket = server.socket("/api/v1/ws", &[("authorization", &bearer)]).await.unwrap();
    for rubbish in ["", "[", "{\"subscribe\":[\"everything\"]}", "{\"subscribe\":\"events\"}", "{\"x\":1}"] {
        socket.send(Message::Text(rubbish.into())).await.unwrap();
        assert_eq!(next_json(&mut socket).await["type"], "error", "{rubbish}");
    }
    socket.send(Message::Text(r#"{"subscribe":["events","status"]}"#.into())).await.unwrap();
    let status = next_json(&mut socket).await;
    assert_eq!(
        (status["topic"].as_str(), status["camera"].as_str()),
        (Some("status"), Some(key.camera.to_string().as_str()))
    );
    assert_eq!(status["status"]["state"], "connecting");
    let draft = EventDraft::new("camera.unreachable", Severity::High, WallTime::from_millis(0), "ingest");
    server.house.journal.append(draft.camera(key.camera)).await.unwrap();
    let event = next_json(&mut socket).await;
    assert_eq!(
        (event["topic"].as_str(), event["event"]["kind"].as_str()),
        (Some("events"), Some("camera.unreachable"))
    );
    assert_eq!(event["event"]["status"], "NEW");
    // A change of state comes by itself.
    let admin = server.house.client("admin").await;
    admin.patch(&format!("/api/v1/cameras/{}", key.camera), &json!({"enabled": false})).await;
    loop {
        let message = next_json(&mut socket).await;
        if message["topic"] == "status" {
            assert_eq!(message["status"]["state"], "disabled");
            break;
        }
    }
    // Too long a message ends it.
    socket.send(Message::Text("x".repeat(1 << 16).into())).await.unwrap();
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(LONG, ended).await.expect("it is ended");
}

#[tokio::test]
async fn what_happens_to_accounts_comes_only_to_those_who_manage_users() {
    let server = Server::start().await;
    let draft = |kind| EventDraft::new(kind, Severity::Medium, WallTime::from_millis(0), "test");
    for (user, comes) in
        [("viewer", "camera.lost"), ("supervisor", "camera.lost"), ("admin", "access.login_failed")]
    {
        let bearer = format!("Bearer {}", server.house.token(user).await);
        let mut socket = server.socket("/api/v1/ws", &[("authorization", &bearer)]).await.unwrap();
        // What is not understood is answered, so that the subscription before it holds by then.
        for text in [r#"{"subscribe":["events"]}"#, "?"] {
            socket.send(Message::Text(text.into())).await.unwrap();
        }
        assert_eq!(next_json(&mut socket).await["type"], "error");
        for kind in ["access.login_failed", "camera.lost"] {
            server.house.journal.append(draft(kind)).await.unwrap();
        }
        assert_eq!(next_json(&mut socket).await["event"]["kind"], comes, "{user}");
    }
}
