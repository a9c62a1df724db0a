//! The DS records for the parent, beside those that other tools make of the same DNSKEY.

use std::fs;
use std::process::Command;

use super::scene::{Scene, hours};

/// Whether `tool` is installed; where it must be, its absence fails the test.
fn has(tool: &str) -> bool {
    let there = Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success();
    assert!(there || std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "{tool} is not installed");
    if !there {
        eprintln!("skipped: {tool} is not installed");
    }
    there
}

/// The words of a record without TTL, in capital letters.
fn words(line: &str) -> Vec<String> {
    let words = line.split_whitespace().enumerate();
    let kept = words.filter(|(ix, word)| *ix != 1 || word.parse::<u32>().is_err());
    kept.map(|(_, word)| word.to_ascii_uppercase()).collect()
}

#[test]
fn the_ds_is_that_of_other_tools() {
    let scene = Scene::new();
    scene.key("generate --keyset hosted --split").well();
    for zone in ["Example.org.", "a-b.example.", r"strange\.label.example."] {
        let ds = scene.key(&format!("ds {zone} --keyset hosted")).well();
        let lines: Vec<&str> = ds.stdout.lines().collect();
        assert_eq!(lines.len(), 2, "{ds:?}");
        assert!(lines[1].contains(" IN CDNSKEY 257 3 13 "), "{ds:?}");
        let keys = scene.key(&format!("ds {zone} --keyset hosted --dnskey")).well();
        assert_eq!(keys.stdout.lines().count(), 2, "{keys:?}");
        let dnskey = keys.stdout.lines().find(|line| line.contains(" DNSKEY 257 ")).unwrap();
        let file = scene.path().join("dnskey");
        fs::write(&file, format!("{}\n", dnskey.replace(" IN ", " 3600 IN "))).unwrap();
        if has("dnssec-dsfromkey") {
            let made = Command::new("dnssec-dsfromkey").args(["-2", "-f"]).arg(&file).arg(zone).output().unwrap();
            let made = String::from_utf8(made.stdout).unwrap();
            assert_eq!(words(lines[0]), words(made.trim()), "{zone}");
        }
        if has("ldns-key2ds") {
            let made = Command::new("ldns-key2ds").args(["-n", "-2"]).arg(&file).output().unwrap();
            let made = String::from_utf8(made.stdout).unwrap();
            assert_eq!(words(lines[0]), words(made.trim()), "{zone}");
        }
    }
}

#[test]
fn the_ds_is_that_of_the_key_that_the_parent_shall_point_to() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    let first = scene.keyset("example.org")["keys"][0]["tag"].clone();
    let ds = |said: &str| {
        let ended = scene.key("ds example.org").well();
        assert!(ended.stderr.contains(said), "no {said:?} in {ended:?}");
        scene.key("ds example.org -o json").well().json()
    };
    let document = ds("caches hold unsigned records");
    assert_eq!((&document["tag"], document["not_before"].is_null()), (&first, false));
    scene.pass("example.org", hours(48));
    assert!(ds("next: have the parent take the DS, then run")["not_before"].is_null());
    scene.key("rollover example.org --ds-published").well();
    scene.key("rollover example.org").well();
    assert_eq!(ds("a rollover is under way")["tag"], first);
    scene.pass("example.org", hours(26));
    let document = ds("in place of that of the old key");
    assert_ne!(document["tag"], first);
    assert_eq!(document["schema"], "waypost.ds/1");
    assert!(document["ds"].as_str().unwrap().starts_with("example.org. IN DS "), "{document}");
}
