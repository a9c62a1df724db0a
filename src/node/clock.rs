//! The two clocks of a node, and the watch over their agreement.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::Mono;

/// A difference between the clocks that builds up faster than this between two looks is a step, not drift.
const STEP: Duration = Duration::from_secs(2);

/// Tells monotonic time for decisions and wall-clock time for people.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The instant that [`Mono::START`] stands for.
    #[must_use]
    pub const fn origin(self) -> Instant {
        self.origin
    }

    /// Monotonic time since the start.
    #[must_use]
    pub fn mono(self) -> Mono {
        Mono(self.origin.elapsed())
    }

    /// The wall clock.
    #[must_use]
    pub fn wall(self) -> Timestamp {
        Timestamp::now()
    }
}

/// Notices steps of the wall clock against the monotonic one.
#[derive(Clone, Copy, Debug)]
pub struct StepWatch {
    mono: Mono,
    wall: Timestamp,
}

impl StepWatch {
    /// Starts watching from a pair of readings taken together.
    #[must_use]
    pub const fn new(mono: Mono, wall: Timestamp) -> Self {
        Self { mono, wall }
    }

    /// Compares a new pair of readings with the last; returns by how many seconds the wall clock stepped, if it did
    /// (positive is forward).
    pub fn look(&mut self, mono: Mono, wall: Timestamp) -> Option<f64> {
        let passed = mono.since(self.mono).as_secs_f64();
        let shown = wall.duration_since(self.wall).as_secs_f64();
        (self.mono, self.wall) = (mono, wall);
        let step = shown - passed;
        (step.abs() > STEP.as_secs_f64()).then_some(step)
    }
}

/// When an order ends on the monotonic clock, given its wall-clock limits as they stood when it was given.
///
/// The wall clock is consulted once, here: a later step neither ends a drain early nor prolongs it. An order cannot
/// have more time left than it was given, so a clock that was set back while the node was stopped does not prolong it
/// either.
#[must_use]
pub fn deadline(since: Timestamp, until: Timestamp, now_wall: Timestamp, now_mono: Mono) -> Mono {
    let left = until.duration_since(now_wall).min(until.duration_since(since));
    now_mono.after(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_step_is_told_from_drift() {
        let mut watch = StepWatch::new(Mono::START, at(0));
        assert_eq!(watch.look(Mono::from_millis(10_000), at(11)), None, "one second in ten is drift or load");
        let step = watch.look(Mono::from_millis(11_000), at(3612)).unwrap();
        assert!((step - 3600.0).abs() < 0.001, "{step}");
        assert!(watch.look(Mono::from_millis(12_000), at(13)).unwrap() < -3500.0);
        assert_eq!(watch.look(Mono::from_millis(13_000), at(14)), None, "a step is reported once");
    }

    #[test]
    fn an_order_ends_after_the_time_it_was_given() {
        let now = Mono::from_millis(5_000);
        let seconds = |mono: Mono| mono.0.as_secs();
        assert_eq!(seconds(deadline(at(0), at(3600), at(0), now)), 3605);
        assert_eq!(seconds(deadline(at(0), at(3600), at(3000), now)), 605, "after a restart the rest is left");
        assert_eq!(deadline(at(0), at(3600), at(9000), now), now, "already over");
        assert_eq!(seconds(deadline(at(0), at(3600), at(-9000), now)), 3605, "a clock set back prolongs nothing");
    }
}
