//! Who may use plain HTTP: this machine; everybody else is sent to https.

use crate::http::peer::{Peer, authority, host};
use crate::problem::Problem;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What the plain listener does with clients from elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    /// Serve everybody.
    pub(super) insecure: bool,
    /// Where https is, when it is on.
    pub(super) https_port: Option<u16>,
}

impl Door {
    /// The answer for a client that is not served over plain HTTP; `None` when it is.
    pub(super) fn turn_away(&self, peer: Peer, request: &Request) -> Option<Response> {
        if self.insecure || peer.is_loopback() {
            return None;
        }
        let Some(port) = self.https_port else {
            return Some(
                Problem::forbidden(
                    "Plain HTTP is served to this machine only. Configure https.listen, or set http.insecure = true \
                     if the network is trusted.",
                )
                .into_response(),
            );
        };
        let Some(host) = authority(request.uri(), request.headers()).map(host).filter(|h| !h.is_empty())
        else {
            return Some(
                Problem::invalid("Use https. The request says no host to redirect to.")
                    .field("Host")
                    .into_response(),
            );
        };
        let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
        let location = match port {
            443 => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        Some(match HeaderValue::from_str(&location) {
            Ok(location) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
            Err(_) => Problem::invalid("Use https.").into_response(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn turned(door: Door, peer: &str, host: Option<&str>) -> Option<Response> {
        let mut request = axum::http::Request::get("/a?b=c");
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let peer = Peer { address: peer.parse().unwrap(), secure: false };
        door.turn_away(peer, &request.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_this_machine_is_served_without_tls() {
        let door = Door { insecure: false, https_port: Some(8443) };
        assert!(turned(door, "127.0.0.1:5", Some("x")).is_none());
        assert!(turned(door, "[::1]:5", Some("x")).is_none());
        let away = turned(door, "10.0.0.9:5", Some("box.lan:8080")).unwrap();
        assert_eq!(away.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(away.headers()[header::LOCATION], "https://box.lan:8443/a?b=c");
        let standard = Door { https_port: Some(443), ..door };
        assert_eq!(
            turned(standard, "10.0.0.9:5", Some("[fe80::1]:80")).unwrap().headers()[header::LOCATION],
            "https://[fe80::1]/a?b=c"
        );
        for bad in [None, Some("evil/../"), Some("a b"), Some("u@v")] {
            assert_eq!(turned(door, "10.0.0.9:5", bad).unwrap().status(), StatusCode::BAD_REQUEST);
        }
        let alone = Door { insecure: false, https_port: None };
        assert_eq!(turned(alone, "10.0.0.9:5", Some("x")).unwrap().status(), StatusCode::FORBIDDEN);
        assert!(turned(Door { insecure: true, https_port: None }, "10.0.0.9:5", Some("x")).is_none());
    }
}
