//! A state directory that cannot be written: no update is acknowledged that a restart would lose.

use std::fs;

use crate::mount::OnSmallDisk;
use crate::patience::wait_until;
use crate::scene::{CHALLENGE, PATIENCE, Scene};

#[test]
fn a_damaged_store_takes_no_update() {
    let Some(mut scene) = Scene::start() else { return };
    scene.node.kill();
    fs::write(scene.directory.path().join("state/waypost.redb"), vec![7_u8; 100_000]).unwrap();
    scene.node.serve();
    scene.wait_for_admin();
    let said = scene.update("acme", &format!("update add {CHALLENGE}. 60 TXT \"x\""));
    assert!(!said.good && said.text.contains("SERVFAIL"), "{said:?}");
    assert_eq!(scene.texts(CHALLENGE), [""; 0]);
    assert_eq!(scene.serial(), 7);
}

#[test]
fn a_full_disk_refuses_updates_and_changes_nothing() {
    let Some(mut scene) = Scene::start() else { return };
    scene.node.kill();
    let state = scene.directory.path().join("full");
    fs::create_dir(&state).unwrap();
    let configuration = fs::read_to_string(scene.node.configuration()).unwrap();
    fs::write(scene.node.configuration(), configuration.replace("path = \"state\"", "path = \"full\"")).unwrap();
    let Some(disk) = OnSmallDisk::serve(&scene.node.configuration(), &state) else { return };
    scene.wait_for_admin();
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"before\""));
    disk.fill();
    // The store's file may have room in itself, and what else the node writes takes of it and gives back.
    let (mut kept, mut serial, mut refused) = ("before".to_owned(), 8, 0);
    let told = (0..500).any(|count| {
        let text = format!("full {count}");
        let replace = format!("update delete {CHALLENGE}. TXT\nupdate add {CHALLENGE}. 60 TXT \"{text}\"");
        let said = scene.update("acme", &replace);
        if said.good {
            (kept, serial) = (text, serial + 1);
        } else {
            assert!(said.text.contains("SERVFAIL"), "{said:?}");
            refused += 1;
        }
        assert_eq!(scene.texts(CHALLENGE), [kept.as_str()], "made when it is acknowledged, else not");
        assert_eq!(scene.serial(), serial);
        refused >= 3 && scene.node.order(&["status"]).contains("no space is left")
    });
    assert!(told, "{refused} of 500 were refused for want of room");
    disk.make_room();
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"space again\""));
    assert_eq!(scene.texts(CHALLENGE), [kept.as_str(), "space again"]);
    assert_eq!(scene.serial(), serial + 1);
    wait_until("the degradation ends", PATIENCE, || !scene.node.order(&["status"]).contains("no space is left"));
}
