//! The camera register.

use super::camera_status::{CameraStatus, status_of};
use super::recording::{RecordBody, RecordView};
use crate::audit;
use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, Paging, limit, present};
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use heron_access::{Principal, Right};
use heron_cameras::{Camera, CameraPatch, NewCamera, Transport};
use heron_core::{CameraId, WallTime};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How packets travel from the camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Transport)]
pub(crate) enum TransportName {
    /// TCP, or UDP when the camera insists; TLS for `rtsps://`.
    #[default]
    Auto,
    /// Interleaved over TCP.
    Tcp,
    /// UDP unicast.
    Udp,
    /// Interleaved over TLS.
    Tls,
}

impl From<Transport> for TransportName {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
            Transport::Tls => Self::Tls,
        }
    }
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Auto => Self::Auto,
            TransportName::Tcp => Self::Tcp,
            TransportName::Udp => Self::Udp,
            TransportName::Tls => Self::Tls,
        }
    }
}

/// A camera and how it is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Camera)]
pub(crate) struct CameraView {
    #[schema(value_type = Uuid)]
    id: CameraId,
    name: String,
    /// Address of the main stream, never with a user name or password: one in its query reads `***`. Null for an
    /// account without the right `configure`.
    source: Option<String>,
    /// Address of the sub stream, likewise. Null when there is none too; `status.streams` says which there are.
    sub_source: Option<String>,
    /// Who logs in to the camera. Null for an account without the right `configure`.
    username: Option<String>,
    /// Whether a password is kept. It is never given out.
    has_password: bool,
    transport: TransportName,
    enabled: bool,
    /// The site it stands at.
    site: Uuid,
    tags: Vec<String>,
    record: RecordView,
    #[schema(value_type = String, format = DateTime)]
    created: WallTime,
    status: CameraStatus,
}

impl CameraView {
    /// The camera as `who` may see it.
    fn of(app: &App, who: &Principal, camera: &Camera) -> Self {
        let configures = who.role.may(Right::Configure);
        Self {
            id: camera.id,
            name: camera.name.clone(),
            source: configures.then(|| camera.source.to_string()),
            sub_source: camera.sub_source.as_ref().filter(|_| configures).map(ToString::to_string),
            username: camera.username.clone().filter(|_| configures),
            has_password: camera.has_password,
            transport: camera.transport.into(),
            enabled: camera.enabled,
            site: camera.site,
            tags: camera.tags.clone(),
            record: RecordView::of(app, camera),
            created: camera.created,
            status: status_of(app, camera),
        }
    }
}

/// All cameras, oldest first
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras", params(Paging), responses(
    (status = 200, body = Page<CameraView>),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Who(who): Who,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<CameraView>>, Problem> {
    let page = app.cameras.list(limit(paging.limit)?, paging.cursor.as_deref())?;
    let items = page.items.iter().map(|camera| CameraView::of(&app, &who, camera)).collect();
    Ok(Answer(Page { items, next: page.next }))
}

/// One camera
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)), responses(
    (status = 200, body = CameraView),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn get(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<Answer<CameraView>, Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    Ok(Answer(CameraView::of(&app, &who, &camera)))
}

/// A camera to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCamera)]
pub(crate) struct NewCameraBody {
    /// For people; 1 to 100 characters.
    name: String,
    /// Address of the main stream: `rtsp://` or `rtsps://`. A user name and password before the host are taken out and
    /// kept sealed; so are passwords in its query (`password=…`, `token=…`), which are shown as `***`.
    #[schema(example = "rtsp://10.0.0.5/main")]
    source: String,
    /// Address of the sub stream.
    sub_source: Option<String>,
    username: Option<String>,
    #[schema(format = Password)]
    password: Option<String>,
    #[serde(default)]
    transport: TransportName,
    /// `true` when absent.
    enabled: Option<bool>,
    /// The first site when absent.
    site: Option<Uuid>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    record: RecordBody,
}

/// Add a camera
///
/// It is connected at once; its `status` says how that goes. Try it before with `POST /cameras/probe`.
#[utoipa::path(post, path = "/api/v1/cameras", tag = "cameras", request_body = NewCameraBody, responses(
    (status = 201, body = CameraView, headers(("Location" = String, description = "The camera's address"))),
    (status = 409, body = ProblemDocument, description = "The name is taken, or the box has as many cameras as it takes"),
))]
pub(crate) async fn create(
    State(app): State<App>,
    Who(who): Who,
    Json(body): Json<NewCameraBody>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Answer<CameraView>), Problem> {
    let new = NewCamera {
        name: body.name,
        source: body.source,
        sub_source: body.sub_source,
        username: body.username,
        password: body.password,
        transport: body.transport.into(),
        enabled: body.enabled.unwrap_or(true),
        site: body.site,
        tags: body.tags,
        record: body.record.policy(),
    };
    let camera = app.cameras.create(new).await?;
    audit::note(
        &app,
        &who,
        "camera.added",
        Some(camera.id),
        format!("Camera {:?} was added.", camera.name),
        &[],
    )
    .await;
    let location = [(header::LOCATION, format!("/api/v1/cameras/{}", camera.id))];
    Ok((StatusCode::CREATED, location, Answer(CameraView::of(&app, &who, &camera))))
}

/// What to change about a camera; what is absent stays, null clears.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CameraPatch)]
pub(crate) struct CameraPatchBody {
    name: Option<String>,
    source: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    sub_source: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    username: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Option<String>>,
    transport: Option<TransportName>,
    enabled: Option<bool>,
    site: Option<Uuid>,
    tags: Option<Vec<String>>,
    record: Option<RecordBody>,
}

impl CameraPatchBody {
    /// What is to be changed.
    fn fields(&self) -> Vec<&'static str> {
        let given = [
            ("name", self.name.is_some()),
            ("source", self.source.is_some()),
            ("sub_source", self.sub_source.is_some()),
            ("username", self.username.is_some()),
            ("password", self.password.is_some()),
            ("transport", self.transport.is_some()),
            ("enabled", self.enabled.is_some()),
            ("site", self.site.is_some()),
            ("tags", self.tags.is_some()),
            ("record", self.record.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
}

/// Change a camera
///
/// `***` in an address stands for the password that is stored there. Where an address leads to another host or port and
/// a password is stored, `password` must come with it: the password again, or null to forget it.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)),
    request_body = CameraPatchBody, responses(
    (status = 200, body = CameraView),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "The name is taken"),
))]
pub(crate) async fn update(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<CameraPatchBody>,
) -> Result<Answer<CameraView>, Problem> {
    let fields = body.fields();
    let patch = CameraPatch {
        name: body.name,
        source: body.source,
        sub_source: body.sub_source,
        username: body.username,
        password: body.password,
        transport: body.transport.map(Into::into),
        enabled: body.enabled,
        site: body.site,
        tags: body.tags,
        record: body.record.map(RecordBody::patch),
    };
    let camera = app.cameras.update(CameraId(id), patch).await?;
    let text = format!("Camera {:?} was changed: {}.", camera.name, fields.join(", "));
    audit::note(&app, &who, "camera.changed", Some(camera.id), text, &fields).await;
    Ok(Answer(CameraView::of(&app, &who, &camera)))
}

/// Remove a camera
///
/// Its recordings stay until retention takes them.
#[utoipa::path(delete, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let id = CameraId(id);
    let name = app.cameras.get(id)?.name.clone();
    app.cameras.delete(id).await?;
    audit::note(&app, &who, "camera.removed", Some(id), format!("Camera {name:?} was removed."), &[]).await;
    if let Err(error) = app.settings.forget(heron_settings::Scope::Camera(id)).await {
        tracing::warn!(camera = %id, %error, "the removed camera's settings could not be forgotten");
    }
    Ok(StatusCode::NO_CONTENT)
}
