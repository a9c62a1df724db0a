//! Randomness: a number below 1000 for every query, which weights and partial drains go by, and secrets.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

thread_local! {
    /// Not zero: xorshift stays at zero for ever.
    static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish() | 1);
}

/// A number from 0 to 999, evenly spread. Fast and not secret: nothing but a share of clients hangs on it.
pub(super) fn draw() -> u16 {
    STATE.with(|state| {
        // xorshift64* (Vigna 2016).
        let mut x = state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        let spread = x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u16::try_from((spread * 1000) >> 32).unwrap_or(0)
    })
}

/// A secret of this process.
pub(super) fn secret() -> [u8; 16] {
    let mut octets = [0; 16];
    // Where the system has none to give, the standard library's seed, drawn when it had.
    if let Err(error) = getrandom::fill(&mut octets) {
        tracing::warn!(%error, "the system gives no random numbers");
        let halves = [(); 2].map(|()| RandomState::new().build_hasher().finish().to_le_bytes());
        for (octet, random) in octets.iter_mut().zip(halves.into_iter().flatten()) {
            *octet = random;
        }
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn draws_are_spread_evenly() {
        let mut tenths = [0_u32; 10];
        for _ in 0..100_000 {
            tenths[usize::from(draw() / 100)] += 1;
        }
        assert!(tenths.iter().all(|count| (9_000..11_000).contains(count)), "{tenths:?}");
    }
}
