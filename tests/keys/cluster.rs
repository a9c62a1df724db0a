//! `key cluster`: the key under which nodes share secrets.

use std::fs;

use super::scene::Scene;

#[test]
fn a_key_is_made_for_its_owner_alone_and_never_overwritten_or_shown() {
    let scene = Scene::new();
    let made = scene.run("key cluster cluster.key").well();
    let file = scene.path().join("cluster.key");
    let key = fs::read_to_string(&file).unwrap();
    assert_eq!((key.trim_end().len(), Scene::mode(&file)), (44, 0o600));
    assert!(!made.stdout.contains(key.trim_end()) && !made.stderr.contains(key.trim_end()));
    assert!(made.stderr.contains("share = true") && made.stderr.contains("undo:"));
    scene.run("key cluster cluster.key").refused(3, &["already", "remedy:"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), key);
    scene.run("key cluster other.key").well();
    assert_ne!(fs::read_to_string(scene.path().join("other.key")).unwrap(), key);
    scene.run("key cluster nowhere/cluster.key").refused(1, &["cannot be written", "No such file"]);
    assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 2, "nothing else is left behind");
}
