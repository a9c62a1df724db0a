//! What was made lately, within a bound.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What a body is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Whose body it is.
    pub(super) owner: Owner,
    /// The name that the answer hangs on.
    pub(super) node: u32,
    /// Relation of the node to the name, DO, and the type; below [`Key::QUESTIONS`].
    pub(super) question: u32,
    /// The steered answer, by number; 0 where nothing is steered.
    pub(super) variant: u32,
}

impl Key {
    /// Bound of [`Key::question`], so that all of a key fits two words.
    pub(super) const QUESTIONS: u32 = 1 << 31;

    const fn words(&self) -> Words {
        let (zone, number) = match self.owner {
            Owner::Group(number) => (0, number),
            Owner::Zone(number) => (1, number),
        };
        Words(
            (number as u64) << 32 | self.node as u64,
            (self.variant as u64) << 32 | (self.question as u64) << 1 | zone,
        )
    }
}

/// Whose body something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Of all zones of a group.
    Group(u32),
    /// Of one zone.
    Zone(u32),
}

/// A key as two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words(u64, u64);

impl Hash for Words {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Small numbers of ours: multiplying spreads them well enough.
        let product = u128::from(self.0 ^ 0x9E37_79B9_7F4A_7C15) * u128::from(self.1 ^ 0xB7E1_5162_8AED_2A6B);
        state.write_u64((product as u64) ^ ((product >> 64) as u64));
    }
}

/// Takes the one number that is written as the hash.
#[derive(Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(5) ^ number;
    }
}

/// Where an entry stands; good until something is inserted or found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(u32);

/// Two generations: when the young one is full it becomes the old one, which is dropped then. What is used returns to the
/// young one, so that only what is not asked for is forgotten.
pub(super) struct Memo<T> {
    young: Generation<T>,
    old: Generation<T>,
    /// Of a generation.
    octets: usize,
}

struct Generation<T> {
    index: HashMap<Words, u32, BuildHasherDefault<Ready>>,
    /// What `index` points to; taken where it moved to the young generation.
    entries: Vec<Option<T>>,
    octets: usize,
}

impl<T> Default for Generation<T> {
    fn default() -> Self {
        Self { index: HashMap::default(), entries: Vec::new(), octets: 0 }
    }
}

impl<T: Send + 'static> Memo<T> {
    /// Nothing yet; so many octets at the most, twice.
    pub(super) fn new(octets: usize) -> Self {
        Self { young: Generation::default(), old: Generation::default(), octets }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        release((std::mem::take(&mut self.young), std::mem::take(&mut self.old)));
    }

    /// Where what was kept under `key` stands. `size` tells how many octets an entry takes.
    pub(super) fn find(&mut self, key: &Key, size: impl Fn(&T) -> usize) -> Option<Slot> {
        let words = key.words();
        if let Some(ix) = self.young.index.get(&words) {
            return Some(Slot(*ix));
        }
        let ix = self.old.index.remove(&words)?;
        let entry = self.old.entries.get_mut(ix as usize).and_then(Option::take)?;
        let octets = size(&entry);
        self.insert(*key, entry, octets)
    }

    /// The entry at a slot.
    pub(super) fn get(&self, Slot(ix): Slot) -> Option<&T> {
        self.young.entries.get(ix as usize).and_then(Option::as_ref)
    }

    /// Keeps an entry of so many octets.
    pub(super) fn insert(&mut self, key: Key, entry: T, octets: usize) -> Option<Slot> {
        let octets = octets + OF_ENTRY;
        if self.young.octets.saturating_add(octets) > self.octets {
            release(std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        }
        let ix = u32::try_from(self.young.entries.len()).ok()?;
        self.young.entries.push(Some(entry));
        self.young.index.insert(key.words(), ix);
        self.young.octets += octets;
        Some(Slot(ix))
    }
}

/// Octets of an entry beside what it says of itself: its place, and the way to it.
const OF_ENTRY: usize = 64;

/// Frees what may be a hundred thousand entries, where no query waits for it.
fn release<T: Send + 'static>(old: T) {
    // Without a thread it is freed here.
    let _ = std::thread::Builder::new().name("free".to_owned()).spawn(move || drop(old));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: u32) -> Key {
        Key { owner: Owner::Group(1), node, question: 2, variant: 3 }
    }

    fn found(memo: &mut Memo<u32>, key: &Key) -> Option<u32> {
        let slot = memo.find(key, |_| 30)?;
        memo.get(slot).copied()
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut memo = Memo::new(100 * (30 + OF_ENTRY));
        for node in 0..1000 {
            memo.insert(key(node), node, 30);
            assert_eq!(found(&mut memo, &key(node)), Some(node));
            assert_eq!(found(&mut memo, &key(0)), Some(0), "used all the time, {node}");
            assert!(memo.young.entries.len() <= 100);
        }
        assert_eq!(found(&mut memo, &key(1)), None);
        for other in [
            Key { owner: Owner::Zone(1), ..key(0) },
            Key { owner: Owner::Group(2), ..key(0) },
            Key { question: 3, ..key(0) },
            Key { variant: 4, ..key(0) },
        ] {
            assert_eq!(found(&mut memo, &other), None);
        }
        memo.clear();
        assert_eq!(found(&mut memo, &key(0)), None);
    }
}
