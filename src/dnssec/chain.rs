//! Chains of denial: which names and types exist, as records that can be signed (RFC 4034 section 4, RFC 5155).
//!
//! A chain follows from the zone file alone: health, orders and steering never change it (RELIABILITY I10).

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use data_encoding::BASE32HEX_NOPAD;
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, RecordType};

use super::bitmap;
use super::canonical::OrderKey;
use crate::model::{Denial, Name};

const NS: u16 = 2;
const DS: u16 = 43;
const RRSIG: u16 = 46;
const NSEC: u16 = 47;

/// What a name is to a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The zone answers for it; without types it is an empty non-terminal.
    Authoritative,
    /// A zone cut: the zone only knows of NS and DS.
    Delegation,
}

/// A name that exists in the zone, neither below a zone cut nor below a DNAME.
#[derive(Clone, Debug)]
pub struct Existing<'z> {
    /// The owner.
    pub owner: &'z Name,
    /// The types of its RRsets, without those that the chain itself adds.
    pub types: BTreeSet<u16>,
    /// What it is.
    pub standing: Standing,
}

/// The chain of a zone.
#[derive(Clone, Debug)]
pub enum Chain {
    /// In the order of names.
    Nsec(Vec<NsecLink>),
    /// In the order of hashes.
    Nsec3 {
        /// Below which hashed names lie.
        origin: Name,
        /// The links.
        links: Vec<Nsec3Link>,
    },
}

/// An NSEC record.
#[derive(Clone, Debug)]
pub struct NsecLink {
    place: OrderKey,
    owner: Name,
    bitmap: Box<[u8]>,
}

/// An NSEC3 record.
#[derive(Clone, Debug)]
pub struct Nsec3Link {
    hash: [u8; HASH],
    bitmap: Box<[u8]>,
}

/// Octets of SHA-1, the only hash that NSEC3 knows.
const HASH: usize = 20;

/// A record of denial, ready for a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// The owner.
    pub owner: Name,
    /// NSEC or NSEC3.
    pub rtype: RecordType,
    /// The record data.
    pub rdata: RData,
}

impl Chain {
    /// The chain over everything that exists in the zone `origin`.
    #[must_use]
    pub fn build(origin: &Name, denial: Denial, names: Vec<Existing<'_>>) -> Self {
        match denial {
            Denial::Nsec => Self::nsec(names),
            Denial::Nsec3 => Self::nsec3(origin, names),
        }
    }

    fn nsec(names: Vec<Existing<'_>>) -> Self {
        let link = |name: Existing<'_>| {
            let mut types = known_types(&name);
            // Empty non-terminals have no NSEC record: they lie within the span of their predecessor.
            if types.is_empty() {
                return None;
            }
            types.extend([RRSIG, NSEC]);
            let place = OrderKey::of(&name.owner.key());
            Some(NsecLink { place, owner: name.owner.clone(), bitmap: bitmap::encode(&types).into() })
        };
        let mut links: Vec<NsecLink> = names.into_iter().filter_map(link).collect();
        links.sort_by(|one, other| one.place.cmp(&other.place));
        Self::Nsec(links)
    }

    fn nsec3(origin: &Name, names: Vec<Existing<'_>>) -> Self {
        let link = |name: Existing<'_>| {
            let mut types = known_types(&name);
            // An insecure delegation and an empty non-terminal have nothing signed.
            let is_signed = match name.standing {
                Standing::Authoritative => !types.is_empty(),
                Standing::Delegation => types.contains(&DS),
            };
            if is_signed {
                types.insert(RRSIG);
            }
            Nsec3Link { hash: hash(&name.owner.key()), bitmap: bitmap::encode(&types).into() }
        };
        let mut links: Vec<Nsec3Link> = names.into_iter().map(link).collect();
        links.sort_by_key(|link| link.hash);
        Self::Nsec3 { origin: origin.clone(), links }
    }

    /// How it proves.
    #[must_use]
    pub const fn denial(&self) -> Denial {
        match self {
            Self::Nsec(_) => Denial::Nsec,
            Self::Nsec3 { .. } => Denial::Nsec3,
        }
    }

    /// How many records the chain has.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Nsec(links) => links.len(),
            Self::Nsec3 { links, .. } => links.len(),
        }
    }

    /// Whether the chain has no record; that of a zone with an apex has at least one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record that tells of a lower-cased name in wire format: its own where it has one, else the one whose span
    /// it lies in.
    #[must_use]
    pub fn about(&self, key: &[u8]) -> Option<Proof> {
        match self {
            Self::Nsec(links) => {
                let place = OrderKey::of(key);
                self.proof(before(links.partition_point(|link| link.place <= place), links.len())?)
            }
            Self::Nsec3 { links, .. } => {
                let hash = hash(key);
                self.proof(before(links.partition_point(|link| link.hash <= hash), links.len())?)
            }
        }
    }

    /// The record owned by a lower-cased name in wire format.
    #[must_use]
    pub fn of(&self, key: &[u8]) -> Option<Proof> {
        match self {
            Self::Nsec(links) => {
                let place = OrderKey::of(key);
                links.binary_search_by(|link| link.place.cmp(&place)).ok().and_then(|ix| self.proof(ix))
            }
            Self::Nsec3 { links, .. } => {
                let hash = hash(key);
                links.binary_search_by(|link| link.hash.cmp(&hash)).ok().and_then(|ix| self.proof(ix))
            }
        }
    }

    /// All records, in the order of the chain.
    pub fn proofs(&self) -> impl Iterator<Item = Proof> {
        (0..self.len()).filter_map(|ix| self.proof(ix))
    }

    /// The record at `ix`; the one after the last is the first.
    fn proof(&self, ix: usize) -> Option<Proof> {
        match self {
            Self::Nsec(links) => {
                let link = links.get(ix)?;
                let next = links.get(ix + 1).or_else(|| links.first())?;
                let data = [next.owner.as_wire(), &link.bitmap].concat();
                Some(Proof {
                    owner: link.owner.clone(),
                    rtype: RecordType::NSEC,
                    rdata: octets(RecordType::NSEC, data),
                })
            }
            Self::Nsec3 { origin, links } => {
                let link = links.get(ix)?;
                let next = links.get(ix + 1).or_else(|| links.first())?;
                let length = u8::try_from(HASH).unwrap_or_default();
                let data = [&NSEC3_PARAMETERS[..], &[length], &next.hash, &link.bitmap].concat();
                // 32 letters in front of an origin fit, but for origins of over 222 octets: those have no NSEC3.
                let owner = origin.child(BASE32HEX_NOPAD.encode(&link.hash).to_ascii_lowercase().as_bytes()).ok()?;
                Some(Proof { owner, rtype: RecordType::NSEC3, rdata: octets(RecordType::NSEC3, data) })
            }
        }
    }
}

/// SHA-1, no flags, no iterations, no salt (RFC 9276 section 3.1): the data of NSEC3PARAM too.
pub(super) const NSEC3_PARAMETERS: [u8; 5] = [1, 0, 0, 0, 0];

/// The types of a name as its zone knows them.
fn known_types(name: &Existing<'_>) -> BTreeSet<u16> {
    match name.standing {
        Standing::Authoritative => name.types.clone(),
        Standing::Delegation => name.types.iter().copied().filter(|rtype| matches!(*rtype, NS | DS)).collect(),
    }
}

/// The position before `after` in a ring of `count`.
const fn before(after: usize, count: usize) -> Option<usize> {
    match after.checked_sub(1) {
        Some(ix) => Some(ix),
        None => count.checked_sub(1),
    }
}

/// The hash of a lower-cased name in wire format, without salt and iterations (RFC 5155 section 5).
fn hash(key: &[u8]) -> [u8; HASH] {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Record data of a type that the message library is given as octets.
pub(super) fn octets(rtype: RecordType, data: Vec<u8>) -> RData {
    RData::Unknown { code: rtype, rdata: NULL::with(data) }
}
