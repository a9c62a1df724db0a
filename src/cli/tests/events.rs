//! Which events are shown.

use serde_json::{Value, json};

use super::ending::{Scene, status};

fn event(id: u64) -> Value {
    json!({ "id": id, "time": format!("2026-05-01T12:00:{id:02}Z"), "node": "ns1", "event": "stopped" })
}

#[test]
fn a_kind_that_there_is_not_is_refused_and_nothing_is_asked() {
    let page = json!({ "schema": "waypost.events/1", "next_after": 3, "events": [event(1), event(2), event(3)] });
    let scene = Scene::new(vec![("/api/v1/events", 200, page), ("/api/v1/status", 200, status(json!([])))]);
    assert_eq!(scene.ends("events --kind foo"), 2);
    assert!(scene.prepared.asked.lock().unwrap().is_empty());
    assert_eq!(scene.ends("events --kind stopped"), 0);
    assert_eq!(scene.ends("events --site xx"), 0);
    let asked: Vec<_> = scene.prepared.asked.lock().unwrap().iter().map(|(call, _)| call.clone()).collect();
    assert_eq!(asked.last().unwrap(), "GET /api/v1/status", "which sites there are");
}
