//! Extractors whose refusals are problem documents that name the field to blame.

use crate::http::body::read;
use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;

/// A JSON body of type `T`. `T` should refuse unknown fields.
pub(crate) struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body is of the wrong kind",
                "Send the body as JSON with the header `Content-Type: application/json`.",
            ));
        }
        let bytes = read(request).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be absent: no content at all is `None`.
pub(crate) struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(None));
        }
        parse(&bytes).map(|value| Self(Some(value)))
    }
}

fn is_json(request: &Request) -> bool {
    let Some(kind) = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Derived readers take a list for an object, field by field; nobody means that.
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[') {
        return Err(Problem::invalid("The body is a JSON list, but an object `{…}` was asked for."));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_syntax() || inner.is_eof() {
            return Problem::invalid(format!("The body is not JSON: {inner}."));
        }
        blame(&path, &inner.to_string())
    })?;
    reader.end().map_err(|error| Problem::invalid(format!("The body is not one JSON value: {error}.")))?;
    Ok(value)
}

/// The problem for a value that was understood but is not what was asked for. `path` is where it was, `.` for
/// the top.
fn blame(path: &str, words: &str) -> Problem {
    let words = words.split(" at line ").next().unwrap_or(words);
    let named = ["unknown field `", "missing field `"]
        .iter()
        .find_map(|lead| words.strip_prefix(lead))
        .and_then(|rest| rest.split('`').next());
    let field = match (path, named) {
        // The path of an unknown field already ends with its name.
        (".", Some(name)) => Some(name.to_owned()),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => Some(path.to_owned()),
        (path, Some(name)) => Some(format!("{path}.{name}")),
        (".", None) => None,
        (path, None) => Some(path.to_owned()),
    };
    match field {
        Some(field) => Problem::invalid(format!("`{field}`: {words}.")).field(field),
        None => Problem::invalid(format!("The body is not what was asked for: {words}.")),
    }
}

/// The query string as `T`. `T` should refuse unknown fields.
pub(crate) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // A query that is valid as a whole but names something no `GET` of ours takes is more likely a typing
        // error than an extension, so types refuse unknown fields as bodies do.
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let words = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                let (path, words) = match words.split_once(": ") {
                    Some((path, rest)) if !path.contains(' ') => (path, rest),
                    _ => (".", words),
                };
                Err(blame(path, words))
            }
        }
    }
}

/// The parts of the path as `T`.
pub(crate) struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let words = text.strip_prefix("Invalid URL: ").unwrap_or(&text);
                Err(Problem::invalid(format!("The address {}: {words}.", parts.uri.path())).field("id"))
            }
        }
    }
}

/// Whether a method changes nothing (RFC 9110 §9.2.1).
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        name: String,
        #[allow(dead_code)]
        record: Option<Inner>,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        sub: bool,
    }

    fn field_of(json: &str) -> (Option<String>, String) {
        let document = parse::<Outer>(json.as_bytes()).unwrap_err().document();
        (document.field, document.detail)
    }

    #[test]
    fn the_field_to_blame_is_named_with_its_path() {
        assert_eq!(field_of(r#"{"nam": "x"}"#).0.as_deref(), Some("nam"));
        assert_eq!(field_of(r#"{}"#).0.as_deref(), Some("name"));
        assert_eq!(field_of(r#"{"name": 3}"#).0.as_deref(), Some("name"));
        assert_eq!(field_of(r#"{"name": "x", "record": {"sub": "yes"}}"#).0.as_deref(), Some("record.sub"));
        assert_eq!(
            field_of(r#"{"name": "x", "record": {"sub": true, "su": 1}}"#).0.as_deref(),
            Some("record.su")
        );
        assert_eq!(field_of(r#"{"name": "x", "record": {}}"#).0.as_deref(), Some("record.sub"));
        assert_eq!(field_of("[]").0, None);
        assert_eq!(field_of("{").0, None);
        assert!(field_of(r#"{"name": "x"} y"#).1.contains("one JSON value"));
    }

    #[tokio::test]
    async fn a_bad_query_names_its_field() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            #[allow(dead_code)]
            limit: Option<u32>,
            #[allow(dead_code)]
            start: Option<heron_core::WallTime>,
        }
        let ask = async |uri: &str| {
            let (mut parts, ()) = axum::http::Request::get(uri).body(()).unwrap().into_parts();
            Query::<Page>::from_request_parts(&mut parts, &()).await.map(|_| ()).map_err(|p| p.document())
        };
        assert!(ask("/x?limit=3&start=2026-11-20T09:44:17.123Z").await.is_ok());
        assert_eq!(ask("/x?limit=many").await.unwrap_err().field.as_deref(), Some("limit"));
        assert_eq!(ask("/x?start=yesterday").await.unwrap_err().field.as_deref(), Some("start"));
        assert_eq!(ask("/x?limmit=3").await.unwrap_err().field.as_deref(), Some("limmit"));
    }
}
