//! Schedules of drills: which sites, how often, and when it is allowed.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::{ServiceIx, SiteIx};

/// A drill that comes again: one of its sites in each period, in turn, at the first allowed moment when all is well.
#[derive(Clone, Debug, PartialEq)]
pub struct DrillSchedule {
    /// Unique name.
    pub name: String,
    /// The sites, one a period, in this order; at least one.
    pub sites: Vec<SiteIx>,
    /// Only this service of them; `None` is all.
    pub service: Option<ServiceIx>,
    /// Days in a period, 1 to 366. Periods are counted from Monday, 5 January 1970: seven days are a week from Monday on.
    pub every_days: i64,
    /// Days on which drills may begin; at least one.
    pub days: Vec<Weekday>,
    /// From when on a day.
    pub from: Time,
    /// Until when; they are over by then. On the next day, where it is not later than `from`.
    pub to: Time,
    /// Whose days and hours these are.
    pub zone: TimeZone,
    /// How long a site stays out.
    pub length: Duration,
    /// How long before a window opens that is announced; zero never.
    pub notice: Duration,
}
