//! Who may use which route: the one table. A route that is not in it is refused to everybody.

use axum::http::Method;
use heron_access::Right;

/// What a request must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the first-boot claim, signing in, health, and the page itself.
    Open,
    /// Any account.
    SignedIn,
    /// An account whose role has the right.
    Right(Right),
    /// A program on this machine, or an account whose role has the right.
    LoopbackOr(Right),
}

/// Every route: method, path as the router has it, and what it needs. HEAD is as GET.
pub const TABLE: &[(&str, &str, Need)] = &[
    ("GET", "/health", Need::Open),
    ("GET", "/health/live", Need::Open),
    ("GET", "/health/ready", Need::Open),
    ("GET", "/health/detailed", Need::LoopbackOr(Right::Configure)),
    ("GET", "/metrics", Need::LoopbackOr(Right::Configure)),
    // The page and its document hold nothing of this box.
    ("GET", "/docs", Need::Open),
    ("GET", "/docs/docs.css", Need::Open),
    ("GET", "/docs/docs.js", Need::Open),
    ("GET", "/api/v1/openapi.json", Need::Open),
    ("GET", "/api/v1/setup", Need::Open),
    ("POST", "/api/v1/setup", Need::Open),
    ("POST", "/api/v1/auth/login", Need::Open),
    ("POST", "/api/v1/auth/refresh", Need::Open),
    ("POST", "/api/v1/auth/logout", Need::SignedIn),
    ("GET", "/api/v1/auth/me", Need::SignedIn),
    ("POST", "/api/v1/auth/password", Need::SignedIn),
    ("GET", "/api/v1/auth/sessions", Need::SignedIn),
    ("DELETE", "/api/v1/auth/sessions/{id}", Need::SignedIn),
    ("GET", "/api/v1/users", Need::Right(Right::Users)),
    ("POST", "/api/v1/users", Need::Right(Right::Users)),
    ("GET", "/api/v1/users/{id}", Need::Right(Right::Users)),
    ("PATCH", "/api/v1/users/{id}", Need::Right(Right::Users)),
    ("DELETE", "/api/v1/users/{id}", Need::Right(Right::Users)),
    ("GET", "/api/v1/sites", Need::SignedIn),
    ("GET", "/api/v1/sites/{id}", Need::SignedIn),
    ("PATCH", "/api/v1/sites/{id}", Need::Right(Right::Configure)),
    ("GET", "/api/v1/cameras", Need::SignedIn),
    ("POST", "/api/v1/cameras", Need::Right(Right::Configure)),
    ("POST", "/api/v1/cameras/probe", Need::Right(Right::Configure)),
    ("GET", "/api/v1/cameras/{id}", Need::SignedIn),
    ("PATCH", "/api/v1/cameras/{id}", Need::Right(Right::Configure)),
    ("DELETE", "/api/v1/cameras/{id}", Need::Right(Right::Configure)),
    ("GET", "/api/v1/cameras/{id}/live.ws", Need::Right(Right::Live)),
    ("POST", "/api/v1/cameras/{id}/trigger", Need::Right(Right::Acknowledge)),
    ("GET", "/api/v1/cameras/{id}/timeline", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/gaps", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/gaps/days", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/playback.m3u8", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/segments/{name}", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/segments/{name}/{part}", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/video.mp4", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/evidence", Need::Right(Right::Playback)),
    ("GET", "/api/v1/exports", Need::Right(Right::Export)),
    ("POST", "/api/v1/exports", Need::Right(Right::Export)),
    ("GET", "/api/v1/exports/{id}", Need::Right(Right::Export)),
    ("DELETE", "/api/v1/exports/{id}", Need::Right(Right::Export)),
    ("POST", "/api/v1/exports/{id}/cancel", Need::Right(Right::Export)),
    ("POST", "/api/v1/exports/{id}/resume", Need::Right(Right::Export)),
    ("GET", "/api/v1/exports/{id}/file", Need::Right(Right::Export)),
    ("GET", "/api/v1/events", Need::SignedIn),
    ("GET", "/api/v1/events/{id}", Need::SignedIn),
    ("PATCH", "/api/v1/events/{id}", Need::Right(Right::Acknowledge)),
    ("GET", "/api/v1/settings/effective", Need::SignedIn),
    ("GET", "/api/v1/settings/{scope}", Need::Right(Right::Configure)),
    ("PUT", "/api/v1/settings/{scope}", Need::Right(Right::Configure)),
    ("GET", "/api/v1/settings/{scope}/versions", Need::Right(Right::Configure)),
    ("POST", "/api/v1/settings/{scope}/rollback", Need::Right(Right::Configure)),
    ("GET", "/api/v1/storage", Need::SignedIn),
    ("POST", "/api/v1/storage/plan", Need::Right(Right::Configure)),
    ("GET", "/api/v1/cameras/{id}/locks", Need::Right(Right::Playback)),
    ("POST", "/api/v1/cameras/{id}/locks", Need::Right(Right::Export)),
    ("GET", "/api/v1/locks", Need::Right(Right::Playback)),
    ("DELETE", "/api/v1/locks/{id}", Need::Right(Right::Delete)),
    ("GET", "/api/v1/archive", Need::SignedIn),
    ("GET", "/api/v1/archive/config", Need::Right(Right::Configure)),
    ("PUT", "/api/v1/archive/config", Need::Right(Right::Configure)),
    ("DELETE", "/api/v1/archive/config", Need::Right(Right::Configure)),
    ("POST", "/api/v1/archive/test", Need::Right(Right::Configure)),
    ("GET", "/api/v1/archive/jobs", Need::Right(Right::Export)),
    ("POST", "/api/v1/archive/jobs", Need::Right(Right::Export)),
    ("DELETE", "/api/v1/archive/jobs/{id}", Need::Right(Right::Configure)),
    ("GET", "/api/v1/cameras/{id}/archived", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/archived.m3u8", Need::Right(Right::Playback)),
    ("GET", "/api/v1/cameras/{id}/archived/{file}/{part}", Need::Right(Right::Playback)),
    ("GET", "/api/v1/system", Need::SignedIn),
    ("GET", "/api/v1/system/evidence-key.pem", Need::SignedIn),
    ("GET", "/api/v1/ws", Need::SignedIn),
];

/// What a request with `method` to the route `path` needs; `None` when the table does not know it.
pub(crate) fn need(method: &Method, path: &str) -> Option<Need> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    TABLE.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, need)| *need)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_is_there_once_and_only_the_contracts_routes_are_open() {
        for (i, (method, path, _)) in TABLE.iter().enumerate() {
            let again = TABLE[..i].iter().any(|(m, p, _)| (m, p) == (method, path));
            assert!(!again, "{method} {path} is there twice");
        }
        let open: Vec<_> =
            TABLE.iter().filter(|(_, _, n)| *n == Need::Open).map(|(m, p, _)| format!("{m} {p}")).collect();
        assert_eq!(
            open,
            [
                "GET /health",
                "GET /health/live",
                "GET /health/ready",
                "GET /docs",
                "GET /docs/docs.css",
                "GET /docs/docs.js",
                "GET /api/v1/openapi.json",
                "GET /api/v1/setup",
                "POST /api/v1/setup",
                "POST /api/v1/auth/login",
                "POST /api/v1/auth/refresh",
            ]
        );
        assert_eq!(need(&Method::HEAD, "/health"), Some(Need::Open));
        assert_eq!(need(&Method::POST, "/health"), None);
    }
}
