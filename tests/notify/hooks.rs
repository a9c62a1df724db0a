//! Commands run when an endpoint changes state, in their bounds.

use std::fs;

use serde_json::Value;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};
use crate::webhooks::{node, report};

fn ran(scene: &Scene) -> Vec<Value> {
    let page: Value = serde_json::from_str(&scene.node.order(&["events", "-n", "1000", "-o", "json"])).unwrap();
    page["events"].as_array().unwrap().iter().filter(|event| event["event"] == "hook_ran").cloned().collect()
}

fn hook(name: &str, more: &str, script: &str) -> String {
    format!("[[hook]]\nname = \"{name}\"\n{more}\ncommand = [\"/bin/sh\", \"-c\", '{script}']\n")
}

#[test]
fn a_command_runs_for_what_it_names_and_hears_what_happened() {
    let write = "printf \"%s|\" \"$WAYPOST_SERVICE\" \"$WAYPOST_SITE\" \"$WAYPOST_ADDRESS\" \"$WAYPOST_MONITOR\" \
                 \"$WAYPOST_FROM\" \"$WAYPOST_TO\" \"$HOME\" >> SECRETS/said; echo mended";
    let more = hook("mend", "monitor = \"tcp\"\nservice = \"mx\"\nsite = \"fra\"\non = [\"down\", \"up\"]", write)
        + &hook("others", "site = \"nrt\"\non = [\"down\"]", "touch SECRETS/wrong");
    let (mut scene, place) = node(&more, &[]);
    let is_up = |service: &Value| service["sites"][0]["endpoints"][0]["state"] == "up";
    wait_until("fra is known to be up", PATIENCE, || is_up(&scene.status()["services"][0]));
    assert!(ran(&scene).is_empty(), "that sites are well at first is no recovery");
    scene.close("fra");
    wait_until("the hook ran", PATIENCE, || ran(&scene).len() == 1);
    scene.open("fra");
    wait_until("it ran again", PATIENCE, || ran(&scene).len() == 2);
    let said = fs::read_to_string(place.path().join("said")).unwrap();
    assert_eq!(said, "mx|fra|192.0.2.10|tcp|up|down||mx|fra|192.0.2.10|tcp|down|up||");
    let first = &ran(&scene)[0];
    assert_eq!((first["outcome"].as_str(), first["detail"].as_str()), (Some("succeeded"), Some("mended")));
    assert!(!place.path().join("wrong").exists());
    assert_eq!(report(&scene)["hooks"][0]["runs"]["succeeded"], 2);
}

#[test]
fn hooks_that_hang_flood_or_run_too_often_cost_nothing_but_themselves() {
    let more =
        hook("hang", "site = \"fra\"\non = [\"down\"]\ntimeout = \"1s\"", "sleep 1000 & echo $! > SECRETS/child; wait")
            + &hook("flood", "site = \"fra\"\non = [\"down\"]", "head -c 50000000 /dev/zero | tr \"\\0\" x; exit 3")
            + &hook("limited", "site = \"fra\"\non = [\"down\"]\nat_most = 1\nper = \"1h\"", "true");
    let (mut scene, place) = node(&more, &[]);
    scene.close("fra");
    let outcome = |scene: &Scene, name: &str, outcome: &str| {
        ran(scene).iter().any(|event| event["name"] == name && event["outcome"] == outcome)
    };
    wait_until("the one that hangs is killed", PATIENCE, || outcome(&scene, "hang", "timed_out"));
    let child = fs::read_to_string(place.path().join("child")).unwrap();
    wait_until("its child is gone", PATIENCE, || {
        fs::read_to_string(format!("/proc/{}/stat", child.trim())).map_or(true, |stat| stat.contains(") Z "))
    });
    wait_until("the flood is over", PATIENCE, || outcome(&scene, "flood", "failed"));
    let all = ran(&scene);
    let flood = all.iter().find(|event| event["name"] == "flood").unwrap();
    assert!(flood["detail"].as_str().unwrap().len() < 400, "{flood}");
    wait_until("the third ran", PATIENCE, || outcome(&scene, "limited", "succeeded"));
    scene.open("fra");
    wait_until("fra is back", PATIENCE, || scene.names("fra"));
    scene.close("fra");
    wait_until("it may not run again", PATIENCE, || outcome(&scene, "limited", "limited"));
    assert!(scene.node.client().answers());
}

#[test]
fn a_node_that_stops_tells_what_it_killed() {
    let more = hook("slow", "site = \"fra\"\non = [\"down\"]", "touch SECRETS/began; sleep 1000");
    let (mut scene, place) = node(&more, &[]);
    scene.close("fra");
    wait_until("it runs", PATIENCE, || place.path().join("began").exists());
    scene.node.stop();
    scene.node.serve();
    scene.wait_for_admin();
    let all = ran(&scene);
    assert_eq!(all[0]["outcome"], "interrupted", "{all:?}");
    let events = scene.node.order(&["events", "-n", "1000"]);
    let at = |word: &str| events.lines().position(|line| line.contains(word));
    assert!(at("interrupted") < at("stopped"), "{events}");
}
