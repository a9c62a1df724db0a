//! Broken here, and a drill proves nothing: it takes nothing out, never ends, or says nothing of what it saw.

use crate::journal::{events, last_drill, position, ready};
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

#[test]
fn a_drill_takes_a_site_out_measures_and_puts_it_back() {
    let scene = Scene::start();
    let said = ready(&scene);
    assert!(said.contains("might begin now") && said.contains("mx: fra serving -> drained"), "{said}");
    assert!(scene.names("fra"));

    let (code, said) =
        scene.try_command(&["drill", "run", "fra", "--for", "9s", "--reason", "monthly", "--wait", "--yes"]);
    assert_eq!(code, 0, "{said}");
    for part in ["withdrawn by test", "no well-behaved cache names fra any more", "SUCCEEDED"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(scene.names("fra"));
    assert_eq!(scene.status()["orders"].as_array().unwrap().len(), 0);

    let drill = last_drill(&scene);
    let id = drill["id"].as_str().unwrap().to_owned();
    let time = |field: &str| drill[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let moment = |field: &str| drill[field][0]["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let course =
        [time("ordered"), moment("withdrawn"), time("drained"), time("restored"), moment("followed"), time("ended")];
    assert!(course.is_sorted(), "{drill:#}");
    assert!(
        time("drained").duration_since(moment("withdrawn")).as_secs() >= 1,
        "caches keep answers for 2 s: {drill:#}"
    );
    assert!(drill["probes"][0]["ended"].as_u64().unwrap() > 10, "{drill:#}");

    let report = scene.node.order(&["drill", "report", &id]);
    for part in [&format!("# Drill {id}: SUCCEEDED"), "| reason | monthly |", "| caches expired |", "| tcp |"] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    wait_until("the journal has its end", PATIENCE, || {
        position(&events(&scene), 0, |event| event["event"] == "drill_ended").is_some()
    });
    let events = events(&scene);
    let is = |word: &'static str| move |event: &serde_json::Value| event["event"] == word;
    let mut from = position(&events, 0, is("ordered")).unwrap();
    for event in ["plan", "drill_moved", "drill_moved", "plan"] {
        let found = position(&events, from + 1, is(event));
        from = found.unwrap_or_else(|| panic!("no {event} after {from} in {events:#?}"));
    }
    assert!(position(&events, 0, is("drill_started")).is_some());
    let metrics = fetched(&scene, "/metrics");
    for line in [
        "waypost_drills_total{outcome=\"SUCCEEDED\"} 1",
        "waypost_drill_last_outcome{site=\"fra\",outcome=\"SUCCEEDED\"} 1.0",
        "waypost_drill_last_success_timestamp_seconds{site=\"fra\"} ",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

/// What the admin API says at `path`.
fn fetched(scene: &Scene, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", scene.admin)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
