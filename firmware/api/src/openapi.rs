//! The OpenAPI document: made from the handlers' own annotations, with what holds for every route added here.

use crate::problem::{MEDIA_TYPE, ProblemDocument};
use crate::rights::{Need, TABLE};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::OnceLock;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    ResponseBuilder, SecurityRequirement, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

const DESCRIPTION: &str = "The API of the box. Times are RFC 3339 UTC with milliseconds; ids are UUIDs (events: ULIDs); \
    lists are pages `{items, next}` with `limit` and `cursor`; errors are RFC 9457 problem documents. Sign in at \
    `POST /api/v1/auth/login` and send the access token as `Authorization: Bearer …`; the web page uses same-site \
    cookies instead and repeats the cookie `heron_csrf` in the header `X-CSRF-Token` with everything but GET.";

/// The document without routes.
pub(crate) fn frame() -> OpenApi {
    let bearer = SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The access token of a session."))
            .build(),
    );
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        crate::http::cookies::SESSION,
        "The web page's session. Requests that change something also need the header X-CSRF-Token.",
    )));
    let components = ComponentsBuilder::new()
        .schema(ProblemDocument::name(), ProblemDocument::schema())
        .security_scheme("bearer", bearer)
        .security_scheme("cookie", cookie)
        .build();
    let info = InfoBuilder::new()
        .title("Heron")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    let here = ServerBuilder::new().url("/").description(Some("This box")).build();
    OpenApiBuilder::new().info(info).components(Some(components)).servers(Some([here])).build()
}

/// The whole document.
pub fn openapi() -> OpenApi {
    let (_, mut api) = crate::router::documented();
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            complete(method, path, operation);
        }
    }
    api
}

/// The whole document as JSON, for `herond openapi` and the route.
pub fn openapi_json() -> String {
    openapi().to_pretty_json().unwrap_or_default()
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what no handler says of itself: who may, and the errors that any request can meet.
fn complete(method: &str, path: &str, operation: &mut Operation) {
    let need = TABLE.iter().find(|(m, p, _)| *m == method && *p == path).map(|(_, _, n)| *n);
    let signed_in = || {
        vec![
            SecurityRequirement::new::<_, [&str; 0], &str>("bearer", []),
            SecurityRequirement::new::<_, [&str; 0], &str>("cookie", []),
        ]
    };
    let nobody = SecurityRequirement::default();
    operation.security = Some(match need {
        Some(Need::Open) => vec![nobody],
        Some(Need::LoopbackOr(_)) => [signed_in(), vec![nobody]].concat(),
        Some(Need::SignedIn | Need::Right(_)) | None => signed_in(),
    });
    let right = match need {
        Some(Need::Right(right)) => Some(format!("Needs the right `{}`.", crate::auth::right_name(right))),
        Some(Need::LoopbackOr(right)) => {
            Some(format!("From this machine, or with the right `{}`.", crate::auth::right_name(right)))
        }
        Some(Need::Open | Need::SignedIn) | None => None,
    };
    if let Some(right) = right {
        let description = operation.description.get_or_insert_default();
        if !description.is_empty() {
            description.push_str("\n\n");
        }
        description.push_str(&right);
    }
    let takes_input =
        operation.request_body.is_some() || operation.parameters.as_ref().is_some_and(|p| !p.is_empty());
    let may_be_refused = need != Some(Need::Open);
    let largest =
        if may_be_refused { "The body is larger than 1 MiB" } else { "The body is larger than 16 KiB" };
    for (status, words, applies) in [
        ("400", "Something in the request makes no sense; `field` names it", takes_input),
        ("401", "Not signed in, or the token has expired", may_be_refused),
        ("403", "The role may not, or the request comes from another site", may_be_refused),
        ("413", largest, operation.request_body.is_some()),
        ("415", "The body is not JSON", operation.request_body.is_some()),
        ("500", "The box made a mistake; the log has the reason under the incident number given", true),
        (
            "503",
            "A part of the box is not there at the moment",
            need != Some(Need::Open) || operation.request_body.is_some(),
        ),
    ] {
        if applies {
            operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(words));
        }
    }
    // Every problem is served under its own media type, which the annotations cannot know.
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response
            && let Some(content) = response.content.shift_remove("application/json")
        {
            let is_problem = matches!(&content, RefOr::T(c)
                if matches!(&c.schema, Some(RefOr::Ref(r)) if r.ref_location.ends_with("/Problem")));
            let media_type = if is_problem { MEDIA_TYPE } else { "application/json" };
            response.content.insert(media_type.to_owned(), content);
        }
    }
}

fn problem(words: &str) -> RefOr<utoipa::openapi::Response> {
    let schema = Ref::from_schema_name(ProblemDocument::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    RefOr::T(ResponseBuilder::new().description(words).content(MEDIA_TYPE, content).build())
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "system", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
pub(crate) async fn document() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let json = DOCUMENT.get_or_init(openapi_json).as_str();
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], json).into_response()
}
