//! Who is asking, and may they: runs before every route, from the table in [`crate::rights`].

use crate::extract::is_safe;
use crate::http::cookies;
use crate::http::peer::{Peer, authority, is_local_name, origin_matches, same_origin};
use crate::listen::origin_of;
use crate::problem::Problem;
use crate::rights::{Need, need};
use crate::state::App;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use heron_access::{Origin, Principal, Right};
use std::convert::Infallible;

/// Lets a request through to its route, with its [`Principal`] in the extensions, or answers it.
pub(crate) async fn authorise(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match check(&app, &request) {
        Ok(principal) => {
            // Kept here until the request is answered.
            let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::UNKNOWN);
            let allowance = app.bodies().allowance(origin_of(peer.address.ip()), principal.is_some());
            request.extensions_mut().insert(allowance.clone());
            if let Some(principal) = principal {
                request.extensions_mut().insert(principal);
            }
            let response = next.run(request).await;
            drop(allowance);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

/// How a request says who it is from.
enum Credential<'r> {
    Bearer(&'r str),
    Cookie(&'r str),
}

fn check(app: &App, request: &Request) -> Result<Option<Principal>, Problem> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::UNKNOWN);
    let Some(need) = request.extensions().get::<MatchedPath>().and_then(|path| need(method, path.as_str()))
    else {
        return Err(Problem::internal("a route is missing from the table of rights"));
    };
    // A browser on somebody else's page: nothing that changes anything, whoever is signed in here.
    if !is_safe(method) && !same_origin(uri, headers, peer.secure) {
        return Err(cross_site());
    }
    if need == Need::Open {
        return Ok(None);
    }
    let Some(credential) = credential(headers) else {
        return match need {
            Need::LoopbackOr(_) if is_this_machine(peer, request) => Ok(None),
            _ => Err(Problem::unauthenticated(
                "Sign in, or send an access token in the header `Authorization: Bearer …`.",
            )),
        };
    };
    let token = match credential {
        Credential::Bearer(token) => token,
        Credential::Cookie(token) => {
            if !same_origin(uri, headers, peer.secure) {
                return Err(cross_site());
            }
            // A WebSocket is not held to the same origin by the browser; its Origin header is all there is.
            if headers.contains_key(header::UPGRADE) && !origin_matches(uri, headers, peer.secure) {
                return Err(cross_site());
            }
            if !is_safe(method) && !cookies::csrf_holds(headers, token) {
                return Err(csrf());
            }
            token
        }
    };
    let principal = app.access.authenticate(token)?;
    if let Need::Right(right) | Need::LoopbackOr(right) = need {
        principal.require(right)?;
    }
    Ok(Some(principal))
}

fn credential(headers: &HeaderMap) -> Option<Credential<'_>> {
    // A header that is there but is not a bearer token is not overruled by a cookie: it fails as an empty token.
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let token = match text.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            _ => "",
        };
        return Some(Credential::Bearer(token));
    }
    cookies::get(headers, cookies::SESSION).map(Credential::Cookie)
}

/// Whether a request was made on this machine, by its own name, and not by a web page.
fn is_this_machine(peer: Peer, request: &Request) -> bool {
    peer.is_loopback()
        && !request.headers().contains_key(header::ORIGIN)
        && authority(request.uri(), request.headers()).is_some_and(is_local_name)
}

fn cross_site() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross-site",
        "The request comes from another site",
        "The headers Origin and Sec-Fetch-Site say that another site's page sent this. Open the box's own page.",
    )
}

/// The problem of a request by cookie that does not repeat the page's token.
pub(crate) fn csrf() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "csrf",
        "The request does not come from the page",
        "With cookies, every request that changes something repeats the value of the cookie heron_csrf in the header \
         X-CSRF-Token.",
    )
}

/// The account that asks. Only for routes whose need is not `Open`; elsewhere it answers 401.
pub(crate) struct Who(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .map(Self)
            .ok_or_else(|| Problem::unauthenticated("Sign in first."))
    }
}

/// The connection a request came over.
pub(crate) struct From(pub(crate) Peer);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Peer>().copied().unwrap_or(Peer::UNKNOWN)))
    }
}

/// Where a request comes from, as the access room records it.
pub(crate) fn origin(peer: Peer, headers: &HeaderMap) -> Origin {
    let agent = headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    // The longest honest one is about 250 characters.
    let agent = agent.map(|a| a.chars().take(256).collect());
    Origin { address: peer.address.ip().to_canonical(), agent }
}

/// Every right's name, as in the API.
pub(crate) fn right_name(right: Right) -> &'static str {
    match right {
        Right::Live => "live",
        Right::Audio => "audio",
        Right::Playback => "playback",
        Right::Export => "export",
        Right::Ptz => "ptz",
        Right::Acknowledge => "acknowledge",
        Right::Configure => "configure",
        Right::Delete => "delete",
        Right::Users => "users",
    }
}
