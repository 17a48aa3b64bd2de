//! Settings of the four scopes: system, customer, site, camera.

use crate::audit;
use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, limit};
use axum::Json as Answer;
use axum::extract::State;
use heron_access::Principal;
use heron_core::{CameraId, WallTime};
use heron_settings::{Scope, Version};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// What is set at a scope, and what could be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScopeSettings {
    /// `system`, `customer`, `site:{id}` or `camera:{id}`.
    scope: String,
    /// Grows with each change; 0 when nothing was ever set.
    version: u64,
    /// What is set here, by key.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
    /// JSON Schema (2020-12) of `values`.
    #[schema(value_type = Object)]
    schema: Value,
}

/// One version of what was set at a scope.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsVersion {
    scope: String,
    version: u64,
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
    /// Who made it.
    author: String,
    /// Why.
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    time: Option<WallTime>,
}

impl From<Version> for SettingsVersion {
    fn from(v: Version) -> Self {
        Self {
            scope: v.scope.to_string(),
            version: v.version,
            values: v.values,
            author: v.author,
            reason: v.reason,
            time: v.time,
        }
    }
}

pub(crate) fn scope(app: &App, text: &str) -> Result<Scope, Problem> {
    let scope: Scope = text.parse()?;
    match scope {
        Scope::Camera(id) => app.cameras.get(id).map(|_| ())?,
        Scope::Site(id) if !app.cameras.sites().iter().any(|s| s.id == id) => {
            return Err(Problem::not_found(format!("There is no site {id}.")));
        }
        Scope::Site(_) | Scope::System | Scope::Customer => {}
    }
    Ok(scope)
}

fn with_schema(app: &App, scope: Scope, version: Version) -> Answer<ScopeSettings> {
    Answer(ScopeSettings {
        scope: version.scope.to_string(),
        version: version.version,
        values: version.values,
        schema: app.settings.schema(scope.kind()),
    })
}

async fn changed(app: &App, who: &Principal, scope: Scope, version: &Version) {
    let camera = match scope {
        Scope::Camera(id) => Some(id),
        Scope::System | Scope::Customer | Scope::Site(_) => None,
    };
    let text = format!("The settings of {scope} are now at version {}.", version.version);
    audit::note(app, who, "settings.changed", camera, text, &[]).await;
}

/// What is set at a scope
#[utoipa::path(get, path = "/api/v1/settings/{scope}", tag = "settings",
    params(("scope" = String, Path, description = "`system`, `customer`, `site:{id}` or `camera:{id}`")),
    responses((status = 200, body = ScopeSettings), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<Answer<ScopeSettings>, Problem> {
    let scope = scope(&app, &text)?;
    let version = app.settings.get(scope);
    Ok(with_schema(&app, scope, version))
}

/// What to set at a scope.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsPut {
    /// Everything that is to be set here; a key that is left out or null falls back to the wider scope.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
    /// Why, for the history.
    reason: Option<String>,
    /// The version it is a change of; when another one is there by now, 409.
    version: Option<u64>,
}

/// Set what holds at a scope
#[utoipa::path(put, path = "/api/v1/settings/{scope}", tag = "settings",
    params(("scope" = String, Path, description = "`system`, `customer`, `site:{id}` or `camera:{id}`")),
    request_body = SettingsPut, responses(
    (status = 200, body = ScopeSettings),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "Somebody else changed it meanwhile"),
))]
pub(crate) async fn put(
    State(app): State<App>,
    Who(who): Who,
    Path(text): Path<String>,
    Json(body): Json<SettingsPut>,
) -> Result<Answer<ScopeSettings>, Problem> {
    let scope = scope(&app, &text)?;
    let version = app.settings.put(scope, body.values, body.version, &who.username, body.reason).await?;
    changed(&app, &who, scope, &version).await;
    Ok(with_schema(&app, scope, version))
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// Items per page, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<u64>,
}

/// The history of a scope, newest first
#[utoipa::path(get, path = "/api/v1/settings/{scope}/versions", tag = "settings",
    params(("scope" = String, Path, description = "`system`, `customer`, `site:{id}` or `camera:{id}`"), VersionsQuery),
    responses((status = 200, body = Page<SettingsVersion>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn versions(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(query): Query<VersionsQuery>,
) -> Result<Answer<Page<SettingsVersion>>, Problem> {
    let limit = limit(query.limit)?;
    let scope = scope(&app, &text)?;
    let items = app.settings.versions(scope, limit, query.cursor).await?;
    let next = items.last().filter(|v| items.len() == limit && v.version > 1).map(|v| v.version.to_string());
    Ok(Answer(Page { items: items.into_iter().map(Into::into).collect(), next }))
}

/// Which version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// Its number.
    version: u64,
    /// Why, for the history.
    reason: Option<String>,
}

/// Go back to an earlier version
///
/// Makes a new version with the values of the old one.
#[utoipa::path(post, path = "/api/v1/settings/{scope}/rollback", tag = "settings",
    params(("scope" = String, Path, description = "`system`, `customer`, `site:{id}` or `camera:{id}`")),
    request_body = Rollback,
    responses((status = 200, body = ScopeSettings), (status = 404, body = ProblemDocument)))]
pub(crate) async fn rollback(
    State(app): State<App>,
    Who(who): Who,
    Path(text): Path<String>,
    Json(body): Json<Rollback>,
) -> Result<Answer<ScopeSettings>, Problem> {
    let scope = scope(&app, &text)?;
    let version = app.settings.rollback(scope, body.version, &who.username, body.reason).await?;
    changed(&app, &who, scope, &version).await;
    Ok(with_schema(&app, scope, version))
}

/// For what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EffectiveQuery {
    /// For this camera; for the whole box when absent.
    camera: Option<Uuid>,
}

/// A value that holds, and where it was set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EffectiveValue {
    #[schema(value_type = Object)]
    value: Value,
    /// `default`, or the scope.
    from: String,
}

/// Everything that holds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EffectiveSettings {
    /// By key.
    values: BTreeMap<String, EffectiveValue>,
}

/// What holds for a camera, or for the box
///
/// A camera's own settings beat its site's, these the customer's, these the system's.
#[utoipa::path(get, path = "/api/v1/settings/effective", tag = "settings", params(EffectiveQuery), responses(
    (status = 200, body = EffectiveSettings),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn effective(
    State(app): State<App>,
    Query(query): Query<EffectiveQuery>,
) -> Result<Answer<EffectiveSettings>, Problem> {
    let mut chain = vec![Scope::System, Scope::Customer];
    if let Some(id) = query.camera {
        let camera = app.cameras.get(CameraId(id))?;
        chain.extend([Scope::Site(camera.site), Scope::Camera(camera.id)]);
    }
    let values = app.settings.effective(&chain).0;
    let values =
        values.into_iter().map(|(k, e)| (k, EffectiveValue { value: e.value, from: e.from })).collect();
    Ok(Answer(EffectiveSettings { values }))
}
