//! All operations of the API: what can be asked, by whom, and what comes back.

use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Required};

use super::ProblemKind;
use super::access::Access;
use super::api::{
    AbortRequest, AnswerDifference, AuditReport, AuditStatus, DiffRequest, Drained, DrillBegun, DrillReport,
    DrillRequest, Drills, Events, Explanation, IncidentDocument, IncidentList, LiftOutcome, LiftRequest,
    NotificationTried, NotificationsReport, ObjectivesReport, OrderOutcome, OrderRequest, Orders, PastAnswer,
    ProbeReport, ProbeRequest, ReloadOutcome, SessionStatus, Status, StoreAccept, StoreAccepted, StoreStatus,
    TokenCreated, TokenRequest, Tokens, WhatIf,
};
use super::bounds::{EVENTS_LONGEST, INCIDENTS_LONGEST};
use super::operation::{Operation, delete, get, post, text};
use crate::model::{Event, Role};

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
            .gives::<Events>("A page, in order of ids; without a role, without entries about people")
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
            .fails(&[NotFound, StoreFull, Unavailable]),
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
