//! Every route, and what surrounds them.

use crate::auth::authorise;
use crate::http::guard::guard;
use crate::problem::Problem;
use crate::routes::*;
use crate::state::{ApiState, App};
use crate::{docs, openapi, web};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// All documented routes, and their document.
pub(crate) fn documented() -> (Router<App>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(setup::get_setup, setup::post_setup))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me))
        .routes(routes!(auth::password))
        .routes(routes!(auth::sessions))
        .routes(routes!(auth::end_session))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(sites::list))
        .routes(routes!(sites::get, sites::update))
        .routes(routes!(cameras::list, cameras::create))
        .routes(routes!(probe::probe))
        .routes(routes!(cameras::get, cameras::update, cameras::delete))
        .routes(routes!(live::live_ws))
        .routes(routes!(trigger::post))
        .routes(routes!(timeline::get))
        .routes(routes!(gaps::list))
        .routes(routes!(gaps::days))
        .routes(routes!(playback::playlist))
        .routes(routes!(playback::segment))
        .routes(routes!(playback::part))
        .routes(routes!(video::video))
        .routes(routes!(evidence::get))
        .routes(routes!(evidence::key))
        .routes(routes!(exports::list, exports::create))
        .routes(routes!(exports::get, exports::delete))
        .routes(routes!(exports::cancel))
        .routes(routes!(exports::resume))
        .routes(routes!(exports::file))
        .routes(routes!(events::list))
        .routes(routes!(events::get, events::update))
        .routes(routes!(ws::ws))
        .routes(routes!(settings::effective))
        .routes(routes!(settings::get, settings::put))
        .routes(routes!(settings::versions))
        .routes(routes!(settings::rollback))
        .routes(routes!(storage::get))
        .routes(routes!(plan::post))
        .routes(routes!(locks::of_camera, locks::create))
        .routes(routes!(locks::list))
        .routes(routes!(locks::delete))
        .routes(routes!(archive::status))
        .routes(routes!(archive::get_config, archive::put_config, archive::delete_config))
        .routes(routes!(archive::test))
        .routes(routes!(archive::list_jobs, archive::create_job))
        .routes(routes!(archive::delete_job))
        .routes(routes!(archive::archived))
        .routes(routes!(archive::playlist))
        .routes(routes!(archive::piece))
        .routes(routes!(system::get))
        .routes(routes!(health::overall))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::detailed))
        .routes(routes!(metrics::get))
        .routes(routes!(openapi::document))
        .split_for_parts()
}

/// The whole service: routes, `/docs`, the web page, and what surrounds them all.
pub fn router(rooms: ApiState) -> Router {
    let app = App::new(rooms);
    let (routes, _) = documented();
    routes
        .merge(docs::router())
        .route_layer(from_fn_with_state(app.clone(), authorise))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(web::serve)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn method_not_allowed(request: Request) -> impl IntoResponse {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "This address does not take that method",
        format!(
            "{} does not take {}; the header Allow says what it takes.",
            request.uri().path(),
            request.method()
        ),
    )
}
