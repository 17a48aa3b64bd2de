//! The web page, embedded: files of `web/dist`, compressed beforehand, chosen by what the browser takes.
//!
//! A debug build reads the files from disk, a release build carries them. `name.br` and `name.gz` beside `name`
//! are its compressed forms and are never served under their own names. Any path that is not a file and that a
//! browser asks for as a page gets `index.html`: the page has its own router.

use crate::http::conditional::not_modified;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The longest path that is looked up; Vite's names are under 100 bytes.
const LONGEST_PATH: usize = 512;

/// Answers everything that no route took.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if path == "/api" || path.starts_with("/api/") {
        return Problem::not_found(format!(
            "There is no route {path}. All routes are listed at /docs and in /api/v1/openapi.json."
        ))
        .into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "This address does not take that method",
            format!("{path} can only be read."),
        )
        .header(header::ALLOW, HeaderValue::from_static("GET, HEAD"))
        .into_response();
    }
    // In a debug build this reads a file or two from disk, which is why it goes to the blocking pool.
    let path = path.trim_start_matches('/').to_owned();
    let answer = tokio::task::spawn_blocking(move || find(&path, &headers, &method)).await;
    answer.unwrap_or_else(|_| Problem::internal("serving the web page failed").into_response())
}

fn find(path: &str, headers: &HeaderMap, method: &Method) -> Response {
    let path = if path.is_empty() { "index.html" } else { path };
    if is_plain(path) && Dist::get(path).is_some() {
        return file(path, headers, method);
    }
    let is_page = path == "index.html" || path.split('/').all(|s| !s.contains(['.', '\\', '\0']));
    if !is_page || !takes_html(headers) {
        return Problem::not_found(format!("There is no file /{path}.")).into_response();
    }
    if Dist::get("index.html").is_some() {
        return file("index.html", headers, method);
    }
    not_built()
}

/// A relative path of ordinary segments that does not name a compressed form.
fn is_plain(path: &str) -> bool {
    path.len() <= LONGEST_PATH
        && path.split('/').all(|s| !s.is_empty() && !s.starts_with('.'))
        && !path.contains(['\\', '%', '\0'])
        && !path.ends_with(".br")
        && !path.ends_with(".gz")
}

fn takes_html(headers: &HeaderMap) -> bool {
    match headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()) {
        None => true,
        Some(accept) => accept.contains("text/html") || accept.contains("*/*"),
    }
}

fn file(path: &str, headers: &HeaderMap, method: &Method) -> Response {
    let chosen = encodings(headers)
        .into_iter()
        .find_map(|(suffix, coding)| Some((Dist::get(&format!("{path}{suffix}"))?, Some(coding))))
        .or_else(|| Some((Dist::get(path)?, None)));
    let Some((EmbeddedFile { data, metadata }, coding)) = chosen else {
        return Problem::not_found(format!("There is no file /{path}.")).into_response();
    };
    let etag = format!("\"{}\"", hex::encode(&metadata.sha256_hash()[..12]));
    let mut out = HeaderMap::new();
    if let Ok(tag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, tag);
    }
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(path)));
    if not_modified(headers, &etag) {
        return (StatusCode::NOT_MODIFIED, out).into_response();
    }
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(data.len()));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    let body = match (method == Method::HEAD, data) {
        (true, _) => Body::empty(),
        (false, std::borrow::Cow::Borrowed(bytes)) => Body::from(bytes),
        (false, std::borrow::Cow::Owned(bytes)) => Body::from(bytes),
    };
    (StatusCode::OK, out, body).into_response()
}

/// The compressed forms to try, best first: suffix and content coding (RFC 9110 §12.5.3).
fn encodings(headers: &HeaderMap) -> Vec<(&'static str, &'static str)> {
    let accepted: Vec<(String, bool)> = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused =
                parts.filter_map(|p| p.strip_prefix("q=")).any(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
            (name, !refused)
        })
        .collect();
    [(".br", "br"), (".gz", "gzip")]
        .into_iter()
        .filter(|(_, coding)| accepted.iter().any(|(name, yes)| *yes && name == coding))
        .collect()
}

/// Vite puts what it names by content into `assets/`: such a file never changes. Everything else is asked for
/// again each time, which costs a 304.
fn cache_control(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn not_built() -> Response {
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Heron</title>\
        <h1>The web page is not built</h1>\
        <p>This is Heron. Its API works (<a href=\"/docs\">the routes</a>), but this program was built without the \
        web page. <code>cargo xtask run</code> builds both; by hand: <code>cd web &amp;&amp; npm ci &amp;&amp; npm run \
        build</code>, then build <code>herond</code> again.</p></html>";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::NOT_FOUND, headers, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(encodings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
    }

    #[test]
    fn the_best_coding_that_the_browser_takes_is_tried_first() {
        let names = |h: &HeaderMap| encodings(h).into_iter().map(|(_, c)| c).collect::<Vec<_>>();
        assert_eq!(names(&accept("gzip, deflate, br")), ["br", "gzip"]);
        assert_eq!(names(&accept("gzip;q=1.0, br;q=0")), ["gzip"]);
        assert_eq!(names(&accept("identity")), [""; 0]);
        assert_eq!(names(&HeaderMap::new()), [""; 0]);
    }

    #[test]
    fn paths_that_climb_or_name_compressed_forms_are_not_looked_up() {
        for bad in [
            "../Cargo.toml",
            "assets/../../x",
            "a//b",
            "/etc/passwd",
            ".env",
            "assets/a.js.br",
            "a\\b",
            "%2e%2e/x",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
        assert!(is_plain("assets/index-abc123.js"));
        assert!(!is_plain(&"a".repeat(LONGEST_PATH + 1)));
    }

    #[tokio::test]
    async fn unknown_routes_and_files_are_told_apart_from_pages() {
        let ask = async |method: Method, path: &str, accept: &'static str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            serve(method, path.parse().unwrap(), headers).await
        };
        let api = ask(Method::GET, "/api/v1/nothing", "text/html").await;
        assert_eq!(api.status(), StatusCode::NOT_FOUND);
        assert_eq!(api.headers()[header::CONTENT_TYPE], crate::problem::MEDIA_TYPE);
        let missing = ask(Method::GET, "/assets/none.js", "*/*").await;
        assert_eq!(missing.headers()[header::CONTENT_TYPE], crate::problem::MEDIA_TYPE);
        let post = ask(Method::POST, "/cameras", "*/*").await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(post.headers()[header::ALLOW], "GET, HEAD");
        // With or without a built page, a person gets HTML.
        let page = ask(Method::GET, "/cameras/1", "text/html").await;
        assert!(page.headers()[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    }
}
