//! The first boot: whose box is it?

use super::auth::{Tokens, signed_in};
use crate::auth::{From, origin};
use crate::extract::Json;
use crate::problem::Problem;
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether somebody owns the box.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Setup {
    /// `false` until the first account is made.
    claimed: bool,
    /// The box's name.
    name: String,
    /// The firmware's version.
    version: String,
}

/// Whether the box has been claimed
///
/// Open to everybody, so that the page knows whether to show the claim wizard or the sign-in.
#[utoipa::path(get, path = "/api/v1/setup", tag = "setup", responses((status = 200, body = Setup)))]
pub(crate) async fn get_setup(State(app): State<App>) -> Answer<Setup> {
    Answer(Setup {
        claimed: app.access.is_claimed(),
        name: app.identity.name.clone(),
        version: app.identity.version.clone(),
    })
}

/// The first account, and the token that proves that whoever makes it holds the box.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// Printed on the console at first boot and written to the token file; on the label of a sold box.
    claim_token: String,
    /// The name of the first account.
    username: String,
    /// Its password.
    #[schema(format = Password)]
    password: String,
    /// The name of the site the box stands at.
    #[schema(max_length = 100)]
    site_name: Option<String>,
    /// Its IANA time zone, for example `Europe/Vienna`.
    timezone: Option<String>,
}

/// Claim the box
///
/// Works once. The first account is an administrator and is signed in by the answer.
#[utoipa::path(post, path = "/api/v1/setup", tag = "setup", request_body = Claim, responses(
    (status = 201, body = Tokens, description = "Claimed, and signed in"),
    (status = 401, body = crate::problem::ProblemDocument, description = "The claim token is wrong"),
    (status = 409, body = crate::problem::ProblemDocument, description = "`already-claimed`"),
    (status = 429, body = crate::problem::ProblemDocument, description = "Too many wrong tokens; `Retry-After` says how long to wait"),
))]
pub(crate) async fn post_setup(
    State(app): State<App>,
    From(peer): From,
    headers: HeaderMap,
    Json(claim): Json<Claim>,
) -> Result<Response, Problem> {
    // Checked first: a box that is claimed by a request that is then refused cannot be claimed again.
    if let Some(zone) = &claim.timezone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(Problem::invalid(format!(
            "`timezone`: {zone:?} is not an IANA time zone such as Europe/Vienna."
        ))
        .field("timezone"));
    }
    if let Some(name) = &claim.site_name
        && (name.trim().is_empty() || name.chars().count() > 100)
    {
        return Err(Problem::invalid("`site_name`: give 1 to 100 characters.").field("site_name"));
    }
    let login = app
        .access
        .claim(&claim.claim_token, &claim.username, &claim.password, origin(peer, &headers))
        .await?;
    if claim.site_name.is_some() || claim.timezone.is_some() {
        let site = app.cameras.default_site();
        if let Err(error) = app.cameras.set_site(site.id, claim.site_name, claim.timezone).await {
            tracing::error!(%error, "the box is claimed, but its site could not be named");
        }
    }
    Ok(signed_in(StatusCode::CREATED, &login, peer.secure))
}
