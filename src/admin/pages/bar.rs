//! Bars: how much of its capacity a site carries. The number beside it says the same.

use crate::plan::amount;

/// Width of a bar that is full, in units of its own.
const WIDTH: f64 = 100.0;

/// What a site carries of what it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    /// How far the bar reaches, from 0 to 100; `None` where there is no bound to measure by.
    pub(super) filled: Option<String>,
    /// `up`, `deferring` near the bound, `down` above it.
    pub(super) class: &'static str,
    /// `420 of 1200 (35%)`, `420, no bound`.
    pub(super) said: String,
}

impl Bar {
    /// `load` of `capacity`.
    pub(super) fn new(load: f64, capacity: Option<u64>) -> Self {
        let Some(capacity) = capacity else {
            return Self { filled: None, class: "quiet", said: format!("{}, no bound", amount(load)) };
        };
        #[expect(clippy::cast_precision_loss, reason = "a picture; nobody sees the 53rd bit")]
        let most = capacity as f64;
        // What cannot carry anything is full, whatever it carries.
        let part = if most > 0.0 { load / most } else { 1.0 };
        let class = match part {
            part if part > 1.0 => "down",
            part if part > 0.8 => "deferring",
            _ => "up",
        };
        Self {
            filled: Some(format!("{:.1}", (part * WIDTH).clamp(0.0, WIDTH))),
            class,
            said: format!("{} of {capacity} ({:.0}%)", amount(load), part * 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_in_numbers_what_it_shows() {
        let bar = Bar::new(420.0, Some(1200));
        assert_eq!((bar.filled.as_deref(), bar.class, bar.said.as_str()), (Some("35.0"), "up", "420 of 1200 (35%)"));
        let full = Bar::new(1500.0, Some(1200));
        assert_eq!((full.filled.as_deref(), full.class), (Some("100.0"), "down"), "never beyond its frame");
        assert_eq!(Bar::new(1000.0, Some(1200)).class, "deferring");
        assert_eq!(Bar::new(0.0, Some(0)).filled.as_deref(), Some("100.0"));
        assert_eq!(Bar::new(7.0, None).filled, None);
    }
}
