//! A map from every address of a family to a value, as a sorted list of segments.

use std::fmt::Debug;

/// An address as a number: `u32` for IPv4, `u128` for IPv6.
pub(super) trait Number: Copy + Ord + Debug {
    /// The width in bits.
    const BITS: u8;
    /// The lowest address.
    const MIN: Self;
    /// The highest address.
    const MAX: Self;
    /// The next address; `None` after the highest.
    fn next(self) -> Option<Self>;
    /// The address before; only called above the lowest.
    fn before(self) -> Self;
    /// The lowest and highest address of the block of prefix length `length` around `self`.
    fn block(self, length: u8) -> (Self, Self);
}

macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            // Widths are 32 and 128.
            #[allow(clippy::cast_possible_truncation)]
            const BITS: u8 = <$type>::BITS as u8;
            const MIN: Self = <$type>::MIN;
            const MAX: Self = <$type>::MAX;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn before(self) -> Self {
                self.saturating_sub(1)
            }

            fn block(self, length: u8) -> (Self, Self) {
                let host = <$type>::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                (self & !host, self | host)
            }
        }
    };
}

number!(u32);
number!(u128);

/// Every address has a value; neighbours with equal values are one segment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranges<N, V> {
    /// First addresses of segments, ascending; the first is the lowest address.
    starts: Vec<N>,
    /// Parallel to `starts`.
    values: Vec<V>,
    /// The value of the first segment.
    lowest: V,
}

impl<N: Number, V: Copy + PartialEq> Ranges<N, V> {
    /// All addresses with one value.
    pub(super) fn all(value: V) -> Self {
        Builder::new(value).finish()
    }

    /// The value at `address` and the segment around it, both ends included.
    pub(super) fn get(&self, address: N) -> (V, N, N) {
        let after = self.starts.partition_point(|start| *start <= address);
        // There is a segment that starts at the lowest address.
        let at = after.saturating_sub(1);
        let start = self.starts.get(at).copied().unwrap_or(N::MIN);
        let end = self.starts.get(after).map_or(N::MAX, |next| next.before());
        (self.values.get(at).copied().unwrap_or(self.lowest), start, end)
    }

    /// The value at `address` and the length of the shortest prefix around it that has this value throughout.
    pub(super) fn scope(&self, address: N) -> (V, u8) {
        let (value, start, end) = self.get(address);
        let fits = |length: &u8| {
            let (low, high) = address.block(*length);
            low >= start && high <= end
        };
        (value, (0..=N::BITS).find(fits).unwrap_or(N::BITS))
    }

    /// The segments as (first, last, value), ascending.
    pub(super) fn segments(&self) -> impl Iterator<Item = (N, N, V)> {
        let ends = self.starts.iter().skip(1).map(|next| next.before()).chain([N::MAX]);
        self.starts.iter().zip(ends).zip(&self.values).map(|((start, end), value)| (*start, end, *value))
    }

    /// How many segments there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The same addresses with other values.
    #[cfg(test)]
    pub(super) fn map<W: Copy + PartialEq>(&self, mut value: impl FnMut(V) -> W) -> Ranges<N, W> {
        let mut out = Builder::new(value(self.lowest));
        for (start, _, old) in self.segments() {
            out.push(start, value(old));
        }
        out.finish()
    }

    /// Both maps in one, value by value.
    pub(super) fn zip<W: Copy + PartialEq, X: Copy + PartialEq>(
        &self,
        other: &Ranges<N, W>,
        mut value: impl FnMut(V, W) -> X,
    ) -> Ranges<N, X> {
        let mut out = Builder::new(value(self.lowest, other.lowest));
        let (mut ours, mut theirs) = (self.segments(), other.segments());
        let (mut left, mut right) = (ours.next(), theirs.next());
        while let (Some((start, end, one)), Some((other_start, other_end, two))) = (left, right) {
            out.push(start.max(other_start), value(one, two));
            if end <= other_end {
                left = ours.next();
            }
            if other_end <= end {
                right = theirs.next();
            }
        }
        out.finish()
    }
}

/// Collects segments in ascending order.
#[derive(Debug)]
pub(super) struct Builder<N, V>(Ranges<N, V>);

impl<N: Number, V: Copy + PartialEq> Builder<N, V> {
    /// All addresses with one value, until more is said.
    pub(super) fn new(lowest: V) -> Self {
        Self(Ranges { starts: vec![N::MIN], values: vec![lowest], lowest })
    }

    /// `value` from `start` up to the start of the next segment. Starts must not descend.
    pub(super) fn push(&mut self, start: N, value: V) {
        let map = &mut self.0;
        if start == N::MIN {
            (map.lowest, map.values) = (value, vec![value]);
        } else if map.values.last() != Some(&value) {
            map.starts.push(start);
            map.values.push(value);
        }
    }

    /// The map.
    pub(super) fn finish(mut self) -> Ranges<N, V> {
        self.0.starts.shrink_to_fit();
        self.0.values.shrink_to_fit();
        self.0
    }
}

/// A map that is `None` but for `blocks` (first, last, value), of which later ones lie over earlier ones.
pub(super) fn painted<N: Number, V: Copy + PartialEq>(blocks: &[(N, N, V)]) -> Ranges<N, Option<V>> {
    let mut edges: Vec<N> = vec![N::MIN];
    for (first, last, _) in blocks {
        edges.push(*first);
        edges.extend(last.next());
    }
    edges.sort_unstable();
    edges.dedup();
    let mut out = Builder::new(None);
    for edge in edges {
        let top = blocks.iter().rev().find(|(first, last, _)| (*first..=*last).contains(&edge));
        out.push(edge, top.map(|(_, _, value)| *value));
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_scope_is_the_widest_block_in_the_segment() {
        let map = painted(&[(0x0a00_0000_u32, 0x0aff_ffff, 'a'), (0x0a14_0000, 0x0a14_ffff, 'b')]);
        assert_eq!(map.scope(0x0a14_0101), (Some('b'), 16));
        assert_eq!(map.scope(0x0a15_0000), (Some('a'), 16), "10.21/16 is free of b, 10.20/15 is not");
        assert_eq!(map.scope(0x0a80_0000), (Some('a'), 9));
        assert_eq!(Ranges::<u32, char>::all('x').scope(7), ('x', 0));
        assert_eq!(map.len(), 5);
    }

    proptest! {
        #[test]
        fn every_address_of_a_scope_has_its_value(
            blocks in prop::collection::vec((any::<u32>(), 0..=32_u8, 0..4_u8), 0..12),
            address: u32,
            other: u32,
        ) {
            let blocks: Vec<(u32, u32, u8)> = blocks.into_iter().map(|(at, length, value)| {
                let (low, high) = at.block(length);
                (low, high, value)
            }).collect();
            let map = painted(&blocks);
            let expected = blocks.iter().rev().find(|(low, high, _)| (*low..=*high).contains(&address)).map(|block| block.2);
            let (value, length) = map.scope(address);
            prop_assert_eq!(value, expected);
            let (low, high) = address.block(length);
            let inside = low + (other % (high - low).saturating_add(1).max(1));
            prop_assert_eq!(map.get(inside).0, expected);
            if length > 0 {
                let (low, high) = address.block(length - 1);
                let (_, start, end) = map.get(address);
                prop_assert!(low < start || high > end, "a wider block would do");
            }
            let doubled = map.zip(&map.map(|value| value.map(u16::from)), |one, two| (one, two));
            prop_assert_eq!(doubled.get(other).0.0, map.get(other).0);
        }
    }
}
