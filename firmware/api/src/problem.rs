//! Problem documents (RFC 9457): the one shape of every error that leaves the box over HTTP.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use heron_core::ErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The prefix of every problem's `type`. It names the problem; nothing is served there.
pub(crate) const TYPE_PREFIX: &str = "https://heron.invalid/problems/";
/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document (RFC 9457 §3), and the headers that go with it.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_secs: Option<u64>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// What a problem looks like on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Which problem it is: `https://heron.invalid/problems/<slug>`.
    #[serde(rename = "type")]
    #[schema(example = "https://heron.invalid/problems/invalid")]
    pub type_uri: String,
    /// The same for every occurrence.
    #[schema(example = "The request makes no sense")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// This occurrence, in plain words: what was wrong and what to do.
    pub detail: String,
    /// The field of the request that is to blame, when one is: a path such as `record.mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem with its own slug, for programs that tell it from others of the same status.
    pub fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            slug,
            title,
            detail: detail.into(),
            field: None,
            retry_after_secs: None,
            headers: Vec::new(),
        }))
    }
    /// The problem that says what an [`ErrorKind`] says.
    pub fn of(kind: ErrorKind, detail: impl Into<String>) -> Self {
        let (slug, title) = match kind {
            ErrorKind::Invalid => ("invalid", "The request makes no sense"),
            ErrorKind::Unauthenticated => ("unauthenticated", "Sign in first"),
            ErrorKind::Forbidden => ("forbidden", "You may not do this"),
            ErrorKind::NotFound => ("not-found", "There is no such thing"),
            ErrorKind::Conflict => ("conflict", "It contradicts what is already there"),
            ErrorKind::TooLarge => ("too-large", "The request is too large"),
            ErrorKind::Exhausted => ("exhausted", "Too often, or too many at once"),
            ErrorKind::Unavailable => ("unavailable", "Not now"),
            ErrorKind::TimedOut => ("timed-out", "It took too long"),
            ErrorKind::Damaged => ("damaged", "Stored bytes are damaged"),
            ErrorKind::Internal => ("internal", "The box made a mistake"),
        };
        let status = StatusCode::from_u16(kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, slug, title, detail)
    }
    /// From a room's error. What a person can act on is passed on; our own mistakes are logged under a number
    /// and only the number is told, since their words may name files and statements.
    pub fn from_room(kind: ErrorKind, error: &(dyn std::error::Error + 'static)) -> Self {
        match kind {
            ErrorKind::Internal | ErrorKind::Damaged => {
                let id = incident_id();
                tracing::error!(incident = %id, error = %chain(error), "a request failed");
                Self::of(kind, format!("The log has the reason under incident {id}."))
            }
            _ => Self::of(kind, chain(error)),
        }
    }
    /// 400.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::of(ErrorKind::Invalid, detail)
    }
    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::of(ErrorKind::NotFound, detail)
    }
    /// 403.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::of(ErrorKind::Forbidden, detail)
    }
    /// 401, with the challenge that RFC 9110 §11.6.1 asks for.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::of(ErrorKind::Unauthenticated, detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"heron\""))
    }
    /// 500 under a new incident number, logged with `reason`.
    pub fn internal(reason: &str) -> Self {
        let id = incident_id();
        tracing::error!(incident = %id, reason, "a request failed");
        Self::of(ErrorKind::Internal, format!("The log has the reason under incident {id}."))
    }
    /// Blames `field`.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }
    /// Says when to come back (RFC 9110 §10.2.3), seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs.max(1));
        self
    }
    /// With a header of its own.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }
    /// With another slug than the kind's own.
    #[must_use]
    pub fn slug(mut self, slug: &'static str, title: &'static str) -> Self {
        self.0.slug = slug;
        self.0.title = title;
        self
    }
    /// The status it will be answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
    /// The words for this occurrence.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
    /// The document.
    pub fn document(&self) -> ProblemDocument {
        ProblemDocument {
            type_uri: format!("{TYPE_PREFIX}{}", self.0.slug),
            title: self.0.title.to_owned(),
            status: self.0.status.as_u16(),
            detail: self.0.detail.clone(),
            field: self.0.field.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (self.0.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(secs) = self.0.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        headers.extend(self.0.headers);
        response
    }
}

/// A number to find an incident in the log by: 48 random bits.
pub(crate) fn incident_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..12].to_owned()
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        let text = e.to_string();
        // `#[error("…: {0}")]` beside `#[source]` says the cause twice otherwise.
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = e.source();
    }
    words
}

/// Makes `?` turn a room's error into a [`Problem`] by its `kind()`.
macro_rules! problem_from {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for $crate::problem::Problem {
            fn from(error: $error) -> Self {
                $crate::problem::Problem::from_room(error.kind(), &error)
            }
        }
    )+};
}
pub(crate) use problem_from;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_shape_of_rfc_9457_and_its_headers() {
        let response =
            Problem::of(ErrorKind::Exhausted, "Wait.").field("username").retry_after(0).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let document = Problem::invalid("No.").field("name").document();
        assert_eq!(
            serde_json::to_value(document).unwrap(),
            serde_json::json!({"type": "https://heron.invalid/problems/invalid", "title": "The request makes no sense",
                "status": 400, "detail": "No.", "field": "name"})
        );
    }

    #[test]
    fn our_own_mistakes_keep_their_words_to_the_log() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open /data/heron/secret.db")]
        struct Inner;
        let problem = Problem::from_room(ErrorKind::Internal, &Inner);
        assert!(!problem.detail().contains("secret"), "{}", problem.detail());
        assert!(problem.detail().contains("incident"));
        assert!(Problem::from_room(ErrorKind::Unavailable, &Inner).detail().contains("secret.db"));
    }
}
