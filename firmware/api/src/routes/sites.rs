//! Sites: where cameras stand, and in which time zone.

use crate::audit;
use crate::auth::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::Page;
use axum::Json as Answer;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Site)]
pub(crate) struct SiteView {
    id: Uuid,
    name: String,
    /// IANA name, for example `Europe/Vienna`.
    timezone: String,
}

impl From<heron_cameras::Site> for SiteView {
    fn from(site: heron_cameras::Site) -> Self {
        Self { id: site.id, name: site.name, timezone: site.timezone }
    }
}

/// All sites
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", responses((status = 200, body = Page<SiteView>)))]
pub(crate) async fn list(State(app): State<App>) -> Answer<Page<SiteView>> {
    Answer(Page::whole(app.cameras.sites().into_iter().map(Into::into).collect()))
}

/// One site
#[utoipa::path(get, path = "/api/v1/sites/{id}", tag = "sites", params(("id" = Uuid, Path)), responses(
    (status = 200, body = SiteView),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn get(State(app): State<App>, Path(id): Path<Uuid>) -> Result<Answer<SiteView>, Problem> {
    let site = app.cameras.sites().into_iter().find(|s| s.id == id);
    site.map(|s| Answer(s.into())).ok_or_else(|| Problem::not_found(format!("There is no site {id}.")))
}

/// What to change about a site; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SitePatch {
    name: Option<String>,
    /// IANA name.
    timezone: Option<String>,
}

/// Change a site
#[utoipa::path(patch, path = "/api/v1/sites/{id}", tag = "sites", params(("id" = Uuid, Path)),
    request_body = SitePatch, responses(
    (status = 200, body = SiteView),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn update(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Json(patch): Json<SitePatch>,
) -> Result<Answer<SiteView>, Problem> {
    let site = app.cameras.set_site(id, patch.name, patch.timezone).await?;
    let text = format!("Site {:?} was changed; its time zone is {}.", site.name, site.timezone);
    audit::note(&app, &who, "site.changed", None, text, &[]).await;
    Ok(Answer(site.into()))
}
