//! Broken here, and nobody can try a threshold on last week's trouble before it decides about next week's.

use std::time::Duration;

use serde_json::Value;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

const OUTAGE: Duration = Duration::from_secs(2);

/// What `replay` says of the state directory under the configuration in `file`, with its exit code.
fn replayed(scene: &Scene, file: &str) -> (i32, Value) {
    let state = scene.path("state");
    let output = std::process::Command::new(crate::node::executable())
        .args(["replay", state.to_str().unwrap(), "--config", scene.path(file).to_str().unwrap(), "-o", "json"])
        .output()
        .unwrap();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), document)
}

fn place<'a>(document: &'a Value, site: &str) -> &'a Value {
    document["places"].as_array().unwrap().iter().find(|place| place["site"] == site).unwrap()
}

#[test]
fn a_recorded_outage_is_replayed_and_a_more_patient_monitor_would_have_sat_it_out() {
    let mut scene = Scene::start();
    wait_until("every site is named", PATIENCE, || scene.mx().len() == 3);
    scene.close("fra");
    wait_until("fra leaves", PATIENCE, || !scene.names("fra"));
    // An outage of many probes: a replay has its own moments to probe.
    std::thread::sleep(OUTAGE);
    scene.open("fra");
    wait_until("fra is back", PATIENCE, || scene.names("fra"));
    // A replay may see the recovery an interval or two later, which must be on record too.
    std::thread::sleep(2 * OUTAGE);
    scene.node.stop();

    let (code, as_it_was) = replayed(&scene, "waypost.toml");
    for history in ["recorded", "replayed"] {
        let fra = &place(&as_it_was, "fra")[history];
        assert_eq!((fra["failovers"].as_u64(), fra["flaps"].as_u64()), (Some(1), Some(0)), "{history}: {as_it_was}");
        assert_eq!(place(&as_it_was, "iad")[history]["failovers"], 0, "{as_it_was}");
        assert!(fra["outages"][0]["until"].is_string(), "{as_it_was}");
    }
    assert_eq!(code, 0, "the same configuration makes no difference: {as_it_was}");

    let text = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let patient = text.replace("burst_gap = \"50ms\"", "burst_gap = \"50ms\"\nfall = 100\ndetector = \"count\"");
    std::fs::write(scene.path("patient.toml"), patient).unwrap();
    let (code, would_be) = replayed(&scene, "patient.toml");
    let fra = place(&would_be, "fra");
    assert_eq!((code, &fra["recorded"]["failovers"], &fra["replayed"]["failovers"]), (1, &1.into(), &0.into()));
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let scene = Scene::start();
    std::fs::write(scene.path("other.jsonl"), "no record\n").unwrap();
    let other = scene.path("other.jsonl");
    let (code, said) = scene.try_command(&["replay", other.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("holds no records; give the recording.jsonl"), "{said}");
}
