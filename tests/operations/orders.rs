//! Broken here, and a drained site comes back in the middle of its maintenance, or never.

use std::time::Duration;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// Changes by operators lie this far apart.
const SETTLE: Duration = Duration::from_millis(5_200);

#[test]
fn a_drain_survives_a_kill_and_says_who_why_and_until() {
    let mut scene = Scene::start();
    scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "kernel update", "--yes"]);
    assert!(!scene.names("fra"));
    scene.node.kill();
    scene.node.serve();
    scene.wait_for_admin();
    assert!(!scene.names("fra"));
    let status = scene.status();
    let order = &status["orders"][0];
    assert_eq!((order["scope"]["site"].as_str(), order["kind"].as_str()), (Some("fra"), Some("drain")));
    assert_eq!(order["reason"], "kernel update");
    assert!(order["by"].as_str().is_some_and(|by| !by.is_empty()));
    let left = order["remaining_seconds"].as_u64().unwrap();
    assert!((3_000..=3_600).contains(&left), "{left}");
    assert_eq!(status["generation"]["epoch"], 2);

    let again = scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "kernel update", "--yes"]);
    assert!(again.contains("unchanged"), "{again}");
    scene.node.order(&["undrain", "fra"]);
    assert!(scene.names("fra"));
}

#[test]
fn a_drain_ends_by_itself_running_or_not() {
    let mut scene = Scene::start();
    scene.node.order(&["drain", "fra", "--for", "3s", "--reason", "short", "--yes"]);
    assert!(!scene.names("fra"));
    wait_until("the drain ends", PATIENCE, || scene.names("fra"));

    std::thread::sleep(SETTLE);
    scene.node.order(&["drain", "iad", "--for", "2s", "--reason", "shorter", "--yes"]);
    scene.node.kill();
    std::thread::sleep(Duration::from_secs(3));
    scene.node.serve();
    scene.wait_for_admin();
    assert!(scene.names("iad"));
    assert_eq!(scene.status()["orders"].as_array().unwrap().len(), 0);
}

#[test]
fn a_rehearsal_changes_nothing_and_a_wait_ends_when_caches_have_let_go() {
    let scene = Scene::start();
    let (code, said) = scene.try_command(&["drain", "fra", "--for", "1h", "--reason", "try", "--dry-run"]);
    assert_eq!(code, 0, "{said}");
    assert!(scene.names("fra"));
    let (code, said) = scene.try_command(&["drain", "fra", "--for", "1h", "--reason", "now", "--yes", "--wait"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("safe to power off"), "{said}");
    assert!(!scene.names("fra"));
    let (code, said) = scene.try_command(&["wait", "iad", "--timeout", "1s"]);
    assert_ne!(code, 0, "nothing takes iad out: {said}");
}

#[test]
fn the_last_site_is_never_isolated() {
    let scene = Scene::start();
    for site in ["fra", "iad"] {
        scene.node.order(&["isolate", site, "--for", "1h", "--reason", "test", "--yes", "--force"]);
    }
    let (code, said) = scene.try_command(&["isolate", "nrt", "--for", "1h", "--reason", "test", "--yes"]);
    assert_eq!(code, 3, "{said}");
    let (code, said) = scene.try_command(&["isolate", "nrt", "--for", "1h", "--reason", "test", "--yes", "--force"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("last site"), "{said}");
    assert_eq!(scene.mx(), ["mx-nrt"]);
    let events = scene.node.order(&["events", "-o", "jsonl"]);
    assert!(events.contains("\"refused\"") && events.contains("last site"), "{events}");
}

#[test]
fn safety_rules_refuse_with_numbers_and_force_is_written_down() {
    let scene = Scene::with(|text| text.replace("ttl = \"2s\"", "ttl = \"2s\"\nmin_sites = 3"));
    let (code, said) = scene.try_command(&["drain", "fra", "--for", "1h", "--reason", "test", "--yes"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("2 of at least 3 sites"), "{said}");
    scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "we know", "--yes", "--force"]);
    let (code, said) = scene.try_command(&["drain", "iad", "--for", "1h", "--reason", "test", "--yes"]);
    assert_eq!(code, 3, "{said}");
    assert!(scene.node.order(&["events", "-o", "jsonl"]).contains("\"forced\":true"));
    let (code, _) = scene.try_command(&["drain", "xyz", "--for", "1h", "--reason", "test", "--yes"]);
    assert_eq!(code, 2);
}

#[test]
fn a_part_of_the_clients_can_be_moved() {
    let scene = Scene::with(|text| format!("{text}\n[geo]\nnetworks = {{ \"127.0.0.0/8\" = \"fra\" }}\n"));
    assert_eq!(scene.mx()[0], "mx-fra");
    scene.node.order(&["drain", "fra", "--share", "50%", "--for", "1h", "--reason", "half", "--yes"]);
    let moved = (0..400).filter(|_| scene.mx()[0] != "mx-fra").count();
    assert!((120..=280).contains(&moved), "{moved} of 400 answers lead elsewhere");
}
