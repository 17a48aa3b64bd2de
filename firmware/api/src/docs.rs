//! `/docs`: the OpenAPI document as a page that needs nothing from the internet.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The page and its two files. They are part of the program, like the document they render.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/docs", get(async || file("text/html; charset=utf-8", include_str!("page/docs.html"))))
        .route("/docs/docs.css", get(async || file("text/css; charset=utf-8", include_str!("page/docs.css"))))
        .route(
            "/docs/docs.js",
            get(async || file("text/javascript; charset=utf-8", include_str!("page/docs.js"))),
        )
}

fn file(media_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-cache")], text).into_response()
}
