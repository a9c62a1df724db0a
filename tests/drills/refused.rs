//! Broken here, and a drill makes an incident worse.

use crate::journal::{events, last_drill, ready};
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

fn refused(scene: &Scene, arguments: &[&str]) -> String {
    let (code, said) = scene.try_command(&[&["drill", "run", "--confirm=fra"], arguments].concat());
    assert_eq!(code, 3, "{said}");
    assert!(scene.names("fra"));
    said
}

#[test]
fn a_drill_does_not_begin_beside_a_site_that_is_down() {
    let mut scene = Scene::start();
    ready(&scene);
    scene.close("nrt");
    wait_until("nrt is down", PATIENCE, || !scene.names("nrt"));
    let said = refused(&scene, &["fra", "--for", "1m"]);
    assert!(said.contains("mx/203.0.113.10 at nrt is down"), "{said}");
    wait_until("the journal has it", PATIENCE, || events(&scene).iter().any(|event| event["event"] == "drill_refused"));
}

#[test]
fn a_drill_does_not_begin_beside_an_order_or_another_drill() {
    let scene = Scene::start();
    ready(&scene);
    scene.node.order(&["pin", "iad", "--for", "1h", "--reason", "test", "--yes"]);
    let said = refused(&scene, &["fra", "--for", "1m"]);
    assert!(said.contains("pin iad"), "{said}");
    scene.node.order(&["undrain", "iad"]);
    scene.node.order(&["drill", "run", "nrt", "--for", "1m", "--yes"]);
    let said = refused(&scene, &["fra", "--for", "1m", "--dry-run"]);
    assert!(said.contains("drill nrt-"), "{said}");
}

#[test]
fn a_drill_that_the_others_could_not_carry_is_kept_with_its_outcome() {
    let scene = Scene::with(|text| {
        let text = text.replace("ttl = \"2s\"", "ttl = \"2s\"\ndemand = 900");
        ["fra", "iad", "nrt"].iter().fold(text, |text, site| {
            text.replace(&format!("name = \"{site}\"\n"), &format!("name = \"{site}\"\ncapacity = 400\n"))
        })
    });
    let said = refused(&scene, &["fra", "--for", "1m"]);
    assert!(said.contains("CAPACITY_CHECK_FAILED") && said.contains("rule capacity"), "{said}");
    let drill = last_drill(&scene);
    assert_eq!((drill["outcome"].as_str(), drill["ordered"].as_str()), (Some("CAPACITY_CHECK_FAILED"), None));
    assert_eq!(scene.status()["orders"].as_array().unwrap().len(), 0);
}

#[test]
fn what_makes_no_sense_is_usage() {
    let scene = Scene::start();
    for arguments in [["xyz", "--for", "1m"], ["fra", "--for", "3s"], ["fra", "--for", "5h"]] {
        let (code, said) = scene.try_command(&[&["drill", "run", "--yes"], &arguments[..]].concat());
        assert_eq!(code, 2, "{said}");
    }
    assert_eq!(scene.try_command(&["drill", "show", "none"]).0, 2);
    assert_eq!(scene.try_command(&["drill", "abort", "../tokens"]).0, 2);
}
