//! Signatures: for how long they hold, what they cover, and the records they become (RFC 4034 section 3).

use aws_lc_rs::digest;
use hickory_proto::rr::{RData, RecordType};

use super::canonical;
use super::chain::octets;
use super::key::{DnssecKey, KeyFault};
use crate::model::Name;

/// Why an RRset could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningFault {
    /// The record data has no wire format.
    #[error("record data that cannot be encoded")]
    Unencodable,
    /// There is no key that could sign it.
    #[error("no key signs this RRset")]
    NoKey,
    /// See [`KeyFault`].
    #[error(transparent)]
    Key(#[from] KeyFault),
}

/// From when until when a signature holds, in seconds since 1970 modulo 2^32 (RFC 4034 section 3.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Inception.
    pub inception: u32,
    /// Expiration.
    pub expiration: u32,
}

impl Window {
    /// Every signature is made anew after this long, in seconds.
    pub const RENEWAL: u64 = 86_400;
    /// How long before the moment of its making a signature holds already, in seconds: clocks of validators lag.
    pub const LEAD: u64 = 3 * 3_600;
    /// How long from the moment of its making a signature holds, in seconds. Secondaries that transfer a zone once a
    /// week and caches that hold its records for days stay well within it.
    pub const LIFE: u64 = 21 * 86_400;

    /// The window in force at `now` in seconds since 1970.
    ///
    /// Windows follow from the time alone, so that all nodes make the same ones and none is ever kept too long.
    /// `spread` moves the moment of renewal, so that not all RRsets are signed anew at the same time.
    #[must_use]
    pub fn at(now: u64, spread: u32) -> Self {
        let shift = u64::from(spread) % Self::RENEWAL;
        let made = (now.saturating_sub(shift) / Self::RENEWAL) * Self::RENEWAL + shift;
        let wrap = |seconds: u64| u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or_default();
        Self { inception: wrap(made.saturating_sub(Self::LEAD)), expiration: wrap(made + Self::LIFE) }
    }
}

/// An RRset of a signed zone, as it is answered.
#[derive(Clone, Copy, Debug)]
pub struct Signable<'r> {
    /// The owner of the records; for those made from a wildcard the wildcard itself (RFC 4035 section 5.3.2).
    pub owner: &'r Name,
    /// The type.
    pub rtype: RecordType,
    /// TTL in seconds, as answered.
    pub ttl: u32,
    /// The records.
    pub rdata: &'r [RData],
}

/// What one key signs of an RRset, and the record around the signature.
#[derive(Clone, Debug)]
pub struct Draft {
    /// RRSIG record data without the signature.
    head: Vec<u8>,
    /// What the signature covers.
    covered: Vec<u8>,
}

/// What tells one signature from another: key and covered octets.
pub type Fingerprint = [u8; 32];

impl Draft {
    /// The draft of the signature of `set` by `key`, in the zone `signer`.
    ///
    /// # Errors
    /// If the record data cannot be encoded.
    pub fn new(set: &Signable<'_>, signer: &Name, key: &DnssecKey, now: u64) -> Result<Self, SigningFault> {
        let owner = set.owner.key();
        let labels = set.owner.label_count() - usize::from(set.owner.is_wildcard());
        let window = Window::at(now, spread(&owner));
        let mut head = Vec::with_capacity(18 + signer.as_wire().len());
        head.extend(u16::from(set.rtype).to_be_bytes());
        // Names have at most 127 labels.
        head.extend([DnssecKey::ALGORITHM, u8::try_from(labels).unwrap_or(u8::MAX)]);
        head.extend(set.ttl.to_be_bytes());
        head.extend(window.expiration.to_be_bytes());
        head.extend(window.inception.to_be_bytes());
        head.extend(key.tag().to_be_bytes());
        head.extend(&*signer.key());

        let mut records = set.rdata.iter().map(canonical::rdata).collect::<Result<Vec<_>, _>>()?;
        records.sort();
        records.dedup();
        let mut covered = head.clone();
        for record in records {
            let length = u16::try_from(record.len()).map_err(|_| SigningFault::Unencodable)?;
            covered.extend(&*owner);
            covered.extend(u16::from(set.rtype).to_be_bytes());
            covered.extend(CLASS_IN.to_be_bytes());
            covered.extend(set.ttl.to_be_bytes());
            covered.extend(length.to_be_bytes());
            covered.extend(record);
        }
        Ok(Self { head, covered })
    }

    /// What tells this signature from any other.
    #[must_use]
    pub fn fingerprint(&self, key: &DnssecKey) -> Fingerprint {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(key.rdata());
        context.update(&self.covered);
        context.finish().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// What the signature covers.
    #[must_use]
    pub fn covered(&self) -> &[u8] {
        &self.covered
    }

    /// The RRSIG record data with `signature`.
    #[must_use]
    pub fn complete(mut self, signature: &[u8]) -> RData {
        self.head.extend(signature);
        octets(RecordType::RRSIG, self.head)
    }
}

const CLASS_IN: u16 = 1;

/// The moment after `now`, both in seconds since 1970, at which the signatures of `owner` are made anew.
#[must_use]
pub fn renewal(owner: &Name, now: u64) -> u64 {
    let shift = u64::from(spread(&owner.key())) % Window::RENEWAL;
    (now.saturating_sub(shift) / Window::RENEWAL + 1) * Window::RENEWAL + shift
}

/// FNV-1a: any number that is the same on all nodes will do.
fn spread(owner: &[u8]) -> u32 {
    owner.iter().fold(0x811c_9dc5, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn signatures_change_at_their_renewal_and_not_before(now in 86_400 * 30_u64..1 << 32, label in "[a-z]{1,9}") {
            let owner: Name = label.parse().unwrap();
            let (spread, end) = (spread(&owner.key()), renewal(&owner, now));
            prop_assert!(now < end && end - now <= Window::RENEWAL);
            prop_assert_eq!(Window::at(now, spread), Window::at(end - 1, spread));
            prop_assert_ne!(Window::at(now, spread), Window::at(end, spread));
        }

        /// Whenever an answer is signed, its signature has begun for clocks that lag and holds for longer than any
        /// cache and any secondary keeps it; over 150 years of clock.
        #[test]
        fn a_signature_always_holds(now in 86_400 * 30_u64..1 << 32, spread in any::<u32>()) {
            let window = Window::at(now, spread);
            let age = u32::try_from(now).unwrap().wrapping_sub(window.inception);
            prop_assert!((10_800..10_800 + 86_400).contains(&age), "{age}");
            let left = window.expiration.wrapping_sub(u32::try_from(now).unwrap());
            prop_assert!(left > 20 * 86_400 && left <= 21 * 86_400, "{left}");
        }
    }
}
