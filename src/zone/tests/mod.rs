//! Tests of the room as a whole.

mod attribution;
mod catalogs;
mod mistakes;
mod reading;
mod round_trip;
mod samples;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Include, Node, Zone, load};
use crate::config::Report;
use crate::model::Name;

/// Included files by path.
#[derive(Default)]
struct Files(HashMap<PathBuf, String>);

impl Files {
    fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self(files.into_iter().map(|(path, text)| (PathBuf::from(path), text.to_owned())).collect())
    }
}

impl Include for Files {
    fn read(&self, path: &Path) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Loads `text` as `zones/test.zone` of example.org.
fn read(text: &str) -> (Option<Zone>, Report) {
    load(&name("example.org"), Path::new("zones/test.zone"), text, &Files::default())
}

/// Loads `text` behind a SOA and an NS on line 1 and 2.
fn good(text: &str) -> Zone {
    let (zone, report) = read(&with_apex(text));
    zone.unwrap_or_else(|| panic!("{report}"))
}

fn with_apex(text: &str) -> String {
    format!("@ 1h SOA ns.example.net. hostmaster 1 2h 15m 2w 1h\n@ 1h NS ns.example.net.\n{text}")
}

fn node<'z>(zone: &'z Zone, owner: &str) -> Option<&'z Node> {
    zone.node(&name(owner).key())
}

/// All records of a zone as `owner ttl type data`, sorted.
fn records(zone: &Zone) -> Vec<String> {
    let mut all: Vec<String> = zone
        .nodes()
        .flat_map(|node| node.rrsets().iter().map(move |set| (node, set)))
        .flat_map(|(node, set)| {
            set.rdata.iter().map(move |rdata| format!("{} {} {} {rdata}", node.owner, set.ttl, set.rtype))
        })
        .collect();
    all.sort();
    all
}
