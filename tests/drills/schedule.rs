//! Broken here, and drills that everyone counts on do not take place, or take place all day.

use jiff::Timestamp;
use serde_json::Value;

use crate::journal::last_drill;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// A zone where it is about noon, so that the day is far from its end.
fn zone() -> String {
    let hour = i32::from(jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).hour());
    // Their names count the other way.
    match 12 - hour {
        0 => "Etc/GMT".to_owned(),
        ahead if ahead > 0 => format!("Etc/GMT-{ahead}"),
        behind => format!("Etc/GMT+{}", -behind),
    }
}

#[test]
fn a_schedule_begins_its_drill_once_a_period() {
    let schedule = format!(
        "\n[[drill]]\nname = \"daily\"\nsites = [\"iad\"]\nevery = \"1d\"\nfrom = \"00:00\"\nto = \"23:59\"\nzone = \"{}\"\nfor = \"10s\"\n",
        zone()
    );
    let mut scene = Scene::with(|text| format!("{text}{schedule}"));
    wait_until("the drill takes iad out", PATIENCE, || !scene.names("iad"));
    wait_until("and puts it back", PATIENCE, || scene.names("iad"));
    wait_until("it is over", PATIENCE, || last_drill(&scene)["phase"] == "ended");
    let drill = last_drill(&scene);
    assert_eq!(
        (drill["outcome"].as_str(), drill["schedule"].as_str()),
        (Some("SUCCEEDED"), Some("daily")),
        "{drill:#}"
    );
    // A restart in the same period brings no other.
    scene.node.kill();
    scene.node.serve();
    scene.wait_for_admin();
    let drills: Value = serde_json::from_str(&scene.node.order(&["drill", "list", "-o", "json"])).unwrap();
    assert_eq!(drills["drills"].as_array().unwrap().len(), 1);
    let opens: Timestamp = drills["schedules"][0]["opens"].as_str().unwrap().parse().unwrap();
    assert!(opens > Timestamp::now(), "its next turn is tomorrow: {drills:#}");
}
