//! What `key` refuses, and what it says then.

use std::fs;
use std::thread;

use super::scene::{Scene, hours};

#[test]
fn keys_that_others_may_read_are_refused() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    let file = scene.file("example.org");
    for (path, bad, good) in [(&file, 0o644, 0o600), (&file, 0o640, 0o600), (&scene.keys(), 0o755, 0o700)] {
        Scene::set_mode(path, bad);
        let remedy = format!("chmod {good:o} {}", path.display());
        let mode = format!("mode {bad:04o}");
        // What hides one keyset of many is a finding; where nothing can be told of what was asked, nothing is.
        let list = if path == &file { 1 } else { 2 };
        for (line, code) in
            [("list", list), ("list example.org", 2), ("ds example.org", 2), ("rollover example.org", 2)]
        {
            scene.key(line).refused(code, &[&mode, &remedy]);
        }
        Scene::set_mode(path, good);
        scene.key("list").well();
    }
    Scene::set_mode(&scene.keys(), 0o711);
    scene.key("generate other.example").refused(2, &["mode 0711", "chmod 700"]);
}

#[test]
fn a_keyset_is_never_overwritten() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    let before = fs::read(scene.file("example.org")).unwrap();
    scene.key("generate EXAMPLE.org.").refused(3, &["a keyset already", "waypost key rollover"]);
    scene.key("generate --keyset example.org --split").refused(3, &["a keyset already"]);
    assert_eq!(fs::read(scene.file("example.org")).unwrap(), before);
}

#[test]
fn what_is_missing_or_broken_is_said() {
    let scene = Scene::new();
    scene.key("list").refused(2, &["keys: error", "waypost key generate"]);
    scene.key("list example.org").refused(2, &["waypost key generate"]);
    scene.key("generate example.org").well();
    scene.key("ds other.example").refused(2, &["waypost key generate --keyset other.example"]);
    scene.key("rollover other.example").refused(2, &["waypost key generate --keyset other.example"]);
    scene.key("list a..b").refused(2, &["no name of a zone or keyset"]);
    fs::write(scene.file("broken"), "[[key]]\ncolour = 1\n").unwrap();
    Scene::set_mode(&scene.file("broken"), 0o600);
    let list = scene.key("list").refused(1, &["broken.keys:2:1", "unknown key colour", "without private"]);
    assert!(list.stdout.contains("example.org"), "one bad file hides no other: {list:?}");
    scene.run("key list").refused(2, &["--config FILE", "--dir DIR"]);
    fs::write(scene.path().join("waypost.toml"), "[nonsense]\n").unwrap();
    scene.run("key list").refused(2, &["has errors", "waypost check"]);
    fs::write(scene.path().join("waypost.toml"), "[node]\nname = \"n\"\n[dnssec]\nkeys = \"keys\"\n").unwrap();
    scene.run("key list example.org").well();
}

#[test]
fn wrong_times_are_a_negative_finding_and_stop_a_rollover() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    scene.pass("example.org", hours(-100));
    scene.key("list").refused(1, &["no csk or ksk is in use", "remedy:"]);
    scene.key("rollover example.org").refused(3, &["the times of the keyset are wrong"]);
    scene.key("ds example.org").well();
}

#[test]
fn of_many_rollovers_at_once_one_begins() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    scene.pass("example.org", hours(48));
    let codes: Vec<i32> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(|| scene.key("rollover example.org").code)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == 3).count(), 5, "{codes:?}");
    assert_eq!(scene.keyset("example.org")["keys"].as_array().unwrap().len(), 2);
}
