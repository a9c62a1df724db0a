//! Catalog zones (RFC 9432) of BIND and Knot.

use hickory_proto::op::ResponseCode;

use crate::patience::wait_until;
use crate::primaries::{Kind, Primary};
use crate::scene::{PATIENCE, Scene, free_address, zone};

fn catalog(serial: u32, members: &[(&str, &str)]) -> String {
    let mut text =
        format!("$TTL 60\n@ SOA invalid. invalid. {serial} 7200 900 1209600 0\n@ NS invalid.\nversion TXT \"2\"\n");
    for (unique, member) in members {
        text.push_str(&format!("{unique}.zones PTR {member}.\n"));
    }
    text
}

fn members_come_and_go(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let address = free_address();
    let first = zone(5, 1_209_600, "");
    let mut primary = Primary::with_catalog(kind, address, &first, Some(&catalog(1, &[])));
    let sections = format!(
        "[[zone]]\ncatalog = \"catalog.example\"\nprimaries = [{{ address = \"{}\", key = \"xfer\" }}]\n",
        primary.daemon.address
    );
    let mut scene = Scene::start(Scene::directory(), address, &sections);
    let transferred = |scene: &Scene, what: &str| {
        wait_until(&format!("transferred: {what}"), PATIENCE, || scene.events().contains(what));
    };
    transferred(&scene, "catalog.example. serial 1");
    assert_eq!(scene.serial("example.org."), Err(ResponseCode::Refused));
    assert_eq!(scene.serial("catalog.example."), Err(ResponseCode::Refused), "a catalog is not served");

    primary.change_zone("catalog.example", &catalog(2, &[("m1", "example.org")]));
    scene.wait_for_serial("example.org.", 5);
    let copy = scene.directory.path().join("state/secondary/example.org.zone");
    wait_until("the copy is there", PATIENCE, || copy.exists());

    // A broken catalog changes nothing.
    primary.change_zone("catalog.example", &catalog(3, &[]).replace("version TXT \"2\"", "version TXT \"1\""));
    wait_until("it is said why", PATIENCE, || {
        scene.trouble().is_some_and(|trouble| trouble.contains("schema version \"1\""))
    });
    assert_eq!(scene.serial("example.org."), Ok(5));

    // Members outlive the node without their primary.
    primary.daemon.end();
    scene.restart();
    assert_eq!(scene.serial("example.org."), Ok(5));
    primary.daemon.serve();

    // Another unique label: another zone of the same name, which is transferred anew whatever its serial.
    primary.change_zone("example.org", &zone(3, 1_209_600, ""));
    primary.change_zone("catalog.example", &catalog(4, &[("m2", "example.org")]));
    scene.wait_for_serial("example.org.", 3);

    primary.change_zone("catalog.example", &catalog(5, &[("m3", "elsewhere.example")]));
    scene.wait_for_error("example.org.", ResponseCode::Refused);
    wait_until("the copy is gone", PATIENCE, || !copy.exists());
    assert_eq!(scene.serial("elsewhere.example."), Err(ResponseCode::ServFail), "nobody has transferred it yet");
}

#[test]
fn members_of_a_catalog_of_bind_come_and_go() {
    members_come_and_go(Kind::Bind);
}

#[test]
fn members_of_a_catalog_of_knot_come_and_go() {
    members_come_and_go(Kind::Knot);
}
