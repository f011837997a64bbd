//! What is answered where there is nothing: the way to the same path without detours, if it has
//! any, as in `//status`. spec: Go's `http.ServeMux`.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Redirects to the clean path with the same query; says that there is nothing if it is clean.
pub async fn nowhere(uri: Uri) -> Response {
    match location(&uri) {
        Some(location) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response()
        }
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

fn location(uri: &Uri) -> Option<HeaderValue> {
    let path = uri.path();
    let cleaned = clean(path);
    if !path.starts_with('/') || path == cleaned {
        return None;
    }
    // Browsers take a backslash for a slash, and two of them for the beginning of another host.
    let mut location = cleaned.replace('\\', "%5C");
    if let Some(query) = uri.query() {
        location.push('?');
        location.push_str(query);
    }
    assert!(!location.starts_with("//"), "another host would be meant");
    HeaderValue::try_from(location).ok()
}

/// A path without empty parts and parts of points; a slash at its end stays.
fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let end = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{end}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_detours_lead_elsewhere_and_never_to_another_host() {
        for (from, to) in [
            ("//status", Some("/status")),
            ("//status?a=b&c=//d", Some("/status?a=b&c=//d")),
            ("/./status", Some("/status")),
            ("/a/../status", Some("/status")),
            ("/../..//status/", Some("/status/")),
            ("//", Some("/")),
            ("/..", Some("/")),
            ("/a/..", Some("/")),
            ("///evil.example/x", Some("/evil.example/x")),
            ("//\\evil.example", Some("/%5Cevil.example")),
            ("/.//\\\\evil.example", Some("/%5C%5Cevil.example")),
            ("/%2F/evil.example", None),
            ("/status/", None),
            ("/a/b", None),
            ("/\\evil.example", None),
            ("*", None),
        ] {
            let location = location(&Uri::try_from(from).unwrap());
            let location = location.as_ref().map(|it| it.to_str().unwrap());
            assert_eq!(location, to, "{from}");
        }
    }
}
