//! The OpenAPI document: what can be asked of the API, by whom, and what comes back.
//!
//! Schemas are derived from the types that are sent. One line of [`operations()`] stands for each route under `/api/` and for what
//! monitoring asks; a test holds them against the routes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::api::ProblemDocument;
use super::operation::Schemas;
use super::operations::operations;

fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut items: BTreeMap<&str, PathItem> = BTreeMap::new();
    let mut schemas: Schemas = vec![("ProblemDocument".to_owned(), ProblemDocument::schema())];
    ProblemDocument::schemas(&mut schemas);
    for operation in operations() {
        let item = PathItem::new(operation.method.clone(), operation.described());
        match items.get_mut(operation.path) {
            Some(known) => known.merge_operations(item),
            None => drop(items.insert(operation.path, item)),
        }
        schemas.extend(operation.schemas);
    }
    for (path, item) in items {
        paths = paths.path(path, item);
    }
    let mut components = ComponentsBuilder::new();
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description(
        "__Host-waypost",
        "the cookie of a session (waypost without TLS); changes also repeat csrf of /api/v1/session as X-Waypost-CSRF",
    ));
    let components = components
        .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("session", SecurityScheme::ApiKey(cookie))
        .security_scheme(
            "certificate",
            SecurityScheme::MutualTls { description: None, extensions: None, deprecated: None },
        );
    let told = "Reading is open on loopback; changes need a token, a session or a certificate of their own. Errors are RFC 9457 \
                problem documents with a stable type.";
    OpenApiBuilder::new()
        .info(InfoBuilder::new().title("Waypost").version(env!("CARGO_PKG_VERSION")).description(Some(told)).build())
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}

/// `GET /api/v1/openapi.json`
pub(super) async fn openapi() -> Response {
    static WRITTEN: OnceLock<String> = OnceLock::new();
    let text = WRITTEN.get_or_init(|| document().to_json().unwrap_or_default());
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.as_str()).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::super::operation::Operation;
    use super::*;

    /// `GET /api/v1/status` of each route that the sources of this room register below `/api/` or for monitoring.
    fn registered() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                let start = format!(".{}(\"", "route");
                for call in text.split(start.as_str()).skip(1) {
                    let (path, rest) = call.split_once('"').unwrap();
                    let handlers = rest.split(&['\n', ';'][..]).next().unwrap();
                    if !path.starts_with("/api/") && !["/healthz", "/readyz", "/metrics"].contains(&path) {
                        continue;
                    }
                    for method in ["get", "post", "put", "patch", "delete"] {
                        if handlers.contains(&format!(" {method}(")) || handlers.contains(&format!(".{method}(")) {
                            found.insert(format!("{} {path}", method.to_uppercase()));
                        }
                    }
                }
            }
        }
        found
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else_is() {
        let documented: BTreeSet<String> = operations()
            .iter()
            .map(|operation| format!("{} {}", operation.id().split('_').next().unwrap().to_uppercase(), operation.path))
            .collect();
        assert_eq!(registered(), documented);
        assert!(documented.len() > 15);
    }

    #[test]
    fn the_document_is_whole() {
        let document: serde_json::Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
        assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name} is named and not there");
        }
        let ids: Vec<String> = operations().iter().map(Operation::id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }
}
