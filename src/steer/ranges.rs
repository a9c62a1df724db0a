//! Address ranges: the whole address space cut into runs of one value, sorted, for binary search.

use std::ops::RangeInclusive;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address as a number: `u32` for IPv4, `u128` for IPv6.
pub(super) trait Bits: Copy + Ord + std::fmt::Debug {
    /// Bits of an address.
    const WIDTH: u8;
    /// The first address.
    const FIRST: Self;
    /// The address after this one; `None` after the last.
    fn next(self) -> Option<Self>;
    /// The address before this one; `None` before the first.
    fn previous(self) -> Option<Self>;
    /// How many leading bits `self` and `other` have in common.
    fn common(self, other: Self) -> u8;
    /// The first 16 bits.
    fn top(self) -> u16;
    /// The first address with these 16 bits.
    fn from_top(top: u16) -> Self;
}

macro_rules! bits {
    ($number:ty, $width:literal) => {
        impl Bits for $number {
            const WIDTH: u8 = $width;
            const FIRST: Self = 0;

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn previous(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn common(self, other: Self) -> u8 {
                // At most 128 zeros.
                u8::try_from((self ^ other).leading_zeros()).unwrap_or(Self::WIDTH)
            }

            fn top(self) -> u16 {
                // Sixteen bits are left.
                (self >> ($width - 16)) as u16
            }

            fn from_top(top: u16) -> Self {
                Self::from(top) << ($width - 16)
            }
        }
    };
}

bits!(u32, 32);
bits!(u128, 128);

/// The addresses from `first` to `last`, both included, with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run<B, V> {
    pub(super) first: B,
    /// `None` is the end of the address space.
    pub(super) next: Option<B>,
    pub(super) value: V,
}

impl<B: Bits, V> Run<B, V> {
    /// Prefix length of the widest aligned block around `address` that lies in the run.
    pub(super) fn block_around(&self, address: B) -> u8 {
        // A block reaches outside exactly if it has the neighbour before or after the run in it.
        let apart = |neighbour: Option<B>| neighbour.map_or(0, |outside| address.common(outside).saturating_add(1));
        apart(self.first.previous()).max(apart(self.next))
    }
}

/// The whole address space: every address has exactly one value, neighbouring runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges<B, V> {
    /// Ascending; the first is [`Bits::FIRST`].
    starts: Vec<B>,
    /// Parallel to `starts`.
    values: Vec<V>,
}

impl<B: Bits, V: Copy + PartialEq> Ranges<B, V> {
    /// One run.
    pub(super) fn all(value: V) -> Self {
        Self { starts: vec![B::FIRST], values: vec![value] }
    }

    /// No run yet: [`Ranges::push`] must begin at [`Bits::FIRST`].
    fn with_capacity(runs: usize) -> Self {
        Self { starts: Vec::with_capacity(runs), values: Vec::with_capacity(runs) }
    }

    /// From `start` on, every address has `value`. Starts must ascend.
    fn push(&mut self, start: B, value: V) {
        if self.values.last() != Some(&value) {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// How many runs there are.
    pub(super) const fn len(&self) -> usize {
        self.starts.len()
    }

    /// The runs in order.
    pub(super) fn runs(&self) -> impl Iterator<Item = Run<B, V>> {
        let nexts = self.starts.iter().skip(1).copied().map(Some).chain([None]);
        let runs = self.starts.iter().zip(nexts).zip(&self.values);
        runs.map(|((first, next), value)| Run { first: *first, next, value: *value })
    }

    /// The run that holds `address`; `None` only where there are no runs at all.
    pub(super) fn find(&self, address: B) -> Option<Run<B, V>> {
        self.run_before(self.starts.partition_point(|start| *start <= address))
    }

    /// The run in front of the one at `next`.
    fn run_before(&self, next: usize) -> Option<Run<B, V>> {
        let position = next.checked_sub(1)?;
        let (first, value) = (*self.starts.get(position)?, *self.values.get(position)?);
        Some(Run { first, next: self.starts.get(next).copied(), value })
    }

    /// The ranges with `outcome` of every value.
    pub(super) fn mapped<X: Copy + PartialEq>(&self, mut outcome: impl FnMut(V) -> X) -> Ranges<B, X> {
        self.overlaid(&[], |value, _: Option<()>| outcome(value))
    }

    /// The ranges with `spans` laid over them: `outcome` is given what lies below and the span's value, if any.
    pub(super) fn overlaid<W: Copy, X: Copy + PartialEq>(
        &self,
        spans: &[Run<B, W>],
        mut outcome: impl FnMut(V, Option<W>) -> X,
    ) -> Ranges<B, X> {
        let mut result = Ranges::with_capacity(self.len());
        let mut spans = spans.iter().peekable();
        for run in self.runs() {
            let mut rest = Some(run.first);
            while let Some(at) = rest {
                let ends_in_run = |end: Option<B>| end.filter(|end| run.next.is_none_or(|next| *end < next));
                match spans.peek() {
                    Some(span) if span.first <= at => {
                        result.push(at, outcome(run.value, Some(span.value)));
                        rest = ends_in_run(span.next);
                        if rest.is_some() || span.next == run.next {
                            spans.next();
                        }
                    }
                    span => {
                        result.push(at, outcome(run.value, None));
                        rest = ends_in_run(span.map(|span| span.first));
                    }
                }
            }
        }
        result
    }
}

/// Ranges with a table over the first 16 bits of addresses: mostly it tells the value, and otherwise among which few runs to
/// look.
#[derive(Debug)]
pub(super) struct Indexed<B, V> {
    ranges: Ranges<B, V>,
    /// By the first 16 bits; none where there is one run only.
    blocks: Box<[Block<V>]>,
}

/// The addresses with the same first 16 bits.
#[derive(Clone, Copy, Debug)]
struct Block<V> {
    /// The run of its first address.
    run: u32,
    /// The value there.
    value: V,
    /// Whether no other run begins in it.
    is_whole: bool,
}

impl<B: Bits, V: Copy + PartialEq> Indexed<B, V> {
    /// The table of `ranges`.
    pub(super) fn new(ranges: Ranges<B, V>) -> Self {
        let mut run = 0;
        let starts = &ranges.starts;
        let block = |top: u16| {
            while starts.get(run + 1).is_some_and(|start| *start <= B::from_top(top)) {
                run += 1;
            }
            let is_whole = starts.get(run + 1).is_none_or(|start| start.top() > top);
            // No database has as many runs as would not fit.
            Some(Block { run: u32::try_from(run).ok()?, value: *ranges.values.get(run)?, is_whole })
        };
        let tops = if starts.len() > 1 { 0..=u16::MAX } else { RangeInclusive::new(1, 0) };
        Self { blocks: tops.map_while(block).collect(), ranges }
    }

    /// Where each run begins.
    pub(super) fn firsts(&self) -> impl Iterator<Item = B> {
        self.ranges.starts.iter().copied()
    }

    /// The value of `address`; `None` only where there are no runs at all.
    pub(super) fn value(&self, address: B) -> Option<V> {
        match self.blocks.get(usize::from(address.top())) {
            Some(block) if block.is_whole => Some(block.value),
            Some(_) => self.find(address).map(|run| run.value),
            None => self.ranges.values.first().copied(),
        }
    }

    /// The run that holds `address`; `None` only where there are no runs at all.
    pub(super) fn find(&self, address: B) -> Option<Run<B, V>> {
        let top = usize::from(address.top());
        let Some(block) = self.blocks.get(top) else { return self.ranges.find(address) };
        let first = block.run as usize + 1;
        // Behind the run of the next block's first address nothing begins in this one.
        let end = self.blocks.get(top + 1).map_or(self.ranges.len(), |next| next.run as usize + 1);
        let starts = self.ranges.starts.get(first..end)?;
        self.ranges.run_before(first + starts.partition_point(|start| *start <= address))
    }
}

/// Ranges under construction, from networks in ascending order.
#[derive(Debug)]
pub(super) struct Builder<B, V> {
    ranges: Ranges<B, V>,
    /// The first address not yet covered; `None` when all are.
    next: Option<B>,
    /// What addresses between the networks have.
    gap: V,
}

/// A network begins inside the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfOrder;

impl<B: Bits, V: Copy + PartialEq> Builder<B, V> {
    pub(super) const fn new(gap: V) -> Self {
        Self { ranges: Ranges { starts: Vec::new(), values: Vec::new() }, next: Some(B::FIRST), gap }
    }

    /// Adds the addresses of `run`.
    pub(super) fn add(&mut self, run: &Run<B, V>) -> Result<(), OutOfOrder> {
        let covered_to = self.next.filter(|next| *next <= run.first).ok_or(OutOfOrder)?;
        if covered_to < run.first {
            self.ranges.push(covered_to, self.gap);
        }
        self.ranges.push(run.first, run.value);
        self.next = run.next;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Ranges<B, V> {
        if let Some(next) = self.next {
            self.ranges.push(next, self.gap);
        }
        self.ranges
    }
}

/// The addresses of an IPv4 network.
pub(super) fn run_v4<V>(network: Ipv4Net, value: V) -> Run<u32, V> {
    Run { first: network.network().to_bits(), next: network.broadcast().to_bits().next(), value }
}

/// The addresses of an IPv6 network.
pub(super) fn run_v6<V>(network: Ipv6Net, value: V) -> Run<u128, V> {
    Run { first: network.network().to_bits(), next: network.broadcast().to_bits().next(), value }
}

/// Runs of both families, each ascending and without overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spans<V> {
    pub(super) v4: Vec<Run<u32, V>>,
    pub(super) v6: Vec<Run<u128, V>>,
}

/// Networks of both families as flat runs that do not overlap, ascending. Where networks lie in each other, `nested` says
/// what the inner one has, given the outer's value and its own.
pub(super) fn flattened<V: Copy + PartialEq>(networks: &[(IpNet, V)], nested: impl Fn(V, V) -> V) -> Spans<V> {
    let v4 = networks.iter().filter_map(|(network, value)| match network {
        IpNet::V4(network) => Some((run_v4(*network, *value), network.prefix_len())),
        IpNet::V6(_) => None,
    });
    let v6 = networks.iter().filter_map(|(network, value)| match network {
        IpNet::V6(network) => Some((run_v6(*network, *value), network.prefix_len())),
        IpNet::V4(_) => None,
    });
    Spans { v4: flat(v4.collect(), &nested), v6: flat(v6.collect(), &nested) }
}

/// Prefixes lie in each other or apart, so laying them one by one over the others, wide ones first, cuts none in two
/// values that `nested` was not asked about.
fn flat<B: Bits, V: Copy + PartialEq>(
    mut prefixes: Vec<(Run<B, V>, u8)>,
    nested: &impl Fn(V, V) -> V,
) -> Vec<Run<B, V>> {
    prefixes.sort_by_key(|(run, length)| (run.first, *length));
    let mut open: Vec<Run<B, V>> = Vec::new();
    let mut runs: Vec<Run<B, V>> = Vec::new();
    let mut at = B::FIRST;
    for (mut run, _) in prefixes {
        while let Some(outer) = open.pop_if(|outer| outer.next.is_some_and(|end| end <= run.first)) {
            runs.extend(piece(at, outer));
            at = outer.next.unwrap_or(at).max(at);
        }
        if let Some(outer) = open.last() {
            runs.extend(piece(at, Run { next: Some(run.first), ..*outer }));
            run.value = nested(outer.value, run.value);
        }
        at = run.first;
        open.push(run);
    }
    while let Some(outer) = open.pop() {
        runs.extend(piece(at, outer));
        match outer.next {
            Some(end) => at = at.max(end),
            // Nothing lies behind the end of the address space.
            None => break,
        }
    }
    runs
}

/// What is left of `run` from `at` on, if anything.
fn piece<B: Bits, V: Copy>(at: B, run: Run<B, V>) -> Option<Run<B, V>> {
    let first = run.first.max(at);
    run.next.is_none_or(|end| first < end).then_some(Run { first, ..run })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks() -> impl Strategy<Value = Vec<(IpNet, usize)>> {
        let network = (any::<u32>(), 0_u8..=32).prop_map(|(bits, length)| {
            // Few distinct leading bits, so that networks lie in each other often.
            let address = std::net::Ipv4Addr::from_bits(bits & 0xc0c0_c0c3);
            IpNet::V4(Ipv4Net::new(address, length).unwrap().trunc())
        });
        prop::collection::btree_set(network, 0..12)
            .prop_map(|set| set.into_iter().enumerate().map(|(ix, network)| (network, ix)).collect())
    }

    fn ranges() -> impl Strategy<Value = Ranges<u32, u8>> {
        // Many begin where a block of the table does, as in real databases.
        let start = prop_oneof![any::<u32>(), any::<u32>().prop_map(|start| start & 0xffff_0000)];
        prop::collection::btree_map(start, 0_u8..4, 0..8).prop_map(|starts| {
            let mut ranges = Ranges::all(9);
            starts.into_iter().filter(|(start, _)| *start > 0).for_each(|(start, value)| ranges.push(start, value));
            ranges
        })
    }

    /// Addresses where something changes, and their neighbours.
    fn edges(networks: &[(IpNet, usize)], ranges: &Ranges<u32, u8>) -> Vec<u32> {
        let ends = networks.iter().filter_map(|(network, _)| match network {
            IpNet::V4(network) => Some([network.network().to_bits(), network.broadcast().to_bits()]),
            IpNet::V6(_) => None,
        });
        let points = ends.flatten().chain(ranges.starts.iter().copied()).chain([u32::MAX]);
        points.flat_map(|point| [point.saturating_sub(1), point, point.saturating_add(1)]).collect()
    }

    fn longest(networks: &[(IpNet, usize)], address: u32) -> Option<usize> {
        let address = std::net::IpAddr::V4(address.into());
        let holding = networks.iter().filter(|(network, _)| network.contains(&address));
        holding.max_by_key(|(network, _)| network.prefix_len()).map(|(_, value)| *value)
    }

    proptest! {
        #[test]
        fn laid_over_ranges_the_longest_prefix_wins(networks in networks(), ranges in ranges()) {
            let spans = flattened(&networks, |_, inner| inner);
            let overlaid = ranges.overlaid(&spans.v4, |below, above| (below, above));
            prop_assert_eq!(overlaid.starts[0], 0);
            prop_assert!(overlaid.starts.is_sorted_by(|a, b| a < b));
            for address in edges(&networks, &ranges) {
                let below = ranges.find(address).unwrap().value;
                prop_assert_eq!(overlaid.find(address).unwrap().value, (below, longest(&networks, address)));
            }
        }

        #[test]
        fn nested_values_are_combined(networks in networks()) {
            let spans = flattened(&networks, usize::min);
            let overlaid = Ranges::<u32, u8>::all(0).overlaid(&spans.v4, |_, above| above);
            for address in edges(&networks, &Ranges::all(0)) {
                let ip = std::net::IpAddr::V4(address.into());
                let lowest = networks.iter().filter(|(network, _)| network.contains(&ip)).map(|(_, ix)| *ix).min();
                prop_assert_eq!(overlaid.find(address).unwrap().value, lowest);
            }
        }

        #[test]
        fn the_table_finds_what_a_search_finds(networks in networks(), ranges in ranges(), more: u32) {
            let indexed = Indexed::new(ranges.clone());
            for address in edges(&networks, &ranges).into_iter().chain([0, more]) {
                prop_assert_eq!(indexed.find(address), ranges.find(address));
                prop_assert_eq!(indexed.value(address), ranges.find(address).map(|run| run.value));
            }
        }

        #[test]
        fn so_it_does_for_the_longer_addresses(starts in prop::collection::btree_map(1_u32.., 0_u8..4, 0..8), more: u128) {
            let mut ranges = Ranges::<u128, u8>::all(9);
            // Where blocks of the table begin, and within them.
            let starts: std::collections::BTreeMap<u128, u8> =
                starts.into_iter().map(|(start, value)| (u128::from(start) << 96 >> (start & 16), value)).collect();
            starts.iter().for_each(|(start, value)| ranges.push(*start, *value));
            let indexed = Indexed::new(ranges.clone());
            let edges = starts.keys().flat_map(|start| [start - 1, *start, start + 1]);
            for address in edges.chain([0, u128::MAX, more]) {
                prop_assert_eq!(indexed.find(address), ranges.find(address));
                prop_assert_eq!(indexed.value(address), ranges.find(address).map(|run| run.value));
            }
        }

        #[test]
        fn the_block_around_an_address_lies_in_its_run_and_no_wider_one_does(ranges in ranges(), address: u32) {
            let run = ranges.find(address).unwrap();
            let length = run.block_around(address);
            let whole = |length| {
                let block = Ipv4Net::new(address.into(), length).unwrap();
                let (first, last) = (block.network().to_bits(), block.broadcast().to_bits());
                run.first <= first && run.next.is_none_or(|next| last < next)
            };
            prop_assert!(whole(length));
            prop_assert!(length == 0 || !whole(length - 1));
        }
    }

    #[test]
    fn a_builder_fills_gaps_and_refuses_overlap() {
        let mut builder = Builder::new(0);
        builder.add(&Run { first: 10_u32, next: Some(20), value: 1 }).unwrap();
        builder.add(&Run { first: 20, next: Some(30), value: 1 }).unwrap();
        assert_eq!(builder.add(&Run { first: 29, next: Some(40), value: 2 }), Err(OutOfOrder));
        let ranges = builder.finish();
        assert_eq!((ranges.starts, ranges.values), (vec![0, 10, 30], vec![0, 1, 0]));
    }
}
