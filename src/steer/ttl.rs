//! The TTL of steered answers.

use std::time::Duration;

use super::bounds::TTL_FLOOR;

/// Whether an endpoint behind an RRset is suspect or deferring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stability {
    /// None is.
    Settled,
    /// At least one is: the answer may change soon.
    Unsettled,
}

/// The service's TTL or the declared one if that is lower; half of it, but at least the floor, while unsettled. Never
/// above the settled TTL. In seconds.
pub(super) fn steered_ttl(service: Duration, declared: u32, stability: Stability) -> u32 {
    let settled = u32::try_from(service.as_secs()).unwrap_or(u32::MAX).min(declared);
    let floor = u32::try_from(TTL_FLOOR.as_secs()).unwrap_or(u32::MAX);
    match stability {
        Stability::Settled => settled,
        Stability::Unsettled => (settled / 2).max(floor).min(settled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttl_halves_down_to_the_floor_and_never_rises() {
        let of = |service, declared, stability| steered_ttl(Duration::from_secs(service), declared, stability);
        assert_eq!(of(30, 3600, Stability::Settled), 30);
        assert_eq!(of(30, 20, Stability::Settled), 20);
        assert_eq!(of(30, 3600, Stability::Unsettled), 15);
        assert_eq!(of(8, 3600, Stability::Unsettled), 5);
        assert_eq!(of(30, 3, Stability::Unsettled), 3, "a TTL below the floor stays");
        assert_eq!(of(30, 0, Stability::Unsettled), 0);
    }
}
