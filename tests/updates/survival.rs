//! What was acknowledged stays, whatever happens to the node or its files.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::patience::wait_until;
use crate::scene::{CHALLENGE, PATIENCE, Scene, ZONE, nsupdate};

#[test]
fn updates_survive_kill_9() {
    let Some(mut scene) = Scene::start() else { return };
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"kept\""));
    scene.make("hosts", "update delete text.example.org. TXT\nupdate add mx.example.org. 60 A 192.0.2.9");
    let serial = scene.serial();
    scene.restart();
    assert_eq!(scene.texts(CHALLENGE), ["kept"]);
    assert_eq!(scene.texts("text.example.org"), [""; 0]);
    assert_eq!(scene.dig("mx.example.org A"), ["192.0.2.1", "192.0.2.9"]);
    assert_eq!(scene.serial(), serial);
    assert!(scene.events().contains("added _acme-challenge.mx.example.org."));
    scene.make("acme", &format!("update delete {CHALLENGE}. TXT"));
    assert_eq!(scene.serial(), serial + 1);
    scene.restart();
    assert_eq!(scene.texts(CHALLENGE), [""; 0]);
    assert_eq!(scene.serial(), serial + 1);
}

/// Killed at any moment: what a client was told is there, and nothing is half there.
#[test]
fn a_kill_amid_updates_loses_nothing_that_was_acknowledged() {
    let Some(mut scene) = Scene::start() else { return };
    for round in 0..5_u32 {
        let (port, made) = (scene.port(), AtomicU32::new(0));
        let acknowledged = std::thread::scope(|scope| {
            let client = scope.spawn(|| {
                loop {
                    let text = format!("{round} {}", made.load(Ordering::Acquire) + 1);
                    let lines = format!(
                        "update delete {CHALLENGE}. TXT\nupdate add {CHALLENGE}. 60 TXT \"{text}\"\n\
                         update add {CHALLENGE}. 60 TXT \"twin of {text}\""
                    );
                    // Over TCP the client hears of the end at once.
                    if !nsupdate(port, Some("acme"), "example.org", &lines, &["-v"]).good {
                        return made.load(Ordering::Acquire);
                    }
                    made.fetch_add(1, Ordering::AcqRel);
                }
            });
            wait_until("updates are made", PATIENCE, || made.load(Ordering::Acquire) > 3 * round);
            scene.node.kill();
            client.join().unwrap()
        });
        scene.node.serve();
        // The last update may have been made without the client hearing of it, but not half of it.
        let whole = |count: u32| [format!("{round} {count}"), format!("twin of {round} {count}")];
        let texts = scene.texts(CHALLENGE);
        assert!(texts == whole(acknowledged) || texts == whole(acknowledged + 1), "{acknowledged}: {texts:?}");
    }
}

#[test]
fn a_changed_file_keeps_what_updates_made_and_the_serial_rises() {
    let Some(mut scene) = Scene::start() else { return };
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"kept\""));
    scene.make("hosts", "update add mx.example.org. 60 A 192.0.2.9");
    let serial = scene.serial();
    assert_eq!(serial, 9);
    // The next serial of the file was served already.
    fs::write(scene.zone_file(), ZONE.replace("hostmaster 7", "hostmaster 8") + "new TXT \"line\"\n").unwrap();
    wait_until("the file is read", PATIENCE, || !scene.dig("new.example.org TXT").is_empty());
    assert_eq!(scene.serial(), serial + 1);
    assert_eq!(scene.texts(CHALLENGE), ["kept"]);
    assert_eq!(scene.dig("mx.example.org A"), ["192.0.2.1", "192.0.2.9"]);
    scene.restart();
    assert_eq!(scene.serial(), serial + 1, "the same file is the same zone");
    // An operator who numbers beyond what was served means it, also by an order to reload.
    fs::write(scene.zone_file(), ZONE.replace("hostmaster 7", "hostmaster 2026010100")).unwrap();
    scene.node.order(&["reload"]);
    assert_eq!(scene.serial(), 2_026_010_100);
    assert_eq!(scene.texts("new.example.org"), [""; 0]);
    assert_eq!(scene.texts(CHALLENGE), ["kept"]);
    scene.make("acme", &format!("update delete {CHALLENGE}. TXT"));
    assert_eq!(scene.serial(), 2_026_010_101);
    // A broken file costs nothing that updates made.
    fs::write(scene.zone_file(), "broken").unwrap();
    assert!(!scene.node.command(&["reload"]).status.success());
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"meanwhile\""));
    assert_eq!(scene.texts(CHALLENGE), ["meanwhile"]);
    assert_eq!(scene.serial(), 2_026_010_102);
}

#[test]
fn the_records_of_a_rule_go_with_it() {
    let Some(scene) = Scene::start() else { return };
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"kept\""));
    scene.make("hosts", "update add mx.example.org. 60 A 192.0.2.9");
    let serial = scene.serial();
    let text = fs::read_to_string(scene.node.configuration()).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.contains("key = \"hosts\"")).collect();
    fs::write(scene.node.configuration(), without.join("\n")).unwrap();
    scene.node.order(&["reload"]);
    assert_eq!(scene.dig("mx.example.org A"), ["192.0.2.1"]);
    assert_eq!(scene.texts(CHALLENGE), ["kept"]);
    assert_eq!(scene.serial(), serial + 1);
    assert!(!scene.update("hosts", "update add mx.example.org. 60 A 192.0.2.9").good);
}

#[test]
fn a_serial_of_the_time_rises_with_the_content_alone() {
    let Some(mut scene) = Scene::with("serial = \"unixtime\"\n") else { return };
    let first = scene.serial();
    assert!(first > 1_700_000_000, "{first}");
    scene.restart();
    assert_eq!(scene.serial(), first, "the same content");
    // Another order and another declared serial are no other content.
    fs::write(scene.zone_file(), ZONE.replace("hostmaster 7", "hostmaster 8") + "mx A 192.0.2.1\n").unwrap();
    scene.node.order(&["reload"]);
    assert_eq!(scene.serial(), first);
    fs::write(scene.zone_file(), ZONE.to_owned() + "new TXT \"line\"\n").unwrap();
    wait_until("the file is read, though its serial is as before", PATIENCE, || {
        !scene.dig("new.example.org TXT").is_empty()
    });
    let second = scene.serial();
    assert!(second > first);
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"a\"\nsend\nupdate add {CHALLENGE}. 60 TXT \"b\""));
    let third = scene.serial();
    assert!(third >= second + 2);
    scene.restart();
    assert_eq!(scene.serial(), third);
    assert_eq!(scene.texts(CHALLENGE), ["a", "b"]);
}

#[test]
fn zones_of_a_template_share_a_serial_of_the_time() {
    let Some(mut scene) = Scene::start() else { return };
    let template = |text: &str| {
        let file = scene.directory.path().join("hosted.zone");
        fs::write(
            file,
            format!("$TTL 1h\n@ SOA ns1.example.org. hostmaster 1 2h 15m 2w 5m\n@ NS ns1.example.org.\n{text}"),
        )
        .unwrap();
    };
    template("@ TXT \"first\"\n");
    let list = scene.directory.path().join("hosted.txt");
    fs::write(&list, "one.example\ntwo.example\n").unwrap();
    let more = "[[zone]]\norigins = \"hosted.txt\"\nfile = \"hosted.zone\"\nserial = \"unixtime\"\n";
    let text = fs::read_to_string(scene.node.configuration()).unwrap();
    fs::write(scene.node.configuration(), text + more).unwrap();
    scene.node.order(&["reload"]);
    let serial = |scene: &Scene, zone: &str| {
        scene.dig(&format!("{zone} SOA"))[0].split(' ').nth(2).unwrap().parse::<u32>().unwrap()
    };
    let first = serial(&scene, "one.example");
    assert!(first > 1_700_000_000);
    assert_eq!(serial(&scene, "two.example"), first);
    template("@ TXT \"second\"\n");
    wait_until("the template is read", PATIENCE, || scene.dig("two.example TXT") == ["\"second\""]);
    let second = serial(&scene, "two.example");
    assert!(second > first);
    fs::write(&list, "one.example\ntwo.example\nthree.example\n").unwrap();
    wait_until("the list is read", PATIENCE, || !scene.dig("three.example TXT").is_empty());
    scene.restart();
    for zone in ["one.example", "two.example", "three.example"] {
        assert_eq!(serial(&scene, zone), second, "{zone}");
    }
}

/// Reloads, files that change and updates at the same time: none undoes another.
#[test]
fn updates_and_reloads_do_not_undo_each_other() {
    let Some(scene) = Scene::start() else { return };
    let port = scene.port();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = [("acme", CHALLENGE), ("hosts", "text.example.org")]
            .into_iter()
            .map(|(key, owner)| {
                scope.spawn(move || {
                    for n in 0..40 {
                        let lines = format!("update add {owner}. 3600 TXT \"{n}\"");
                        let said = nsupdate(port, Some(key), "example.org", &lines, &[]);
                        assert!(said.good, "{said:?}");
                    }
                })
            })
            .collect();
        let reloading = scope.spawn(|| {
            let mut reloads = 0;
            while !done.load(Ordering::Acquire) {
                reloads += 1;
                let file = ZONE.replace("hostmaster 7", &format!("hostmaster {}", 7 + reloads));
                fs::write(scene.zone_file(), file).unwrap();
                scene.node.order(&["reload"]);
            }
            reloads
        });
        let clients: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        done.store(true, Ordering::Release);
        assert!(reloading.join().unwrap() > 1);
        assert!(clients.iter().all(Result::is_ok));
    });
    assert_eq!(scene.texts(CHALLENGE).len(), 40);
    assert_eq!(scene.texts("text.example.org").len(), 41);
    assert!(scene.serial() >= 7 + 80);
}
