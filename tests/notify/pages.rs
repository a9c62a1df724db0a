//! PagerDuty and chats get what opens and closes, and no secret is shown anywhere.

use std::fs;

use crate::receiver::Receiver;
use crate::scene::Scene;
use crate::webhooks::{node, report};

const ROUTE: &str = "R0UT1NGKEYTHATISSECRET";

#[test]
fn pagerduty_and_a_chat_hear_of_an_incident_and_of_its_end() {
    let (pager, chat) = (Receiver::start([]), Receiver::start([]));
    let more = format!(
        "[[notify]]\nname = \"pager\"\nkind = \"pagerduty\"\nurl = \"{}\"\nsecret_file = \"SECRETS/route\"\n\
         [[notify]]\nname = \"chat\"\nkind = \"slack\"\nsecret_file = \"SECRETS/chat\"\n",
        pager.url()
    );
    let (mut scene, _place) = node(&more, &[("route", ROUTE), ("chat", &format!("{}/T0K3N", chat.url()))]);
    scene.close("fra");
    let opened = pager.wait("the trigger", |got| got.json()["event_action"] == "trigger").json();
    assert_eq!(opened["routing_key"], ROUTE);
    assert_eq!(opened["payload"]["severity"], "critical");
    let said = chat.wait("the line", |got| got.body.contains("critical: incident"));
    assert_eq!(said.path, "/in/T0K3N");
    scene.open("fra");
    let closed = pager.wait("the end", |got| got.json()["event_action"] == "resolve").json();
    assert_eq!(closed["dedup_key"], opened["dedup_key"]);
    chat.wait("the last line", |got| got.body.contains("over: incident over"));
    nothing_shows_secrets(&scene);
}

fn nothing_shows_secrets(scene: &Scene) {
    let shown = [
        fs::read_to_string(scene.node.log()).unwrap(),
        report(scene).to_string(),
        scene.node.order(&["events", "-o", "json"]),
        scene.node.order(&["notify", "list"]),
    ];
    for text in shown {
        assert!(!text.contains(ROUTE) && !text.contains("T0K3N"), "{text}");
    }
}
