//! Loss: an endpoint that answers most probes and not the rest is in trouble, though it is never conclusively down.

use super::bounds::{LOSS_CEILING, LOSS_ENTERED, LOSS_LEFT, LOSS_WINDOW};

/// The share of probes that fail while the endpoint serves, decayed over [`LOSS_WINDOW`] probes.
///
/// A sequential test learns steady loss as an endpoint's habit, so that it does not flap; senders still lose every so
/// manieth connection there, and are better off at a site that loses none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    share: f64,
    heavy: bool,
}

impl Loss {
    /// A probe failed.
    pub fn failed(&mut self) {
        self.take(1.0);
    }

    /// A probe was answered.
    pub fn answered(&mut self) {
        self.take(0.0);
    }

    /// Whether so many probes fail that clients are better served elsewhere.
    #[must_use]
    pub const fn is_heavy(&self) -> bool {
        self.heavy
    }

    /// Why, in an operator's words.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("{:.0} % of the probes fail", self.share * 100.0)
    }

    fn take(&mut self, sample: f64) {
        self.share = (self.share + (sample - self.share) / LOSS_WINDOW).min(LOSS_CEILING);
        self.heavy = self.share >= if self.heavy { LOSS_LEFT } else { LOSS_ENTERED };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(probes: u32, of: u32) -> Loss {
        let mut loss = Loss::default();
        for probe in 0..probes {
            if probe % of == 0 { loss.failed() } else { loss.answered() }
        }
        loss
    }

    #[test]
    fn two_in_a_hundred_are_light_and_twenty_are_heavy() {
        assert!(!after(10_000, 50).is_heavy());
        assert!(after(600, 5).is_heavy());
        assert!(after(10_000, 5).reason().contains(" % of the probes fail"));
    }

    #[test]
    fn an_outage_alone_is_not_loss() {
        let mut loss = Loss::default();
        (0..6).for_each(|_| loss.failed());
        assert!(!loss.is_heavy());
    }

    #[test]
    fn it_is_left_later_than_entered() {
        let mut loss = after(10_000, 5);
        let mut answered = 0;
        while loss.is_heavy() {
            loss.answered();
            answered += 1;
        }
        assert!((50.0..LOSS_WINDOW * 3.0).contains(&f64::from(answered)), "{answered}");
    }
}
