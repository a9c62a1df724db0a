//! `drill run` asks as `drain` does.

use serde_json::{Value, json};

use super::ending::{Scene, order, problem};

fn begun() -> Value {
    json!({
        "schema": "waypost.drill-begun/1", "dry_run": false, "changes": [], "undo": "waypost drill abort fra-1",
        "drill": {
            "id": "fra-1", "scope": { "site": "fra" }, "by": "root", "reason": "x", "schedule": null, "node": "ns1",
            "started": "2026-05-01T12:00:00Z", "for_seconds": 900, "phase": "withdrawing", "ordered": null,
            "withdrawn": [], "drained": null, "restored": null, "followed": [], "ended": null, "survivors": [],
            "probes": []
        }
    })
}

fn scene(severe: Value) -> Scene {
    let mut rehearsed = order();
    rehearsed["outcome"] = json!("dry_run");
    rehearsed["severe"] = severe;
    Scene::new(vec![("/api/v1/drills", 200, begun()), ("/api/v1/orders", 200, rehearsed)])
}

/// How many drills were begun, and not only looked at.
fn run(scene: &Scene) -> usize {
    let asked = scene.prepared.asked.lock().unwrap();
    asked.iter().filter(|(call, body)| call == "POST /api/v1/drills" && body["dry_run"] == false).count()
}

#[test]
fn a_drill_begins_in_a_script_only_where_it_says_that_it_is_meant() {
    let mild = scene(json!([]));
    assert_eq!(mild.ends("drill run fra"), 4);
    assert_eq!(mild.ends("drill run fra --confirm=iad"), 4, "another site");
    assert_eq!(mild.ends("drill run fra --dry-run"), 0);
    assert_eq!(run(&mild), 0);
    for line in ["drill run fra --yes", "drill run fra -y -o json", "drill run fra --confirm=fra"] {
        assert_eq!(mild.ends(line), 0, "{line}");
    }
    assert_eq!(run(&mild), 3);
    let severe = scene(json!(["iad is left as the last site of mx"]));
    for line in ["drill run fra", "drill run fra --yes"] {
        assert_eq!(severe.ends(line), 4, "{line}");
    }
    assert_eq!(run(&severe), 0);
    assert_eq!(severe.ends("drill run fra --confirm=fra"), 0);
    assert_eq!(run(&severe), 1);
}

#[test]
fn what_is_looked_at_is_the_order_that_the_drill_would_give() {
    let scene = scene(json!([]));
    assert_eq!(scene.ends("drill run fra --service mx --for 20m --reason monthly --yes"), 0);
    let asked = scene.prepared.asked.lock().unwrap();
    let (call, looked) = &asked[0];
    assert_eq!(call, "POST /api/v1/orders");
    assert_eq!(
        *looked,
        json!({
            "scope": { "site": "fra", "service": "mx" }, "kind": "drain", "share": 1000, "reason": "monthly",
            "expiry": { "for_seconds": 1200 }, "dry_run": true, "force": false
        })
    );
}

#[test]
fn a_drill_that_may_not_begin_is_refused_before_anybody_is_asked_and_kept_where_it_was_meant() {
    let refused = problem("refused", 422, 3);
    let scene = Scene::new(vec![("/api/v1/drills", 422, refused.clone()), ("/api/v1/orders", 422, refused)]);
    assert_eq!(scene.ends("drill run fra"), 3);
    assert_eq!(run(&scene), 0);
    assert_eq!(scene.ends("drill run fra --yes"), 3);
    assert_eq!(run(&scene), 1, "the node keeps what it came to");
}
