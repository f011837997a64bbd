//! What the document says of pages, which are no methods.

use serde_json::{Value, json};

use super::{refused, response};
use crate::routes::{Page, PageKind};

/// One page.
pub fn of(page: &Page) -> Value {
    let responses = match page.kind {
        PageKind::Document => json!({
            "200": content("The API", "application/json", json!({"type": "object"})),
            "429": refused(),
        }),
        PageKind::Events => json!({
            "200": content("Events", "text/event-stream", json!({"type": "string"})),
            "400": response("The query or the place cannot be read", "Error"),
            "410": response("The height is not kept, or was never reached", "Error"),
            "500": response("The store fails", "Error"),
            "503": response("Too many listen already", "Error"),
            "429": refused(),
        }),
        PageKind::Live => json!({
            "200": content("The program answers", "application/json", live()),
        }),
        PageKind::Ready => json!({
            "200": content("Clients may come", "application/json", readiness(true)),
            "503": content("They should not, and why", "application/json", readiness(false)),
        }),
    };
    let parameters = match page.kind {
        PageKind::Events => vec![
            parameter("query", "Which events; all if it is missing"),
            parameter("from", "HEIGHT or HEIGHT.INDEX; from now on if it is missing"),
        ],
        PageKind::Document | PageKind::Live | PageKind::Ready => vec![],
    };
    json!({
        "operationId": page.path.trim_start_matches('/').replace(['/', '.'], "_"),
        "summary": page.summary,
        "parameters": parameters,
        "responses": responses,
    })
}

fn content(description: &str, kind: &str, schema: Value) -> Value {
    json!({"description": description, "content": {kind: {"schema": schema}}})
}

fn parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "query", "required": false, "description": description,
        "schema": {"type": "string"},
    })
}

fn live() -> Value {
    json!({
        "type": "object",
        "required": ["live"],
        "properties": {"live": {"const": true}},
        "additionalProperties": false,
    })
}

fn readiness(is_ready: bool) -> Value {
    let (least, most) = if is_ready { (0, 0) } else { (1, 16) };
    json!({
        "type": "object",
        "required": ["ready", "reasons"],
        "properties": {
            "ready": {"const": is_ready},
            "reasons": {
                "type": "array", "items": {"type": "string"},
                "minItems": least, "maxItems": most,
            },
        },
        "additionalProperties": false,
    })
}
