//! How commands end, against a node that gives prepared answers.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::super::run;

/// What was asked, and what is answered: by path, with a status.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) asked: Mutex<Vec<(String, Value)>>,
    answers: Vec<(&'static str, u16, Value)>,
}

async fn answer(State(prepared): State<Arc<Prepared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let call = format!("{} {}", request.method(), request.uri());
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    prepared.asked.lock().unwrap().push((call, serde_json::from_slice(&body).unwrap_or_default()));
    let (_, status, body) = prepared.answers.iter().find(|(known, ..)| *known == path).expect("a prepared answer");
    (StatusCode::from_u16(*status).unwrap(), Json(body.clone())).into_response()
}

/// A node with prepared answers behind the socket that `waypost.toml` names.
pub(super) struct Scene {
    directory: tempfile::TempDir,
    pub(super) prepared: Arc<Prepared>,
    _runtime: tokio::runtime::Runtime,
}

impl Scene {
    pub(super) fn new(answers: Vec<(&'static str, u16, Value)>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("waypost.toml"), "[admin]\nsocket = \"admin.sock\"\n").unwrap();
        let prepared = Arc::new(Prepared { answers, ..Prepared::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let router = axum::Router::new().fallback(answer).with_state(Arc::clone(&prepared));
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(directory.path().join("admin.sock")).unwrap()
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { directory, prepared, _runtime: runtime }
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("waypost.toml")
    }

    /// The exit code of `waypost LINE`.
    pub(super) fn ends(&self, line: &str) -> u8 {
        let configuration = self.configuration();
        let words = line.split_whitespace().map(Into::into);
        let arguments = ["waypost".into(), "--config".into(), configuration.into()].into_iter().chain(words);
        code(run(arguments))
    }
}

/// The number in an exit code, which the standard library keeps to itself.
pub(super) fn code(code: ExitCode) -> u8 {
    (0..=255).find(|number| format!("{:?}", ExitCode::from(*number)) == format!("{code:?}")).unwrap()
}

pub(super) fn order() -> Value {
    json!({
        "schema": "waypost.order/1", "outcome": "accepted", "changes": [], "acknowledged_by": ["ns1"],
        "generation": { "epoch": 1, "sequence": 2 }, "drained_by": null, "undo": "waypost undrain fra",
        "intent": {
            "scope": { "site": "fra" }, "kind": "drain", "share": 1000, "by": "root", "reason": "x",
            "since": "2026-05-01T12:00:00Z", "lifetime": "until_cleared", "revision": 1, "field_of_later": true
        }
    })
}

fn drained(safe: bool) -> Value {
    json!({
        "schema": "waypost.drained/1", "scope": { "site": "fra" }, "time": "2026-05-01T12:00:00Z", "safe": safe,
        "services": [{ "service": "mx", "named": !safe, "by": null }]
    })
}

pub(super) fn status(orders: Value) -> Value {
    json!({
        "schema": "waypost.status/1", "node": "ns1", "version": "0", "site": null, "started": "2026-05-01T12:00:00Z",
        "time": "2026-05-01T12:00:00Z", "generation": { "epoch": 1, "sequence": 2 }, "ready": true, "verdict": "fine",
        "services": [], "orders": orders, "revision": 1, "zones": [], "degradations": [],
        "geo": { "source": "embedded", "detail": "" }, "last_event": 0
    })
}

pub(super) fn problem(kind: &str, status: u16, code: u8) -> Value {
    json!({ "type": format!("urn:waypost:problem:{kind}"), "title": "t", "status": status, "detail": "d", "code": code })
}

#[test]
fn an_order_is_sent_as_typed_and_ends_well() {
    let scene = Scene::new(vec![("/api/v1/orders", 200, order())]);
    assert_eq!(
        scene.ends("drain fra --service mx --share 25% --for 1h30m --reason new-kernel --force --confirm=fra"),
        0
    );
    assert_eq!(scene.ends("isolate fra --until 2026-05-01T18:00:00Z --reason fire --dry-run -o json"), 0);
    assert_eq!(scene.ends("pin fra --until-cleared --reason known-good --confirm=fra"), 0);
    assert_eq!(scene.ends("drain fra --in 2h --steps 25%,100% --every 10m --reason disks --confirm=fra"), 0);
    assert_eq!(scene.ends("isolate fra --at 2026-05-01T18:00:00Z --reason disks --confirm=fra"), 0);
    let asked: Vec<_> = scene.prepared.asked.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    let expected = [
        json!({
            "scope": { "site": "fra", "service": "mx" }, "kind": "drain", "share": 250, "reason": "new-kernel",
            "expiry": { "for_seconds": 5400 }, "dry_run": false, "force": true
        }),
        json!({
            "scope": { "site": "fra" }, "kind": "isolate", "reason": "fire",
            "expiry": { "until": "2026-05-01T18:00:00Z" }, "dry_run": true, "force": false
        }),
        json!({
            "scope": { "site": "fra" }, "kind": "pin", "reason": "known-good",
            "expiry": "until_cleared", "dry_run": false, "force": false
        }),
        json!({
            "scope": { "site": "fra" }, "kind": "drain", "share": 1000, "reason": "disks",
            "begin": { "in_seconds": 7200 }, "steps": { "shares": [250, 1000], "every_seconds": 600 },
            "dry_run": false, "force": false
        }),
        json!({
            "scope": { "site": "fra" }, "kind": "isolate", "reason": "disks",
            "begin": { "at": "2026-05-01T18:00:00Z" }, "dry_run": false, "force": false
        }),
    ];
    assert_eq!(asked, expected);
}

#[test]
fn an_order_is_given_in_a_script_only_where_it_says_that_it_is_meant() {
    let given = |scene: &Scene| {
        let asked = scene.prepared.asked.lock().unwrap();
        asked.iter().filter(|(call, body)| call == "POST /api/v1/orders" && body["dry_run"] == false).count()
    };
    let rehearsed = |outcome: &str, severe: Value| {
        let answer = json!({ "schema": "waypost.order/1", "outcome": outcome, "changes": [], "acknowledged_by": [],
            "generation": { "epoch": 1, "sequence": 2 }, "drained_by": null, "undo": "", "severe": severe,
            "intent": order()["intent"] });
        Scene::new(vec![("/api/v1/orders", 200, answer)])
    };
    let mild = rehearsed("dry_run", json!([]));
    assert_eq!(mild.ends("drain fra --reason x"), 4);
    assert_eq!(mild.ends("drain fra --reason x --confirm=iad"), 4, "another site");
    assert_eq!(given(&mild), 0);
    for line in ["drain fra --reason x --yes", "pin fra --reason x -y", "drain fra --reason x --confirm=fra"] {
        assert_eq!(mild.ends(line), 0, "{line}");
    }
    assert_eq!(given(&mild), 3);
    // What is severe is the node's to say; a yes is not enough for it.
    let severe = rehearsed("dry_run", json!(["iad is left as the last site of mx"]));
    for line in ["drain fra --reason x", "drain fra --reason x --yes", "isolate fra --reason x --confirm=iad"] {
        assert_eq!(severe.ends(line), 4, "{line}");
    }
    assert_eq!(given(&severe), 0);
    assert_eq!(severe.ends("isolate fra --reason x --confirm=fra"), 0);
    assert_eq!(given(&severe), 1);
    let same = rehearsed("unchanged", json!([]));
    assert_eq!(same.ends("drain fra --reason x"), 0, "it stands already: there is nothing to confirm");
}

#[test]
fn a_local_order_is_asked_of_this_node_only() {
    let mut local = order();
    local["intent"]["reach"] = json!("this_node");
    let scene = Scene::new(vec![("/api/v1/orders", 200, local)]);
    assert_eq!(scene.ends("drain fra --local --until-cleared --reason no-store --confirm=fra"), 0);
    assert_eq!(scene.ends("isolate fra --reason no-store --local -o json --confirm=fra"), 0);
    assert_eq!(scene.ends("pin fra --local --reason no-store --confirm=fra"), 0);
    assert_eq!(scene.ends("pin fra --reason no-store --confirm=fra"), 0);
    let asked = scene.prepared.asked.lock().unwrap();
    let reaches: Vec<_> = asked.iter().map(|(_, body)| body["reach"].clone()).collect();
    assert_eq!(reaches, [json!("this_node"), json!("this_node"), json!("this_node"), Value::Null]);
}

#[test]
fn nodes_that_have_yet_to_follow_do_not_make_an_order_fail() {
    let missing = json!([{ "name": "nrt-ns1", "why": "not heard of for 14 s" }]);
    let mut given = order();
    given["missing"] = missing.clone();
    let lifted = json!({ "schema": "waypost.lift/1", "outcome": "accepted", "intent": given["intent"], "changes": [],
        "generation": { "epoch": 1, "sequence": 3 }, "acknowledged_by": ["ns1"], "missing": missing, "undo": null });
    let scene = Scene::new(vec![("/api/v1/orders", 200, given), ("/api/v1/orders/lift", 200, lifted)]);
    for line in [
        "drain fra --reason x --confirm=fra",
        "drain fra --reason x -o json --confirm=fra",
        "undrain fra",
        "undrain fra -o json",
    ] {
        assert_eq!(scene.ends(line), 0, "{line}");
    }
}

#[test]
fn a_store_out_of_reach_ends_an_order_with_five() {
    let refused = problem("unavailable", 503, 5);
    let scene = Scene::new(vec![("/api/v1/orders", 503, refused.clone()), ("/api/v1/orders/lift", 503, refused)]);
    for line in ["drain fra --reason x --confirm=fra", "isolate fra --reason x -o json --confirm=fra", "undrain fra"] {
        assert_eq!(scene.ends(line), 5, "{line}");
    }
}

fn store(went_back: bool, found: Value) -> Value {
    json!({
        "schema": "waypost.store/1", "kind": "etcd", "went_back": went_back, "known": { "epoch": 3, "revision": 17 },
        "known_orders": ["fra: drain until lifted"], "found": found, "found_orders": [], "trouble": null
    })
}

#[test]
fn a_store_that_went_back_is_accepted_by_a_clear_word_only() {
    let accepted =
        json!({ "schema": "waypost.store-accepted/1", "changed": true, "orders": { "epoch": 4, "revision": 2 } });
    let scene = Scene::new(vec![
        ("/api/v1/store", 200, store(true, json!({ "epoch": 3, "revision": 2 }))),
        ("/api/v1/store/accept", 200, accepted.clone()),
    ]);
    let posted = |scene: &Scene| -> Vec<Value> {
        let asked = scene.prepared.asked.lock().unwrap();
        let posts = asked.iter().filter(|(call, _)| call == "POST /api/v1/store/accept");
        posts.map(|(_, body)| body.clone()).collect()
    };
    assert_eq!(scene.ends("store status"), 1, "somebody must decide");
    assert_eq!(scene.ends("store status -o json"), 1);
    assert_eq!(scene.ends("store accept"), 4, "there is nobody to ask");
    assert!(posted(&scene).is_empty());
    assert_eq!(scene.ends("store accept --yes"), 0);
    assert_eq!(scene.ends("store accept --keep-known --yes -o json"), 0);
    assert_eq!(posted(&scene), [json!({ "keep_known": false }), json!({ "keep_known": true })]);

    let well = Scene::new(vec![
        ("/api/v1/store", 200, store(false, json!({ "epoch": 3, "revision": 17 }))),
        ("/api/v1/store/accept", 200, accepted),
    ]);
    assert_eq!(well.ends("store status"), 0);
    assert_eq!(well.ends("store accept"), 0, "nothing to accept, nothing to ask");
    assert_eq!(well.ends("store accept --keep-known -o json"), 0);
    assert!(posted(&well).is_empty());

    let unread = Scene::new(vec![
        ("/api/v1/store", 200, store(false, Value::Null)),
        ("/api/v1/store/accept", 503, problem("unavailable", 503, 5)),
    ]);
    assert_eq!(unread.ends("store status"), 5, "what the node knows is shown all the same");
    assert_eq!(unread.ends("store accept"), 5);
    assert_eq!(unread.ends("store accept --yes"), 5);
}

#[test]
fn the_node_s_problem_decides_the_exit_code() {
    for (kind, status, code) in
        [("refused", 422, 3), ("unauthenticated", 401, 6), ("not-found", 404, 2), ("diagnostics", 422, 1)]
    {
        let body = problem(kind, status, code);
        let scene = Scene::new(vec![("/api/v1/orders", status, body.clone()), ("/api/v1/reload", status, body)]);
        assert_eq!(scene.ends("drain fra --reason x --confirm=fra"), code);
        assert_eq!(scene.ends("reload -o json"), code);
    }
}

#[test]
fn a_wait_ends_when_it_is_safe_or_when_told() {
    let scene = Scene::new(vec![
        ("/api/v1/orders", 200, order()),
        ("/api/v1/drained", 200, drained(true)),
        ("/api/v1/status", 200, status(json!([]))),
    ]);
    assert_eq!(scene.ends("drain fra --reason x --wait --confirm=fra"), 0);
    assert_eq!(scene.ends("wait fra --service mx"), 0);
    let (last, _) = scene.prepared.asked.lock().unwrap().last().unwrap().clone();
    assert_eq!(last, "GET /api/v1/drained?site=fra&service=mx");

    let standing = json!([{ "scope": { "site": "fra" }, "kind": "drain", "share": 1000, "by": "root", "reason": "x",
        "since": "2026-05-01T12:00:00Z", "lifetime": "until_cleared", "revision": 1, "remaining_seconds": null }]);
    let scene = Scene::new(vec![
        ("/api/v1/orders", 200, order()),
        ("/api/v1/drained", 200, drained(false)),
        ("/api/v1/status", 200, status(standing)),
    ]);
    assert_eq!(scene.ends("drain fra --reason x --wait --timeout 0s --confirm=fra"), 7);
    assert_eq!(scene.ends("wait fra --timeout 0s"), 7);
}

#[test]
fn waiting_for_what_nobody_ordered_is_a_negative_finding() {
    let scene = Scene::new(vec![("/api/v1/drained", 200, drained(false)), ("/api/v1/status", 200, status(json!([])))]);
    assert_eq!(scene.ends("wait fra"), 1);
}

#[test]
fn reading_commands_end_well() {
    let explanation = json!({ "schema": "waypost.explanation/1", "lines": ["because"], "detail": {} });
    let events = json!({ "schema": "waypost.events/1", "next_after": 1, "events": [
        { "id": 1, "time": "2026-05-01T12:00:00Z", "node": "ns1", "event": "stopped" }
    ] });
    let lift = json!({ "schema": "waypost.lift/1", "outcome": "unchanged", "intent": null, "changes": [],
        "generation": { "epoch": 1, "sequence": 2 }, "acknowledged_by": [], "undo": null });
    let scene = Scene::new(vec![
        ("/api/v1/status", 200, status(json!([]))),
        ("/api/v1/explain", 200, explanation),
        ("/api/v1/events", 200, events),
        ("/api/v1/orders/lift", 200, lift),
        ("/api/v1/tokens", 200, json!({ "schema": "waypost.tokens/1", "tokens": [] })),
        ("/api/v1/tokens/a%20b", 204, Value::Null),
    ]);
    for line in ["status", "status --nodes", "explain example.org", "events", "undrain fra", "token list"] {
        assert_eq!(scene.ends(line), 0, "{line}");
        assert_eq!(scene.ends(&format!("{line} -o json")), 0, "{line}");
    }
    let asked: Vec<_> = scene.prepared.asked.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    assert!(asked.contains(&"GET /api/v1/explain?name=example.org&type=MX".to_owned()), "{asked:?}");
    assert!(asked.contains(&"GET /api/v1/events?limit=20".to_owned()), "{asked:?}");
}

#[test]
fn without_a_node_a_command_ends_with_five() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("waypost.toml");
    std::fs::write(&configuration, "[admin]\nsocket = \"none.sock\"\n").unwrap();
    let ends = |line: &str| {
        let words = line.split_whitespace().map(Into::into);
        let arguments = ["waypost".into(), "--config".into(), configuration.clone().into()].into_iter().chain(words);
        code(run(arguments))
    };
    for line in ["status", "drain fra --reason x", "events", "wait fra"] {
        assert_eq!(ends(line), 5, "{line}");
    }
    assert_eq!(ends("drain fra"), 2);
    assert_eq!(ends("--version"), 0);
    assert_eq!(ends("check"), 1, "it names no node");
    assert_eq!(ends("serve"), 1);
    std::fs::remove_file(&configuration).unwrap();
    assert_eq!(ends("check"), 1);
    assert_eq!(ends("status"), 2);
}
