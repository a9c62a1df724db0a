//! What must hold before a zone is updated (RFC 2136 section 3.2).

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};

use super::rdata;
use super::tree::{Node, Zone};
use super::update::is_meta;
use crate::model::Name;

/// Whether everything in `prerequisites` holds in `zone`.
///
/// # Errors
/// The RCODE that says what does not.
pub(super) fn check(zone: &Zone, prerequisites: &[Record]) -> Result<(), ResponseCode> {
    // RRsets that must be there as they are told, put together from their records.
    let mut told: Vec<(Name, RecordType, Vec<RData>)> = Vec::new();
    for record in prerequisites {
        let owner = Name::from_rr(&record.name);
        if record.ttl != 0 {
            return Err(ResponseCode::FormErr);
        }
        if !owner.is_at_or_below(zone.origin()) {
            return Err(ResponseCode::NotZone);
        }
        let rtype = record.record_type();
        let is_empty = matches!(record.data, RData::Update0(_));
        match (record.dns_class, rtype) {
            (DNSClass::ANY | DNSClass::NONE, _) if !is_empty => return Err(ResponseCode::FormErr),
            (DNSClass::ANY | DNSClass::NONE, rtype) if rtype != RecordType::ANY && is_meta(rtype) => {
                return Err(ResponseCode::FormErr);
            }
            (DNSClass::ANY, RecordType::ANY) if !is_in_use(zone, &owner) => return Err(ResponseCode::NXDomain),
            (DNSClass::NONE, RecordType::ANY) if is_in_use(zone, &owner) => return Err(ResponseCode::YXDomain),
            (DNSClass::ANY | DNSClass::NONE, RecordType::ANY) => {}
            (DNSClass::ANY, rtype) if records(zone, &owner, rtype).is_none() => return Err(ResponseCode::NXRRSet),
            (DNSClass::NONE, rtype) if records(zone, &owner, rtype).is_some() => return Err(ResponseCode::YXRRSet),
            (DNSClass::ANY | DNSClass::NONE, _) => {}
            (DNSClass::IN, rtype) if !is_empty && !is_meta(rtype) => {
                let data = rdata::checked(rtype, &record.data).ok_or(ResponseCode::FormErr)?;
                match told.iter_mut().find(|(name, other, _)| *name == owner && *other == rtype) {
                    Some((_, _, all)) if all.contains(&data) => {}
                    Some((_, _, all)) => all.push(data),
                    None => told.push((owner, rtype, vec![data])),
                }
            }
            _ => return Err(ResponseCode::FormErr),
        }
    }
    for (owner, rtype, wanted) in told {
        let present = records(zone, &owner, rtype).unwrap_or_default();
        if present.len() != wanted.len() || !wanted.iter().all(|data| present.contains(data)) {
            return Err(ResponseCode::NXRRSet);
        }
    }
    Ok(())
}

fn records<'z>(zone: &'z Zone, owner: &Name, rtype: RecordType) -> Option<&'z [RData]> {
    zone.node(&owner.key())?.rrset(rtype).map(|set| set.rdata.as_slice())
}

/// Whether a name owns records; an empty non-terminal does not (section 2.4.4).
fn is_in_use(zone: &Zone, owner: &Name) -> bool {
    zone.node(&owner.key()).map_or(&[][..], Node::rrsets).iter().any(|set| !set.rdata.is_empty())
}
