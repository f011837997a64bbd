//! Which pages of other origins may read answers: CORS, as the operator wants it.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// An origin whose pages may, or all that begin and end so.
#[derive(Debug)]
struct Allowed {
    head: String,
    /// What stands behind the `*`, if there is one.
    tail: Option<String>,
}

/// Tells browsers which origins may read answers. spec: `config.go`, `cors_allowed_origins`: in
/// each one `*` stands for any characters, or none; by itself it is any origin.
pub fn layer(origins: &[String], server_time: HeaderName) -> CorsLayer {
    let requested_with = HeaderName::from_static("x-requested-with");
    let layer =
        CorsLayer::new().allow_methods([Method::HEAD, Method::GET, Method::POST]).allow_headers([
            header::ORIGIN,
            header::ACCEPT,
            header::CONTENT_TYPE,
            requested_with,
            server_time,
        ]);
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let allowed: Vec<Allowed> = origins.iter().map(|origin| Allowed::new(origin)).collect();
    layer.allow_origin(AllowOrigin::predicate(move |origin: &HeaderValue, _| {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        allowed.iter().any(|it| it.covers(&origin))
    }))
}

impl Allowed {
    fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.split_once('*') {
            Some((head, tail)) => Self { head: head.to_owned(), tail: Some(tail.to_owned()) },
            None => Self { head: text, tail: None },
        }
    }

    fn covers(&self, origin: &str) -> bool {
        origin.strip_prefix(&self.head).is_some_and(|rest| match &self.tail {
            Some(tail) => rest.ends_with(tail),
            None => rest.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters_and_all_else_is_itself() {
        for (allowed, origin, covers) in [
            ("https://a.org", "https://a.org", true),
            ("https://A.org", "https://a.org", true),
            ("https://a.org", "https://a.org:80", false),
            ("https://a.org", "https://b.a.org", false),
            ("https://*.a.org", "https://b.a.org", true),
            ("https://*.a.org", "https://c.b.a.org", true),
            ("https://*.a.org", "https://a.org", false),
            ("https://*.a.org", "https://.a.org", true),
            ("https://*.a.org", "http://b.a.org", false),
            ("https://*.a.org", "https://b.a.org.foe", false),
            // No character is of both ends.
            ("https://a*a.org", "https://a.org", false),
            ("http://a:*", "http://a:80", true),
            ("https://*.*.org", "https://b.a.org", false),
            ("", "", true),
            ("", "https://a.org", false),
        ] {
            assert_eq!(Allowed::new(allowed).covers(origin), covers, "{allowed} {origin}");
        }
    }
}
