//! Zone files, lists of origins, and what becomes of a zone that could be read.

use std::path::Path;

use hickory_proto::rr::RecordType;
use waypost::zone::{self, Include, Template, TransferredRecord, Zone};

use super::Watch;
use super::world::name;

/// The one file that can be included.
struct Hosts;

impl Include for Hosts {
    fn read(&self, path: &Path) -> Result<String, String> {
        if path.ends_with("hosts") { Ok("@ A 192.0.2.1\n".to_owned()) } else { Err("no such file".to_owned()) }
    }
}

type Record = (String, RecordType, u32, String);

fn records(zone: &Zone) -> Vec<Record> {
    let sets = zone.records();
    sets.flat_map(|(node, set)| {
        let owner = node.owner.to_string();
        set.rdata.iter().map(move |rdata| (owner.clone(), set.rtype, set.ttl, format!("{rdata:?}")))
    })
    .collect()
}

/// Reads the input as a zone file, writes the zone and transfers it: all three are the same.
pub fn run(input: &[u8], watch: &impl Watch) {
    let text = String::from_utf8_lossy(input);
    let origin = name("example.org");
    let file = Path::new("zones/example.org.zone");
    let (zone, report) = watch.timed("reading a zone file", || zone::load(&origin, file, &text, &Hosts));
    assert_eq!(zone.is_none(), report.has_errors());
    assert!(report.iter().all(|diagnostic| !diagnostic.what.is_empty() && !diagnostic.remedy.is_empty()));
    watch.timed("writing a report", || report.to_string());
    watch.timed("reading a list of origins", || zone::origins(file, &text));
    let Some(zone) = zone else { return };
    let written = watch.timed("writing a zone file", || zone::write(&zone));
    // More text than was read, so that no time is asked of it.
    let (again, report) = zone::load(&origin, file, &written, &Hosts);
    let again = again.unwrap_or_else(|| panic!("{report}\n{written}"));
    assert_eq!(records(&again), records(&zone), "{written}");
    let transferred = || {
        let sets = zone.records();
        sets.flat_map(|(node, set)| {
            set.rdata.iter().map(|rdata| TransferredRecord {
                owner: node.owner.clone(),
                rtype: set.rtype,
                ttl: set.ttl,
                rdata: rdata.clone(),
            })
        })
        .collect()
    };
    let (again, report) = watch.timed("taking over a transfer", || zone::from_records(&origin, transferred(), file));
    let again = again.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(records(&again), records(&zone));
    let _ = watch.timed("reading a catalog", || zone::catalog(&zone));
    template(&text, watch);
}

/// A zone of a template is the zone that the text makes with its origin.
fn template(text: &str, watch: &impl Watch) {
    let file = Path::new("zones/template.zone");
    // A text that names the hosted zone, plainly or by escapes, means something else in each.
    if text.contains('\\') || text.to_ascii_lowercase().contains("hosted") {
        return;
    }
    let example = name("example.org");
    let (template, _) = watch.timed("reading a template", || Template::load(&example, file, text, &Hosts));
    let origin = name("hosted.example");
    let Some(Ok(zone)) = template.map(|template| template.zone(origin.clone())) else { return };
    let (alone, report) = zone::load(&origin, file, text, &Hosts);
    let alone = alone.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(records(&zone.standalone()), records(&alone));
}
