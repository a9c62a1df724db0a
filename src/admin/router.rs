//! The routes and what surrounds them.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use tokio::sync::watch;

use super::access::{Access, require};
use super::api::{
    Drained, LiftOutcome, LiftRequest, OrderOutcome, OrderRequest, ProbeReport, ProbeRequest, ReloadOutcome, Status,
    StoreAccept, StoreAccepted, StoreStatus, TokenCreated, TokenRequest, Tokens, WhatIf, WhatIfQuery,
};
use super::bounds::{BODY_BYTES, REQUEST_TIME, STREAMS, STREAMS_OF_ONE};
use super::crowd::Crowd;
use super::failures::Failures;
use super::ledger::Ledger;
use super::oidc::Provider;
use super::password::Passwords;
use super::same_origin::same_origin;
use super::session::Sessions;
use super::{
    Caller, Command, Control, Lifting, Problem, ProblemKind, Readiness, audit, condition, difference, document, drills,
    events, incidents, notifications, orders, pages, sign_in, tokens, visit,
};
use crate::model::{Role, Scope};

/// What all handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) control: Arc<dyn Control>,
    /// The user whose connections to the socket are an administrator's.
    pub(super) socket_owner: Option<u32>,
    pub(super) failures: Arc<Failures>,
    pub(super) ledger: Arc<Ledger>,
    /// Event streams by name; who says nothing of themselves has none.
    pub(super) streams: Arc<Crowd<Option<String>>>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) passwords: Arc<Passwords>,
    pub(super) provider: Arc<Provider>,
    /// Closed when the node stops; ends event streams.
    pub(super) stopping: watch::Receiver<()>,
}

impl Shared {
    pub(super) fn new(control: Arc<dyn Control>, socket_owner: Option<u32>, stopping: watch::Receiver<()>) -> Self {
        Self {
            control,
            socket_owner,
            failures: Arc::default(),
            ledger: Arc::default(),
            streams: Arc::new(Crowd::new(STREAMS, STREAMS_OF_ONE)),
            sessions: Arc::default(),
            passwords: Arc::default(),
            provider: Arc::default(),
            stopping,
        }
    }
}

/// All routes, for TCP and socket alike.
pub(super) fn routes(shared: &Shared) -> Router {
    let guarded =
        |routes: Router<Shared>, access| routes.route_layer(from_fn_with_state((shared.clone(), access), require));
    let open = Router::new()
        .route("/login", post(sign_in::sign_in))
        .route("/login/provider", get(visit::there))
        .route("/login/callback", get(visit::back))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
    let greeting = Router::new()
        .route("/login", get(sign_in::page))
        .route("/logout", get(sign_in::page).post(sign_in::sign_out))
        .route("/api/v1/openapi.json", get(document::openapi))
        .route("/api/v1/session", get(sign_in::status));
    let views = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/v1/status", get(status))
        .route("/api/v1/explain", get(audit::explain))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/incidents/{id}", get(incidents::one))
        .route("/api/v1/objectives", get(incidents::objectives))
        .route("/api/v1/notifications", get(notifications::list))
        .route("/api/v1/drained", get(drained))
        .route("/api/v1/drills", get(drills::list))
        .route("/api/v1/drills/{id}", get(drills::report))
        .route("/api/v1/orders", get(standing_orders))
        .route("/api/v1/whatif", get(whatif));
    let inner = Router::new()
        .route("/api/v1/store", get(store))
        .route("/api/v1/audit", get(audit::status))
        .route("/api/v1/audit/verify", get(audit::verify))
        .route("/api/v1/audit/export", get(audit::export));
    let operations = Router::new()
        .route("/api/v1/orders", post(order).delete(lift))
        .route("/api/v1/orders/lift", post(lift))
        .route("/api/v1/drills", post(drills::begin))
        .route("/api/v1/drills/{id}/abort", post(drills::abort))
        .route("/api/v1/probe", post(probe));
    let administration = Router::new()
        .route("/api/v1/diff", post(difference::diff))
        .route("/api/v1/reload", post(reload))
        .route("/api/v1/store/accept", post(accept_store))
        .route("/api/v1/tokens", get(list_tokens).post(create_token))
        .route("/api/v1/nodes/{name}", delete(forget_node))
        .route("/api/v1/notifications/{name}/test", post(notifications::test))
        .route("/api/v1/tokens/{name}", delete(revoke_token));
    open.merge(pages::assets())
        .merge(guarded(greeting, Access::Anyone))
        .merge(guarded(pages::pages(), Access::Page(Role::Viewer)))
        .merge(guarded(pages::acts(), Access::PageOf(Role::Operator)))
        .merge(guarded(views, Access::LoopbackOr(Role::Viewer)))
        .merge(guarded(inner, Access::Of(Role::Viewer)))
        .merge(guarded(operations, Access::Of(Role::Operator)))
        .merge(guarded(administration, Access::Of(Role::Admin)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(shared.clone(), same_origin))
        .layer(from_fn(pages::for_people))
        .layer(from_fn(secure_headers))
        .with_state(shared.clone())
}

async fn status(State(shared): State<Shared>) -> Json<Status> {
    Json(shared.control.status())
}

async fn drained(
    State(shared): State<Shared>,
    query: Result<Query<Scope>, QueryRejection>,
) -> Result<Json<Drained>, Problem> {
    Ok(Json(shared.control.drained(&query?.0)?))
}

async fn whatif(
    State(shared): State<Shared>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<WhatIf>, Problem> {
    Ok(Json(shared.control.whatif(&WhatIfQuery::read(query?.0)?)?))
}

async fn standing_orders(State(shared): State<Shared>) -> Response {
    let orders = shared.control.orders();
    let tag = HeaderValue::from_str(&format!("\"{}\"", orders.tag));
    let mut response = Json(orders).into_response();
    if let Ok(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

async fn order(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    request: Result<Json<OrderRequest>, JsonRejection>,
) -> Result<Json<OrderOutcome>, Problem> {
    let seen = condition::seen(&headers, || shared.control.orders().tag)?;
    let command = Command { seen, ..orders::command(request?.0, jiff::Timestamp::now())? };
    caller.over(&command.scope.site)?;
    Ok(Json(shared.control.order(command, caller).await?))
}

async fn lift(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    request: Result<Json<LiftRequest>, JsonRejection>,
) -> Result<Json<LiftOutcome>, Problem> {
    let seen = condition::seen(&headers, || shared.control.orders().tag)?;
    let LiftRequest { scope, reason } = request?.0;
    let reason = orders::text(&reason)?;
    caller.over(&scope.site)?;
    Ok(Json(shared.control.lift(Lifting { scope, reason, seen }, caller).await?))
}

async fn probe(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Result<Json<ProbeRequest>, JsonRejection>,
) -> Result<Json<ProbeReport>, Problem> {
    Ok(Json(shared.control.probe(request?.0, caller).await?))
}

async fn reload(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<ReloadOutcome>, Problem> {
    Ok(Json(shared.control.reload(caller).await?))
}

async fn store(State(shared): State<Shared>) -> Result<Json<StoreStatus>, Problem> {
    Ok(Json(shared.control.store().await?))
}

async fn accept_store(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Result<Json<StoreAccept>, JsonRejection>,
) -> Result<Json<StoreAccepted>, Problem> {
    Ok(Json(shared.control.accept_store(request?.0, caller).await?))
}

async fn list_tokens(State(shared): State<Shared>) -> Json<Tokens> {
    Json(Tokens { schema: Tokens::SCHEMA.to_owned(), tokens: shared.control.tokens() })
}

async fn create_token(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Result<Json<TokenRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<TokenCreated>), Problem> {
    let request = tokens::checked(request?.0, jiff::Timestamp::now())?;
    Ok((StatusCode::CREATED, Json(shared.control.create_token(request, caller).await?)))
}

async fn forget_node(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    shared.control.forget_node(name, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_token(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    shared.control.revoke_token(name, caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The process runs and its event loop turns.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The node answers queries.
async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    match shared.control.readiness() {
        Readiness::Ready => (StatusCode::OK, "ready\n".to_owned()),
        Readiness::NotReady(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let content_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], shared.control.metrics()).into_response()
}

async fn not_found() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is nothing under this path")
}

async fn method_not_allowed() -> Problem {
    Problem::new(ProblemKind::Method, "this path does not know the method")
}

/// Ends a request that takes longer than [`REQUEST_TIME`] to answer; a stream has answered when it begins.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(ProblemKind::Timeout, "the node took too long; an order may still take effect")
            .with_remedy("look at the status before ordering again")
            .into_response(),
    }
}

/// What keeps a browser from making more of a response than it is.
async fn secure_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Without any, browsers say of a form that its page must not be told.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Only what is the same for everyone says otherwise of itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
