//! Damping: an endpoint that flaps must stay good for longer and longer before it returns.

use std::time::Duration;

use super::bounds::{DAMPING_CEILING, DAMPING_FLOOR, DAMPING_HALF_LIFE};
use crate::model::Mono;

/// How long an endpoint must stay good before it returns (DESIGN section 5): doubles with every flap from
/// [`DAMPING_FLOOR`] up to [`DAMPING_CEILING`], and halves in every [`DAMPING_HALF_LIFE`] without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damping {
    last: Option<(Mono, Duration)>,
}

impl Damping {
    /// The endpoint went down at `now`.
    pub fn flap(&mut self, now: Mono) {
        let hold = match self.last {
            None => DAMPING_FLOOR,
            Some((at, hold)) => {
                let half_lives = now.since(at).as_secs_f64() / DAMPING_HALF_LIFE.as_secs_f64();
                hold.mul_f64(2.0 * 0.5_f64.powf(half_lives))
            }
        };
        self.last = Some((now, hold.clamp(DAMPING_FLOOR, DAMPING_CEILING)));
    }

    /// How long the endpoint must stay good before it returns.
    #[must_use]
    pub fn hold(&self) -> Duration {
        self.last.map_or(DAMPING_FLOOR, |(_, hold)| hold)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_flap_doubles_the_hold_up_to_five_minutes() {
        let mut damping = Damping::default();
        let mut holds = Vec::new();
        for _ in 0..9 {
            damping.flap(Mono::from_millis(1));
            holds.push(damping.hold().as_secs());
        }
        assert_eq!(holds, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn ten_quiet_minutes_halve_it() {
        let mut damping = Damping::default();
        for _ in 0..5 {
            damping.flap(Mono::START);
        }
        assert_eq!(damping.hold().as_secs(), 80);
        damping.flap(Mono::from_millis(600_000));
        assert_eq!(damping.hold().as_secs(), 80);
        damping.flap(Mono::from_millis(600_000 + 24 * 3_600_000));
        assert_eq!(damping.hold(), DAMPING_FLOOR);
    }

    proptest! {
        #[test]
        fn the_hold_is_always_between_floor_and_ceiling(gaps in prop::collection::vec(0_u64..100_000_000_000, 0..60)) {
            let (mut damping, mut now) = (Damping::default(), Mono::START);
            for gap in gaps {
                now = now.after(Duration::from_millis(gap));
                damping.flap(now);
                prop_assert!((DAMPING_FLOOR..=DAMPING_CEILING).contains(&damping.hold()));
            }
        }
    }
}
