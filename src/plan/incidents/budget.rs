//! The error budget: how long services were out in a month, against what was promised.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{self, Date};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use super::bounds::{MONTHS_KEPT, SERVICES_MOST};
use super::incident::{between, millis};
use crate::model::Availability;

/// A calendar month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// The month that `time` falls in.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(Offset::UTC.to_datetime(time).date().first_of_month())
    }

    /// When it begins.
    #[must_use]
    pub fn begins(self) -> Timestamp {
        Offset::UTC.to_timestamp(self.0.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN)
    }

    /// When the next one begins.
    #[must_use]
    pub fn ends(self) -> Timestamp {
        self.next().map_or(Timestamp::MAX, Self::begins)
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        between(self.begins(), self.ends())
    }

    fn next(self) -> Option<Self> {
        self.0.last_of_month().tomorrow().ok().map(Self)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

impl std::str::FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date: civil::Date =
            format!("{text}-01").parse().map_err(|error| format!("'{text}' is no month: {error}"))?;
        Ok(Self(date))
    }
}

/// How long services were out, by month and service, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spent(BTreeMap<String, BTreeMap<String, u64>>);

impl Spent {
    /// Counts that `service` was out from `from` to `to`, in each month its part.
    pub(super) fn add(&mut self, service: &str, from: Timestamp, to: Timestamp) {
        let mut from = from;
        while from < to {
            let month = Month::of(from);
            let until = month.ends().min(to);
            let services = self.0.entry(month.to_string()).or_default();
            if services.len() < SERVICES_MOST || services.contains_key(service) {
                let spent = services.entry(service.to_owned()).or_default();
                *spent = spent.saturating_add(millis(between(from, until)));
            }
            // A month that does not end would be counted for ever.
            if until <= from {
                break;
            }
            from = until;
        }
        while self.0.len() > MONTHS_KEPT {
            self.0.pop_first();
        }
    }

    /// How long `service` was out in `month`.
    #[must_use]
    pub fn of(&self, service: &str, month: Month) -> Duration {
        let spent = self.0.get(&month.to_string()).and_then(|services| services.get(service));
        Duration::from_millis(spent.copied().unwrap_or_default())
    }
}

/// What a service may be out of service in a month, and what of it is used up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// What it may be out.
    pub budget: Duration,
    /// What it was out.
    pub spent: Duration,
}

impl Budget {
    /// The budget of `month` for `availability`, of which `spent` is used up.
    #[must_use]
    pub fn of(availability: Availability, month: Month, spent: Duration) -> Self {
        Self { budget: availability.budget(month.length()), spent }
    }

    /// The part that is left, at most 1; below 0 where more is used up than there was.
    #[must_use]
    pub fn remaining(&self) -> f64 {
        if self.budget.is_zero() { 0.0 } else { 1.0 - self.spent.as_secs_f64() / self.budget.as_secs_f64() }
    }

    /// Whether more is used up than there was.
    #[must_use]
    pub fn is_overdrawn(&self) -> bool {
        self.spent > self.budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_outage_over_the_turn_of_the_year_is_counted_in_both_months() {
        let mut spent = Spent::default();
        spent.add("mx", at("2026-12-31T23:59:00Z"), at("2027-01-01T00:02:30Z"));
        spent.add("mx", at("2027-01-05T00:00:00Z"), at("2027-01-05T00:00:01Z"));
        spent.add("mx", at("2027-01-07T00:00:00Z"), at("2027-01-06T00:00:00Z"));
        let of = |month: &str| spent.of("mx", month.parse().unwrap()).as_secs();
        assert_eq!((of("2026-12"), of("2027-01"), of("2027-02")), (60, 151, 0));
        assert_eq!(Month::of(at("2026-12-31T23:59:59Z")).to_string(), "2026-12");
        assert_eq!("2028-02".parse::<Month>().unwrap().length(), Duration::from_secs(29 * 86_400));
    }

    #[test]
    fn only_the_last_months_are_kept() {
        let mut spent = Spent::default();
        for year in 2000..2050 {
            let start = at(&format!("{year}-03-01T00:00:00Z"));
            spent.add("mx", start, at(&format!("{year}-03-01T00:00:10Z")));
        }
        assert_eq!(spent.0.len(), MONTHS_KEPT);
        assert_eq!(spent.of("mx", "2049-03".parse().unwrap()).as_secs(), 10);
    }

    #[test]
    fn a_budget_can_be_overdrawn() {
        let month: Month = "2026-06".parse().unwrap();
        let availability = "99.99%".parse().unwrap();
        let half = Budget::of(availability, month, Duration::from_millis(129_600));
        assert!((half.remaining() - 0.5).abs() < 1e-9 && !half.is_overdrawn());
        let gone = Budget::of(availability, month, Duration::from_secs(600));
        assert!(gone.remaining() < -1.0 && gone.is_overdrawn());
    }
}
