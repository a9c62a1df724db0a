//! A zone made a signed one: DNSKEY and its company at the apex, and the chain of denial over all names.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::tree::{Node, Place, RrSet, Zone};
use crate::dnssec::{Chain, Existing, KeyPhase, Secure, Standing, apex_sets};
use crate::model::Denial;

/// How often the served serial of a signed zone rises by one, in seconds: a week. Secondaries transfer the zone then,
/// and with it signatures that hold for longer than until the next time.
pub const SERIAL_PERIOD: u64 = 7 * 86_400;

/// Types that only a signer makes: those of a file that was signed elsewhere are left out.
const MADE: [RecordType; 4] = [RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3, RecordType::NSEC3PARAM];

impl Zone {
    /// The zone signed with `keys`, as of `now` in seconds since 1970.
    ///
    /// The keys join those that the file declares. The served serial is the declared one plus the weeks since 1970,
    /// so that secondaries come for new signatures before theirs expire.
    #[must_use]
    pub fn secured(mut self, keys: KeyPhase, denial: Denial, now: u64) -> Self {
        for node in self.nodes_mut() {
            node.retain(|rtype| !MADE.contains(&rtype));
        }
        self.prune();
        let origin = self.origin().clone();
        let weeks = u32::try_from(now / SERIAL_PERIOD).unwrap_or_default();
        let Some((ttl, denial_ttl)) = self.raise_serial(weeks) else { return self };
        if let Some(apex) = self.node_mut(&origin.key()) {
            for (rtype, rdata) in apex_sets(&origin, &keys, denial) {
                add(apex, rtype, ttl, rdata);
            }
        }
        let chain = Chain::build(&origin, denial, existing(&self));
        self.set_secure(Arc::new(Secure::new(origin, keys, chain, denial_ttl)));
        self
    }

    /// Raises the serial of the SOA. Gives its TTL and that of records of denial (RFC 9077 section 3.2).
    fn raise_serial(&mut self, by: u32) -> Option<(u32, u32)> {
        let key = self.origin().key();
        let soa = self.node_mut(&key)?.rrset_mut(RecordType::SOA)?;
        let RData::SOA(data) = soa.rdata.first_mut()? else { return None };
        data.serial = data.serial.wrapping_add(by);
        Some((soa.ttl, soa.ttl.min(data.minimum)))
    }

    /// Removes names that have neither RRsets nor names below them.
    fn prune(&mut self) {
        let origin = self.origin().clone();
        loop {
            let parents: BTreeSet<Box<[u8]>> =
                self.nodes().filter_map(|node| node.owner.parent()).map(|parent| parent.key()).collect();
            let idle = |node: &Node| node.rrsets().is_empty() && node.owner != origin;
            let gone: Vec<Box<[u8]>> = self
                .nodes()
                .filter(|node| idle(node))
                .map(|node| node.owner.key())
                .filter(|key| !parents.contains(key))
                .collect();
            if gone.is_empty() {
                return;
            }
            for key in gone {
                self.remove_node(&key);
            }
        }
    }
}

/// Adds records to an RRset of the apex, or makes it.
fn add(apex: &mut Node, rtype: RecordType, ttl: u32, rdata: Vec<RData>) {
    match apex.rrset_mut(rtype) {
        Some(set) => {
            let missing: Vec<_> = rdata.into_iter().filter(|data| !set.rdata.contains(data)).collect();
            set.rdata.extend(missing);
        }
        None => apex.push(RrSet { rtype, ttl, rdata, steered: None }, Place { file: 0, line: 0 }),
    }
}

/// The names that the chain is over: all but those below a zone cut or a DNAME.
fn existing(zone: &Zone) -> Vec<Existing<'_>> {
    let apex = zone.origin();
    let mut hidden: HashMap<Box<[u8]>, bool> = HashMap::new();
    let names = zone.nodes().filter(|node| !is_hidden(zone, node, &mut hidden));
    names
        .map(|node| {
            let is_cut = node.owner != *apex && node.rrset(RecordType::NS).is_some();
            let standing = if is_cut { Standing::Delegation } else { Standing::Authoritative };
            let types = node.rrsets().iter().map(|set| u16::from(set.rtype)).collect();
            Existing { owner: &node.owner, types, standing }
        })
        .collect()
}

/// Whether a name lies below a zone cut or a DNAME. `known` keeps what was found for names above.
fn is_hidden(zone: &Zone, node: &Node, known: &mut HashMap<Box<[u8]>, bool>) -> bool {
    let apex = zone.origin();
    if node.owner == *apex {
        return false;
    }
    let Some(parent) = node.owner.parent() else { return false };
    let key = parent.key();
    if let Some(found) = known.get(&key) {
        return *found;
    }
    let found = zone.node(&key).is_some_and(|above| {
        let hides =
            above.rrset(RecordType::DNAME).is_some() || (above.owner != *apex && above.rrset(RecordType::NS).is_some());
        hides || is_hidden(zone, above, known)
    });
    known.insert(key, found);
    found
}
