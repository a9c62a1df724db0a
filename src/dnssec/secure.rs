//! What makes a zone a signed one: its keys and its chain of denial.

use std::sync::Arc;

use hickory_proto::rr::{RData, RecordType};

use super::chain::{Chain, NSEC3_PARAMETERS, octets};
use super::ds;
use super::key::{DnssecKey, KeyPhase};
use super::signature::{Draft, Signable, SigningFault};
use crate::model::{Denial, Name};

/// The keys and the chain of a signed zone.
#[derive(Clone, Debug)]
pub struct Secure {
    origin: Name,
    keys: KeyPhase,
    chain: Chain,
    ttl: u32,
}

impl Secure {
    /// The zone `origin` signed with `keys`. `ttl` is that of its records of denial in seconds: the lower of the SOA's
    /// TTL and MINIMUM (RFC 9077 section 3.2).
    #[must_use]
    pub const fn new(origin: Name, keys: KeyPhase, chain: Chain, ttl: u32) -> Self {
        Self { origin, keys, chain, ttl }
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &KeyPhase {
        &self.keys
    }

    /// Whether the zone is signed with exactly `keys`.
    #[must_use]
    pub fn has_keys(&self, keys: &KeyPhase) -> bool {
        let same = |one: &[Arc<DnssecKey>], other: &[Arc<DnssecKey>]| {
            one.iter().map(|key| key.rdata()).eq(other.iter().map(|key| key.rdata()))
        };
        same(&self.keys.published, &keys.published)
            && same(&self.keys.sign_keys, &keys.sign_keys)
            && same(&self.keys.sign_zone, &keys.sign_zone)
            && same(&self.keys.offered, &keys.offered)
    }

    /// The chain of denial.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// TTL of the records of denial in seconds.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The keys that sign RRsets of `rtype`.
    fn signers(&self, rtype: RecordType) -> &[Arc<DnssecKey>] {
        match rtype {
            RecordType::DNSKEY | RecordType::CDS | RecordType::CDNSKEY => &self.keys.sign_keys,
            _ => &self.keys.sign_zone,
        }
    }

    /// The drafts of all signatures of `set`, each with its key.
    ///
    /// # Errors
    /// If there is none: an RRset of a signed zone without signature is bogus.
    pub fn drafts(&self, set: &Signable<'_>, now: u64) -> Result<Vec<(&DnssecKey, Draft)>, SigningFault> {
        let keys = self.signers(set.rtype);
        if keys.is_empty() {
            return Err(SigningFault::NoKey);
        }
        let draft = |key: &'_ Arc<DnssecKey>| Draft::new(set, &self.origin, key, now);
        keys.iter().map(|key| Ok((&**key, draft(key)?))).collect()
    }
}

/// The RRsets that signing adds to the apex.
#[must_use]
pub fn apex_sets(origin: &Name, keys: &KeyPhase, denial: Denial) -> Vec<(RecordType, Vec<RData>)> {
    let dnskeys = keys.published.iter().map(|key| octets(RecordType::DNSKEY, key.rdata().to_vec())).collect();
    let mut sets = vec![(RecordType::DNSKEY, dnskeys)];
    if !keys.offered.is_empty() {
        let digest = |key: &Arc<DnssecKey>| octets(RecordType::CDS, ds::rdata(origin, key));
        let copy = |key: &Arc<DnssecKey>| octets(RecordType::CDNSKEY, key.rdata().to_vec());
        sets.push((RecordType::CDS, keys.offered.iter().map(digest).collect()));
        sets.push((RecordType::CDNSKEY, keys.offered.iter().map(copy).collect()));
    }
    if denial == Denial::Nsec3 {
        sets.push((RecordType::NSEC3PARAM, vec![octets(RecordType::NSEC3PARAM, NSEC3_PARAMETERS.to_vec())]));
    }
    sets
}
