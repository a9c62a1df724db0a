//! A transferred zone verifies as a whole: every signature, every link of the chain, nothing left out.

use std::fs;
use std::process::Command;

use waypost::model::Denial;

use crate::scene::{PARENT, Scene};
use crate::world::{World, in_a_world};

#[test]
fn a_transferred_zone_verifies_with_nsec() {
    in_a_world("transfer::a_transferred_zone_verifies_with_nsec", |world| verify(world, Denial::Nsec));
}

#[test]
fn a_transferred_zone_verifies_with_nsec3() {
    in_a_world("transfer::a_transferred_zone_verifies_with_nsec3", |world| verify(world, Denial::Nsec3));
}

fn verify(world: &World, denial: Denial) {
    let directory = world.directory("unbound");
    let _scene = Scene::start(&directory, denial, &[PARENT]);
    let mut dig = Command::new("dig");
    dig.args(["@127.0.0.1", "-p", "53", "+onesoa", "+nocomments", "+nocmd", "+nostats", "example.org", "AXFR"]);
    let zone = String::from_utf8(dig.output().unwrap().stdout).unwrap();
    let file = directory.join("example.org.signed");
    fs::write(&file, &zone).unwrap();
    let file = file.to_str().unwrap();
    for verifier in [&["ldns-verify-zone", file][..], &["dnssec-verify", "-q", "-z", "-o", "example.org", file]] {
        let output = Command::new(verifier[0]).args(&verifier[1..]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{verifier:?}: {}\n{zone}", String::from_utf8_lossy(&said));
    }
    let signatures = zone.lines().filter(|line| line.contains("\tRRSIG\t")).count();
    println!(
        "{denial:?}: {} records, {signatures} signatures verified by ldns-verify-zone and dnssec-verify",
        zone.lines().count()
    );
    // The verifiers are no rubber stamp.
    fs::write(file, zone.replacen("203.0.113.80", "203.0.113.99", 1)).unwrap();
    assert!(!Command::new("ldns-verify-zone").arg(file).output().unwrap().status.success());
}
