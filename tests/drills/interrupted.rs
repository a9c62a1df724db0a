//! Broken here, and a drill turns into the outage that it was to prepare for.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;

use crate::journal::{events, last_drill, position, ready};
use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// The monitor of the scene probes this often.
const INTERVAL: Duration = Duration::from_millis(250);
/// Machines that test have a lot to do at the same time.
const SLACK: Duration = Duration::from_secs(5);

fn begun(scene: &Scene) -> String {
    ready(scene);
    scene.node.order(&["drill", "run", "fra", "--for", "10m", "--yes"]);
    wait_until("fra is out", PATIENCE, || !scene.names("fra"));
    last_drill(scene)["id"].as_str().unwrap().to_owned()
}

fn over(scene: &Scene, id: &str) -> String {
    let mut why = String::new();
    wait_until("the drill is over", PATIENCE, || {
        let drill = last_drill(scene);
        why = drill["why"].as_str().unwrap_or_default().to_owned();
        drill["id"] == id && drill["phase"] == "ended"
    });
    assert_eq!(last_drill(scene)["outcome"], "INTERRUPTED", "{why}");
    why
}

#[test]
fn a_survivor_that_fails_ends_the_drill_in_the_very_next_plan() {
    let mut scene = Scene::start();
    let id = begun(&scene);
    scene.close("iad");
    wait_until("fra is back", PATIENCE, || scene.names("fra"));
    let why = over(&scene, &id);
    assert!(why.contains("mx/198.51.100.10 at iad"), "{why}");
    let events = events(&scene);
    let down = position(&events, 0, |event| event["event"] == "verdict" && event["to"] == "down").unwrap();
    assert_eq!(events[down]["site"], "iad");
    let next = position(&events, down, |event| event["event"] == "plan").unwrap();
    let changes = events[next]["changes"].to_string();
    assert!(changes.contains("fra drained -> serving"), "the plan after the verdict: {changes}");
    assert!(changes.contains("iad serving -> down"), "one plan does both: {changes}");
    let at = |position: usize| events[position]["time"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let took = Duration::try_from(at(next).duration_since(at(down))).unwrap();
    assert!(took <= INTERVAL + SLACK, "{took:?}");
    assert_eq!(scene.status()["orders"].as_array().unwrap().len(), 0);
}

#[test]
fn a_kill_leaves_no_drain_after_the_restart() {
    let mut scene = Scene::start();
    let id = begun(&scene);
    scene.node.kill();
    scene.node.serve();
    assert!(scene.names("fra"), "from the first answer on");
    scene.wait_for_admin();
    assert!(scene.names("fra"));
    wait_until("the store is rid of the order", PATIENCE, || {
        events(&scene).iter().any(|event| event["event"] == "expired")
    });
    assert_eq!(scene.status()["orders"].as_array().unwrap().len(), 0);
    let why = over(&scene, &id);
    assert!(why.contains("ended"), "{why}");
    // And not after another restart either.
    scene.node.kill();
    scene.node.serve();
    assert!(scene.names("fra"));
}

#[test]
fn a_stop_in_order_leaves_no_drain_either() {
    let mut scene = Scene::start();
    let id = begun(&scene);
    scene.node.stop();
    scene.node.serve();
    assert!(scene.names("fra"));
    scene.wait_for_admin();
    over(&scene, &id);
    assert!(scene.names("fra"));
}

#[test]
fn an_operators_order_comes_first() {
    let scene = Scene::with(|text| text.replace("ttl = \"2s\"", "ttl = \"2s\"\nmin_sites = 2"));
    let id = begun(&scene);
    // With fra out, min_sites would forbid it.
    scene.node.order(&["drain", "iad", "--for", "1h", "--reason", "fire", "--yes"]);
    wait_until("fra is back", PATIENCE, || scene.names("fra"));
    let why = over(&scene, &id);
    assert!(why.contains("drain iad"), "{why}");
    assert!(!scene.names("iad"));

    let scene = Scene::start();
    let id = begun(&scene);
    let said = scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "real work", "--yes"]);
    assert!(!said.contains("unchanged"), "{said}");
    over(&scene, &id);
    assert!(!scene.names("fra"), "the operator's drain stands");
    assert_eq!(scene.status()["orders"][0]["reason"], "real work");

    let scene = Scene::start();
    let id = begun(&scene);
    scene.node.order(&["undrain", "fra"]);
    let why = over(&scene, &id);
    assert!(why.contains("lifted") && scene.names("fra"), "{why}");
}

#[test]
fn a_drill_is_ended_by_command_and_by_ctrl_c() {
    let scene = Scene::start();
    let id = begun(&scene);
    scene.node.order(&["drill", "abort", &id, "--reason", "enough"]);
    assert!(scene.names("fra"));
    assert!(over(&scene, &id).ends_with("ended it: enough"));

    let mut waiting = Command::new(executable())
        .args(["drill", "run", "nrt", "--for", "10m", "--yes", "--wait", "--config"])
        .arg(scene.node.configuration())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has to know of its drill to be able to end it.
    let mut said = BufReader::new(waiting.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("nrt is out for")));
    std::thread::spawn(move || said.for_each(drop));
    wait_until("nrt is out", PATIENCE, || !scene.names("nrt"));
    assert!(Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap().success());
    assert_eq!(waiting.wait().unwrap().code(), Some(1));
    assert!(scene.names("nrt"));
    assert_eq!(last_drill(&scene)["outcome"], "INTERRUPTED");
}
