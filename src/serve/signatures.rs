//! Signatures of answers: made when first needed, kept within a bound.
//!
//! A signature is kept by what it covers, never by a name: one that no longer fits an answer cannot be found. Those of
//! an earlier plan or day are simply not asked for again and make room.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use hickory_proto::rr::{RData, Record, RecordType};

use super::Usage;
use super::bounds::SIGNATURES_OF_SHARD;
use crate::answer::Part;
use crate::dnssec::{Fingerprint, Secure, Signable, SigningFault};

/// Parts of the cache with a lock each, so that two workers rarely meet.
const SHARDS: usize = 16;

/// The signatures that were made lately.
pub(super) struct Signatures {
    shards: [Mutex<Shard>; SHARDS],
    random: SystemRandom,
}

/// Two generations: when the young one is full it becomes the old one, whose signatures are dropped then. What is used
/// returns to the young one, so that only what is not asked for is forgotten.
#[derive(Default)]
struct Shard {
    young: HashMap<Fingerprint, Box<[u8]>>,
    old: HashMap<Fingerprint, Box<[u8]>>,
}

impl Shard {
    fn get(&mut self, fingerprint: &Fingerprint) -> Option<Box<[u8]>> {
        if let Some(known) = self.young.get(fingerprint) {
            return Some(known.clone());
        }
        let known = self.old.remove(fingerprint)?;
        self.insert(*fingerprint, known.clone());
        Some(known)
    }

    fn insert(&mut self, fingerprint: Fingerprint, signature: Box<[u8]>) {
        if self.young.len() >= SIGNATURES_OF_SHARD {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, signature);
    }
}

impl Signatures {
    /// No signatures yet.
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), random: SystemRandom::new() }
    }

    /// The RRSIG records of an RRset of an answer, none where nobody signs it. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// If one cannot be made: without it the answer would be bogus.
    pub(super) fn of(&self, part: &Part<'_>, now: u64, usage: &Usage) -> Result<Vec<Record>, SigningFault> {
        let Some(signer) = &part.signer else { return Ok(Vec::new()) };
        let owner = signer.wildcard.as_ref().unwrap_or(&part.owner);
        let set = Signable { owner, rtype: part.rtype, ttl: part.ttl, rdata: &part.rdata };
        let rdata = self.make(signer.secure, &set, now, usage)?;
        let owner = part.owner.to_rr();
        Ok(rdata.into_iter().map(|rdata| Record::from_rdata(owner.clone(), part.ttl, rdata)).collect())
    }

    /// The RRSIG record data of `set`.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(super) fn make(
        &self,
        secure: &Secure,
        set: &Signable<'_>,
        now: u64,
        usage: &Usage,
    ) -> Result<Vec<RData>, SigningFault> {
        let mut records = Vec::with_capacity(1);
        for (key, draft) in secure.drafts(set, now)? {
            let fingerprint = draft.fingerprint(key);
            let known = self.shard(&fingerprint).get(&fingerprint);
            let signature = match known {
                Some(signature) => signature,
                None => {
                    // Without the lock: two workers may make the same one, and either will do.
                    let signature = key.sign(&self.random, draft.covered())?.into_boxed_slice();
                    usage.count_signature();
                    self.shard(&fingerprint).insert(fingerprint, signature.clone());
                    signature
                }
            };
            records.push(draft.complete(&signature));
        }
        Ok(records)
    }

    fn shard(&self, fingerprint: &Fingerprint) -> MutexGuard<'_, Shard> {
        let [first, ..] = fingerprint;
        let [zero, ..] = &self.shards;
        let shard = self.shards.get(usize::from(*first) % SHARDS).unwrap_or(zero);
        // Whatever panicked, a map of finished signatures is whole.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the records of the part itself go into the message, and not only their signatures.
pub(super) fn shows_records(part: &Part<'_>) -> bool {
    part.rtype == RecordType::RRSIG || part.signer.as_ref().is_none_or(|signer| !signer.alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut shard = Shard::default();
        let mark = |number: usize| {
            let mut mark = [0; 32];
            mark[..8].copy_from_slice(&number.to_be_bytes());
            mark
        };
        for number in 0..SIGNATURES_OF_SHARD * 5 {
            shard.insert(mark(number), Box::new([1]));
            assert!(shard.young.len() + shard.old.len() <= 2 * SIGNATURES_OF_SHARD);
            assert!(shard.get(&mark(0)).is_some(), "used all the time, {number}");
        }
        assert!(shard.get(&mark(SIGNATURES_OF_SHARD)).is_none());
    }
}
