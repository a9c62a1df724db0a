//! The records of a transfer as its messages bring them (RFC 5936 section 2.2, RFC 1995 section 4).
//!
//! Pure: messages go in, a whole zone or a whole sequence of differences comes out, or what is wrong with them.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::bounds::{TRANSFER_OCTETS, TRANSFER_RECORDS};
use super::message::{RawRecord, rcode_word, read};
use super::schedule::is_after;
use crate::model::Name;

/// What one version of a zone differs by from the one before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Records that are gone, the SOA first.
    pub(super) deleted: Vec<RawRecord>,
    /// Records that were not there, the SOA first.
    pub(super) added: Vec<RawRecord>,
}

/// What a transfer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Transferred {
    /// There is no version after the one asked from.
    Current(u32),
    /// All records, the SOA first and once.
    Whole(Vec<RawRecord>),
    /// What to do to the version asked from, in this order.
    Differences(Vec<Difference>),
}

/// Why the messages are no transfer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it answers {}", rcode_word(*.0))]
    Rcode(ResponseCode),
    #[error("a message has {0}")]
    Malformed(&'static str),
    #[error("{0}")]
    Order(&'static str),
    #[error("the zone changed from serial {0} to {1} within the transfer")]
    Changed(u32, u32),
    #[error("more than {TRANSFER_OCTETS} octets")]
    Octets,
    #[error("more than {TRANSFER_RECORDS} records")]
    Records,
}

/// Where in a transfer the next record stands.
#[derive(Clone, Copy)]
enum Stage {
    /// It is the first.
    First,
    /// It tells whether the transfer is whole or of differences.
    Second,
    /// Of a whole zone.
    Whole,
    /// Of what is deleted.
    Deleted,
    /// Of what is added up to this serial.
    Added(u32),
    /// There must be none.
    Done,
}

/// A transfer under way.
pub(super) struct Assembly {
    zone: Name,
    rtype: RecordType,
    /// The serial asked from, for IXFR.
    from: Option<u32>,
    /// That of the first SOA.
    serial: u32,
    stage: Stage,
    is_first_message: bool,
    octets: usize,
    count: usize,
    records: Vec<RawRecord>,
    differences: Vec<Difference>,
    /// The difference under way.
    open: Difference,
}

impl Assembly {
    /// The transfer of `zone`, by IXFR where the version is given that the differences are to start from.
    pub(super) fn new(zone: &Name, from: Option<u32>) -> Self {
        Self {
            zone: zone.clone(),
            rtype: if from.is_some() { RecordType::IXFR } else { RecordType::AXFR },
            from,
            serial: 0,
            stage: Stage::First,
            is_first_message: true,
            octets: 0,
            count: 0,
            records: Vec::new(),
            differences: Vec::new(),
            open: Difference::default(),
        }
    }

    /// Records so far.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Takes the next message. Gives the content when it was the last.
    pub(super) fn take(&mut self, octets: &[u8]) -> Result<Option<Transferred>, Fault> {
        self.octets = self.octets.saturating_add(octets.len());
        if self.octets > TRANSFER_OCTETS {
            return Err(Fault::Octets);
        }
        let reply = read(octets).map_err(Fault::Malformed)?;
        if reply.rcode != ResponseCode::NoError {
            return Err(Fault::Rcode(reply.rcode));
        }
        match &reply.question {
            Some((name, rtype)) if *name != self.zone || *rtype != self.rtype => {
                return Err(Fault::Order("a message answers another question"));
            }
            _ => {}
        }
        if reply.answers.is_empty() {
            return Err(Fault::Order("a message has no records"));
        }
        let is_only = std::mem::take(&mut self.is_first_message) && reply.answers.len() == 1;
        for record in reply.answers {
            self.add(record)?;
        }
        // A server that has no later version answers an IXFR with its SOA alone (RFC 1995 section 4).
        if let (true, Stage::Second, Some(from)) = (is_only, self.stage, self.from)
            && !is_after(self.serial, from)
        {
            return Ok(Some(Transferred::Current(self.serial)));
        }
        if !matches!(self.stage, Stage::Done) {
            return Ok(None);
        }
        let records = std::mem::take(&mut self.records);
        let differences = std::mem::take(&mut self.differences);
        Ok(Some(if differences.is_empty() {
            Transferred::Whole(records)
        } else {
            Transferred::Differences(differences)
        }))
    }

    fn add(&mut self, record: RawRecord) -> Result<(), Fault> {
        self.count += 1;
        if self.count > TRANSFER_RECORDS {
            return Err(Fault::Records);
        }
        let soa = record.is_soa_of(&self.zone).then(|| record.serial()).flatten();
        match (self.stage, soa) {
            (Stage::First, Some(serial)) => {
                self.serial = serial;
                self.records.push(record);
                self.stage = Stage::Second;
            }
            (Stage::First, None) => return Err(Fault::Order("the first record is not the SOA of the zone")),
            (Stage::Second, Some(serial)) if self.from == Some(serial) && serial != self.serial => {
                self.records.clear();
                self.open.deleted.push(record);
                self.stage = Stage::Deleted;
            }
            (Stage::Second | Stage::Whole, Some(serial)) if serial == self.serial => self.stage = Stage::Done,
            (Stage::Second | Stage::Whole, Some(serial)) => return Err(Fault::Changed(self.serial, serial)),
            (Stage::Second | Stage::Whole, None) => {
                self.records.push(record);
                self.stage = Stage::Whole;
            }
            (Stage::Deleted, Some(serial)) => {
                self.open.added.push(record);
                self.stage = Stage::Added(serial);
            }
            (Stage::Deleted, None) => self.open.deleted.push(record),
            (Stage::Added(to), Some(serial)) if to == serial => {
                self.differences.push(std::mem::take(&mut self.open));
                if serial == self.serial {
                    self.stage = Stage::Done;
                } else {
                    self.open.deleted.push(record);
                    self.stage = Stage::Deleted;
                }
            }
            (Stage::Added(_), Some(_)) => return Err(Fault::Order("the differences do not follow one another")),
            (Stage::Added(_), None) => self.open.added.push(record),
            (Stage::Done, _) => return Err(Fault::Order("records follow the last SOA")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn soa(serial: u32) -> RawRecord {
        let mut data = [name("ns.example").as_wire(), name("h.example").as_wire()].concat();
        data.extend([serial, 1, 2, 3, 4].map(u32::to_be_bytes).concat());
        RawRecord { owner: name("example"), rtype: RecordType::SOA, ttl: 60, data }
    }

    fn txt(owner: &str) -> RawRecord {
        RawRecord { owner: name(owner), rtype: RecordType::TXT, ttl: 60, data: b"\x01x".to_vec() }
    }

    fn message(rtype: RecordType, records: &[RawRecord]) -> Vec<u8> {
        let mut octets = vec![0, 1, 0x84, 0, 0, 1];
        octets.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
        octets.extend([0; 4]);
        octets.extend(name("example").as_wire());
        octets.extend([u16::from(rtype), 1].map(u16::to_be_bytes).concat());
        for record in records {
            octets.extend(record.owner.as_wire());
            octets.extend([u16::from(record.rtype), 1].map(u16::to_be_bytes).concat());
            octets.extend(record.ttl.to_be_bytes());
            octets.extend(u16::try_from(record.data.len()).unwrap().to_be_bytes());
            octets.extend(&record.data);
        }
        octets
    }

    fn transfer(from: Option<u32>, messages: &[&[RawRecord]]) -> Result<Option<Transferred>, Fault> {
        let mut assembly = Assembly::new(&name("example"), from);
        let rtype = assembly.rtype;
        let mut content = None;
        for records in messages {
            assert!(content.is_none());
            content = assembly.take(&message(rtype, records))?;
        }
        Ok(content)
    }

    #[test]
    fn a_whole_zone_ends_with_the_soa_that_it_began_with() {
        let (a, b) = (txt("a.example"), txt("b.example"));
        let whole = Transferred::Whole(vec![soa(5), a.clone(), b.clone()]);
        for from in [None, Some(4)] {
            for messages in [
                &[&[soa(5), a.clone(), b.clone(), soa(5)][..]][..],
                &[&[soa(5)], std::slice::from_ref(&a), &[b.clone(), soa(5)]],
            ] {
                assert_eq!(transfer(from, messages).as_ref().unwrap().as_ref(), Some(&whole));
            }
        }
        assert_eq!(transfer(None, &[&[soa(5), a.clone(), b.clone()]]), Ok(None));
    }

    #[test]
    fn what_is_no_transfer_is_refused() {
        let a = txt("a.example");
        let wrong: [&[RawRecord]; 5] = [
            &[a.clone(), soa(5)],
            &[soa(5), a.clone(), soa(6)],
            &[soa(5), a.clone(), soa(5), a.clone()],
            &[],
            &[RawRecord { owner: name("other"), ..soa(5) }],
        ];
        for records in wrong {
            assert!(transfer(None, &[records]).is_err(), "{records:?}");
        }
        let mut refused = message(RecordType::AXFR, &[]);
        refused[3] |= 5;
        let mut assembly = Assembly::new(&name("example"), None);
        assert_eq!(assembly.take(&refused), Err(Fault::Rcode(ResponseCode::Refused)));
        let other = message(RecordType::SOA, &[soa(5), a, soa(5)]);
        assert!(assembly.take(&other).is_err());
    }

    #[test]
    fn differences_follow_one_another_to_the_newest_version() {
        let (a, b, c) = (txt("a.example"), txt("b.example"), txt("c.example"));
        let records = [soa(7), soa(5), a.clone(), soa(6), b.clone(), soa(6), soa(7), c.clone(), soa(7)];
        let expected = Transferred::Differences(vec![
            Difference { deleted: vec![soa(5), a], added: vec![soa(6), b] },
            Difference { deleted: vec![soa(6)], added: vec![soa(7), c] },
        ]);
        assert_eq!(transfer(Some(5), &[&records]).as_ref().unwrap().as_ref(), Some(&expected));
        let single: Vec<_> = records.chunks(1).collect();
        assert_eq!(transfer(Some(5), &single), Ok(Some(expected)));
        // A gap between the versions, and differences from another version than the one asked from.
        assert!(transfer(Some(5), &[&[soa(7), soa(5), soa(6), soa(5), soa(7), soa(7)]]).is_err());
        assert!(transfer(Some(4), &[&records]).is_err());
    }

    #[test]
    fn a_server_without_a_later_version_sends_its_soa_alone() {
        assert_eq!(transfer(Some(5), &[&[soa(5)]]), Ok(Some(Transferred::Current(5))));
        assert_eq!(transfer(Some(5), &[&[soa(4)]]), Ok(Some(Transferred::Current(4))));
        // The first of a whole zone in small messages.
        assert_eq!(transfer(Some(5), &[&[soa(6)]]), Ok(None));
        assert_eq!(transfer(None, &[&[soa(5)]]), Ok(None));
    }

    proptest! {
        #[test]
        fn any_sequence_of_records_ends_or_is_refused(
            from: Option<u8>,
            records in prop::collection::vec(prop::option::of(0_u32..4), 0..12),
            split in 1_usize..5,
        ) {
            let records: Vec<_> =
                records.into_iter().map(|serial| serial.map_or_else(|| txt("a.example"), soa)).collect();
            let mut assembly = Assembly::new(&name("example"), from.map(|from| u32::from(from % 4)));
            let rtype = assembly.rtype;
            for records in records.chunks(split) {
                match assembly.take(&message(rtype, records)) {
                    Ok(None) => {}
                    Ok(Some(Transferred::Whole(whole))) => {
                        prop_assert!(whole.first().is_some_and(|first| first.is_soa_of(&name("example"))));
                        prop_assert_eq!(whole.iter().filter(|record| record.rtype == RecordType::SOA).count(), 1);
                        break;
                    }
                    Ok(Some(Transferred::Differences(differences))) => {
                        for difference in differences {
                            prop_assert!(difference.deleted.first().is_some_and(|first| first.serial().is_some()));
                            prop_assert!(difference.added.first().is_some_and(|first| first.serial().is_some()));
                        }
                        break;
                    }
                    Ok(Some(Transferred::Current(_))) | Err(_) => break,
                }
            }
        }
    }
}
