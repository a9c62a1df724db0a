//! Chance from a seed: the same seed, the same history.

use std::ops::Range;
use std::time::Duration;

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `range`, which must not be empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// An index below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.within(0..count as u64)).unwrap()
    }

    /// True in `permille` of 1000 cases.
    pub fn is(&mut self, permille: u64) -> bool {
        self.next() % 1000 < permille
    }

    /// A span in a range of milliseconds, short ones as likely as long ones of ten times the length.
    pub fn span(&mut self, range: Range<u64>) -> Duration {
        let (low, high) =
            (f64::from(u32::try_from(range.start).unwrap()), f64::from(u32::try_from(range.end).unwrap()));
        let part = self.within(0..1_000_000) as f64 / 1_000_000.0;
        Duration::from_secs_f64(low * (high / low).powf(part) / 1000.0)
    }
}
