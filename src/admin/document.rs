//! The OpenAPI document: what can be asked of the API, by whom, and what comes back.
//!
//! Schemas are derived from the types that are sent. One line of [`operations`] stands for each route under `/api/` and for what
//! monitoring asks; a test holds them against the routes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{
    HttpMethod, Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder,
    Ref, RefOr, Required, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use super::ProblemKind;
use super::access::Access;
use super::api::{
    AbortRequest, AnswerDifference, AuditReport, AuditStatus, DiffRequest, Drained, DrillBegun, DrillReport,
    DrillRequest, Drills, Events, Explanation, IncidentDocument, IncidentList, LiftOutcome, LiftRequest,
    NotificationTried, NotificationsReport, ObjectivesReport, OrderOutcome, OrderRequest, Orders, PastAnswer,
    ProbeReport, ProbeRequest, ProblemDocument, ReloadOutcome, SessionStatus, Status, StoreAccept, StoreAccepted,
    StoreStatus, TokenCreated, TokenRequest, Tokens, WhatIf,
};
use super::bounds::{EVENTS_LONGEST, INCIDENTS_LONGEST};
use crate::model::{Event, Role};

type Schemas = Vec<(String, RefOr<Schema>)>;

/// A route as the document tells of it.
pub(super) struct Operation {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    access: Access,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RefOr<Schema>>,
    answers: Vec<Answer>,
    problems: Vec<ProblemKind>,
    schemas: Schemas,
}

/// A good answer.
struct Answer {
    status: u16,
    description: &'static str,
    content: Option<(&'static str, RefOr<Schema>)>,
    /// Kinds of text that it may be instead.
    also: Vec<(&'static str, Schema)>,
    headers: Vec<(&'static str, &'static str)>,
}

fn operation(method: HttpMethod, path: &'static str, access: Access, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        access,
        summary,
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        problems: Vec::new(),
        schemas: Vec::new(),
    }
}

pub(super) fn get(path: &'static str, access: Access, summary: &'static str) -> Operation {
    operation(HttpMethod::Get, path, access, summary)
}

pub(super) fn post(path: &'static str, role: Role, summary: &'static str) -> Operation {
    operation(HttpMethod::Post, path, Access::Of(role), summary)
}

pub(super) fn delete(path: &'static str, role: Role, summary: &'static str) -> Operation {
    operation(HttpMethod::Delete, path, Access::Of(role), summary)
}

impl Operation {
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        self.schemas.push((T::name().into_owned(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    /// Its body holds a `T`.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some(self.schema::<T>());
        self
    }

    /// It is answered with a `T`.
    pub(super) fn gives<T: ToSchema>(self, description: &'static str) -> Self {
        self.gives_with_status::<T>(200, description)
    }

    /// The same with another status.
    pub(super) fn gives_with_status<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let content = Some(("application/json", self.schema::<T>()));
        self.answers.push(Answer { status, description, content, also: Vec::new(), headers: Vec::new() });
        self
    }

    /// It is answered with text of a kind.
    fn gives_text(mut self, status: u16, kind: &'static str, description: &'static str) -> Self {
        let text = RefOr::T(ObjectBuilder::new().schema_type(Type::String).build().into());
        self.answers.push(Answer {
            status,
            description,
            content: Some((kind, text)),
            also: Vec::new(),
            headers: Vec::new(),
        });
        self
    }

    /// It is answered without a body.
    pub(super) fn gives_nothing(mut self, description: &'static str) -> Self {
        self.answers.push(Answer { status: 204, description, content: None, also: Vec::new(), headers: Vec::new() });
        self
    }

    /// Its last answer may be a `T` instead.
    fn or<T: ToSchema>(mut self) -> Self {
        let other = self.schema::<T>();
        if let Some((_, content)) = self.answers.last_mut().and_then(|answer| answer.content.as_mut()) {
            let either = AnyOfBuilder::new().item(content.clone()).item(other).build();
            *content = RefOr::T(Schema::AnyOf(either));
        }
        self
    }

    /// Its last answer may be text of a kind instead.
    fn also_text(mut self, kind: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.also.push((kind, text()));
        }
        self
    }

    /// Its last answer has a header.
    fn header(mut self, name: &'static str, description: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers.push((name, description));
        }
        self
    }

    /// It may come to these problems, beside those that every request may.
    pub(super) fn fails(mut self, problems: &[ProblemKind]) -> Self {
        self.problems.extend(problems);
        self
    }

    fn parameter(
        mut self,
        place: ParameterIn,
        name: &str,
        required: Required,
        schema: Schema,
        description: &str,
    ) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .schema(Some(RefOr::T(schema)))
            .description(Some(description));
        self.parameters.push(parameter.build());
        self
    }

    /// A part of its path.
    pub(super) fn named(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Path, name, Required::True, text(), description)
    }

    /// A text in its query that must be there.
    fn needs(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::True, text(), description)
    }

    /// A text in its query.
    pub(super) fn asks(self, name: &str, description: &str) -> Self {
        self.parameter(ParameterIn::Query, name, Required::False, text(), description)
    }

    /// A whole number in its query.
    pub(super) fn counts(self, name: &str, range: (usize, Option<usize>), description: &str) -> Self {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(range.0)).maximum(range.1).build();
        self.parameter(ParameterIn::Query, name, Required::False, number.into(), description)
    }

    /// A number in its path.
    pub(super) fn numbered(self, name: &str, description: &str) -> Self {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        self.parameter(ParameterIn::Path, name, Required::True, number.into(), description)
    }

    /// Yes or no in its query.
    fn flag(self, name: &str, description: &str) -> Self {
        let flag = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).build();
        self.parameter(ParameterIn::Query, name, Required::False, flag.into(), description)
    }

    /// A time in its query.
    pub(super) fn dates(self, name: &str, description: &str) -> Self {
        let time = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .build();
        self.parameter(ParameterIn::Query, name, Required::False, time.into(), description)
    }

    /// It honours `If-Match`.
    pub(super) fn conditional(self) -> Self {
        let told = "the ETag of GET /api/v1/orders that it was decided on: on other orders it is not done, with 409";
        self.parameter(ParameterIn::Header, "If-Match", Required::False, text(), told).fails(&[ProblemKind::Conflict])
    }

    fn described(&self) -> Described {
        let mut builder = OperationBuilder::new().summary(Some(self.summary)).operation_id(Some(self.id()));
        for parameter in &self.parameters {
            builder = builder.parameter(parameter.clone());
        }
        if let Some(body) = &self.body {
            let content = ContentBuilder::new().schema(Some(body.clone())).build();
            let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
            builder = builder.request_body(Some(body.build()));
        }
        for answer in &self.answers {
            let mut response = ResponseBuilder::new().description(answer.description);
            if let Some((kind, schema)) = &answer.content {
                response = response.content(*kind, ContentBuilder::new().schema(Some(schema.clone())).build());
            }
            for (kind, schema) in &answer.also {
                response = response.content(*kind, ContentBuilder::new().schema(Some(schema.clone())).build());
            }
            for (name, told) in &answer.headers {
                let header = HeaderBuilder::new().schema(Some(text())).description(Some(*told)).build();
                response = response.header(*name, header);
            }
            builder = builder.response(answer.status.to_string(), response.build());
        }
        for (status, titles) in self.failures() {
            let schema = RefOr::Ref(Ref::from_schema_name("ProblemDocument"));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new().description(titles).content("application/problem+json", content);
            builder = builder.response(status.to_string(), response.build());
        }
        for security in self.securities() {
            builder = builder.security(security);
        }
        builder.build()
    }

    /// The problems that it may come to, by status.
    fn failures(&self) -> BTreeMap<u16, String> {
        let mut kinds = vec![ProblemKind::Misdirected, ProblemKind::Timeout, ProblemKind::Internal];
        if self.access != Access::Anyone || self.path.starts_with("/api/") {
            kinds.extend([ProblemKind::Unauthenticated, ProblemKind::TooMany, ProblemKind::Forbidden]);
        }
        if self.body.is_some() {
            kinds.extend([ProblemKind::Invalid, ProblemKind::TooLarge, ProblemKind::MediaType]);
        }
        if !self.parameters.is_empty() {
            kinds.push(ProblemKind::Invalid);
        }
        kinds.extend(&self.problems);
        let mut failures: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for kind in kinds {
            let titles = failures.entry(kind.status()).or_default();
            if !titles.contains(&kind.title()) {
                titles.push(kind.title());
            }
        }
        failures.into_iter().map(|(status, titles)| (status, titles.join("; or: "))).collect()
    }

    /// What callers show; none at all where nothing is asked of some.
    fn securities(&self) -> Vec<SecurityRequirement> {
        let none: [&str; 0] = [];
        let mut securities = vec![
            SecurityRequirement::new("token", none),
            SecurityRequirement::new("session", none),
            SecurityRequirement::new("certificate", none),
        ];
        if !matches!(self.access, Access::Of(_)) {
            securities.push(SecurityRequirement::default());
        }
        securities
    }

    fn id(&self) -> String {
        let path = self.path.trim_start_matches("/api/v1/").replace(['/', '-', '.'], "_").replace(['{', '}'], "");
        let method = match self.method {
            HttpMethod::Get => "get",
            HttpMethod::Post => "post",
            HttpMethod::Delete => "delete",
            _ => "do",
        };
        format!("{method}_{}", path.trim_start_matches('_'))
    }
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

/// All that is documented.
pub(super) fn operations() -> Vec<Operation> {
    use ProblemKind::{Conflict, Diagnostics, Invalid, NotFound, Refused, StoreFull, Unavailable};
    let viewer = Access::LoopbackOr(Role::Viewer);
    let names = ArrayBuilder::new().items(RefOr::T(text())).min_items(Some(1)).build();
    let flag = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean)).build();
    let last_event = "the id of the last event that was seen; goes before after";
    vec![
        get("/healthz", Access::Anyone, "Whether the process runs").gives_text(200, "text/plain", "It does"),
        get("/readyz", Access::Anyone, "Whether the node answers queries")
            .gives_text(200, "text/plain", "It does")
            .gives_text(503, "text/plain", "It does not, and why"),
        get("/metrics", viewer, "Metrics in the OpenMetrics text format").gives_text(
            200,
            "application/openmetrics-text",
            "The metrics",
        ),
        get("/api/v1/openapi.json", Access::Anyone, "This document").gives_text(
            200,
            "application/json",
            "The document",
        ),
        get("/api/v1/session", Access::Anyone, "Who asks, and what they may do").gives::<SessionStatus>("Who"),
        get("/api/v1/status", viewer, "What the node does and why").gives::<Status>("The status"),
        get("/api/v1/explain", viewer, "Why a client gets the answer it gets")
            .needs("name", "the name asked for")
            .asks("type", "the type asked for, as in MX; default A")
            .asks("client", "the client: an address, or a network as in an EDNS client subnet")
            .dates("at", "at this moment of the past")
            .counts("edns", (0, Some(65_535)), "of the past: the payload that the query advertised")
            .flag("do", "of the past: whether it asked for signatures")
            .flag("rd", "of the past: whether it asked for recursion")
            .gives::<Explanation>("Why; with at, what was answered then")
            .or::<PastAnswer>()
            .fails(&[NotFound, Unavailable]),
        get("/api/v1/audit", Access::Of(Role::Viewer), "Where the chain of the journal begins and ends")
            .gives::<AuditStatus>("Where")
            .fails(&[Unavailable]),
        get("/api/v1/audit/verify", Access::Of(Role::Viewer), "Check the chain of the journal")
            .asks("checkpoints", "places written down elsewhere that it is held against: ID:HASH,ID:HASH")
            .gives::<AuditReport>("What was found")
            .fails(&[Unavailable]),
        get("/api/v1/audit/export", Access::Of(Role::Viewer), "The journal as JSON lines, with what proves it")
            .dates("since", "from this moment on")
            .dates("until", "before this moment")
            .gives_text(200, "application/jsonl", "A line for the head, for each entry, and for the end")
            .fails(&[NotFound, Unavailable]),
        get("/api/v1/incidents", viewer, "Incidents, newest first")
            .counts("before", (0, None), "those that began before this event")
            .counts("limit", (1, Some(INCIDENTS_LONGEST)), "at most so many, default 20")
            .gives::<IncidentList>("The incidents"),
        get("/api/v1/incidents/{id}", viewer, "An incident")
            .numbered("id", "the event that began it")
            .asks("format", "md for Markdown; default json")
            .gives::<IncidentDocument>("The incident")
            .also_text("text/markdown")
            .fails(&[NotFound]),
        get("/api/v1/drills", viewer, "The drills of this node, the one that runs, and those to come")
            .gives::<Drills>("The drills, newest first"),
        get("/api/v1/drills/{id}", viewer, "All that was measured of a drill")
            .named("id", "the drill")
            .asks("format", "md for Markdown; default json")
            .gives::<DrillReport>("The report")
            .also_text("text/markdown")
            .fails(&[NotFound]),
        post("/api/v1/drills", Role::Operator, "Take a site out for a while, and put it back whatever happens")
            .takes::<DrillRequest>()
            .gives::<DrillBegun>("The drill that began, or would")
            .fails(&[NotFound, Refused, Conflict, StoreFull, Unavailable]),
        post("/api/v1/drills/{id}/abort", Role::Operator, "End a drill early")
            .named("id", "the drill")
            .takes::<AbortRequest>()
            .gives::<DrillReport>("Its report")
            .fails(&[NotFound, Conflict, StoreFull, Unavailable]),
        get("/api/v1/objectives", viewer, "What is promised of services, and what came of it this month")
            .gives::<ObjectivesReport>("What"),
        get("/api/v1/notifications", viewer, "How targets of notifications and hooks fare")
            .gives::<NotificationsReport>("How"),
        post(
            "/api/v1/notifications/{name}/test",
            Role::Admin,
            "Send a test to a target of notifications, now and once",
        )
        .named("name", "the target's name")
        .gives::<NotificationTried>("Whether it arrived")
        .fails(&[NotFound]),
        get("/api/v1/events", viewer, "The journal in pages, or as a stream that resumes with Last-Event-ID")
            .counts("after", (0, None), "events above this id, the oldest of them first")
            .counts("before", (0, None), "events below this id, the newest of them")
            .dates("since", "events from this time on")
            .dates("until", "events before this time")
            .counts("limit", (1, Some(EVENTS_LONGEST)), "at most so many, default 100")
            .counts("follow", (0, Some(1)), "1 for a stream")
            .parameter(ParameterIn::Header, "Last-Event-ID", Required::False, text(), last_event)
            .gives::<Events>("A page, in order of ids")
            .header("Link", "the pages before and after, RFC 8288")
            .streams::<Event>()
            .fails(&[Unavailable]),
        get("/api/v1/drained", viewer, "When no well-behaved cache names a site any more")
            .needs("site", "the site")
            .asks("service", "only this service of it")
            .gives::<Drained>("When")
            .fails(&[NotFound]),
        get("/api/v1/whatif", viewer, "What the sites would carry if some failed")
            .parameter(ParameterIn::Query, "fail", Required::True, names.into(), "the sites that fail")
            .parameter(ParameterIn::Query, "peak", Required::False, flag.into(), "at the peak of the last day")
            .gives::<WhatIf>("What they would")
            .fails(&[NotFound]),
        get("/api/v1/orders", viewer, "The orders that stand")
            .gives::<Orders>("The orders")
            .header("ETag", "which orders these are, for If-Match"),
        post("/api/v1/orders", Role::Operator, "Drain, isolate or pin a site")
            .conditional()
            .takes::<OrderRequest>()
            .gives::<OrderOutcome>("What it came to")
            .fails(&[NotFound, Refused, StoreFull, Unavailable]),
        delete(
            "/api/v1/orders",
            Role::Operator,
            "Lift an order; as POST /api/v1/orders/lift, for clients that send a body",
        )
        .conditional()
        .takes::<LiftRequest>()
        .gives::<LiftOutcome>("What it came to")
        .fails(&[NotFound, Refused, StoreFull, Unavailable]),
        post("/api/v1/orders/lift", Role::Operator, "Lift an order")
            .conditional()
            .takes::<LiftRequest>()
            .gives::<LiftOutcome>("What it came to")
            .fails(&[NotFound, Refused, StoreFull, Unavailable]),
        post("/api/v1/probe", Role::Operator, "Probe declared endpoints once")
            .takes::<ProbeRequest>()
            .gives::<ProbeReport>("What was found")
            .fails(&[NotFound, Unavailable]),
        get("/api/v1/store", Access::Of(Role::Viewer), "What the store holds that orders are kept in")
            .gives::<StoreStatus>("What it holds")
            .fails(&[Unavailable]),
        post("/api/v1/store/accept", Role::Admin, "Go on with a store that went back")
            .takes::<StoreAccept>()
            .gives::<StoreAccepted>("With what")
            .fails(&[Conflict, Refused, NotFound, StoreFull, Unavailable]),
        post(
            "/api/v1/diff",
            Role::Admin,
            "What another configuration would change in the answers; through the Unix socket only",
        )
        .takes::<DiffRequest>()
        .gives::<AnswerDifference>("What differs")
        .fails(&[Diagnostics, NotFound, Unavailable]),
        post("/api/v1/reload", Role::Admin, "Read configuration and zones again")
            .gives::<ReloadOutcome>("What changed")
            .fails(&[Diagnostics, Unavailable]),
        get("/api/v1/tokens", Access::Of(Role::Admin), "All tokens").gives::<Tokens>("The tokens, without secrets"),
        post("/api/v1/tokens", Role::Admin, "Make a token")
            .takes::<TokenRequest>()
            .gives_with_status::<TokenCreated>(201, "The token with its secret, which is shown once")
            .fails(&[StoreFull, Unavailable]),
        delete("/api/v1/tokens/{name}", Role::Admin, "Make a token useless at once")
            .named("name", "its name")
            .gives_nothing("It is")
            .fails(&[NotFound, StoreFull, Unavailable]),
        delete("/api/v1/nodes/{name}", Role::Admin, "Take a node out of the cluster that is there no more")
            .named("name", "its name")
            .gives_nothing("It is out")
            .fails(&[Invalid, NotFound, Refused, Conflict, Unavailable]),
    ]
}

impl Operation {
    /// Its last answer may also be a stream of server-sent events, whose data are `T`s.
    fn streams<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        let event = ObjectBuilder::new()
            .description(Some(format!("A server-sent event; its data are a JSON document: {}", T::name())))
            .property("id", text())
            .property("event", text())
            .property("data", text())
            .build();
        if let Some(answer) = self.answers.last_mut() {
            answer.also.push(("text/event-stream", event.into()));
        }
        self
    }
}

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
