//! Who gets a transfer of which zone, and what of it (RFC 5936, RFC 1995).

use std::borrow::Cow;
use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, Record, RecordType};

use super::counts::TransferEnd;
use crate::answer::{Note, Part, Reply, Transport};
use crate::dnssec::{Proof, Secure, Signable, SigningFault};
use crate::model::{Denial, Name, ZonePolicy};
use crate::zone::{Zone, Zones};

/// Half of the space of serials: what is less than this ahead is newer (RFC 1982 section 3.2).
const HALF: u32 = 1 << 31;

/// A request for a transfer.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransferRequest<'r> {
    /// The apex of the zone.
    pub(super) origin: &'r Name,
    /// Whether only what changed since `serial` is asked for.
    pub(super) incremental: bool,
    /// The serial that the client has.
    pub(super) serial: Option<u32>,
    /// Who asks.
    pub(super) source: IpAddr,
    /// The key that signed the request.
    pub(super) key: Option<&'r Name>,
    /// How the request came.
    pub(super) transport: Transport,
}

/// What becomes of a request.
pub(super) enum Decision {
    /// One message says it all.
    Reply(Reply<'static>, TransferEnd),
    /// The whole zone, whose serial is given, in as many messages as it takes.
    Whole(Zone, u32),
}

impl TransferRequest<'_> {
    /// Decides on the request. No differences are kept, so that an incremental transfer is either nothing but the SOA or
    /// the whole zone (RFC 1995 section 4).
    pub(super) fn decide(&self, zones: &Zones) -> Decision {
        let refuse = |reply| Decision::Reply(reply, TransferEnd::Refused);
        let Some(zone) = zones.get(self.origin) else {
            return refuse(if zones.is_unavailable(&self.origin.key()) {
                Reply::noted(ResponseCode::ServFail, Note::NOT_LOADED)
            } else {
                // RFC 5936 section 2.2.1.
                Reply::noted(ResponseCode::NotAuth, Note::NOT_AUTHORITATIVE)
            });
        };
        let streams = matches!(self.transport, Transport::Tcp | Transport::Tls | Transport::Quic);
        if !self.is_allowed(zone.policy()) || !(streams || self.incremental) {
            return refuse(Reply::noted(ResponseCode::Refused, Note::PROHIBITED_TRANSFER));
        }
        let Some((part, serial)) = soa(zone) else {
            return refuse(Reply::noted(ResponseCode::ServFail, Note::NOT_LOADED));
        };
        match (self.incremental, self.serial) {
            (true, None) => refuse(Reply::empty(ResponseCode::FormErr)),
            (true, Some(held)) if !streams || held.wrapping_sub(serial) < HALF => {
                let reply = Reply { authoritative: true, answer: vec![part], ..Reply::empty(ResponseCode::NoError) };
                Decision::Reply(reply, TransferEnd::SoaOnly)
            }
            _ => Decision::Whole(zone.clone(), serial),
        }
    }

    /// Whether a rule of the zone allows the transfer: address and key must both fit.
    fn is_allowed(&self, policy: &ZonePolicy) -> bool {
        let source = self.source.to_canonical();
        policy.transfer.iter().any(|rule| {
            rule.from.iter().any(|network| network.contains(&source))
                && rule.key.as_ref().is_none_or(|key| self.key == Some(key))
        })
    }
}

/// The reply where too many transfers are under way: the client comes again after its retry interval.
pub(super) fn busy() -> Reply<'static> {
    let note = Note { code: 14, text: Cow::Borrowed("too many transfers at once") };
    Reply::noted(ResponseCode::ServFail, note)
}

/// The SOA as it is served, and its serial.
fn soa(zone: &Zone) -> Option<(Part<'static>, u32)> {
    let set = zone.node(&zone.origin().key())?.rrset(RecordType::SOA)?;
    let rdata = zone.rdata(set).into_owned();
    let Some(RData::SOA(first)) = rdata.first() else { return None };
    let serial = first.serial;
    let part = Part {
        owner: zone.origin().clone(),
        rtype: RecordType::SOA,
        ttl: set.ttl,
        rdata: Cow::Owned(rdata),
        signer: None,
    };
    Some((part, serial))
}

/// Makes the RRSIG record data of an RRset.
pub(super) trait Sign: Fn(&Secure, &Signable<'_>) -> Result<Vec<RData>, SigningFault> + Send + 'static {}

impl<F: Fn(&Secure, &Signable<'_>) -> Result<Vec<RData>, SigningFault> + Send + 'static> Sign for F {}

/// A part of a transfer.
enum Step {
    /// What an owner has, lower-cased in wire format.
    Owner(Box<[u8]>),
    /// The records of denial whose owners are hashes.
    Hashes,
    /// The SOA again, which says that all came.
    Last,
}

/// The records of a transfer: the declared zone, never steered, with glue and all that lies below cuts, between two
/// copies of the SOA (RFC 5936 sections 2.2 and 3), and of a signed zone its signatures and chain of denial. Owners come
/// in canonical order.
///
/// Holds the zone and the names in it; records are made one owner at a time. Where a signature cannot be made, the
/// records end without the second SOA, so that the client keeps what it has.
pub(super) fn transfer_records(zone: Zone, sign: impl Sign) -> impl Iterator<Item = Record> + Send {
    let mut owners: Vec<Box<[u8]>> = zone.records().map(|(node, _)| zone.owner(node).key()).collect();
    owners.dedup();
    let steps = owners.into_iter().map(Step::Owner).chain([Step::Hashes, Step::Last]);
    let records = steps.map_while(move |step| {
        let records = match step {
            Step::Owner(key) => records_of(&zone, &key, &sign),
            Step::Hashes => hashed_denial(&zone, &sign),
            Step::Last => Ok(soa(&zone).map(|(part, _)| part.records().collect()).unwrap_or_default()),
        };
        records
            .inspect_err(|error| tracing::error!(%error, zone = %zone.origin(), "a transfer could not be signed"))
            .ok()
    });
    records.flatten()
}

/// The records of one owner, an SOA first, each RRset with its signatures, at last its NSEC record.
fn records_of(zone: &Zone, key: &[u8], sign: &impl Sign) -> Result<Vec<Record>, SigningFault> {
    let Some(node) = zone.node(key) else { return Ok(Vec::new()) };
    let owner = zone.owner(node);
    let mut sets: Vec<_> = node.rrsets().iter().collect();
    sets.sort_by_key(|set| (set.rtype != RecordType::SOA, u16::from(set.rtype)));
    let mut records = Vec::new();
    for set in sets {
        let rdata = zone.rdata(set);
        let secure = zone.secure().filter(|_| zone.signs(node, set.rtype));
        let set = Signable { owner: &owner, rtype: set.rtype, ttl: set.ttl, rdata: &rdata };
        add(&mut records, &set, secure.map(AsRef::as_ref), sign)?;
    }
    if let Some(secure) = zone.secure().filter(|secure| secure.chain().denial() == Denial::Nsec)
        && let Some(proof) = secure.chain().of(key)
    {
        add_proof(&mut records, &proof, secure, sign)?;
    }
    Ok(records)
}

/// The NSEC3 records of a zone.
fn hashed_denial(zone: &Zone, sign: &impl Sign) -> Result<Vec<Record>, SigningFault> {
    let mut records = Vec::new();
    if let Some(secure) = zone.secure().filter(|secure| secure.chain().denial() == Denial::Nsec3) {
        for proof in secure.chain().proofs() {
            add_proof(&mut records, &proof, secure, sign)?;
        }
    }
    Ok(records)
}

fn add_proof(records: &mut Vec<Record>, proof: &Proof, secure: &Secure, sign: &impl Sign) -> Result<(), SigningFault> {
    let rdata = std::slice::from_ref(&proof.rdata);
    let set = Signable { owner: &proof.owner, rtype: proof.rtype, ttl: secure.ttl(), rdata };
    add(records, &set, Some(secure), sign)
}

/// Adds an RRset and its signatures.
fn add(
    records: &mut Vec<Record>,
    set: &Signable<'_>,
    secure: Option<&Secure>,
    sign: &impl Sign,
) -> Result<(), SigningFault> {
    let owner = set.owner.to_rr();
    let signatures = secure.map(|secure| sign(secure, set)).transpose()?.unwrap_or_default();
    let all = set.rdata.iter().cloned().chain(signatures);
    records.extend(all.map(|rdata| Record::from_rdata(owner.clone(), set.ttl, rdata)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use std::path::Path;

    use super::*;
    use crate::model::TransferRule;
    use crate::zone::{Include, load};

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    const ZONE: &str = "$TTL 60\n@ SOA ns h 4294967290 1 1 1 1\n@ NS ns\nns A 192.0.2.1\nns TXT b a\n\
                        sub NS ns.sub\nns.sub A 192.0.2.2\nhidden.sub TXT x\nb.a TXT x\n*.w TXT x\n";

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn zones() -> Zones {
        let rule =
            |from: &str, key: Option<&str>| TransferRule { from: vec![from.parse().unwrap()], key: key.map(name) };
        let policy = ZonePolicy {
            transfer: vec![rule("192.0.2.0/24", Some("xfer")), rule("2001:db8::/32", None)],
            ..ZonePolicy::default()
        };
        let zone = load(&name("example.org"), Path::new("zone"), ZONE, &Nothing).0.unwrap();
        let mut zones: Zones = [zone.with_policy(Arc::new(policy))].into_iter().collect();
        zones.insert_unavailable(&name("broken.example"));
        zones
    }

    fn request<'r>(origin: &'r Name, source: &str, key: Option<&'r Name>) -> TransferRequest<'r> {
        let source = source.parse().unwrap();
        TransferRequest { origin, incremental: false, serial: None, source, key, transport: Transport::Tcp }
    }

    /// RCODE and number of records, `None` for the whole zone.
    fn outcome(request: &TransferRequest<'_>) -> Option<(ResponseCode, usize)> {
        match request.decide(&zones()) {
            Decision::Reply(reply, _) => Some((reply.rcode, reply.answer.len())),
            Decision::Whole(_, serial) => {
                assert_eq!(serial, 4_294_967_290);
                None
            }
        }
    }

    #[test]
    fn address_and_key_must_both_fit_one_rule() {
        let (origin, key, other) = (name("Example.org"), name("XFER"), name("other"));
        for (source, key, allowed) in [
            ("192.0.2.7", Some(&key), true),
            ("::ffff:192.0.2.7", Some(&key), true),
            ("192.0.2.7", Some(&other), false),
            ("192.0.2.7", None, false),
            ("198.51.100.1", Some(&key), false),
            ("2001:db8::1", None, true),
            ("2001:db9::1", None, false),
        ] {
            let refused = (!allowed).then_some((ResponseCode::Refused, 0));
            assert_eq!(outcome(&request(&origin, source, key)), refused, "{source} {key:?}");
        }
    }

    #[test]
    fn only_an_apex_of_ours_is_transferred() {
        for (origin, rcode) in [
            ("sub.example.org", ResponseCode::NotAuth),
            ("example.net", ResponseCode::NotAuth),
            ("broken.example", ResponseCode::ServFail),
        ] {
            assert_eq!(outcome(&request(&name(origin), "2001:db8::1", None)), Some((rcode, 0)), "{origin}");
        }
    }

    #[test]
    fn whoever_is_current_gets_the_soa_alone() {
        let origin = name("example.org");
        let with = |serial, transport| TransferRequest {
            incremental: true,
            serial,
            transport,
            ..request(&origin, "2001:db8::1", None)
        };
        let soa = Some((ResponseCode::NoError, 1));
        // Serials wrap (RFC 1982): 3 is newer than ours, 2,000,000,000 as well, 2,200,000,000 is older.
        for (serial, expected) in
            [(4_294_967_290, soa), (4_294_967_289, None), (3, soa), (2_000_000_000, soa), (2_200_000_000, None)]
        {
            assert_eq!(outcome(&with(Some(serial), Transport::Tcp)), expected, "{serial}");
            assert_eq!(outcome(&with(Some(serial), Transport::Udp)), soa, "{serial} over UDP");
        }
        assert_eq!(outcome(&with(None, Transport::Tcp)), Some((ResponseCode::FormErr, 0)));
        let whole = |transport| TransferRequest { transport, ..request(&origin, "2001:db8::1", None) };
        for (transport, refused) in
            [(Transport::Udp, true), (Transport::Https, true), (Transport::Tls, false), (Transport::Quic, false)]
        {
            assert_eq!(outcome(&whole(transport)), refused.then_some((ResponseCode::Refused, 0)), "{transport:?}");
        }
    }

    #[test]
    fn a_transfer_is_the_declared_zone_between_two_soas() {
        let zones = zones();
        let zone = zones.get(&name("example.org")).unwrap();
        let records: Vec<String> = transfer_records(zone.clone(), |_, _| Ok(Vec::new()))
            .map(|record| format!("{} {}", record.name, record.record_type()))
            .collect();
        let expected = [
            "example.org. SOA",
            "example.org. NS",
            "b.a.example.org. TXT",
            "ns.example.org. A",
            "ns.example.org. TXT",
            "sub.example.org. NS",
            "hidden.sub.example.org. TXT",
            "ns.sub.example.org. A",
            "*.w.example.org. TXT",
            "example.org. SOA",
        ];
        assert_eq!(records, expected);
    }
}
