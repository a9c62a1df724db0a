//! Messages that made the handler panic are not handled again for a while.
//!
//! Containing a panic costs far more than an answer. A message that is known to cause one gets SERVFAIL at once, so
//! that repeating it costs the sender more than the node.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bounds::{QUARANTINE, QUARANTINED};

/// The messages that panicked lately.
#[derive(Debug, Default)]
pub(super) struct Quarantine {
    /// Whether there is any: mostly not, and then nothing is locked.
    used: AtomicBool,
    hasher: RandomState,
    until: Mutex<HashMap<u64, Instant>>,
}

impl Quarantine {
    /// Whether a message like `packet` panicked lately.
    pub(super) fn holds(&self, packet: &[u8], now: Instant) -> bool {
        if self.is_unused() {
            return false;
        }
        let mut held = self.until();
        if held.values().all(|until| *until <= now) {
            // Nothing is locked any more until the next panic.
            held.clear();
            self.used.store(false, Ordering::Release);
            return false;
        }
        held.get(&self.shape(packet)).is_some_and(|until| now < *until)
    }

    /// Whether nothing panicked lately.
    pub(super) fn is_unused(&self) -> bool {
        !self.used.load(Ordering::Acquire)
    }

    /// Notes that `packet` made the handler panic.
    pub(super) fn insert(&self, packet: &[u8], now: Instant) {
        let mut until = self.until();
        if until.len() >= QUARANTINED {
            until.retain(|_, until| now < *until);
        }
        // A flood of different ones is contained one by one: memory stays bounded.
        if until.len() < QUARANTINED {
            until.insert(self.shape(packet), now + QUARANTINE);
        }
        self.used.store(true, Ordering::Release);
    }

    /// The message without its ID.
    fn shape(&self, packet: &[u8]) -> u64 {
        self.hasher.hash_one(packet.get(2..).unwrap_or_default())
    }

    fn until(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        // Entries are whole whatever panicked.
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(!quarantine.holds(b"\x00\x01query", now + QUARANTINE));
        assert!(quarantine.is_unused());
    }

    #[test]
    fn memory_is_bounded_and_room_is_made() {
        let (quarantine, now) = (Quarantine::default(), Instant::now());
        for number in 0..QUARANTINED + 10 {
            quarantine.insert(format!("id{number}").as_bytes(), now);
        }
        assert_eq!(quarantine.until().len(), QUARANTINED);
        quarantine.insert(b"idlater", now + QUARANTINE);
        assert!(quarantine.holds(b"idlater", now + QUARANTINE));
    }
}
