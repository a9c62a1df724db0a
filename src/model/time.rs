//! Monotonic time and shares: the two quantities that must not be mixed with plain integers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A moment on this node's monotonic clock, as time since the process started.
///
/// Freshness, overdue probes and damping are judged on this clock, because wall clocks step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mono(pub Duration);

impl Mono {
    /// The moment the process started.
    pub const START: Self = Self(Duration::ZERO);

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `span` after `self`; saturates.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// A moment from milliseconds since the start; for tests and simulation.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }
}

/// A part of the whole in thousandths, 0 to 1000: the share of clients an order moves, a site's healthy part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(into = "u16", try_from = "u16")]
#[schema(value_type = u16, minimum = 0, maximum = 1000)]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1000);

    /// A share of `permille` thousandths, or `None` above 1000.
    #[must_use]
    pub const fn from_permille(permille: u16) -> Option<Self> {
        if permille <= 1000 { Some(Self(permille)) } else { None }
    }

    /// Thousandths, 0 to 1000.
    #[must_use]
    pub const fn permille(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(10) {
            write!(f, "{}%", self.0 / 10)
        } else {
            write!(f, "{}.{}%", self.0 / 10, self.0 % 10)
        }
    }
}

impl FromStr for Share {
    type Err = String;

    /// Reads `25%`, `12.5%`, `100%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is not a share; expected a percentage from 0% to 100%, as in 25%");
        let number = text.strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        // In range by the check above, so the cast cannot truncate.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self((percent * 10.0).round() as u16))
    }
}

impl From<Share> for u16 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl TryFrom<u16> for Share {
    type Error = String;

    fn try_from(permille: u16) -> Result<Self, Self::Error> {
        Self::from_permille(permille).ok_or_else(|| format!("{permille} is more than 1000 thousandths"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_reads_what_it_prints() {
        for text in ["0%", "25%", "12.5%", "100%"] {
            assert_eq!(text.parse::<Share>().unwrap().to_string(), text);
        }
        for text in ["25", "101%", "-1%", "x%", ""] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
