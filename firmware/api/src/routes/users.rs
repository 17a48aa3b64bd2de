//! Accounts.

use crate::auth::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::Page;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use heron_access::{NewUser, Role, User, UserPatch};
use heron_core::WallTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Role)]
pub(crate) enum RoleName {
    /// Everything.
    Admin,
    /// Everything but accounts and the box itself.
    Supervisor,
    /// Watching.
    Viewer,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Supervisor => Self::Supervisor,
            Role::Viewer => Self::Viewer,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Admin => Self::Admin,
            RoleName::Supervisor => Self::Supervisor,
            RoleName::Viewer => Self::Viewer,
        }
    }
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: Uuid,
    username: String,
    role: RoleName,
    /// It cannot sign in.
    disabled: bool,
    #[schema(value_type = String, format = DateTime)]
    created: WallTime,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login: Option<WallTime>,
}

impl UserView {
    pub(crate) fn of(user: &User) -> Self {
        Self {
            id: user.id,
            username: user.username.clone(),
            role: user.role.into(),
            disabled: user.disabled,
            created: user.created,
            last_login: user.last_login,
        }
    }
}

/// All accounts
#[utoipa::path(get, path = "/api/v1/users", tag = "users", responses((status = 200, body = Page<UserView>)))]
pub(crate) async fn list(State(app): State<App>) -> Answer<Page<UserView>> {
    Answer(Page::whole(app.access.users().iter().map(UserView::of).collect()))
}

/// One account
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)), responses(
    (status = 200, body = UserView),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn get(State(app): State<App>, Path(id): Path<Uuid>) -> Result<Answer<UserView>, Problem> {
    Ok(Answer(UserView::of(&app.access.user(id)?)))
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub(crate) struct NewUserBody {
    username: String,
    #[schema(format = Password)]
    password: String,
    role: RoleName,
}

/// Add an account
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = NewUserBody, responses(
    (status = 201, body = UserView, headers(("Location" = String, description = "The account's address"))),
    (status = 409, body = ProblemDocument, description = "The name is taken"),
))]
pub(crate) async fn create(
    State(app): State<App>,
    Who(who): Who,
    Json(body): Json<NewUserBody>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Answer<UserView>), Problem> {
    let new = NewUser { username: body.username, password: body.password, role: body.role.into() };
    let user = app.access.create_user(&who, new).await?;
    let location = [(header::LOCATION, format!("/api/v1/users/{}", user.id))];
    Ok((StatusCode::CREATED, location, Answer(UserView::of(&user))))
}

/// What to change about an account; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPatch)]
pub(crate) struct UserPatchBody {
    role: Option<RoleName>,
    #[schema(format = Password)]
    password: Option<String>,
    disabled: Option<bool>,
}

/// Change an account
///
/// A new password or a disabled account ends its sessions. The last administrator stays one.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)),
    request_body = UserPatchBody, responses(
    (status = 200, body = UserView),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "It is the last administrator"),
))]
pub(crate) async fn update(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<UserPatchBody>,
) -> Result<Answer<UserView>, Problem> {
    let patch =
        UserPatch { role: body.role.map(Into::into), password: body.password, disabled: body.disabled };
    Ok(Answer(UserView::of(&app.access.update_user(&who, id, patch).await?)))
}

/// Remove an account
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "It is the last administrator"),
))]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    app.access.delete_user(&who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
