//! Broken here, and something that is not needed for an answer takes the answer with it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};
use crate::small_disk::SmallDisk;

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

#[test]
fn a_full_disk_refuses_orders_loses_none_and_stops_no_failover() {
    let Some(mut disk) = SmallDisk::start() else { return };
    let order = |scene: &Scene, named: bool, reason: &str| {
        let drain = ["drain", "fra", "--for", "1h", "--reason", reason, "--yes", "--force"];
        let undrain = ["undrain", "fra", "--reason", reason, "--yes"];
        scene.try_command(if named { &drain } else { &undrain })
    };
    disk.fill();
    // What the node writes meanwhile may give room back: an order is then accepted, and in effect.
    let refused = (0..100).any(|_| {
        let named = disk.scene.names("fra");
        let (code, said) = order(&disk.scene, named, "no space");
        assert!(code == 0 || (code == 1 && said.contains("no space is left")), "{code}: {said}");
        assert_eq!(disk.scene.names("fra"), named ^ (code == 0), "an order is in effect when it is stored: {said}");
        code != 0
    });
    assert!(refused, "the disk is never full");
    disk.scene.close("iad");
    wait_until("failover works", PATIENCE, || !disk.scene.names("iad"));
    assert!(parts(&disk.scene).contains(&"store".to_owned()));
    disk.make_room();
    wait_until("the store recovers by itself", PATIENCE, || parts(&disk.scene).is_empty());
    let named = disk.scene.names("fra");
    let (code, said) = order(&disk.scene, named, "space again");
    assert_eq!(code, 0, "{said}");
    assert_ne!(disk.scene.names("fra"), named);
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

/// A pipe that somebody holds and reads only when told to, as a hanging log collector.
struct Pipe(File);

impl Pipe {
    fn new(path: &Path) -> Self {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        Self(OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap())
    }

    /// Leaves no room in it.
    fn fill(&mut self) {
        for piece in [1024, 1] {
            loop {
                match self.0.write(&vec![b'.'; piece]) {
                    Ok(_) => {}
                    Err(full) if full.kind() == ErrorKind::WouldBlock => break,
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    /// What is in it.
    fn read(&mut self) -> String {
        let mut octets = Vec::new();
        let end = self.0.read_to_end(&mut octets).unwrap_err();
        assert_eq!(end.kind(), ErrorKind::WouldBlock);
        String::from_utf8(octets).unwrap()
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let mut scene = Scene::start();
    scene.node.kill();
    std::fs::remove_file(scene.node.log()).unwrap();
    let mut pipe = Pipe::new(&scene.node.log());
    pipe.fill();
    scene.node.serve();
    scene.wait_for_admin();
    scene.close("iad");
    wait_until("failover works", PATIENCE, || !scene.names("iad"));
    scene.node.order(&["drain", "fra", "--for", "1h", "--reason", "kernel update", "--yes", "--force"]);
    assert!(!scene.names("fra"));

    let mut said = String::new();
    wait_until("what was logged is read", PATIENCE, || {
        said.push_str(&pipe.read());
        ["answering DNS", "iad", "kernel update"].iter().all(|word| said.contains(word))
    });

    // Nor is the end held up.
    pipe.fill();
    scene.open("iad");
    wait_until("it is back", PATIENCE, || scene.names("iad"));
    scene.node.stop();
}
