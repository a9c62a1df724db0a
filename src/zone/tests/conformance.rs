//! The zones of the conformance suite, which BIND, NSD and Knot load: a user's zone must load here as well.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Files, load, name};

/// Where the suite is, if it is: it is not part of the source tree.
fn suite() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared", "../../shared"]
        .into_iter()
        .map(|shared| root.join(shared).join("conformance/tests.jsonl.gz"))
        .find(|path| path.exists())
}

#[test]
fn every_zone_of_the_conformance_suite_loads() {
    let Some(path) = suite() else {
        println!("skipped: no conformance suite beside the source tree");
        return;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut count = 0;
    for line in text.lines() {
        let zone: Value = serde_json::from_str(line).unwrap();
        if zone["kind"] != "zone" {
            continue;
        }
        let mut master = String::new();
        let mut declared = HashSet::new();
        for record in zone["rr"].as_array().unwrap() {
            let [owner, rtype, data] = [0, 1, 2].map(|ix| record[ix].as_str().unwrap());
            master.push_str(&format!("{owner}\t500\tIN\t{rtype}\t{data}\n"));
            declared.insert((owner.to_ascii_lowercase(), rtype.to_owned(), data.to_owned()));
        }
        let origin = name(zone["origin"].as_str().unwrap());
        let (loaded, report) = load(&origin, Path::new("test.zone"), &master, &Files::default());
        let loaded = loaded.unwrap_or_else(|| panic!("{}: {report}", zone["id"]));
        let records: usize = loaded.nodes().flat_map(|node| node.rrsets()).map(|set| set.rdata.len()).sum();
        assert_eq!(records, declared.len(), "{}", zone["id"]);
        count += 1;
    }
    assert_eq!(count, 198);
}
