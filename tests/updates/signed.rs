//! Updates of a signed zone: every state of it validates, names that are gone are denied.

use std::fs;
use std::process::Command;

use crate::scene::{CHALLENGE, Scene};

/// What `delv` says of `name` under the zone's own key.
fn delv(scene: &Scene, name: &str, rtype: &str) -> String {
    let key = scene.dig("example.org DNSKEY").remove(0);
    let mut fields = key.split_whitespace();
    let head: Vec<&str> = fields.by_ref().take(3).collect();
    let material: String = fields.collect();
    let anchors = format!("trust-anchors {{ example.org. static-key {} \"{material}\"; }};\n", head.join(" "));
    let file = scene.directory.path().join("anchors");
    fs::write(&file, anchors).unwrap();
    let output = Command::new("delv")
        .args(["@127.0.0.1", "-p", &scene.port().to_string(), "-a"])
        .arg(&file)
        .args(["+root=example.org", name, rtype])
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_signed_zone_stays_valid_through_updates() {
    for denial in ["dnssec = true\n", "dnssec = { denial = \"nsec3\" }\n"] {
        let Some(mut scene) = Scene::with(denial) else { return };
        let serial = scene.serial();
        assert!(delv(&scene, CHALLENGE, "TXT").contains("negative response, fully validated"));
        scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"signed\""));
        let said = delv(&scene, CHALLENGE, "TXT");
        assert!(said.contains("; fully validated") && said.contains("\"signed\""), "{said}");
        assert_eq!(scene.serial(), serial + 1);
        // The name between is there, and has nothing of its own.
        scene.make("hosts", "update delete mx.example.org. A\nupdate delete mx.example.org. TXT");
        let said = delv(&scene, "mx.example.org", "A");
        assert!(said.contains("negative response, fully validated") && said.contains("ncache nxrrset"), "{said}");
        scene.restart();
        let said = delv(&scene, CHALLENGE, "TXT");
        assert!(said.contains("; fully validated") && said.contains("\"signed\""), "{said}");
        scene.make("acme", &format!("update delete {CHALLENGE}. TXT"));
        for name in [CHALLENGE, "mx.example.org"] {
            let said = delv(&scene, name, "TXT");
            assert!(said.contains("negative response, fully validated") && said.contains("ncache nxdomain"), "{said}");
        }
        scene.make("hosts", "update add mx.example.org. 60 A 192.0.2.1");
        let said = delv(&scene, "mx.example.org", "A");
        assert!(said.contains("; fully validated") && said.contains("192.0.2.1"), "{said}");
        assert_eq!(scene.serial(), serial + 4);
    }
}
