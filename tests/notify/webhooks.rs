//! Signed webhooks arrive whatever the receiver does at first, across a restart, and never where a redirect leads.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::patience::wait_until;
use crate::receiver::{Answer, Got, Receiver};
use crate::scene::{PATIENCE, Scene};

/// `whsec_` and these octets in base64.
const KEY: &str = "0123456789abcdef0123456789abcdef";
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A node with the sections `more`; `secrets` are files of mode 0600 in its directory.
pub fn node(more: &str, secrets: &[(&str, &str)]) -> (Scene, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in secrets {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let more = more.replace("SECRETS", place.path().to_str().unwrap());
    (Scene::with(|text| format!("{text}\n{more}")), place)
}

fn target(receiver: &Receiver) -> String {
    format!(
        "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{}\"\nsecret_file = \"SECRETS/key\"\n",
        receiver.url()
    )
}

/// Recomputes the signature with another program.
fn is_signed(got: &Got) -> bool {
    let signed = format!("{}.{}.{}", got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body);
    let script = "import base64,hashlib,hmac,sys; \
                  print('v1,'+base64.b64encode(hmac.new(sys.argv[1].encode(),sys.argv[2].encode(),hashlib.sha256).digest()).decode())";
    let output = Command::new("python3").args(["-c", script, KEY, &signed]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim() == got.headers["webhook-signature"]
}

pub fn report(scene: &Scene) -> Value {
    let output = scene.node.command(&["notify", "list", "-o", "json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn is(kind: &str) -> impl Fn(&Got) -> bool {
    move |got| got.json()["type"] == kind
}

#[test]
fn an_incident_is_told_of_signed_until_it_arrives_and_its_end_too() {
    let receiver = Receiver::start([Answer::Status(503), Answer::Flood, Answer::Status(429)]);
    let (mut scene, _place) = node(&target(&receiver), &[("key", SECRET)]);
    scene.close("fra");
    let opened = receiver.wait("the incident", is("waypost.incident.opens"));
    wait_until("it arrives", PATIENCE, || report(&scene)["targets"][0]["delivered"].as_u64() >= Some(1));
    let tries: Vec<Got> = receiver.got().into_iter().filter(|got| is("waypost.incident.opens")(got)).collect();
    assert_eq!(tries.len(), 4, "three answers were no good");
    for got in &tries {
        assert!(is_signed(got), "{got:?}");
        assert_eq!((&got.headers["webhook-id"], &got.body), (&opened.headers["webhook-id"], &opened.body));
    }
    let data = &opened.json()["data"];
    assert_eq!((data["key"].as_str(), data["severity"].as_str()), (Some("incident"), Some("critical")));
    let metrics = metrics(&scene);
    assert!(metrics.contains("waypost_notifications_total{target=\"hook\",outcome=\"failed\"} 3"), "{metrics}");
    let events = scene.node.order(&["events"]);
    assert!(events.contains("notify failing") && events.contains("notify recovered"), "{events}");

    scene.open("fra");
    let closed = receiver.wait("its end", is("waypost.incident.closes"));
    assert_eq!(closed.json()["data"]["key"], "incident");
    assert!(is_signed(&closed));
}

fn metrics(scene: &Scene) -> String {
    let output = Command::new("curl").args(["-s", &format!("http://127.0.0.1:{}/metrics", scene.admin)]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn what_waited_at_a_kill_is_told_after_the_start() {
    let gone = crate::ports::free_port();
    let more = format!(
        "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{gone}/\"\nsecret_file = \"SECRETS/key\"\non = [\"order\"]\n"
    );
    let (mut scene, _place) = node(&more, &[("key", SECRET)]);
    // It must have noted once where it is.
    scene.node.order(&["drain", "iad", "--for", "1h", "--reason", "first"]);
    wait_until("it fails", PATIENCE, || report(&scene)["targets"][0]["failing"] == true);
    assert_eq!(scene.try_command(&["notify", "list"]).0, 1);
    wait_until("how far it is is kept", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(500));
        report(&scene)["targets"][0]["failed"].as_u64() > Some(2)
    });
    scene.node.kill();
    let receiver = Receiver::start([]);
    let path = scene.node.configuration();
    let text = fs::read_to_string(&path).unwrap().replace(&format!("http://127.0.0.1:{gone}/"), &receiver.url());
    fs::write(&path, text).unwrap();
    scene.node.serve();
    let got = receiver.wait("the order from before", is("waypost.order.updates"));
    assert!(got.body.contains("first"), "{got:?}");
}

#[test]
fn a_target_whose_url_is_mended_tells_what_waited() {
    let gone = crate::ports::free_port();
    let more = format!(
        "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{gone}/\"\nsecret_file = \"SECRETS/key\"\non = [\"order\"]\n"
    );
    let (scene, _place) = node(&more, &[("key", SECRET)]);
    scene.node.order(&["drain", "iad", "--for", "1h", "--reason", "first"]);
    wait_until("it fails", PATIENCE, || report(&scene)["targets"][0]["failing"] == true);
    let receiver = Receiver::start([]);
    let path = scene.node.configuration();
    let text = fs::read_to_string(&path).unwrap().replace(&format!("http://127.0.0.1:{gone}/"), &receiver.url());
    fs::write(&path, text).unwrap();
    scene.node.hang_up();
    receiver.wait("the order from before", |got| is("waypost.order.updates")(got) && got.body.contains("first"));
    wait_until("its recovery is journalled", PATIENCE, || {
        scene.node.order(&["events", "-n", "1000"]).contains("notify recovered")
    });
}

#[test]
fn redirects_are_not_followed_and_silence_has_an_end_and_neither_delays_another_target() {
    let elsewhere = Receiver::start([]);
    let leading = Receiver::start((0..50).map(|_| Answer::Redirect(elsewhere.url())));
    let silent = Receiver::start((0..50).map(|_| Answer::Silence(Duration::from_secs(120))));
    let good = Receiver::start([]);
    let mut more = String::new();
    for (name, receiver) in [("leading", &leading), ("silent", &silent), ("good", &good)] {
        more +=
            &target(receiver).replace("\"hook\"", &format!("\"{name}\"")).replace("\nkind", "\non = [\"order\"]\nkind");
    }
    let (scene, _place) = node(&more, &[("key", SECRET)]);
    scene.node.order(&["drain", "iad", "--for", "1h", "--reason", "disks"]);
    good.wait("the order", is("waypost.order.updates"));
    wait_until("both fail", PATIENCE, || {
        let report = report(&scene);
        report["targets"][0]["failing"] == true && report["targets"][1]["failing"] == true
    });
    let report = report(&scene);
    let reason = |at: usize| report["targets"][at]["last_failure_reason"].as_str().unwrap().to_owned();
    assert!(reason(0).contains("redirects are not followed"), "{report}");
    assert!(elsewhere.got().is_empty());
    assert_eq!(report["targets"][2]["failed"], 0, "{report}");
}

#[test]
fn a_test_by_hand_says_whether_it_arrives_and_secrets_that_others_may_read_are_refused() {
    let receiver = Receiver::start([]);
    let (scene, place) = node(&target(&receiver), &[("key", SECRET)]);
    let (code, said) = scene.try_command(&["notify", "test", "hook"]);
    assert_eq!(code, 0, "{said}");
    assert!(is_signed(&receiver.wait("the test", |got| got.body.contains("test of notifications"))));
    receiver.answer(Answer::Status(401));
    let (code, said) = scene.try_command(&["notify", "test", "hook"]);
    assert_eq!((code, said.contains("it answers 401")), (1, true), "{said}");
    assert_eq!(scene.try_command(&["notify", "test", "nobody"]).0, 2);

    fs::set_permissions(place.path().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = scene.try_command(&["notify", "test", "hook"]);
    assert_eq!((code, said.contains("chmod 0600")), (1, true), "{said}");
    let (code, said) = scene.try_command(&["check"]);
    assert_eq!((code, said.contains("chmod 0600")), (1, true), "{said}");
    assert!(!fs::read_to_string(scene.node.log()).unwrap().contains(SECRET));
}
