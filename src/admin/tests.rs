//! The API as its callers meet it: over real connections, in front of a node that only remembers what it was told.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::api::{
    ClusterStatus, Degradation, Drained, EndpointStatus, ExplainQuery, Explanation, GeoStatus, LiftOutcome,
    OrderOutcome, OrderStatus, Orders, Outcome, ProbeReport, ProbeRequest, ReloadOutcome, ServiceStatus, SiteStatus,
    Status, StoreAccept, StoreAccepted, StoreStatus, TokenCreated, TokenRequest, WhatIf, WhatIfQuery,
};
use super::entrance_fake::Door;
use super::{AdminServer, Caller, Command, Control, Lifting, Problem, ProblemKind, Pulse, Readiness, start};
use crate::model::{
    Event, EventKind, Generation, Intent, IntentKind, Lifetime, OrdersTag, OrdersVersion, Reach, Role, Scope, Share,
    Standing, State, Tier, Token,
};
use crate::plan::incidents::Incident;

/// What a hostile name, reason or answer of a probed server may hold.
pub(super) const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

pub(super) fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn intent(by: &str, reason: &str) -> Intent {
    Intent {
        scope: Scope { site: "fra".into(), service: None },
        kind: IntentKind::Drain { share: Share::ALL },
        by: by.into(),
        reason: reason.into(),
        since: now(),
        lifetime: Lifetime::UntilCleared,
        revision: 1,
        forced: false,
        reach: Reach::Everywhere,
        schedule: None,
        drill: None,
    }
}

pub(super) struct Fake {
    journal: Mutex<Vec<Event>>,
    live: broadcast::Sender<Arc<Event>>,
    pub(super) ordered: Mutex<Vec<(Command, Caller)>>,
    ready: bool,
    pub(super) cluster: Mutex<Option<ClusterStatus>>,
    pub(super) accepted: Mutex<Vec<(StoreAccept, Caller)>>,
    pub(super) door: Door,
    pub(super) incidents: Mutex<Vec<Incident>>,
    tag: Mutex<String>,
}

impl Fake {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            journal: Mutex::default(),
            live: broadcast::channel(4).0,
            ordered: Mutex::default(),
            ready: true,
            cluster: Mutex::default(),
            accepted: Mutex::default(),
            door: Door::default(),
            incidents: Mutex::default(),
            tag: Mutex::new("4.17".to_owned()),
        })
    }

    fn changed_since(&self, seen: Option<OrdersTag>) -> Result<(), Problem> {
        let now: OrdersTag = self.tag.lock().unwrap().parse().unwrap();
        match seen.filter(|seen| *seen != now) {
            Some(_) => Err(Problem { orders: Some(now), ..Problem::new(ProblemKind::Conflict, "the orders changed") }),
            None => Ok(()),
        }
    }

    pub(super) fn journal(&self) -> Vec<Event> {
        self.journal.lock().unwrap().clone()
    }

    pub(super) fn happens(&self, part: &str) {
        self.happens_at(part, now());
    }

    pub(super) fn happens_at(&self, part: &str, time: Timestamp) {
        self.journals_at(EventKind::Degraded { part: part.into(), detail: SCRIPT.into() }, time);
    }

    pub(super) fn journals(&self, kind: EventKind) {
        self.journals_at(kind, now());
    }

    fn journals_at(&self, kind: EventKind, time: Timestamp) {
        let mut journal = self.journal.lock().unwrap();
        let event = Event { id: journal.len() as u64 + 1, time, node: "ns1".into(), kind };
        journal.push(event.clone());
        let _nobody_listens = self.live.send(Arc::new(event));
    }
}

impl Pulse for Fake {
    fn generation(&self) -> Generation {
        Generation { epoch: 1, sequence: 2 }
    }
}

impl Control for Fake {
    fn last_event(&self) -> u64 {
        self.journal.lock().unwrap().len() as u64
    }

    fn status(&self) -> Status {
        let endpoint = EndpointStatus {
            address: Ipv4Addr::new(192, 0, 2, 1).into(),
            host: SCRIPT.into(),
            state: State::Down,
            suspect: false,
            reason: SCRIPT.into(),
            since: now(),
            latency_ms: None,
            monitors: vec![],
        };
        let site = SiteStatus {
            name: SCRIPT.into(),
            standing: Standing::Down,
            health: State::Down,
            intent: Some(SCRIPT.into()),
            drained: Share::NONE,
            reason: SCRIPT.into(),
            drained_by: Some(now()),
            endpoints: vec![endpoint],
        };
        let service = ServiceStatus {
            name: SCRIPT.into(),
            policy: "nearest".into(),
            tier: Tier::Serving,
            ttl: 30,
            min_sites: 1,
            requires: vec![],
            sites: vec![site],
        };
        Status {
            schema: Status::SCHEMA.into(),
            node: SCRIPT.into(),
            version: "0.0.0".into(),
            site: None,
            started: now(),
            time: now(),
            generation: Generation { epoch: 1, sequence: 2 },
            ready: true,
            verdict: SCRIPT.into(),
            services: vec![service],
            orders: vec![OrderStatus {
                intent: intent(SCRIPT, SCRIPT),
                remaining_seconds: None,
                next: None,
                drained_by: None,
            }],
            revision: 1,
            zones: vec![],
            zone_count: 0,
            degradations: vec![Degradation { part: SCRIPT.into(), detail: SCRIPT.into(), since: now() }],
            loads: vec![],
            geo: GeoStatus { source: SCRIPT.into(), detail: String::new() },
            last_event: self.journal.lock().unwrap().len() as u64,
            cluster: self.cluster.lock().unwrap().clone(),
        }
    }

    fn readiness(&self) -> Readiness {
        if self.ready { Readiness::Ready } else { Readiness::NotReady("no zones".into()) }
    }

    fn metrics(&self) -> String {
        "# EOF\n".into()
    }

    fn order(&self, command: Command, caller: Caller) -> BoxFuture<'_, Result<OrderOutcome, Problem>> {
        Box::pin(async move {
            self.changed_since(command.seen)?;
            if command.kind == IntentKind::Isolate {
                let refusal = Problem::new(ProblemKind::Refused, "fra is the last site of mx");
                return Err(refusal.with_remedy("bring another site into service first"));
            }
            let intent = Intent { lifetime: command.lifetime, ..intent(&caller.name, &command.reason) };
            self.ordered.lock().unwrap().push((command, caller));
            Ok(OrderOutcome {
                schema: OrderOutcome::SCHEMA.into(),
                outcome: Outcome::Accepted,
                intent,
                changes: vec![],
                loads: vec![],
                generation: Generation::default(),
                acknowledged_by: vec!["ns1".into()],
                missing: Vec::new(),
                drained_by: None,
                timetable: vec![],
                expected_drained_by: None,
                severe: vec![],
                replaces: None,
                undo: "waypost undrain fra".into(),
            })
        })
    }

    fn orders(&self) -> Orders {
        let tag = self.tag.lock().unwrap().parse().unwrap();
        Orders { schema: Orders::SCHEMA.into(), time: now(), tag, orders: self.status().orders }
    }

    fn lift(&self, lifting: Lifting, _caller: Caller) -> BoxFuture<'_, Result<LiftOutcome, Problem>> {
        let changed = self.changed_since(lifting.seen);
        Box::pin(async {
            changed?;
            Ok(LiftOutcome {
                schema: LiftOutcome::SCHEMA.into(),
                outcome: Outcome::Unchanged,
                intent: None,
                changes: vec![],
                generation: Generation::default(),
                acknowledged_by: vec![],
                missing: Vec::new(),
                undo: None,
            })
        })
    }

    fn explain(&self, query: &ExplainQuery) -> Result<Explanation, Problem> {
        Ok(Explanation {
            schema: Explanation::SCHEMA.into(),
            lines: vec![format!("{} {:?}", query.name, query.rtype)],
            detail: Value::Null,
        })
    }

    fn journalled(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn events(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Event>, Problem>> {
        let journal = self.journal.lock().unwrap();
        let events = journal.iter().filter(|event| event.id > after).take(limit).cloned().collect();
        Box::pin(async { Ok(events) })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.live.subscribe()
    }

    fn drained(&self, scope: &Scope) -> Result<Drained, Problem> {
        if scope.site != "fra" {
            return Err(Problem::new(ProblemKind::NotFound, format!("there is no site '{}'", scope.site)));
        }
        Ok(Drained {
            schema: Drained::SCHEMA.into(),
            scope: scope.clone(),
            time: now(),
            safe: true,
            services: vec![],
            missing: vec![],
            next: None,
        })
    }

    fn probe(&self, request: ProbeRequest, caller: Caller) -> BoxFuture<'_, Result<ProbeReport, Problem>> {
        let node = format!("{} for {}", request.endpoint, caller.name);
        Box::pin(async { Ok(ProbeReport { schema: ProbeReport::SCHEMA.into(), node, probes: vec![] }) })
    }

    fn whatif(&self, query: &WhatIfQuery) -> Result<WhatIf, Problem> {
        if query.fail.iter().any(|site| site == "nowhere") {
            return Err(Problem::new(ProblemKind::NotFound, "there is no site 'nowhere'"));
        }
        Ok(WhatIf {
            schema: WhatIf::SCHEMA.into(),
            node: "ns1".into(),
            time: now(),
            generation: Generation::default(),
            fail: query.fail.clone(),
            peak: query.peak,
            fits: true,
            finding: None,
            verdict: "Fits.".into(),
            sites: vec![],
            services: vec![],
        })
    }

    fn reload(&self, _caller: Caller) -> BoxFuture<'_, Result<ReloadOutcome, Problem>> {
        Box::pin(async {
            Err(Problem::new(ProblemKind::Diagnostics, "1 error").with_diagnostics(vec!["a:1:1: error: x".into()]))
        })
    }

    fn store(&self) -> BoxFuture<'_, Result<StoreStatus, Problem>> {
        Box::pin(async {
            Ok(StoreStatus {
                schema: StoreStatus::SCHEMA.into(),
                kind: "embedded".into(),
                went_back: false,
                known: OrdersVersion::default(),
                known_orders: vec![],
                found: Some(OrdersVersion::default()),
                found_orders: vec![],
                trouble: None,
            })
        })
    }

    fn accept_store(&self, request: StoreAccept, caller: Caller) -> BoxFuture<'_, Result<StoreAccepted, Problem>> {
        self.accepted.lock().unwrap().push((request, caller));
        let orders = OrdersVersion { epoch: 4, revision: 3 };
        Box::pin(async move { Ok(StoreAccepted { schema: StoreAccepted::SCHEMA.into(), changed: true, orders }) })
    }

    fn tokens(&self) -> Vec<Token> {
        vec![]
    }

    fn create_token(&self, request: TokenRequest, caller: Caller) -> BoxFuture<'_, Result<TokenCreated, Problem>> {
        let TokenRequest { name, role, remit, expires } = request;
        let token = Token { name, role, remit, created: now(), by: caller.name, expires };
        Box::pin(async { Ok(TokenCreated { schema: TokenCreated::SCHEMA.into(), token, secret: "wp_x".into() }) })
    }

    fn forget_node(&self, _name: String, _caller: Caller) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    fn revoke_token(&self, _name: String, _caller: Caller) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }
}

pub(super) struct Api {
    pub(super) fake: Arc<Fake>,
    server: AdminServer,
    pub(super) base: String,
    socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Api {
    pub(super) async fn start() -> Self {
        // As `main` does.
        let _set_already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let fake = Fake::new();
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("admin.sock");
        let listen = Some((Ipv4Addr::LOCALHOST, 0).into());
        let server = start(listen, None, Some(socket.clone()), Arc::clone(&fake) as Arc<dyn Control>).await.unwrap();
        let base = format!("http://{}", server.local_addr().unwrap());
        Self { fake, server, base, socket, _directory: directory }
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }

    pub(super) fn tcp(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        Client::builder().no_proxy().build().unwrap().request(method, format!("{}{path}", self.base))
    }

    pub(super) fn socket(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let client = Client::builder().unix_socket(self.socket.clone()).build().unwrap();
        client.request(method, format!("http://localhost{path}"))
    }
}

pub(super) fn drain() -> Value {
    json!({ "scope": { "site": "fra" }, "kind": "drain", "share": 1000, "reason": "new power supply" })
}

pub(super) async fn problem(response: Response) -> (u16, String, u64) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status);
    assert!(!document["detail"].as_str().unwrap().is_empty());
    let kind = document["type"].as_str().unwrap().strip_prefix("urn:waypost:problem:").unwrap().to_owned();
    (status, kind, document["code"].as_u64().unwrap())
}

#[tokio::test]
async fn nothing_is_changed_over_tcp_without_a_token() {
    let api = Api::start().await;
    for (method, path) in [
        (Method::POST, "/api/v1/orders"),
        (Method::DELETE, "/api/v1/orders"),
        (Method::POST, "/api/v1/orders/lift"),
        (Method::POST, "/api/v1/reload"),
        (Method::POST, "/api/v1/tokens"),
        (Method::DELETE, "/api/v1/tokens/ci"),
        (Method::DELETE, "/api/v1/nodes/nrt-ns1"),
        (Method::GET, "/api/v1/tokens"),
        (Method::GET, "/api/v1/store"),
        (Method::POST, "/api/v1/store/accept"),
    ] {
        let response = api.tcp(method, path).json(&drain()).send().await.unwrap();
        assert!(response.headers().contains_key("www-authenticate"), "{path}");
        assert_eq!(problem(response).await, (401, "unauthenticated".into(), 6), "{path}");
    }
    assert!(api.fake.ordered.lock().unwrap().is_empty() && api.fake.accepted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_read_is_open_on_loopback() {
    let api = Api::start().await;
    for path in [
        "/",
        "/login",
        "/healthz",
        "/readyz",
        "/metrics",
        "/assets/operator.css",
        "/api/v1/status",
        "/api/v1/session",
        "/api/v1/events",
        "/api/v1/explain?name=example.org",
        "/api/v1/drained?site=fra",
        "/api/v1/whatif?fail=fra",
    ] {
        assert_eq!(api.tcp(Method::GET, path).send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_role_includes_the_ones_before_it_and_no_other() {
    let api = Api::start().await;
    let status = async |role: Role, method, path| {
        let request = api.tcp(method, path).bearer_auth(format!("wp_{role}")).json(&drain());
        request.send().await.unwrap().status().as_u16()
    };
    for (role, read, operate, administer) in
        [(Role::Viewer, 200, 403, 403), (Role::Operator, 200, 200, 403), (Role::Admin, 200, 200, 422)]
    {
        assert_eq!(status(role, Method::GET, "/api/v1/events").await, read);
        assert_eq!(status(role, Method::POST, "/api/v1/orders").await, operate);
        assert_eq!(status(role, Method::POST, "/api/v1/reload").await, administer);
        let probe = api.tcp(Method::POST, "/api/v1/probe").bearer_auth(format!("wp_{role}"));
        assert_eq!(probe.json(&json!({ "endpoint": "mx/fra" })).send().await.unwrap().status(), operate);
    }
    let by: Vec<_> = api.fake.ordered.lock().unwrap().iter().map(|(_, caller)| caller.name.clone()).collect();
    assert_eq!(by, ["operator-token", "admin-token"]);
}

#[tokio::test]
async fn the_socket_knows_its_owner_as_administrator() {
    let api = Api::start().await;
    let outcome: OrderOutcome =
        api.socket(Method::POST, "/api/v1/orders").json(&drain()).send().await.unwrap().json().await.unwrap();
    assert_eq!(outcome.outcome, Outcome::Accepted);
    let response = api.socket(Method::POST, "/api/v1/tokens").json(&json!({ "name": "ci", "role": "operator" }));
    assert_eq!(response.send().await.unwrap().status(), 201);
    let (command, caller) = api.fake.ordered.lock().unwrap()[0].clone();
    assert_eq!(caller.role, Some(Role::Admin));
    assert!(matches!(command.lifetime, Lifetime::Until(_)), "an order ends by itself");
    assert_eq!(command.reason, "new power supply");
}

#[tokio::test]
async fn wrong_tokens_are_told_so_and_then_slowed() {
    let api = Api::start().await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let response = api.tcp(Method::GET, "/api/v1/events").bearer_auth("wp_wrong").send().await.unwrap();
        seen.push(problem(response).await.0);
    }
    assert_eq!(seen, [401, 401, 401, 401, 401, 429]);
    let good = api.tcp(Method::GET, "/api/v1/events").bearer_auth("wp_viewer").send().await.unwrap();
    assert_eq!(good.status(), 200, "nobody can lock the operator out");
}

#[tokio::test]
async fn problems_say_what_and_why_in_one_form() {
    let api = Api::start().await;
    let post = async |path: &str, content_type: &str, body: String| {
        problem(api.socket(Method::POST, path).header("content-type", content_type).body(body).send().await.unwrap())
            .await
    };
    let orders = "/api/v1/orders";
    let json = "application/json";
    assert_eq!(post(orders, json, "{".into()).await, (400, "invalid".into(), 2));
    assert_eq!(post(orders, json, "{}".into()).await, (400, "invalid".into(), 2));
    assert_eq!(post(orders, "text/plain", drain().to_string()).await, (415, "media-type".into(), 2));
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post(orders, form, drain().to_string()).await, (415, "media-type".into(), 2));
    let isolate = json!({ "scope": { "site": "fra" }, "kind": "isolate", "reason": "fire" });
    assert_eq!(post(orders, json, isolate.to_string()).await, (422, "refused".into(), 3));
    let long =
        json!({ "scope": { "site": "fra" }, "kind": "pin", "reason": "x", "expiry": { "for_seconds": 999_999 } });
    assert_eq!(post(orders, json, long.to_string()).await, (400, "invalid".into(), 2));
    assert_eq!(post("/api/v1/reload", json, String::new()).await, (422, "diagnostics".into(), 1));
    assert_eq!(post("/nowhere", json, String::new()).await, (404, "not-found".into(), 2));
    assert_eq!(post("/api/v1/status", json, String::new()).await, (405, "method".into(), 2));
    for (path, kind) in [
        ("/api/v1/drained", "invalid"),
        ("/api/v1/whatif?fail=fra&fail=nowhere", "not-found"),
        ("/api/v1/whatif?fail=fra&peak=maybe", "invalid"),
        ("/api/v1/whatif?fail=fra&fial=iad", "invalid"),
        ("/api/v1/drained?site=nowhere", "not-found"),
        ("/api/v1/events?limit=0", "invalid"),
        ("/api/v1/events?limit=1001", "invalid"),
        ("/api/v1/events?after=x", "invalid"),
        ("/api/v1/explain", "invalid"),
    ] {
        assert_eq!(problem(api.socket(Method::GET, path).send().await.unwrap()).await.1, kind, "{path}");
    }
}

#[tokio::test]
async fn an_order_decided_on_other_orders_is_a_conflict() {
    let api = Api::start().await;
    let response = api.tcp(Method::GET, "/api/v1/orders").send().await.unwrap();
    let seen = response.headers()["etag"].to_str().unwrap().to_owned();
    let orders: Value = response.json().await.unwrap();
    assert_eq!((seen.as_str(), &orders["tag"]), ("\"4.17\"", &json!("4.17")));
    let send = async |path: &str, body: Value, condition: &str| {
        let request = api.socket(Method::POST, path).header("if-match", condition);
        request.json(&body).send().await.unwrap()
    };
    let lift = json!({ "scope": { "site": "fra" } });
    for (path, body) in [("/api/v1/orders", drain()), ("/api/v1/orders/lift", lift)] {
        *api.fake.tag.lock().unwrap() = "4.17".into();
        assert_eq!(send(path, body.clone(), &seen).await.status(), 200);
        assert_eq!(send(path, body.clone(), "*").await.status(), 200);
        assert_eq!(problem(send(path, body.clone(), "4.17").await).await.0, 400);
        *api.fake.tag.lock().unwrap() = "4.18".into();
        let response = send(path, body.clone(), &seen).await;
        assert_eq!(response.headers()["etag"], "\"4.18\"");
        assert_eq!(problem(response).await, (409, "conflict".into(), 1));
        assert_eq!(send(path, body, "\"4.17\", \"4.18\"").await.status(), 200);
    }
}

#[tokio::test]
async fn a_body_is_at_most_a_mebibyte() {
    let api = Api::start().await;
    let mut order = drain();
    order["reason"] = "x".repeat(1024 * 1024).into();
    let response = api.socket(Method::POST, "/api/v1/orders").json(&order).send().await.unwrap();
    assert_eq!(problem(response).await, (413, "too-large".into(), 2));
}

#[tokio::test]
async fn a_foreign_page_can_neither_read_nor_order() {
    let api = Api::start().await;
    let rebound = api.tcp(Method::GET, "/").header("host", "evil.example").send().await.unwrap();
    assert_eq!(problem(rebound).await.0, 421);
    let post = || api.tcp(Method::POST, "/api/v1/orders").bearer_auth("wp_admin").json(&drain());
    let foreign = post().header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(problem(foreign).await.0, 403);
    let foreign = post().header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(problem(foreign).await.0, 403);
    assert_eq!(post().header("origin", &api.base).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn names_on_the_page_never_become_markup() {
    let api = Api::start().await;
    api.fake.happens(SCRIPT);
    let response = api.tcp(Method::GET, "/").send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let page = response.text().await.unwrap();
    assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    assert!(page.contains("&#60;script&#62;"));
    assert!(page.contains("IP Geolocation by DB-IP") && page.contains("https://db-ip.com"));
    assert!(page.contains("http-equiv=\"refresh\" content=\"5; url=/?auto\""));
    assert!(!page.contains("{{") && !page.contains("style="));
    let still = api.tcp(Method::GET, "/?still").send().await.unwrap().text().await.unwrap();
    assert!(!still.contains("http-equiv=\"refresh\""));
}

/// The ids of the first `count` events of a stream.
async fn followed(response: Response, count: usize) -> Vec<u64> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while text.matches("\nid: ").count() < count || !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

#[tokio::test]
async fn a_follower_hears_that_the_node_is_there_though_nothing_happens() {
    let api = Api::start().await;
    api.fake.happens("store");
    let response = api.tcp(Method::GET, "/api/v1/events?follow=1").send().await.unwrap();
    assert_eq!(response.status(), 200, "from this machine without a token, like the state");
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    assert!(text.contains("event: beat\n") && !text.contains("id:"), "{text}");
    let beat: Value = serde_json::from_str(text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();
    assert_eq!((&beat["generation"], &beat["last_event"]), (&json!("1.2"), &json!(1)));
}

#[tokio::test]
async fn a_broken_event_stream_resumes_without_loss_or_repetition() {
    let api = Api::start().await;
    for _ in 0..3 {
        api.fake.happens("store");
    }
    let follow = |header: Option<&str>, query: &str| {
        let request = api.socket(Method::GET, &format!("/api/v1/events?follow=1{query}"));
        header.into_iter().fold(request, |request, id| request.header("last-event-id", id)).send()
    };
    let stream = follow(Some("1"), "").await.unwrap();
    // More at once than the channel holds: the stream falls back on the journal.
    for _ in 0..10 {
        api.fake.happens("geo");
    }
    assert_eq!(followed(stream, 12).await, (2..=13).collect::<Vec<_>>());
    assert_eq!(followed(follow(None, "&after=11").await.unwrap(), 2).await, [12, 13]);
    assert_eq!(followed(follow(None, "&limit=1").await.unwrap(), 1).await, [13]);
    let stream = follow(None, "").await.unwrap();
    api.fake.happens("store");
    assert_eq!(followed(stream, 1).await, [14], "without a start: only what is new");
}

#[tokio::test]
async fn the_journal_comes_in_pages() {
    let api = Api::start().await;
    for _ in 0..5 {
        api.fake.happens("store");
    }
    let page = async |query: &str| -> (Vec<u64>, u64) {
        let page: super::api::Events =
            api.socket(Method::GET, &format!("/api/v1/events?{query}")).send().await.unwrap().json().await.unwrap();
        (page.events.iter().map(|event| event.id).collect(), page.next_after)
    };
    assert_eq!(page("after=0&limit=2").await, (vec![1, 2], 2));
    assert_eq!(page("after=2").await, (vec![3, 4, 5], 5));
    assert_eq!(page("after=5").await, (vec![], 5));
    assert_eq!(page("limit=2").await, (vec![4, 5], 5), "without a start: the newest");
}

#[tokio::test]
async fn stopping_ends_streams_and_removes_the_socket() {
    let api = Api::start().await;
    let stream = api.socket(Method::GET, "/api/v1/events?follow=1").send().await.unwrap();
    api.server.stop().await;
    let rest: Vec<_> = stream.bytes_stream().collect().await;
    assert!(rest.len() <= 1, "at most the first beat: {rest:?}");
    assert!(!api.socket.exists());
}

#[test]
fn documents_read_what_they_write() {
    let status = Fake::new().status();
    let text = serde_json::to_string(&status).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
    let until = OrderStatus {
        intent: Intent { lifetime: Lifetime::Until(now()), ..intent("alice", "x") },
        remaining_seconds: Some(60),
        next: None,
        drained_by: None,
    };
    let value = serde_json::to_value(&until).unwrap();
    assert_eq!(value["kind"], "drain");
    assert_eq!(value["until"], "2026-05-01T12:00:00Z");
    assert_eq!(serde_json::from_value::<OrderStatus>(value).unwrap(), until);
}
