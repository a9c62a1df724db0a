//! What an operator promises: how fast a service recovers, and how much of the month it is there.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `[objectives]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// For services that are not named by themselves.
    pub default: Objective,
    /// For single services, by name; what one leaves out is as in `default`.
    pub services: BTreeMap<String, Objective>,
}

impl Objectives {
    /// What is promised of `service`.
    #[must_use]
    pub fn of(&self, service: &str) -> Objective {
        let own = self.services.get(service).copied().unwrap_or_default();
        Objective { rto: own.rto.or(self.default.rto), availability: own.availability.or(self.default.availability) }
    }
}

/// What is promised of a service; `None` where nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objective {
    /// From the first failed probe until no well-behaved cache names what failed, at most.
    pub rto: Option<Duration>,
    /// The part of the month in which some site is in service, at least.
    pub availability: Option<Availability>,
}

/// A part of the whole in parts per million, 0 to 999,999: an availability of all there is leaves no budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct Availability(u32);

impl Availability {
    /// Parts per million of the whole.
    const WHOLE: u32 = 1_000_000;

    /// An availability of so many parts per million, below a million.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm < Self::WHOLE { Some(Self(ppm)) } else { None }
    }

    /// How much of `span` may be lost.
    #[must_use]
    pub fn budget(self, span: Duration) -> Duration {
        let lost = u128::from(Self::WHOLE - self.0);
        let nanos = span.as_nanos().saturating_mul(lost) / u128::from(Self::WHOLE);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, rest) = (self.0 / 10_000, self.0 % 10_000);
        let fraction = format!("{rest:04}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{percent}%"),
            fraction => write!(f, "{percent}.{fraction}%"),
        }
    }
}

impl std::str::FromStr for Availability {
    type Err = String;

    /// Reads `99.99%`, `99.9995%`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("'{text}' is not an availability; expected a percentage from 0% to 99.9999%, as in 99.99%");
        let number = text.strip_suffix('%').ok_or_else(wrong)?.trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 4 {
            return Err(wrong());
        }
        let percent: u32 = whole.parse().map_err(|_| wrong())?;
        let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| wrong())?;
        Self::from_ppm(percent.saturating_mul(10_000).saturating_add(fraction)).ok_or_else(wrong)
    }
}

impl From<Availability> for u32 {
    fn from(availability: Availability) -> Self {
        availability.0
    }
}

impl TryFrom<u32> for Availability {
    type Error = String;

    fn try_from(ppm: u32) -> Result<Self, Self::Error> {
        Self::from_ppm(ppm).ok_or_else(|| format!("{ppm} is not below a million"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_availability_reads_what_it_prints() {
        for text in ["99.99%", "99%", "0%", "99.9999%", "99.5%", "7.0001%"] {
            assert_eq!(text.parse::<Availability>().unwrap().to_string(), text);
        }
        for text in ["100%", "99.99", "99.99999%", "-1%", "%", ".5%", "1.%", "abc%", "1000%", "+9%"] {
            assert!(text.parse::<Availability>().is_err(), "{text}");
        }
    }

    #[test]
    fn four_nines_of_thirty_days_leave_four_minutes_and_some() {
        let budget = "99.99%".parse::<Availability>().unwrap().budget(Duration::from_secs(30 * 86_400));
        assert_eq!(budget, Duration::from_millis(259_200));
    }

    #[test]
    fn a_service_takes_from_all_what_it_leaves_out() {
        let availability = "99.9%".parse().ok();
        let rto = Some(Duration::from_secs(60));
        let mut objectives = Objectives { default: Objective { rto, availability }, services: BTreeMap::new() };
        let own = Objective { rto: Some(Duration::from_secs(10)), availability: None };
        objectives.services.insert("mx".into(), own);
        assert_eq!(objectives.of("mx"), Objective { rto: own.rto, availability });
        assert_eq!(objectives.of("imap"), objectives.default);
    }
}
