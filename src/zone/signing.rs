//! A zone made a signed one: DNSKEY and its company at the apex, and the chain of denial over all names.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::tree::{Node, Place, RrSet, Zone};
use crate::dnssec::{Chain, Existing, KeyPhase, Secure, Standing, apex_sets};
use crate::model::Denial;

/// Types that only a signer makes: those of a file that was signed elsewhere are left out.
const MADE: [RecordType; 4] = [RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3, RecordType::NSEC3PARAM];

impl Zone {
    /// The zone signed with `keys`. One that was signed before is signed anew.
    ///
    /// The keys join those that the file declares. The served serial is the declared one plus `raise` (see
    /// [`crate::dnssec::Keyset::serial_raise`]).
    #[must_use]
    pub fn secured(self, keys: KeyPhase, denial: Denial, raise: u32) -> Self {
        // What signing adds hangs on the zone's own name.
        let own = match self.standalone() {
            Cow::Owned(own) => Some(own),
            Cow::Borrowed(_) => None,
        };
        let mut zone = own.unwrap_or(self);
        zone.strip();
        let origin = zone.origin().clone();
        let Some((ttl, denial_ttl)) = zone.set_serial(raise) else { return zone };
        if let Some(apex) = zone.node_mut(&origin.key()) {
            for (rtype, rdata) in apex_sets(&origin, &keys, denial) {
                add(apex, rtype, ttl, rdata);
            }
        }
        let chain = Chain::build(&origin, denial, existing(&zone));
        zone.set_secure(Arc::new(Secure::new(origin, keys, chain, denial_ttl)));
        zone
    }

    /// The serial of the SOA as it is served.
    #[must_use]
    pub fn served_serial(&self) -> u32 {
        let apex = self.node(&self.origin().key());
        match apex.and_then(|apex| apex.rrset(RecordType::SOA)?.rdata.first()) {
            Some(RData::SOA(soa)) => soa.serial,
            _ => self.serial(),
        }
    }

    /// Whether [`Self::secured`] would give the zone as it is.
    #[must_use]
    pub fn is_secured(&self, keys: &KeyPhase, denial: Denial, raise: u32) -> bool {
        let apex = self.node(&self.origin().key());
        let served = apex.and_then(|apex| apex.rrset(RecordType::SOA)?.rdata.first());
        let is_current = matches!(served, Some(RData::SOA(soa)) if soa.serial == self.serial().wrapping_add(raise));
        is_current && self.secure().is_some_and(|secure| secure.chain().denial() == denial && secure.has_keys(keys))
    }

    /// Whether the zone signs the RRset of `rtype` at `node`: not below a zone cut or a DNAME, and at a cut nothing but
    /// DS (RFC 4035 section 2.2).
    #[must_use]
    pub fn signs(&self, node: &Node, rtype: RecordType) -> bool {
        if self.secure().is_none() || is_hidden(self, node, &mut HashMap::new()) {
            return false;
        }
        let is_cut = node.owner != *self.home() && node.rrset(RecordType::NS).is_some();
        !is_cut || rtype == RecordType::DS
    }

    /// Takes away what a signer made: here before, or elsewhere in the file.
    fn strip(&mut self) {
        for node in self.nodes_mut() {
            node.retain(|rtype| !MADE.contains(&rtype));
        }
        let Some(before) = self.secure().cloned() else { return self.prune() };
        let origin = self.origin().clone();
        if let Some(apex) = self.node_mut(&origin.key()) {
            for (rtype, rdata) in apex_sets(&origin, before.keys(), Denial::Nsec) {
                if let Some(set) = apex.rrset_mut(rtype) {
                    set.rdata.retain(|data| !rdata.contains(data));
                }
            }
            apex.drop_empty();
        }
    }

    /// Raises the serial of the SOA. Gives its TTL and that of records of denial (RFC 9077 section 3.2).
    fn set_serial(&mut self, raise: u32) -> Option<(u32, u32)> {
        let (key, serial) = (self.origin().key(), self.serial());
        let soa = self.node_mut(&key)?.rrset_mut(RecordType::SOA)?;
        let RData::SOA(data) = soa.rdata.first_mut()? else { return None };
        data.serial = serial.wrapping_add(raise);
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aws_lc_rs::rand::SystemRandom;

    use super::*;
    use crate::dnssec::{DnssecKey, KeyRole};
    use crate::zone::{Include, load};

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    fn zone(text: &str) -> Zone {
        let head = "$TTL 3600\n@ SOA ns h 41 1 1 1 300\n@ NS ns\nns A 192.0.2.1\n";
        let text = format!("{head}{text}");
        load(&"example.org".parse().unwrap(), Path::new("zone"), &text, &Nothing).0.unwrap()
    }

    fn phase() -> KeyPhase {
        let key = DnssecKey::from_pkcs8(KeyRole::Csk, &DnssecKey::generate(&SystemRandom::new()).unwrap()).unwrap();
        let key = vec![Arc::new(key)];
        KeyPhase { published: key.clone(), sign_keys: key.clone(), sign_zone: key.clone(), offered: key }
    }

    fn types(zone: &Zone, owner: &str) -> Vec<String> {
        let node =
            zone.node(&format!("{owner}.example.org").trim_matches('.').parse::<crate::model::Name>().unwrap().key());
        let mut types: Vec<_> = node.unwrap().rrsets().iter().map(|set| set.rtype.to_string()).collect();
        types.sort();
        types
    }

    fn owners(zone: &Zone) -> Vec<String> {
        zone.secure().unwrap().chain().proofs().map(|proof| proof.owner.to_string()).collect()
    }

    #[test]
    fn signing_again_replaces_what_signing_added() {
        let (first, second, raise) = (phase(), phase(), 100);
        let once = zone("").secured(first.clone(), Denial::Nsec3, raise);
        assert_eq!(types(&once, ""), ["CDNSKEY", "CDS", "DNSKEY", "NS", "NSEC3PARAM", "SOA"]);
        assert!(once.is_secured(&first, Denial::Nsec3, raise));
        for (keys, denial, raise) in
            [(&second, Denial::Nsec3, raise), (&first, Denial::Nsec, raise), (&first, Denial::Nsec3, raise + 1)]
        {
            assert!(!once.is_secured(keys, denial, raise));
        }
        let mut bare = second.clone();
        bare.offered.clear();
        let again = once.secured(bare, Denial::Nsec, raise + 1);
        assert_eq!(types(&again, ""), ["DNSKEY", "NS", "SOA"]);
        let apex = again.node(&again.origin().key()).unwrap();
        assert_eq!(apex.rrset(RecordType::DNSKEY).unwrap().rdata.len(), 1);
        let RData::SOA(soa) = &apex.rrset(RecordType::SOA).unwrap().rdata[0] else { panic!("no SOA") };
        assert_eq!((again.serial(), soa.serial), (41, 41 + 101));
    }

    #[test]
    fn the_chain_is_over_what_exists_and_nothing_else() {
        let text = "sub NS ns.sub\nns.sub A 192.0.2.2\na.b.sub A 192.0.2.3\nold DNAME new\nx.old A 192.0.2.4\n\
                    deep.ent TXT x\n* MX 10 ns\nother NSEC old A\ngone.other RRSIG \\# 1 00\n";
        let signed = zone(text).secured(phase(), Denial::Nsec, 0);
        assert_eq!(
            owners(&signed),
            [
                "example.org.",
                "*.example.org.",
                "deep.ent.example.org.",
                "ns.example.org.",
                "old.example.org.",
                "sub.example.org."
            ]
        );
        // With NSEC3 the empty non-terminal has a record of its own.
        assert_eq!(zone(text).secured(phase(), Denial::Nsec3, 0).secure().unwrap().chain().len(), 7);
    }
}
