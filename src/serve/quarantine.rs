//! Messages that made the handler panic are not handled again for a while.
//!
//! Containing a panic costs far more than an answer. A message that is known to cause one gets SERVFAIL at once, so
//! that repeating it costs the sender more than the node.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;

use super::bounds::{QUARANTINE, QUARANTINED};

/// The messages that panicked lately.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    /// Whether there is any: mostly not, and then nothing is looked at.
    used: AtomicBool,
    hasher: RandomState,
    /// Changed by panics alone, and read without a lock.
    held: ArcSwap<HashMap<u64, Instant>>,
}

impl Quarantine {
    /// Whether a message like `packet` panicked lately.
    pub(super) fn holds(&self, packet: &[u8], now: Instant) -> bool {
        !self.is_unused() && self.held.load().get(&self.shape(packet)).is_some_and(|until| now < *until)
    }

    /// Whether nothing panicked lately, as far as [`Self::tidy`] knows.
    pub(super) fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// Lets go of what was held long enough: now and then, so that queries need not be compared any more.
    pub(super) fn tidy(&self, now: Instant) {
        if !self.is_unused() && self.held.load().values().all(|until| *until <= now) {
            self.used.store(false, Ordering::Release);
        }
    }

    /// Notes that `packet` made the handler panic.
    pub(super) fn insert(&self, packet: &[u8], now: Instant) {
        let shape = self.shape(packet);
        self.held.rcu(|held| {
            let mut held = HashMap::clone(held);
            held.retain(|_, until| now < *until);
            // A flood of different ones is contained one by one: memory stays bounded.
            if held.len() < QUARANTINED {
                held.insert(shape, now + QUARANTINE);
            }
            held
        });
        self.used.store(true, Ordering::Release);
    }

    /// The message without its ID.
    fn shape(&self, packet: &[u8]) -> u64 {
        self.hasher.hash_one(packet.get(2..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_held_whatever_its_id_and_no_other() {
        let (quarantine, now) = (Quarantine::default(), Instant::now());
        assert!(!quarantine.holds(b"\x00\x01query", now));
        quarantine.insert(b"\x00\x01query", now);
        assert!(quarantine.holds(b"\xff\xffquery", now));
        assert!(!quarantine.holds(b"\x00\x01other", now));
        assert!(!quarantine.is_unused());
        quarantine.tidy(now);
        assert!(!quarantine.is_unused());
        assert!(!quarantine.holds(b"\x00\x01query", now + QUARANTINE));
        quarantine.tidy(now + QUARANTINE);
        assert!(quarantine.is_unused());
    }

    #[test]
    fn memory_is_bounded_and_room_is_made() {
        let (quarantine, now) = (Quarantine::default(), Instant::now());
        for number in 0..QUARANTINED + 10 {
            quarantine.insert(format!("id{number}").as_bytes(), now);
        }
        assert_eq!(quarantine.held.load().len(), QUARANTINED);
        quarantine.insert(b"idlater", now + QUARANTINE);
        assert!(quarantine.holds(b"idlater", now + QUARANTINE));
    }
}
