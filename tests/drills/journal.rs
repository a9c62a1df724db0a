//! The journal as drills write it.

use serde_json::Value;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// Waits until the node has seen all sites, so that a drill of fra might begin; gives what a rehearsal says then.
pub fn ready(scene: &Scene) -> String {
    let mut said = String::new();
    wait_until("a drill might begin", PATIENCE, || {
        let (code, text) = scene.try_command(&["drill", "run", "fra", "--for", "9s", "--dry-run"]);
        said = text;
        code == 0
    });
    said
}

/// All events, the oldest first.
pub fn events(scene: &Scene) -> Vec<Value> {
    let text = scene.node.order(&["events", "-n", "1000", "-o", "json"]);
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Array(events)) => events,
        Ok(document) if document["events"].is_array() => document["events"].as_array().unwrap().clone(),
        _ => lines,
    }
}

/// The position of the first event from `from` on for which `is` holds.
pub fn position(events: &[Value], from: usize, is: impl Fn(&Value) -> bool) -> Option<usize> {
    events.iter().enumerate().skip(from).find(|(_, event)| is(event)).map(|(position, _)| position)
}

/// The drill that began last, as its own document.
pub fn last_drill(scene: &Scene) -> Value {
    let drills: Value = serde_json::from_str(&scene.node.order(&["drill", "list", "-o", "json"])).unwrap();
    drills["drills"][0].clone()
}
