//! What surrounds every handler: a net for panics, security headers, counters, and a line in the log.

use super::peer::Peer;
use crate::problem::{Problem, incident_id};
use crate::state::App;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

/// The page may load and connect to nothing but the box itself; `blob:` is what Media Source Extensions and
/// made-up pictures use, `data:` what style sheets embed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
     worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(self), microphone=(self), geolocation=(), payment=(), usb=()"),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Runs the rest with all of it.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    // The path without its query, which may carry what must not be logged.
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::UNKNOWN);
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = outcome.unwrap_or_else(|panic| {
        let incident = incident_id();
        let words = panic
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(%incident, %method, path, panic = words, "a request handler panicked");
        Problem::of(
            heron_core::ErrorKind::Internal,
            format!("The box made a mistake. The log has the reason under incident {incident}."),
        )
        .into_response()
    });
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    if path.starts_with("/api/") || path.starts_with("/health") {
        response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    // No HSTS: it would turn http://box:8080 into https://box:8080, where nothing answers, and browsers ignore it
    // from a self-signed certificate anyway.
    let status = response.status();
    let took = begun.elapsed();
    app.counters().answered(status);
    tracing::debug!(
        %method, path, status = status.as_u16(), took_ms = took.as_millis() as u64, peer = %peer.address, "answered"
    );
    response
}
