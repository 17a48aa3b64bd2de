//! Signing in and out.

use super::users::UserView;
use crate::auth::{From, Who, csrf, origin, right_name};
use crate::extract::{Json, OptionalJson, Path};
use crate::http::cookies;
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::Page;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use heron_access::Login;
use heron_core::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a browser keeps the refresh cookie. The box forgets sessions by its own rule; this only has to be longer.
const REFRESH_COOKIE_SECS: u64 = 30 * 86_400;

/// The tokens of a session. The same answer sets the cookies of the web page.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tokens {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    /// For `POST /auth/refresh`, once: each refresh gives a new one.
    refresh_token: String,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token is good for, seconds.
    expires_in: u64,
    /// Whose session it is.
    user: UserView,
}

/// The answer that begins or renews a session.
pub(crate) fn signed_in(status: StatusCode, login: &Login, secure: bool) -> Response {
    let tokens = Tokens {
        access_token: login.access_token.to_string(),
        refresh_token: login.refresh_token.to_string(),
        token_type: "Bearer",
        expires_in: login.expires_in,
        user: UserView::of(&login.user),
    };
    let set = cookies::set(
        &login.access_token,
        login.expires_in,
        &login.refresh_token,
        REFRESH_COOKIE_SECS,
        secure,
    );
    with_cookies((status, Answer(tokens)), set)
}

fn with_cookies(answer: impl IntoResponse, cookies: Vec<(HeaderName, HeaderValue)>) -> Response {
    (AppendHeaders(cookies), answer).into_response()
}

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The account's name.
    username: String,
    /// Its password.
    #[schema(format = Password)]
    password: String,
    /// The one-time code, for accounts that use one. None do yet.
    #[serde(default, rename = "otp")]
    _otp: Option<String>,
}

/// Sign in
///
/// Wrong names and wrong passwords get the same answer. After several of them the account and the address wait for a
/// while, which `Retry-After` tells.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", request_body = Credentials, responses(
    (status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "Wrong user name or password"),
    (status = 409, body = ProblemDocument, description = "`not-claimed`: claim the box first"),
    (status = 429, body = ProblemDocument, description = "`locked-out`; `Retry-After` says how long to wait"),
))]
pub(crate) async fn login(
    State(app): State<App>,
    From(peer): From,
    headers: HeaderMap,
    Json(body): Json<Credentials>,
) -> Result<Response, Problem> {
    let login = app.access.login(&body.username, &body.password, origin(peer, &headers)).await?;
    Ok(signed_in(StatusCode::OK, &login, peer.secure))
}

/// The refresh token; absent when it comes as a cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// What the last sign-in or refresh gave.
    refresh_token: Option<String>,
}

/// Renew a session
///
/// Each refresh token works once. One that is used twice ends the session: somebody has a copy.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", request_body = Option<Refresh>, responses(
    (status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "The refresh token is unknown, used or expired"),
    (status = 403, body = ProblemDocument, description = "`csrf`: the cookie was used without the header X-CSRF-Token"),
))]
pub(crate) async fn refresh(
    State(app): State<App>,
    From(peer): From,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<Refresh>,
) -> Result<Response, Problem> {
    let given = body.and_then(|b| b.refresh_token);
    let token = match &given {
        Some(token) => token.as_str(),
        None => {
            let token = cookies::get(&headers, cookies::REFRESH).ok_or_else(|| {
                Problem::unauthenticated("There is no refresh token in the body or the cookie. Sign in.")
            })?;
            // The access token may be gone, so the header is held against the cookie that the page can read.
            let repeated = headers.get(cookies::CSRF_HEADER).and_then(|v| v.to_str().ok());
            if repeated.is_none() || repeated != cookies::get(&headers, cookies::CSRF) {
                return Err(csrf());
            }
            token
        }
    };
    match app.access.refresh(token, origin(peer, &headers)).await {
        Ok(login) => Ok(signed_in(StatusCode::OK, &login, peer.secure)),
        // The cookies are good for nothing any more.
        Err(error) => Ok(with_cookies(Problem::from(error), cookies::clear(peer.secure))),
    }
}

/// Sign out
///
/// Ends the session on the box: its tokens and its open sockets stop working.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses((status = 204)))]
pub(crate) async fn logout(
    State(app): State<App>,
    From(peer): From,
    Who(who): Who,
) -> Result<Response, Problem> {
    app.access.logout(&who).await?;
    Ok(with_cookies(StatusCode::NO_CONTENT, cookies::clear(peer.secure)))
}

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// The account.
    id: Uuid,
    /// Its name.
    username: String,
    /// Its role.
    role: super::users::RoleName,
    /// What the role may do: `live`, `audio`, `playback`, `export`, `ptz`, `acknowledge`, `configure`, `delete`,
    /// `users`.
    rights: Vec<&'static str>,
}

/// Who am I
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth", responses((status = 200, body = Me)))]
pub(crate) async fn me(Who(who): Who) -> Answer<Me> {
    Answer(Me {
        id: who.user,
        username: who.username.to_string(),
        role: who.role.into(),
        rights: who.role.rights().iter().map(|r| right_name(*r)).collect(),
    })
}

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The password until now.
    #[schema(format = Password)]
    old: String,
    /// The password from now on.
    #[schema(format = Password)]
    new: String,
}

/// Change my password
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "auth", request_body = PasswordChange, responses(
    (status = 204),
    (status = 429, body = ProblemDocument, description = "Too many wrong passwords"),
))]
pub(crate) async fn password(
    State(app): State<App>,
    Who(who): Who,
    From(peer): From,
    headers: HeaderMap,
    Json(body): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    app.access.change_own_password(&who, &body.old, &body.new, origin(peer, &headers)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A session that is open.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// For `DELETE /auth/sessions/{id}`.
    id: Uuid,
    /// Whose it is.
    user: Uuid,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created: WallTime,
    /// When it was last renewed.
    #[schema(value_type = String, format = DateTime)]
    last_used: WallTime,
    /// Where it was last renewed from.
    address: String,
    /// What the browser calls itself.
    agent: Option<String>,
    /// It is the one that asks.
    current: bool,
}

/// Open sessions
///
/// One's own; everybody's for those who may manage users.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "auth", responses((status = 200, body = Page<Session>)))]
pub(crate) async fn sessions(State(app): State<App>, Who(who): Who) -> Answer<Page<Session>> {
    let sessions = app.access.sessions(&who).into_iter().map(|s| Session {
        id: s.id,
        user: s.user,
        created: s.created,
        last_used: s.last_used,
        address: s.address.to_string(),
        agent: s.agent,
        current: s.id == who.session,
    });
    Answer(Page::whole(sessions.collect()))
}

/// End a session
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "auth", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn end_session(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    app.access.revoke_session(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
