//! Zones from records that came over the wire, under the rules that hold for a file.

use std::path::Path;

use hickory_proto::rr::{RData, RecordType};

use super::bounds::MAX_TTL;
use super::completeness::{self, Tried};
use super::draft::{Draft, Record};
use super::findings::{Finding, Findings};
use super::rdata;
use super::tree::{Place, Zone};
use crate::config::Report;
use crate::model::Name;

/// One record of a zone transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferredRecord {
    /// The owner.
    pub owner: Name,
    /// The type.
    pub rtype: RecordType,
    /// The TTL in seconds; one with the highest bit set counts as 0 (RFC 2181 section 8).
    pub ttl: u32,
    /// The record data.
    pub rdata: RData,
}

/// Makes the zone of apex `origin` of `records`, whose order matters only within an RRset; a repeated SOA, as at the
/// end of a transfer, is dropped like every repetition.
///
/// `file_label` stands for the file in the report. The zone is given only when the report has no error.
#[must_use]
pub fn from_records(origin: &Name, records: Vec<TransferredRecord>, file_label: &Path) -> (Option<Zone>, Report) {
    let mut draft = Draft::new(origin.clone());
    let mut findings = Findings::default();
    let mut tried = Tried::default();
    // Records that came over the wire stand on no line.
    let place = Place { file: 0, line: 0 };
    for TransferredRecord { owner, rtype, ttl, rdata } in records {
        tried.soa |= rtype == RecordType::SOA && owner == *origin;
        tried.ns |= rtype == RecordType::NS && owner == *origin;
        if !owner.is_at_or_below(origin) {
            let what = format!("{rtype} of {owner}, which is not in this zone");
            let expected = format!("names at or below {origin}");
            let remedy = "remove it at the primary; it is ignored here";
            findings.push_line(file_label, 0, Finding::warning(what, expected, remedy));
            continue;
        }
        let Some(rdata) = rdata::checked(rtype, &rdata) else {
            let what = format!("{rtype} of {owner} with octets that are no data of {rtype}");
            let finding = Finding::error(what, "record data of its type", "correct the record at the primary");
            findings.push_line(file_label, 0, finding);
            continue;
        };
        let ttl = if ttl > MAX_TTL { 0 } else { ttl };
        if let Err(finding) = draft.add(Record { owner, rtype, ttl, rdata, place }) {
            findings.push_line(file_label, 0, finding);
        }
    }
    completeness::check(&draft, &tried, &mut findings, &[file_label.to_path_buf()]);
    let zone = if findings.has_errors() { None } else { draft.finish(vec![file_label.to_path_buf()]) };
    (zone, findings.finish(file_label))
}
