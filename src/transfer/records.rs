//! Records as they came to records as a zone takes them, and differences applied to a version that is held.

use std::collections::HashMap;

use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use super::assembly::Difference;
use super::message::RawRecord;
use crate::model::Name;
use crate::zone::{RrSet, TransferredRecord, Zone};

/// Records for [`crate::zone::from_records`], which reads the octets by their type.
pub(super) fn transferred(records: Vec<RawRecord>) -> Vec<TransferredRecord> {
    records.into_iter().map(transferred_one).collect()
}

fn transferred_one(RawRecord { owner, rtype, ttl, data }: RawRecord) -> TransferredRecord {
    // The library's octets of an unknown type are at least one.
    let rdata =
        if data.is_empty() { RData::Update0(rtype) } else { RData::Unknown { code: rtype, rdata: NULL::with(data) } };
    TransferredRecord { owner, rtype, ttl, rdata }
}

/// What makes a record the same as another: owner, type and data.
type Key = (Box<[u8]>, u16, Vec<u8>);

/// The records of `zone` after `differences`.
///
/// # Errors
/// Where the differences are not those of this version. Then the whole zone has to be asked for.
pub(super) fn applied(zone: &Zone, differences: Vec<Difference>) -> Result<Vec<TransferredRecord>, String> {
    let mut records: Vec<Option<RawRecord>> = held(zone)?.into_iter().map(Some).collect();
    let mut places: HashMap<Key, usize> =
        records.iter().flatten().map(key).enumerate().map(|(ix, key)| (key, ix)).collect();
    for Difference { deleted, added } in differences {
        for record in deleted {
            let place = places.remove(&key(&record)).and_then(|ix| records.get_mut(ix));
            let Some(place) = place else {
                return Err(format!("{} of {} is deleted and is not there", record.rtype, record.owner));
            };
            *place = None;
        }
        for record in added {
            match places.get(&key(&record)).and_then(|ix| records.get_mut(*ix)) {
                Some(place) => *place = Some(record),
                None => {
                    places.insert(key(&record), records.len());
                    records.push(Some(record));
                }
            }
        }
    }
    Ok(transferred(records.into_iter().flatten().collect()))
}

fn key(record: &RawRecord) -> Key {
    (record.owner.key(), u16::from(record.rtype), record.data.clone())
}

/// The records of `zone` as they would have come.
fn held(zone: &Zone) -> Result<Vec<RawRecord>, String> {
    let mut records = Vec::new();
    for (node, set) in zone.records() {
        for rdata in zone.rdata(set).iter() {
            let record = raw(&zone.owner(node), set, rdata);
            records.push(record.ok_or_else(|| format!("{} of {} cannot be written", set.rtype, node.owner))?);
        }
    }
    Ok(records)
}

/// The SOA of `zone` as it would have come.
pub(super) fn soa_of(zone: &Zone) -> Option<RawRecord> {
    let set = zone.node(&zone.origin().key())?.rrset(RecordType::SOA)?;
    raw(zone.origin(), set, zone.rdata(set).first()?)
}

fn raw(owner: &Name, set: &RrSet, rdata: &RData) -> Option<RawRecord> {
    let mut data = Vec::new();
    let mut encoder = BinEncoder::new(&mut data);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).ok()?;
    Some(RawRecord { owner: owner.clone(), rtype: set.rtype, ttl: set.ttl, data })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::zone::{Include, from_records, load};

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    fn zone(serial: u32, more: &str) -> Zone {
        let text = format!("$TTL 60\n@ SOA ns h {serial} 1 2 3 4\n@ NS ns\nns A 192.0.2.1\n{more}");
        load(&"example".parse().unwrap(), Path::new("zone"), &text, &Nothing).0.unwrap()
    }

    fn of(zone: &Zone, owner: &str, rtype: RecordType) -> RawRecord {
        let owner: Name = owner.parse().unwrap();
        held(zone).unwrap().into_iter().find(|record| record.owner == owner && record.rtype == rtype).unwrap()
    }

    fn difference(old: &Zone, new: &Zone) -> Difference {
        let (old, new) = (held(old).unwrap(), held(new).unwrap());
        let only = |these: &[RawRecord], those: &[RawRecord]| {
            these.iter().filter(|record| !those.contains(record)).cloned().collect()
        };
        Difference { deleted: only(&old, &new), added: only(&new, &old) }
    }

    #[test]
    fn differences_lead_from_one_version_to_the_next() {
        let old = zone(1, "a TXT gone\nb TXT stays\nc 60 MX 10 mx.c\n");
        let middle = zone(2, "b TXT stays\nB TXT joins\nc 60 MX 20 mx.c\n");
        let new = zone(3, "b TXT joins\nodd TYPE65280 \\# 0\n");
        let differences = vec![difference(&old, &middle), difference(&middle, &new)];
        let records = applied(&old, differences).unwrap();
        let (made, report) = from_records(old.origin(), records, Path::new("transfer"));
        assert!(!report.has_errors(), "{report}");
        assert_eq!(crate::zone::write(&made.unwrap()), crate::zone::write(&new));
    }

    #[test]
    fn differences_of_another_version_are_refused() {
        let (old, other, new) = (zone(1, ""), zone(1, "a TXT other\n"), zone(2, ""));
        let error = applied(&old, vec![difference(&other, &new)]).unwrap_err();
        assert_eq!(error, "TXT of a.example. is deleted and is not there");
    }

    #[test]
    fn data_that_is_none_of_its_type_refuses_the_zone() {
        let zone = zone(9, "");
        for data in [&b""[..], b"\xc0\x00\x02", b"\xc0\x00\x02\x01\x00"] {
            let mut records = held(&zone).unwrap();
            let owner = "a.example".parse().unwrap();
            records.push(RawRecord { owner, rtype: RecordType::A, ttl: 60, data: data.to_vec() });
            let (made, report) = from_records(zone.origin(), transferred(records), Path::new("transfer"));
            assert!(made.is_none() && report.has_errors(), "{data:?}");
        }
    }

    #[test]
    fn records_pass_through_unchanged() {
        let zone = zone(9, "a 5 SRV 1 2 3 x\nb NAPTR 1 2 \"u\" \"sip\" \"!a!b!\" .\n");
        let (again, report) = from_records(zone.origin(), transferred(held(&zone).unwrap()), Path::new("transfer"));
        assert!(!report.has_errors(), "{report}");
        assert_eq!(crate::zone::write(&again.unwrap()), crate::zone::write(&zone));
        assert_eq!(soa_of(&zone).unwrap(), of(&zone, "example", RecordType::SOA));
        assert_eq!(soa_of(&zone).unwrap().serial(), Some(9));
    }
}
