//! The calendar of drills: when a schedule's next turn is, and whose.
//!
//! It follows from the schedule and the clock alone, so that all nodes reckon the same without telling each other.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::bounds::DRILL_PERIODS_AHEAD;
use crate::model::DrillSchedule;

/// A Monday, from which periods are counted.
const FIRST_DAY: Date = jiff::civil::date(1970, 1, 5);

/// A window in which a schedule's drill may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which period it is in, counted from 1970.
    pub period: i64,
    /// The position of the site whose turn it is among those of the schedule.
    pub site: usize,
    /// When the window opens.
    pub opens: Timestamp,
    /// The last moment at which a drill may begin that is over when the window closes.
    pub last_start: Timestamp,
}

impl Turn {
    /// Whether a drill may begin at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.opens <= now && now <= self.last_start
    }
}

/// The window that is open at `now` or the next one, in the first period that has had no drill; `last` is when the schedule's
/// last drill began. `None` where no window is long enough for a drill.
///
/// A `last` that is more than a period ahead was noted by a clock that was wrong, and says nothing.
#[must_use]
pub fn turn(schedule: &DrillSchedule, now: Timestamp, last: Option<Timestamp>) -> Option<Turn> {
    let today = schedule.zone.to_datetime(now).date();
    let period_ahead = SignedDuration::from_hours(24_i64.saturating_mul(schedule.every_days));
    let had = last.filter(|last| last.duration_since(now) <= period_ahead);
    let had = had.map(|last| period(schedule, opening_day(schedule, last)));
    let ahead = schedule.every_days.saturating_mul(DRILL_PERIODS_AHEAD).saturating_add(7);
    // The window of yesterday may still be open.
    (-1..=ahead).find_map(|days| {
        let day = today.checked_add(days.days()).ok()?;
        let period = period(schedule, day);
        if had.is_some_and(|had| period <= had) || !schedule.days.contains(&day.weekday()) {
            return None;
        }
        let (opens, closes) = window(schedule, day)?;
        let last_start = closes.checked_sub(SignedDuration::try_from(schedule.length).ok()?).ok()?;
        let site = usize::try_from(period.rem_euclid(i64::try_from(schedule.sites.len()).ok()?.max(1))).ok()?;
        (opens <= last_start && now <= last_start).then_some(Turn { period, site, opens, last_start })
    })
}

/// The period that `day` is in.
fn period(schedule: &DrillSchedule, day: Date) -> i64 {
    let days = i64::from(day.since((jiff::Unit::Day, FIRST_DAY)).map_or(0, |span| span.get_days()));
    days.div_euclid(schedule.every_days.max(1))
}

/// Whether a window closes on the day after it opened.
fn is_over_midnight(schedule: &DrillSchedule) -> bool {
    schedule.to <= schedule.from
}

/// The day on which the window opened that a drill at `moment` is in.
fn opening_day(schedule: &DrillSchedule, moment: Timestamp) -> Date {
    let at = schedule.zone.to_datetime(moment);
    let is_after_midnight = is_over_midnight(schedule) && at.time() < schedule.to;
    if is_after_midnight { at.date().yesterday().unwrap_or(at.date()) } else { at.date() }
}

/// The window that opens on `day`; where a clock change skips or repeats one of its hours, as `jiff` takes it: the later, and the
/// first.
fn window(schedule: &DrillSchedule, day: Date) -> Option<(Timestamp, Timestamp)> {
    let at = |day: Date, time| schedule.zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok();
    let closing = if is_over_midnight(schedule) { day.tomorrow().ok()? } else { day };
    Some((at(day, schedule.from)?, at(closing, schedule.to)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::civil::{Weekday, time};
    use jiff::tz::{TimeZone, TimeZoneDatabase};
    use proptest::prelude::*;

    use super::*;
    use crate::model::SiteIx;

    fn schedule(every_days: i64, days: &[Weekday], zone: TimeZone) -> DrillSchedule {
        DrillSchedule {
            name: "weekly".into(),
            sites: vec![SiteIx(0), SiteIx(1), SiteIx(2)],
            service: None,
            every_days,
            days: days.to_vec(),
            from: time(10, 0, 0, 0),
            to: time(16, 0, 0, 0),
            zone,
            length: Duration::from_secs(900),
            notice: Duration::ZERO,
        }
    }

    fn berlin() -> TimeZone {
        TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_weekly_drill_is_on_its_day_in_its_zone_and_once_a_week() {
        let weekly = schedule(7, &[Weekday::Tuesday, Weekday::Wednesday], berlin());
        // A Monday in summer.
        let first = turn(&weekly, at("2026-06-01T12:00:00Z"), None).unwrap();
        assert_eq!((first.opens, first.last_start), (at("2026-06-02T08:00:00Z"), at("2026-06-02T13:45:00Z")));
        assert!(first.is_open(at("2026-06-02T08:00:00Z")) && !first.is_open(at("2026-06-02T07:59:59Z")));
        // Too late for Tuesday: Wednesday of the same week, the same site.
        let second = turn(&weekly, at("2026-06-02T13:45:01Z"), None).unwrap();
        assert_eq!((second.opens, second.site), (at("2026-06-03T08:00:00Z"), first.site));
        // It has been: next week, the next site; in winter an hour later by UTC.
        let next = turn(&weekly, at("2026-06-02T09:00:00Z"), Some(at("2026-06-02T08:00:05Z"))).unwrap();
        assert_eq!((next.opens, next.site), (at("2026-06-09T08:00:00Z"), (first.site + 1) % 3));
        let winter = turn(&weekly, at("2026-12-01T08:00:00Z"), None).unwrap();
        assert_eq!(winter.opens, at("2026-12-01T09:00:00Z"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let nightly = DrillSchedule {
            from: time(22, 0, 0, 0),
            to: time(2, 0, 0, 0),
            // Sunday is the last day of its period.
            ..schedule(7, &[Weekday::Sunday], TimeZone::UTC)
        };
        let first = turn(&nightly, at("2026-06-07T12:00:00Z"), None).unwrap();
        assert_eq!((first.opens, first.last_start), (at("2026-06-07T22:00:00Z"), at("2026-06-08T01:45:00Z")));
        let after_midnight = turn(&nightly, at("2026-06-08T00:30:00Z"), None).unwrap();
        assert_eq!(after_midnight, first, "it is still open");
        let next = turn(&nightly, at("2026-06-08T00:45:00Z"), Some(at("2026-06-08T00:30:00Z"))).unwrap();
        assert_eq!(
            (next.opens, next.period),
            (at("2026-06-14T22:00:00Z"), first.period + 1),
            "its period had its drill"
        );
        let until_midnight = DrillSchedule { to: time(0, 0, 0, 0), ..nightly };
        let last_start = turn(&until_midnight, at("2026-06-07T12:00:00Z"), None).unwrap().last_start;
        assert_eq!(last_start, at("2026-06-07T23:45:00Z"));
    }

    #[test]
    fn a_drill_by_a_clock_that_was_ahead_keeps_none_from_its_turn() {
        let weekly = schedule(7, &[Weekday::Tuesday], TimeZone::UTC);
        let now = at("2026-06-01T12:00:00Z");
        let turn = |last: &str| turn(&weekly, now, Some(at(last))).map(|turn| turn.opens);
        assert_eq!(turn("2036-06-03T12:00:00Z"), Some(at("2026-06-02T10:00:00Z")));
        assert_eq!(turn("2026-06-02T12:00:00Z"), Some(at("2026-06-09T10:00:00Z")), "clocks of nodes differ");
    }

    #[test]
    fn a_window_that_is_too_short_has_no_turn() {
        let short = DrillSchedule { to: time(10, 10, 0, 0), ..schedule(7, &[Weekday::Tuesday], TimeZone::UTC) };
        assert_eq!(turn(&short, at("2026-06-01T12:00:00Z"), None), None);
    }

    proptest! {
        #[test]
        fn a_turn_is_ahead_allowed_in_a_fresh_period_and_leaves_time_for_the_drill(
            seconds in 1_700_000_000_i64..2_000_000_000,
            every in 1_i64..60,
            day in 0_i8..7,
            gone in prop::option::of(0_i64..10_000_000),
        ) {
            let weekday = Weekday::from_monday_zero_offset(day).unwrap();
            let schedule = schedule(every, &[weekday], berlin());
            let now = Timestamp::from_second(seconds).unwrap();
            let last = gone.map(|gone| Timestamp::from_second(seconds - gone).unwrap());
            if let Some(turn) = turn(&schedule, now, last) {
                let opens = schedule.zone.to_datetime(turn.opens);
                prop_assert_eq!(opens.date().weekday(), weekday);
                prop_assert_eq!(opens.time(), time(10, 0, 0, 0));
                prop_assert!(now <= turn.last_start && turn.opens <= turn.last_start);
                prop_assert!(turn.site < 3);
                if let Some(last) = last {
                    prop_assert!(turn.period > period(&schedule, schedule.zone.to_datetime(last).date()));
                }
            } else {
                // Only where every day's allowed period had its drill, or the day is never in a period that is left.
                prop_assert!(every < 7 || last.is_some());
            }
        }
    }
}
