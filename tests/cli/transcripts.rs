//! Runs the transcripts.
//!
//! Each is copied beside a directory with a node's configuration, in which its commands are typed. What differs from run to
//! run stands as `[..]` in it; `{ADMIN}` stands for the port of the admin API, and `{INCIDENT}` for the last incident.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// Runs `NAME.trycmd` in `directory`, with the node of `scene` where there is one.
fn run(name: &str, directory: &Path, scene: Option<&Scene>) {
    let stage = tempfile::tempdir().unwrap();
    let kept = crate::transcripts().join(format!("{name}.trycmd"));
    let copy = stage.path().join(format!("{name}.trycmd"));
    let port = format!("127.0.0.1:{}", scene.map_or(0, |scene| scene.admin));
    let incident = scene.and_then(crate::last_incident).unwrap_or_else(|| "none".to_owned());
    let incident = format!("$ waypost incident {incident}");
    let named = [("127.0.0.1:{ADMIN}", port.as_str()), ("$ waypost incident {INCIDENT}", incident.as_str())];
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&copy, named.iter().fold(text, |text, (name, value)| text.replace(name, value))).unwrap();
    symlink(directory, stage.path().join(format!("{name}.in"))).unwrap();
    let ran = std::panic::catch_unwind(|| {
        let cases = trycmd::TestCases::new();
        cases.register_bin("waypost", executable()).env("NO_COLOR", "1").env("COLUMNS", "200").case(&copy).run();
    });
    if std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite") {
        let text = fs::read_to_string(&copy).unwrap();
        fs::write(&kept, named.iter().fold(text, |text, (name, value)| text.replace(value, name))).unwrap();
    }
    if let Err(panic) = ran {
        std::panic::resume_unwind(panic);
    }
}

/// A node all of whose sites are up, and whose orders need not be seconds apart.
fn scene() -> Scene {
    scene_with(|text| text)
}

/// As [`scene`], with the configuration changed before.
fn scene_with(change: impl FnOnce(String) -> String) -> Scene {
    let scene = Scene::with(|text| change(format!("{text}\n[safety]\nsettle = \"0s\"\n")));
    wait_until("all sites are up", PATIENCE, || {
        let status = scene.status();
        let sites = status["services"][0]["sites"].as_array().unwrap().clone();
        sites.iter().all(|site| site["health"] == "up")
    });
    scene
}

#[test]
fn every_command_explains_itself() {
    let directory = tempfile::tempdir().unwrap();
    run("help", directory.path(), None);
}

#[test]
fn commands_that_need_no_node() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("example.org.zone"), crate::scene::ZONE).unwrap();
    let good = "[node]\nname = \"test\"\nlisten = [\"127.0.0.1:5300\"]\n[admin]\nsocket = \"admin.sock\"\n[state]\npath = \"state\"\n\
                [dnssec]\nkeys = \"keys\"\n[[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\n";
    fs::write(directory.path().join("waypost.toml"), good).unwrap();
    fs::write(directory.path().join("wrong.toml"), good.replace("name = ", "nmae = ")).unwrap();
    let shared = "[state]\npath = \"state\"\nstore = \"etcd\"\netcd = { endpoints = [\"https://127.0.0.1:1\"], ca = \"absent.pem\" }";
    fs::write(directory.path().join("no-ca.toml"), good.replace("[state]\npath = \"state\"", shared)).unwrap();
    run("files", directory.path(), None);
}

#[test]
fn reading_commands_in_every_format() {
    let scene = scene();
    let text = fs::read_to_string(scene.path("waypost.toml")).unwrap();
    let other =
        text.replace("ttl = \"2s\"", "ttl = \"2s\"\npolicy = \"failover\"\nsites = [\"nrt\", \"fra\", \"iad\"]");
    assert_ne!(text, other);
    fs::write(scene.path("other.toml"), other).unwrap();
    fs::write(scene.path("wrong.toml"), text.replace("ttl = \"2s\"", "ttl = \"2 s\"")).unwrap();
    run("reading", scene.directory.path(), Some(&scene));
}

#[test]
fn orders_and_how_they_end() {
    let scene = scene_with(|text| text.replace("ttl = \"2s\"", "ttl = \"10m\""));
    // Caches hold what is answered now beyond the end of the test.
    assert_eq!(scene.mx().len(), 3);
    run("orders", scene.directory.path(), Some(&scene));
}

#[test]
fn a_site_that_is_down() {
    let mut scene = scene();
    scene.close("fra");
    wait_until("fra is down", PATIENCE, || !scene.names("fra"));
    wait_until("its incident is known", PATIENCE, || crate::last_incident(&scene).is_some());
    let export = scene.node.order(&["audit", "export"]);
    fs::write(scene.path("edited.jsonl"), export.replace("connection refused", "nothing happened")).unwrap();
    fs::write(scene.path("export.jsonl"), export).unwrap();
    run("down", scene.directory.path(), Some(&scene));
}

#[test]
fn who_may_do_what() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene();
    let tokens: [(&str, &[&str]); 3] = [
        ("watcher", &["--role", "viewer"]),
        ("ci", &["--role", "operator"]),
        ("fra-only", &["--role", "operator", "--site", "fra"]),
    ];
    for (name, rights) in tokens {
        let secret = scene.node.order(&[&["token", "create", name], rights].concat());
        fs::write(scene.path(name), secret).unwrap();
        fs::set_permissions(scene.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::write(scene.path("nobody"), "wpt_00000000000000000000000000000000\n").unwrap();
    fs::write(scene.path("empty"), "\n").unwrap();
    run("access", scene.directory.path(), Some(&scene));
}
