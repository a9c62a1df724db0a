//! The programs of BIND and ldns that read zone files, and our reader beside them.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use hickory_proto::rr::RData;
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
use waypost::config::Report;
use waypost::model::Name;
use waypost::zone::{Include, Zone, load};

/// What a test without a program says, and fails if programs must be there.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";

pub fn origin() -> Name {
    "example.org".parse().unwrap()
}

/// Whether `program` is installed; if not, says so or fails.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-h").output().is_ok();
    assert!(found || std::env::var_os(REQUIRED).is_none(), "{program} is not installed");
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

struct NoIncludes;

impl Include for NoIncludes {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("no such file".to_owned())
    }
}

/// Our reader.
pub fn read(text: &str) -> (Option<Zone>, Report) {
    load(&origin(), Path::new("zone"), text, &NoIncludes)
}

/// Every record of `zone` in the form of RFC 3597, so that no reader's own forms take part.
pub fn generic(zone: &Zone) -> String {
    let mut text = String::new();
    for (node, set) in zone.records() {
        for rdata in &set.rdata {
            let wire = wire(rdata);
            let hex: String = wire.iter().map(|octet| format!("{octet:02x}")).collect();
            let (owner, ttl, code) = (&node.owner, set.ttl, u16::from(set.rtype));
            writeln!(text, "{owner} {ttl} IN TYPE{code} \\# {} {hex}", wire.len()).unwrap();
        }
    }
    text
}

fn wire(rdata: &RData) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).unwrap();
    octets
}

/// What `named-checkzone` says of a zone file, and the records if it accepts them, sorted.
pub fn checkzone(text: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(&file, text).unwrap();
    // Only what is in the file counts: `full` would ask the network for the hosts that it names.
    let run = |arguments: &[&str]| {
        let mut command = Command::new("named-checkzone");
        command.args(["-i", "local"]).args(arguments).arg("example.org").arg(&file).output().unwrap()
    };
    let output = run(&["-q", "-D", "-s", "full", "-o", "-"]);
    if !output.status.success() {
        return Err(said(&run(&[])));
    }
    Ok(sorted(&output))
}

/// The records that `ldns-read-zone` reads, names in lower case, sorted.
pub fn ldns(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    fs::write(&file, text).unwrap();
    let output = Command::new("ldns-read-zone").arg("-z").arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    sorted(&output)
}

fn sorted(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines: Vec<String> = text.lines().map(line).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
