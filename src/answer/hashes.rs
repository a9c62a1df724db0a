//! A flat hash table of names, and the hashes of a name and all its ancestors in one pass.

use std::hint::black_box;

use super::finder::GroupIx;

/// The most labels of a name that is looked for in flat tables: the name of an IPv6 address in `ip6.arpa` has 34. Longer
/// ones are left to the tree.
pub(super) const MAX_LABELS: usize = 40;
/// Odd, without pattern: digits of the golden ratio and of e.
const SPICE: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xB7E1_5162_8AED_2A6B];

/// Where the labels of a name begin.
#[derive(Clone, Copy, Debug)]
pub struct Labels {
    /// The first `count` are in use; behind them, where the last label ends.
    offsets: [u8; MAX_LABELS + 1],
    count: u8,
}

impl Default for Labels {
    fn default() -> Self {
        Self { offsets: [0; MAX_LABELS + 1], count: 0 }
    }
}

impl Labels {
    /// The labels of a name in wire format, or of what stands in front of an apex; of one with more than are looked for, the
    /// first ones.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        let mut labels = Self::default();
        let mut at = 0;
        while let Some(&length) = octets.get(at)
            && length > 0
            && labels.push(at)
        {
            at += usize::from(length) + 1;
        }
        labels.end_at(at);
        labels
    }

    /// Notes a label at `at`; `false` where there are too many.
    pub fn push(&mut self, at: usize) -> bool {
        let (Some(place), Ok(at)) = (self.offsets.get_mut(usize::from(self.count)), u8::try_from(at)) else {
            return false;
        };
        *place = at;
        let has_room = usize::from(self.count) < MAX_LABELS;
        self.count += u8::from(has_room);
        has_room
    }

    /// Forgets all labels.
    pub fn clear(&mut self) {
        self.count = 0;
        self.end_at(0);
    }

    /// Notes where the last label ends.
    pub fn end_at(&mut self, end: usize) {
        if let Some(place) = self.offsets.get_mut(usize::from(self.count)) {
            *place = u8::try_from(end).unwrap_or(u8::MAX);
        }
    }

    /// How many there are, the root left out.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Where the label after `skipped` others begins; behind the last one, where that ends. Meaningless for more than there
    /// are.
    #[must_use]
    pub fn offset(&self, skipped: u8) -> u8 {
        self.offsets.get(usize::from(skipped)).copied().unwrap_or_default()
    }

    /// `octets`, whose labels these are, without the first.
    pub(super) fn parent<'o>(&self, octets: &'o [u8]) -> Option<&'o [u8]> {
        (self.count > 0).then(|| octets.get(usize::from(self.offset(1))..)).flatten()
    }
}

/// The hashes of a name's ancestors: that of each follows from that of its parent. Kept from name to name, so that nothing
/// is cleared for each.
#[derive(Debug)]
pub struct Suffixes {
    /// By how many labels are left out in front; those that the last name did not need are of earlier ones.
    hashes: [u64; MAX_LABELS + 1],
}

impl Default for Suffixes {
    fn default() -> Self {
        Self { hashes: [0; MAX_LABELS + 1] }
    }
}

impl Suffixes {
    /// Takes in a whole name: the hashes of its last `most` labels and fewer.
    pub(super) fn take_name(&mut self, key: &[u8], labels: &Labels, most: u8) {
        self.grow(SPICE[0], key, labels, labels.count(), most);
    }

    /// Takes in the first `count` labels of a name, which stand in front of the apex of a zone of `group`: the hashes of the
    /// last `most` of them and fewer.
    pub(super) fn take_front(&mut self, group: GroupIx, front: &[u8], labels: &Labels, (count, most): (u8, u8)) {
        self.grow(mix(SPICE[1], u64::from(group.0) + 1), front, labels, count, most);
    }

    fn grow(&mut self, seed: u64, octets: &[u8], labels: &Labels, count: u8, most: u8) {
        let mut hash = seed;
        if let Some(last) = self.hashes.get_mut(usize::from(count)) {
            *last = hash;
        }
        let mut end = usize::from(labels.offset(count));
        for label in (count.saturating_sub(most)..count).rev() {
            let at = usize::from(labels.offset(label));
            hash = joined(hash, octets.get(at..end).unwrap_or_default());
            end = at;
            if let Some(place) = self.hashes.get_mut(usize::from(label)) {
                *place = hash;
            }
        }
    }

    /// The hash without the first `skipped` labels of what was taken in last.
    pub(super) fn from(&self, skipped: u8) -> u64 {
        self.hashes.get(usize::from(skipped)).copied().unwrap_or_default()
    }

    /// The hash of a whole name.
    pub(super) fn of_name(key: &[u8], labels: &Labels) -> u64 {
        let mut suffixes = Self::default();
        suffixes.take_name(key, labels, labels.count());
        suffixes.from(0)
    }

    /// The hash of all that stands in front of the apex of a zone of `group`.
    pub(super) fn of_front(group: GroupIx, front: &[u8], labels: &Labels) -> u64 {
        let mut suffixes = Self::default();
        suffixes.take_front(group, front, labels, (labels.count(), labels.count()));
        suffixes.from(0)
    }
}

/// A number for `name`, in lower case and in wire format, that nobody can foresee without `key`.
#[must_use]
pub fn keyed_hash(name: &[u8], key: [u64; 2]) -> u64 {
    let [first, second] = key;
    mix(joined(first, name) ^ second, SPICE[1])
}

/// The same for two numbers.
#[must_use]
pub const fn keyed_mix(numbers: [u64; 2], key: [u64; 2]) -> u64 {
    let ([first, second], [one, other]) = (numbers, key);
    // The first number goes through both multiplications, the second through one: where they differ in how much somebody may
    // choose of them, that is the order.
    mix(mix(first ^ one, SPICE[0]) ^ second ^ other, SPICE[1])
}

/// The hash with a label, its length in front, added.
fn joined(mut hash: u64, label: &[u8]) -> u64 {
    let mut rest = label;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        hash = mix(hash ^ u64::from_le_bytes(*chunk), SPICE[0]);
        rest = after;
    }
    mix(hash ^ last(rest), SPICE[1])
}

/// Fewer than eight octets as a number, another one for other octets of the same count.
fn last(octets: &[u8]) -> u64 {
    match (octets.first_chunk::<4>(), octets.last_chunk::<4>(), octets) {
        // The halves overlap where there are fewer than eight.
        (Some(head), Some(tail), _) => {
            u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32
        }
        (_, _, [a, b, c]) => u64::from(*a) | u64::from(*b) << 8 | u64::from(*c) << 16,
        (_, _, [a, b]) => u64::from(*a) | u64::from(*b) << 8,
        (_, _, [a]) => u64::from(*a),
        _ => 0,
    }
}

/// Both halves of the product, folded.
const fn mix(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Octet strings with something known of each, by their hashes: open addressing, linear probing, at most half full. What is
/// known stands right in front of the string, so that finding it costs two misses of the cache: the slot, and both of these.
#[derive(Debug, Default)]
pub(super) struct Hashes<const HEAD: usize> {
    /// Zero where free; else the upper half of the hash above the place plus one.
    slots: Vec<u64>,
    /// Heads and strings, one behind the other.
    octets: Vec<u8>,
    count: usize,
}

const PLACE: u64 = u32::MAX as u64;
/// Octets of a line of the cache.
const LINE: usize = 64;

impl<const HEAD: usize> Hashes<HEAD> {
    /// Nothing yet, with room for `count`.
    pub(super) fn with_room(count: usize) -> Self {
        let mut hashes = Self::default();
        hashes.resize(count * 2);
        hashes
    }

    /// Adds a string that is not there yet, and gives its place: a number of its own. Every string must end where its hash
    /// says: none is the beginning of another. `None` beyond four gigabytes.
    pub(super) fn insert(&mut self, hash: u64, head: [u8; HEAD], octets: &[u8]) -> Option<u32> {
        if (self.count + 1) * 2 > self.slots.len() {
            self.resize((self.count + 1) * 4);
        }
        let left = LINE - self.octets.len() % LINE;
        let length = HEAD + octets.len();
        // What fits a line does not lie in two, where the allocator begins with one.
        if length > left && length <= LINE {
            self.octets.resize(self.octets.len() + left, 0);
        }
        let place = u32::try_from(self.octets.len()).ok().filter(|place| *place < u32::MAX)?;
        self.octets.extend_from_slice(&head);
        self.octets.extend_from_slice(octets);
        self.count += 1;
        self.put((hash & !PLACE) | (u64::from(place) + 1));
        Some(place)
    }

    /// The place of the string with `hash` that begins with `octets` and goes on as `rest` says of its head and of what is
    /// behind, and its head.
    pub(super) fn find(
        &self,
        hash: u64,
        octets: &[u8],
        rest: impl Fn(&[u8; HEAD], &[u8]) -> bool,
    ) -> Option<(u32, [u8; HEAD])> {
        let mut at = self.home(hash);
        loop {
            let slot = *self.slots.get(at)?;
            if slot == 0 {
                return None;
            }
            if slot & !PLACE == hash & !PLACE {
                let place = u32::try_from(slot & PLACE).ok()?.checked_sub(1)?;
                let (head, string) = self.octets.get(usize::try_from(place).ok()?..)?.split_first_chunk::<HEAD>()?;
                if string.strip_prefix(octets).is_some_and(|after| rest(head, after)) {
                    return Some((place, *head));
                }
            }
            at = self.after(at);
        }
    }

    /// Octets of the slots.
    pub(super) const fn extent(&self) -> usize {
        self.slots.len() * size_of::<u64>()
    }

    /// Has the memory come closer that [`Self::find`] reads for `hashes`: all slots at once, and then all strings, instead of
    /// waiting for one after the other.
    pub(super) fn approach(&self, hashes: &mut [u64]) {
        for hash in &mut *hashes {
            *hash = self.slots.get(self.home(*hash)).copied().unwrap_or_default();
        }
        let strings = hashes.iter().map(|slot| (*slot & PLACE).saturating_sub(1));
        let read = strings.filter_map(|place| self.octets.get(usize::try_from(place).ok()?));
        black_box(read.fold(0, |all, octet| all ^ octet));
    }

    /// The head at a place.
    pub(super) fn head_mut(&mut self, place: u32) -> Option<&mut [u8; HEAD]> {
        self.octets.get_mut(usize::try_from(place).ok()?..)?.first_chunk_mut()
    }

    /// The slot where a hash belongs: by its upper half, which the slot keeps.
    const fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    fn put(&mut self, value: u64) {
        let mut at = self.home(value);
        while self.slots.get(at).is_some_and(|slot| *slot != 0) {
            at = self.after(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = value;
        }
    }

    fn resize(&mut self, slots: usize) {
        for value in std::mem::replace(&mut self.slots, vec![0; slots]) {
            if value != 0 {
                self.put(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Name;

    fn key(name: &str) -> Box<[u8]> {
        name.parse::<Name>().unwrap().key()
    }

    #[test]
    fn the_hash_of_an_ancestor_is_its_own() {
        let (name, parent) = (key("a.bcdefghij.example.org"), key("example.org"));
        let (labels, above) = (Labels::of(&name), Labels::of(&parent));
        assert_eq!((labels.count(), above.count()), (4, 2));
        let mut suffixes = Suffixes::default();
        suffixes.take_name(&name, &labels, 2);
        assert_eq!(suffixes.from(2), Suffixes::of_name(&parent, &above));
        // What stands in front of an apex has the same hash in a name and by itself, in one group and no other.
        let front = &name[..usize::from(labels.offset(2))];
        let alone = Suffixes::of_front(GroupIx(7), front, &Labels::of(front));
        suffixes.take_front(GroupIx(7), front, &labels, (2, 2));
        assert_eq!(suffixes.from(0), alone);
        suffixes.take_front(GroupIx(8), front, &labels, (2, 2));
        assert_ne!(suffixes.from(0), alone);
    }

    #[test]
    fn names_of_the_most_labels_and_octets_are_taken_apart() {
        let of_labels = |count: usize| [[1, b'a'].repeat(count).as_slice(), &[0]].concat();
        let labels = Labels::of(&of_labels(MAX_LABELS));
        assert_eq!(
            (usize::from(labels.count()), usize::from(labels.offset(labels.count()))),
            (MAX_LABELS, 2 * MAX_LABELS)
        );
        // One too many: the rest begins where the last of those that are known ends.
        let labels = Labels::of(&of_labels(MAX_LABELS + 1));
        assert_eq!(
            (usize::from(labels.count()), usize::from(labels.offset(labels.count()))),
            (MAX_LABELS, 2 * MAX_LABELS)
        );
        let mut longest = [[63_u8].as_slice(), &[b'a'; 63]].concat().repeat(3);
        longest.extend([[61_u8].as_slice(), &[b'a'; 61], &[0]].concat());
        assert_eq!(longest.len(), Name::MAX_OCTETS);
        let labels = Labels::of(&longest);
        assert_eq!((labels.count(), labels.offset(3), labels.offset(4)), (4, 192, 254));
    }

    #[test]
    fn reading_ahead_finds_nothing_and_harms_nothing() {
        let mut hashes = Hashes::<4>::default();
        hashes.approach(&mut [0, 1, u64::MAX]);
        let name = key("host.example.org");
        let hash = Suffixes::of_name(&name, &Labels::of(&name));
        hashes.insert(hash, [0; 4], &name);
        hashes.approach(&mut [hash, 0, u64::MAX, !hash]);
        hashes.approach(&mut []);
        assert_eq!(hashes.find(hash, &name, |_, _| true), Some((0, [0; 4])));
    }

    #[test]
    fn every_string_is_found_and_no_other() {
        let mut hashes = Hashes::default();
        let names: Vec<_> = (0..5000).map(|number| key(&format!("host-{number}.example.org"))).collect();
        let hash = |name: &[u8]| Suffixes::of_name(name, &Labels::of(name));
        let places: Vec<_> =
            (0_u32..).zip(&names).map(|(number, name)| hashes.insert(hash(name), number.to_le_bytes(), name)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted_by(|a, b| a < b));
        for (number, (name, place)) in (0_u32..).zip(names.iter().zip(&places)) {
            let found = hashes.find(hash(name), name, |_, _| true);
            assert_eq!(found, place.map(|place| (place, number.to_le_bytes())));
            assert_eq!(hashes.find(hash(name), name, |head, _| *head != number.to_le_bytes()), None);
        }
        let other = key("host-5000.example.org");
        assert_eq!(hashes.find(hash(&other), &other, |_, _| true), None);
        // Another string with the same hash is another string.
        assert_eq!(hashes.find(hash(&names[7]), &other, |_, _| true), None);
        *hashes.head_mut(places[7].unwrap()).unwrap() = [9; 4];
        assert_eq!(hashes.find(hash(&names[7]), &names[7], |_, _| true).unwrap().1, [9; 4]);
        assert_eq!(Hashes::<0>::default().find(1, b"", |_, _| true), None);
    }
}
