//! What was made lately, within a bound.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What a body is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Whose body it is.
    pub(super) owner: Owner,
    /// The name that the answer hangs on.
    pub(super) node: u32,
    /// Relation of the node to the name, DO, and the type.
    pub(super) question: u32,
    /// The steered answer, by number; 0 where nothing is steered.
    pub(super) variant: u32,
}

/// Whose body something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// Of all zones of a group.
    Group(u32),
    /// Of one zone.
    Zone(u32),
}

/// Keys are small numbers of ours: multiplying spreads them well enough.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0.rotate_left(23) ^ number ^ 0x9E37_79B9_7F4A_7C15) * 0xB7E1_5162_8AED_2A6B_u128;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

/// Two generations: when the young one is full it becomes the old one, which is dropped then. What is used returns to the
/// young one, so that only what is not asked for is forgotten.
pub(super) struct Memo<T> {
    young: Generation<T>,
    old: Generation<T>,
    /// Of a generation.
    entries: usize,
    octets: usize,
}

struct Generation<T> {
    index: HashMap<Key, u32, BuildHasherDefault<KeyHasher>>,
    /// What `index` points to; taken where it moved to the young generation.
    entries: Vec<Option<T>>,
    octets: usize,
}

impl<T> Default for Generation<T> {
    fn default() -> Self {
        Self { index: HashMap::default(), entries: Vec::new(), octets: 0 }
    }
}

impl<T: Sized> Memo<T> {
    /// Nothing yet; so many entries and octets at the most, twice.
    pub(super) fn new(entries: usize, octets: usize) -> Self {
        Self { young: Generation::default(), old: Generation::default(), entries, octets }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.young = Generation::default();
        self.old = Generation::default();
    }

    /// What was kept under `key`. `size` tells how many octets an entry takes.
    pub(super) fn find(&mut self, key: &Key, size: impl Fn(&T) -> usize) -> Option<&T> {
        if let Some(ix) = self.young.index.get(key).copied() {
            return self.young.entries.get(ix as usize).and_then(Option::as_ref);
        }
        let ix = self.old.index.remove(key)?;
        let entry = self.old.entries.get_mut(ix as usize).and_then(Option::take)?;
        let octets = size(&entry);
        self.insert(*key, entry, octets);
        self.young.entries.last().and_then(Option::as_ref)
    }

    /// Keeps an entry of so many octets.
    pub(super) fn insert(&mut self, key: Key, entry: T, octets: usize) {
        if self.young.entries.len() >= self.entries || self.young.octets.saturating_add(octets) > self.octets {
            self.old = std::mem::take(&mut self.young);
        }
        let Ok(ix) = u32::try_from(self.young.entries.len()) else { return };
        self.young.entries.push(Some(entry));
        self.young.index.insert(key, ix);
        self.young.octets += octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: u32) -> Key {
        Key { owner: Owner::Group(1), node, question: 2, variant: 3 }
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut memo = Memo::new(100, 5000);
        for node in 0..1000 {
            memo.insert(key(node), node, 30);
            assert_eq!(memo.find(&key(node), |_| 30), Some(&node));
            assert_eq!(memo.find(&key(0), |_| 30), Some(&0), "used all the time, {node}");
            assert!(memo.young.entries.len() <= 100 && memo.young.octets <= 5000);
        }
        assert_eq!(memo.find(&key(1), |_| 30), None);
        assert_eq!(memo.find(&Key { owner: Owner::Zone(1), ..key(0) }, |_| 30), None);
        memo.clear();
        assert_eq!(memo.find(&key(0), |_| 30), None);
    }

    #[test]
    fn octets_are_bounded_too() {
        let mut memo = Memo::new(1000, 5000);
        for node in 0..1000 {
            memo.insert(key(node), node, 1000);
            assert!(memo.young.octets <= 5000 && memo.old.octets <= 5000);
        }
    }
}
