//! Broken here, and something that is not needed for an answer takes the answer with it.

use std::process::Command;
use std::time::Duration;

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

fn parts(scene: &Scene) -> Vec<String> {
    let status = scene.status();
    let parts = status["degradations"].as_array().unwrap().iter();
    parts.map(|part| part["part"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_geo_database_that_cannot_be_used_is_replaced_by_the_embedded_one() {
    for (what, octets) in
        [("missing", None), ("corrupt", Some(&b"not a database at all"[..])), ("empty", Some(&b""[..]))]
    {
        let mut scene = Scene::with(|text| format!("{text}\n[geo]\ndatabase = \"geo.mmdb\"\n"));
        scene.node.kill();
        if let Some(octets) = octets {
            std::fs::write(scene.path("geo.mmdb"), octets).unwrap();
        }
        scene.node.serve();
        scene.wait_for_admin();
        assert_eq!(parts(&scene), ["geo"], "{what}");
        let explained = scene.node.order(&["explain", "example.org", "MX", "--client", "133.5.0.1"]);
        assert!(explained.contains("in JP"), "{what}: {explained}");
        let (code, said) = scene.try_command(&["reload"]);
        assert_eq!(code, 1, "{what}: {said}");
        assert!(said.contains("geo.mmdb"), "{what}: {said}");
        assert_eq!(scene.mx().len(), 3);
    }
}

#[test]
fn what_is_taken_already_is_said_in_one_clear_error() {
    let scene = Scene::start();
    let configuration = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let run = |text: &str| {
        let file = scene.path("second.toml");
        std::fs::write(&file, text).unwrap();
        let output = Command::new(executable()).args(["serve", "--config"]).arg(file).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let same_store = run(&configuration);
    assert!(same_store.contains("in use by another process"), "{same_store}");
    let same_port = run(&configuration.replace("path = \"state\"", "path = \"state2\""));
    assert!(same_port.contains("the port is in use") && same_port.contains("ss -l"), "{same_port}");
    assert_eq!(scene.mx().len(), 3);
}

#[test]
fn an_admin_address_that_is_taken_does_not_keep_dns_from_starting() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let mut scene = Scene::start();
    scene.node.kill();
    let configuration = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let taken = configuration.replace(&format!("127.0.0.1:{}", scene.admin), &format!("127.0.0.1:{port}"));
    std::fs::write(scene.node.configuration(), taken).unwrap();
    scene.node.serve();
    assert_eq!(scene.mx().len(), 3);
    drop(holder);
    scene.wait_for_admin();
    wait_until("the admin API is whole again", PATIENCE, || parts(&scene).is_empty());
}

#[test]
fn a_damaged_store_costs_the_orders_and_not_the_answers() {
    let mut scene = Scene::start();
    scene.node.kill();
    std::fs::write(scene.path("state/waypost.redb"), vec![7_u8; 100_000]).unwrap();
    scene.node.serve();
    scene.wait_for_admin();
    assert_eq!(parts(&scene), ["state"]);
    assert_eq!(scene.mx().len(), 3);
}

/// Whether this run may mount file systems. CI must.
fn may_mount() -> bool {
    let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    assert!(may || std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "mounts need root");
    if !may {
        println!("NOT TESTED: a full disk (needs root for a mount namespace)");
    }
    may
}

#[test]
fn a_full_disk_refuses_orders_loses_none_and_stops_no_failover() {
    if !may_mount() {
        return;
    }
    let mut scene = Scene::start();
    scene.node.kill();
    let state = scene.path("full");
    std::fs::create_dir(&state).unwrap();
    let configuration = std::fs::read_to_string(scene.node.configuration()).unwrap();
    let configuration = configuration.replace("path = \"state\"", "path = \"full\"");
    std::fs::write(scene.node.configuration(), configuration).unwrap();
    // The node lives in a mount namespace of its own, where a small file system is its state directory.
    let script = "mount -t tmpfs -o size=12m tmpfs \"$1\" && exec \"$2\" serve --config \"$3\"";
    let mut node = Command::new("unshare")
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(&state)
        .arg(executable())
        .arg(scene.node.configuration())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    scene.wait_for_admin();
    // Files of that namespace are reached through the process.
    let filler = format!("/proc/{}/root{}/filler", node.id(), state.display());
    let order = |scene: &Scene, reason: &str| {
        scene.try_command(&["drain", "fra", "--for", "1h", "--reason", reason, "--yes", "--force"])
    };
    let mut octets = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut octets, &[0; 4096]).is_ok() {}
    let (code, said) = order(&scene, "no space");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no space is left"), "{said}");
    assert!(scene.names("fra"), "an order that is not stored is not in effect");
    scene.close("iad");
    wait_until("failover works", PATIENCE, || !scene.names("iad"));
    assert!(parts(&scene).contains(&"store".to_owned()));
    drop(octets);
    std::fs::remove_file(&filler).unwrap();
    wait_until("the store recovers by itself", PATIENCE, || parts(&scene).is_empty());
    let (code, said) = order(&scene, "space again");
    assert_eq!(code, 0, "{said}");
    assert!(!scene.names("fra"));
    node.kill().unwrap();
    node.wait().unwrap();
}

#[test]
fn a_step_of_the_wall_clock_ends_no_drain() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
    if !std::path::Path::new(library).exists() {
        assert!(std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "install faketime");
        println!("NOT TESTED: a clock step (needs the package faketime)");
        return;
    }
    let mut scene = Scene::start();
    scene.node.kill();
    let time = scene.path("time");
    std::fs::write(&time, "+0").unwrap();
    let log = std::fs::File::create(scene.path("stepped.log")).unwrap();
    let mut node = Command::new(executable())
        .args(["serve", "--config"])
        .arg(scene.node.configuration())
        .envs([("LD_PRELOAD", library), ("FAKETIME_NO_CACHE", "1"), ("DONT_FAKE_MONOTONIC", "1")])
        .env("FAKETIME_TIMESTAMP_FILE", &time)
        .stderr(log)
        .spawn()
        .unwrap();
    scene.wait_for_admin();
    scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "kernel update", "--yes"]);
    std::fs::write(&time, "+10h").unwrap();
    wait_until("the step is noticed", PATIENCE, || scene.node.order(&["events"]).contains("clock stepped"));
    std::thread::sleep(Duration::from_millis(500));
    assert!(!scene.names("fra"), "an hour is an hour, whatever the wall clock says");
    let left = scene.status()["orders"][0]["remaining_seconds"].as_u64().unwrap();
    assert!((3_000..=3_600).contains(&left), "{left}");
    node.kill().unwrap();
    node.wait().unwrap();
}
