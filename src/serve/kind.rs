//! Which responses are the same to a rate limiter.

use std::hash::{Hash, Hasher};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use siphasher::sip::SipHasher13;

use crate::answer::{Reply, keyed_hash, keyed_mix};
use crate::model::Name;

/// Which responses count as the same, hashed with the key of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind(u64);

impl Kind {
    /// The kind of `reply`.
    pub(super) fn of(reply: &Reply<'_>, key: &[u8; 16]) -> Self {
        let (zone, like) = Trait::of(reply);
        match zone {
            Some(zone) => Self::within(zone_mark(&zone.key(), key), like.mark(key)),
            None => Self(like.mark(key)),
        }
    }

    /// The kind of every error.
    pub(super) fn error(key: &[u8; 16]) -> Self {
        Self(Trait::Error.mark(key))
    }

    /// A number for responses of this kind to the network with `bits`, which nobody can foresee without `key`. That is enough:
    /// two networks that share a number share a limit, and whoever forges addresses could as well forge the other's.
    pub(super) fn hash_with(self, bits: u128, key: &[u8; 16]) -> u64 {
        let [low, high] = words(bits.to_le_bytes());
        keyed_mix([low, high ^ self.0], words(*key))
    }

    /// The kind of what is marked `like` in the zone marked `zone`.
    pub(super) const fn within(zone: u64, like: u64) -> Self {
        // Both are hashes whose key nobody knows: any way to join them will do that loses nothing.
        Self(zone.rotate_left(32) ^ like)
    }

    /// One of many kinds.
    #[cfg(test)]
    pub(super) const fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// What stands for the zone with an apex of this key.
pub(super) fn zone_mark(apex: &[u8], key: &[u8; 16]) -> u64 {
    keyed_hash(apex, words(*key))
}

/// The halves of 16 octets.
fn words(octets: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(octets);
    [both as u64, (both >> 64) as u64]
}

/// What makes responses of a zone the same. Whatever a client can vary without end shares one kind: names that do not
/// exist, names that a wildcard or a DNAME stands for, and errors.
#[derive(Hash)]
pub(super) enum Trait<'r> {
    /// An error, whatever was asked.
    Error,
    /// A name of the zone that does not exist.
    NoName,
    /// A name of the zone without records of the type.
    NoData,
    /// A referral to the zone.
    Referral,
    /// An RRset of the zone, by where it is in memory: the same for every name that it stands for.
    Stored(usize),
    /// An RRset that is in no zone file.
    Made(&'r Name, RecordType),
}

impl<'r> Trait<'r> {
    /// What is said, and of which zone.
    pub(super) fn of(reply: &'r Reply<'_>) -> (Option<&'r Name>, Self) {
        let authority = |rtype| reply.authority.iter().find(|part| part.rtype == rtype).map(|part| &part.owner);
        let first = reply.answer.first();
        match (reply.rcode, first) {
            (ResponseCode::NXDomain, _) => match authority(RecordType::SOA) {
                Some(zone) => (Some(zone), Self::NoName),
                None => (None, Self::Error),
            },
            (ResponseCode::NoError, None) => match (authority(RecordType::SOA), authority(RecordType::NS)) {
                (Some(zone), _) => (Some(zone), Self::NoData),
                (None, Some(zone)) => (Some(zone), Self::Referral),
                (None, None) => (None, Self::Error),
            },
            (ResponseCode::NoError, Some(part)) => match reply.stored {
                Some((zone, set)) => (Some(zone), Self::Stored(std::ptr::from_ref(set).addr())),
                None => (None, Self::Made(&part.owner, part.rtype)),
            },
            _ => (None, Self::Error),
        }
    }

    /// What stands for it beside the zone.
    pub(super) fn mark(&self, key: &[u8; 16]) -> u64 {
        let mut hasher = SipHasher13::new_with_key(key);
        self.hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::answer::Part;

    fn part(owner: &str, rtype: RecordType) -> Part<'static> {
        Part { owner: owner.parse().unwrap(), rtype, ttl: 60, rdata: Cow::Owned(Vec::new()), signer: None }
    }

    fn kind(rcode: ResponseCode, answer: Vec<Part<'static>>, authority: Vec<Part<'static>>) -> Kind {
        Kind::of(&Reply { answer, authority, ..Reply::empty(rcode) }, &[7; 16])
    }

    #[test]
    fn what_a_client_can_vary_without_end_is_of_one_kind() {
        let soa = |zone| vec![part(zone, RecordType::SOA)];
        let no_name = |zone| kind(ResponseCode::NXDomain, Vec::new(), soa(zone));
        // Whatever was asked: names that do not exist differ by their zone only, in whatever case.
        assert_eq!(no_name("example.org"), no_name("EXAMPLE.org"));
        assert_ne!(no_name("example.org"), no_name("example.net"));
        let aliased = vec![part("alias.example.org", RecordType::CNAME)];
        assert_eq!(kind(ResponseCode::NXDomain, aliased, soa("example.org")), no_name("example.org"));
        let no_data = kind(ResponseCode::NoError, Vec::new(), soa("example.org"));
        assert_ne!(no_data, no_name("example.org"));
        let referral = |zone| kind(ResponseCode::NoError, Vec::new(), vec![part(zone, RecordType::NS)]);
        assert_ne!(referral("a.example.org"), referral("b.example.org"));
        // Errors differ by nothing.
        for rcode in [ResponseCode::Refused, ResponseCode::ServFail, ResponseCode::FormErr, ResponseCode::YXDomain] {
            let answered = vec![part("old.example.org", RecordType::DNAME)];
            assert_eq!(kind(rcode, answered, Vec::new()), Kind::error(&[7; 16]));
        }
        let made = |owner, rtype| kind(ResponseCode::NoError, vec![part(owner, rtype)], Vec::new());
        assert_eq!(made("a.example.org", RecordType::NSEC), made("A.example.org", RecordType::NSEC));
        assert_ne!(made("a.example.org", RecordType::NSEC), made("b.example.org", RecordType::NSEC));
    }
}
