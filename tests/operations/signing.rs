//! A zone is signed as the README says, stays signed whatever happens to its keys, and learns of other keys by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// A node whose zone has just been signed.
fn signed() -> Scene {
    let scene = Scene::start();
    let configuration = scene.node.configuration();
    let text = fs::read_to_string(&configuration).unwrap();
    let text = text.replace(
        "file = \"example.org.zone\"",
        "file = \"example.org.zone\"\ndnssec = true\ntransfer = [{ from = [\"127.0.0.1\"], key = \"none\" }]",
    );
    fs::write(&configuration, format!("{text}\n[dnssec]\nkeys = \"keys\"\n")).unwrap();
    let (code, said) = scene.try_command(&["reload"]);
    assert!(code != 0 && said.contains("waypost key generate"), "no keys yet: {said}");
    scene.node.order(&["key", "generate", "example.org"]);
    scene.node.order(&["reload"]);
    scene
}

fn keyset(scene: &Scene) -> std::path::PathBuf {
    scene.path("keys").join("example.org.keys")
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn dig(scene: &Scene, question: &[&str]) -> String {
    let address = scene.node.address();
    let mut command = Command::new("dig");
    command.arg(format!("@{}", address.ip())).args(["-p", &address.port().to_string(), "+dnssec", "+norec"]);
    String::from_utf8_lossy(&command.args(question).output().unwrap().stdout).into_owned()
}

/// Whether delv believes the answer, with nothing but the DS that `waypost key ds` prints.
fn is_secure(scene: &Scene, anchor: &Path, question: &[&str]) -> bool {
    let address = scene.node.address();
    let mut command = Command::new("delv");
    command.arg(format!("@{}", address.ip())).args(["-p", &address.port().to_string(), "+root=example.org", "-a"]);
    let output = command.arg(anchor).args(question).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let is_secure = said.lines().any(|line| line.ends_with("fully validated"));
    if !is_secure {
        println!("{question:?}: {said}");
    }
    is_secure
}

/// Writes what `waypost key ds` prints as the trust anchor of delv.
fn anchor(scene: &Scene) -> std::path::PathBuf {
    let said = scene.node.order(&["key", "ds", "example.org"]);
    let ds =
        said.lines().find(|line| line.contains(" DS ") || line.contains("\tDS\t")).unwrap_or_else(|| panic!("{said}"));
    let fields: Vec<&str> = ds.split_whitespace().skip_while(|field| *field != "DS").skip(1).collect();
    let [tag, algorithm, digest, value @ ..] = fields.as_slice() else { panic!("{ds}") };
    let text =
        format!("trust-anchors {{ \"example.org.\" static-ds {tag} {algorithm} {digest} \"{}\"; }};\n", value.concat());
    let file = scene.path("anchor");
    fs::write(&file, text).unwrap();
    file
}

fn all_secure(scene: &Scene, anchor: &Path) {
    for question in [
        ["example.org", "MX"],
        ["mx.example.org", "A"],
        ["www.example.org", "TXT"],
        ["www.example.org", "A"],
        ["nothing.example.org", "A"],
    ] {
        assert!(is_secure(scene, anchor, &question), "{question:?}");
    }
}

#[test]
fn a_zone_is_signed_in_three_steps_and_stays_so_through_a_failover() {
    let mut scene = signed();
    let anchor = anchor(&scene);
    all_secure(&scene, &anchor);
    scene.close("fra");
    wait_until("fra is not named", PATIENCE, || !scene.names("fra"));
    all_secure(&scene, &anchor);
    scene.open("fra");
}

#[test]
fn keys_that_may_not_be_used_leave_the_zone_signed() {
    let mut scene = signed();
    let anchor = anchor(&scene);
    set_mode(&keyset(&scene), 0o644);
    let troubled = |scene: &Scene| scene.status()["degradations"].to_string().contains("chmod 600");
    wait_until("the node says so", PATIENCE, || troubled(&scene));
    all_secure(&scene, &anchor);
    let (code, said) = scene.try_command(&["reload"]);
    assert!(code != 0 && said.contains("chmod 600"), "{said}");
    all_secure(&scene, &anchor);
    // A node that never had good keys must not answer unsigned: whoever follows the parent's DS would take it for forged.
    scene.node.kill();
    scene.node.serve();
    scene.wait_for_admin();
    assert!(dig(&scene, &["www.example.org", "TXT"]).contains("status: SERVFAIL"));
    set_mode(&keyset(&scene), 0o600);
    wait_until("the zone is back", PATIENCE, || dig(&scene, &["www.example.org", "TXT"]).contains("status: NOERROR"));
    all_secure(&scene, &anchor);
    assert!(!troubled(&scene));
}

#[test]
fn a_rollover_is_seen_without_a_reload() {
    let scene = signed();
    let anchor = anchor(&scene);
    let keys = || dig(&scene, &["example.org", "DNSKEY"]).lines().filter(|line| line.contains("DNSKEY\t257")).count();
    let serial = || {
        let answer = dig(&scene, &["+short", "example.org", "SOA"]);
        answer.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(keys(), 1);
    let before = serial();
    assert!(before > 7, "the served serial is above the declared one");
    // The first key is not complete before its waiting times are over; that is safe to say at once for a new zone.
    let (code, said) = scene.try_command(&["key", "rollover", "example.org"]);
    if code != 0 {
        scene.node.order(&["key", "rollover", "example.org", "--ds-published"]);
        let (code, again) = scene.try_command(&["key", "rollover", "example.org"]);
        assert_eq!(code, 0, "{said}\n{again}");
    }
    wait_until("the new key is published", PATIENCE, || keys() == 2);
    assert!(serial() > before, "secondaries learn of it");
    all_secure(&scene, &anchor);
}
