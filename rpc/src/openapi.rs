//! The API as an OpenAPI document, made from the table of routes: `/v1/openapi.json`.

use serde_json::{Map, Value, json};

use crate::params::{Kind, Param};
use crate::routes::{Call, Offer, PAGES, Route};

mod pages;

/// The largest id that the document promises to take however it is written: ids are 64 bits, but
/// with a decimal point (`9007199254740993.0`) no reader of JSON tells larger ones apart.
const ID_MAX: i64 = 1 << 53;

/// The document. What needs a websocket has no place in it.
pub fn document(version: &str, offer: Offer) -> Value {
    let calls = offer.routes().filter(|route| !matches!(route.call, Call::Listening(_)));
    let mut paths: Map<String, Value> =
        calls.map(|route| (format!("/{}", route.name), json!({"get": by_uri(route)}))).collect();
    paths.extend(PAGES.iter().map(|it| (it.path.to_owned(), json!({"get": pages::of(it)}))));
    paths.insert("/".to_owned(), json!({"post": by_body(offer)}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Lockstep RPC",
            "version": version,
            "description": "CometBFT's JSON-RPC. The same methods are called by POST of JSON-RPC \
                            2.0 to /, and by websocket at /websocket, which has subscriptions too.",
        },
        "paths": paths,
        "components": {"schemas": {"Answer": answer(), "Failure": failure(), "Error": error()}},
    })
}

fn by_uri(route: &Route) -> Value {
    json!({
        "operationId": route.name,
        "summary": route.summary,
        "parameters": route.params.iter().map(parameter).collect::<Vec<_>>(),
        "responses": {
            "200": response("What the method says", "Answer"),
            "500": response("The method failed, or an argument is wrong", "Failure"),
            "408": {"description": "It took too long"},
            "429": refused(),
            "414": {"description": "The query is too long"},
        },
    })
}

fn by_body(offer: Offer) -> Value {
    let methods: Vec<_> = offer.routes().map(|route| route.name).collect();
    let request = json!({
        "type": "object",
        "required": ["id", "method"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"anyOf": [
                {"type": "string"},
                {"type": "integer", "minimum": -ID_MAX, "maximum": ID_MAX},
            ]},
            "method": {"enum": methods},
            "params": {"type": ["object", "array"]},
        },
    });
    json!({
        "operationId": "call",
        "summary": "Calls a method by JSON-RPC 2.0",
        "requestBody": {"required": true, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {
                "description": "An answer or an error; without an id, a notification, nothing",
                "content": {"application/json": {"schema": {"anyOf": [
                    reference("Answer"), reference("Failure"),
                ]}}},
            },
            "413": response("The body is too large", "Failure"),
            "500": response("The body is no JSON-RPC", "Failure"),
            "408": {"description": "It took too long"},
            "429": refused(),
        },
    })
}

fn parameter(param: &Param) -> Value {
    json!({
        "name": param.name,
        "in": "query",
        "required": param.required,
        "description": param.kind.in_uri(),
        "schema": schema(param.kind),
    })
}

/// What may stand in a URI. spec: `http_uri_handler.go`.
fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Int => json!({"type": "string", "pattern": "^(-?[0-9]{1,18}|\"-?[0-9]{1,18}\")$"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Text => json!({"type": "string", "pattern": "^\"[ !#-\\[\\]-~]*\"$"}),
        Kind::Bytes | Kind::Hex => {
            json!({"type": "string", "pattern": "^(0x([0-9A-Fa-f]{2})*|\"[ !#-\\[\\]-~]*\")$"})
        }
        Kind::Json | Kind::Texts => json!({"type": "string"}),
    }
}

fn response(description: &str, schema: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": reference(schema)}},
    })
}

/// To those who ask too much, if the operator limits them.
fn refused() -> Value {
    response("Too many requests from this address; Retry-After says for how long", "Failure")
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

fn answer() -> Value {
    json!({
        "type": "object",
        "required": ["jsonrpc", "id", "result"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer"]},
            "result": {"type": ["object", "null"]},
        },
        "additionalProperties": false,
    })
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["jsonrpc", "error"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer"]},
            "error": reference("Error"),
        },
        "additionalProperties": false,
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"enum": [-32700, -32600, -32601, -32602, -32603, -32000]},
            "message": {"type": "string"},
            "data": {"type": "string"},
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::ROUTES;

    #[test]
    fn every_method_that_http_has_is_in_it_with_its_parameters() {
        let (all, safe) = (document("1", Offer::All), document("1", Offer::Safe));
        for route in ROUTES {
            assert!(!route.summary.is_empty(), "{}", route.name);
            let path = format!("/{}", route.name);
            assert_eq!(
                safe["paths"].get(&path).is_none(),
                route.offer == Offer::All || matches!(route.call, Call::Listening(_))
            );
            let found = all["paths"].get(&path);
            let Some(found) = found else {
                assert!(matches!(route.call, Call::Listening(_)), "{}", route.name);
                continue;
            };
            let names = found["get"]["parameters"].as_array().unwrap().iter();
            let names: Vec<_> = names.map(|it| it["name"].as_str().unwrap()).collect();
            assert_eq!(names, route.params.iter().map(|it| it.name).collect::<Vec<_>>());
        }
    }
}
