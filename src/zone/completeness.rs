//! What only the whole zone shows: its SOA, its name servers, and their addresses.

use std::path::{Path, PathBuf};

use domain::base::iana::Rtype;
use hickory_proto::rr::RecordType;

use super::draft::Draft;
use super::findings::{Finding, Findings};
use super::form;
use crate::model::Name;

/// What the source tried to say, so that one mistake is not also reported as something missing.
#[derive(Default)]
pub(super) struct Tried {
    /// There was a SOA of this zone, good or not.
    pub(super) soa: bool,
    /// There was an NS of the apex, good or not.
    pub(super) ns: bool,
    /// Where a SOA stands that is not of this zone.
    pub(super) foreign_soa: Option<Name>,
}

/// Reports what `draft` lacks; `files` are those that its places count, the zone file first.
pub(super) fn check(draft: &Draft, tried: &Tried, findings: &mut Findings, files: &[PathBuf]) {
    let file = files.first().map_or(Path::new(""), PathBuf::as_path);
    let origin = draft.origin();
    let has = |rtype| draft.apex().is_some_and(|apex| apex.rrset(rtype).is_some());
    if !has(RecordType::SOA) && !tried.soa {
        let finding = match &tried.foreign_soa {
            Some(foreign) => Finding::error(
                format!("the SOA of {foreign} in the file of {origin}"),
                format!("a SOA at {origin}"),
                format!("set origin to {foreign} in the configuration, or name the right file"),
            ),
            None => Finding::error(
                format!("no SOA at {origin}"),
                "exactly one",
                format!("add '@ 1h {}' as the first record", form::of(Rtype::SOA).1),
            ),
        };
        findings.push_line(file, 0, finding);
    }
    if !has(RecordType::NS) && !tried.ns && tried.foreign_soa.is_none() {
        let what = format!("no NS at {origin}");
        let remedy = "add an NS record for every name server of the zone, as in '@ NS ns1.example.org.'";
        findings.push_line(file, 0, Finding::error(what, "at least one", remedy));
    }
    for (place, target) in draft.name_servers_without_address() {
        let what = format!("the name server {target} without an address");
        let finding = Finding::warning(what, "an A or AAAA record in this zone", "add its address");
        let named_in = usize::try_from(place.file).ok().and_then(|ix| files.get(ix));
        let line = usize::try_from(place.line).unwrap_or(0);
        findings.push_line(named_in.map_or(file, PathBuf::as_path), line, finding);
    }
}
