//! How far an order has come, in words, alike on the page and on the command line.

use jiff::Timestamp;

use super::api::{Due, OrderStatus};
use super::words::{moment_and_distance, relative};
use crate::model::{Intent, IntentKind, Share};

/// How far an order has come: `in effect`, `begins 2026-05-01T12:00:00Z (in 5 min), caches let go at 2026-05-01T12:00:05Z`,
/// `drained 50%, next 100% in 8 min`.
#[must_use]
pub fn progress(order: &OrderStatus, now: Timestamp) -> String {
    let let_go = order.drained_by.map_or_else(String::new, |by| format!(", {}", let_go("it", by, now)));
    let Some(next) = &order.next else { return format!("in effect{let_go}") };
    let so_far = match order.intent.in_effect() {
        None => String::new(),
        Some(IntentKind::Drain { share }) => format!("drained {share}, "),
        Some(_) => "in effect, ".to_owned(),
    };
    let waiting = order.intent.is_waiting();
    if let Some(why) = &next.held {
        let what = if waiting { "its beginning".to_owned() } else { format!("next {}", share(next)) };
        let since = relative(next.at, now);
        return format!("{so_far}{what} held by a safety rule (due {since}), begins when the rule allows: {why}");
    }
    if waiting {
        format!("begins {}{}{let_go}", moment_and_distance(next.at, now), first_share(order, next))
    } else {
        format!("{so_far}next {} {}{let_go}", share(next), relative(next.at, now))
    }
}

/// When caches let go of `what`: `caches let go at 2026-05-01T12:03:20Z (in 24 s)`, and after that `no cache names fra any more`.
#[must_use]
pub fn let_go(what: &str, by: Timestamp, now: Timestamp) -> String {
    if by > now {
        format!("caches let go at {}", moment_and_distance(by, now))
    } else {
        format!("no cache names {what} any more")
    }
}

fn share(due: &Due) -> String {
    due.share.unwrap_or(Share::ALL).to_string()
}

/// ` with 25%`, where the order does not begin as a whole.
fn first_share(order: &OrderStatus, next: &Due) -> String {
    match (order.intent.kind, next.share) {
        (IntentKind::Drain { share: whole }, Some(first)) if first != whole => format!(" with {first}"),
        _ => String::new(),
    }
}

/// When the parts of an order take effect, a phrase each: `25% at 2026-05-01T12:00:00Z (in 1 h)`.
#[must_use]
pub fn timetable(intent: &Intent, steps: &[Due], now: Timestamp) -> Vec<String> {
    let by_steps = intent.schedule.as_ref().is_some_and(|schedule| schedule.steps.len() > 1);
    let phrase = |due: &Due| {
        let at = moment_and_distance(due.at, now);
        match due.share.filter(|_| by_steps) {
            Some(share) => format!("{share} at {at}"),
            None => format!("begins {at}"),
        }
    };
    steps.iter().map(phrase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Lifetime, Reach, Schedule, Scope};

    fn at(minutes: i64) -> Timestamp {
        "2026-05-01T12:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minutes)
    }

    fn order(taken: usize, next: Option<Due>) -> OrderStatus {
        let steps = ["50%", "100%"].iter().map(|share| share.parse().unwrap()).collect();
        let last = (taken > 0).then(|| at(0));
        OrderStatus {
            intent: Intent {
                scope: Scope { site: "fra".into(), service: None },
                kind: IntentKind::Drain { share: Share::ALL },
                by: "alice".into(),
                reason: "x".into(),
                since: at(-60),
                lifetime: Lifetime::UntilCleared,
                revision: 1,
                forced: false,
                reach: Reach::Everywhere,
                schedule: Some(Schedule { from: at(0), steps, every_seconds: 480, taken, last }),
                drill: None,
            },
            remaining_seconds: None,
            next,
            drained_by: Some(at(9)),
        }
    }

    fn due(minutes: i64, share: &str, held: Option<&str>) -> Option<Due> {
        Some(Due { at: at(minutes), share: share.parse().ok(), held: held.map(Into::into) })
    }

    #[test]
    fn an_order_says_how_far_it_has_come_and_what_is_next() {
        let said = |taken, next| progress(&order(taken, next), at(0));
        let by = "caches let go at 2026-05-01T12:09:00Z (in 9 min)";
        assert_eq!(said(0, due(5, "50%", None)), format!("begins 2026-05-01T12:05:00Z (in 5 min) with 50%, {by}"));
        assert_eq!(said(1, due(8, "100%", None)), format!("drained 50%, next 100% in 8 min, {by}"));
        assert_eq!(said(2, None), format!("in effect, {by}"));
        assert_eq!(progress(&order(2, None), at(9)), "in effect, no cache names it any more");
        let held = said(1, due(-3, "100%", Some("too few sites")));
        assert_eq!(
            held,
            "drained 50%, next 100% held by a safety rule (due 3 min ago), begins when the rule allows: too few sites"
        );
        assert!(said(0, due(-3, "50%", Some("too few sites"))).starts_with("its beginning held by a safety rule"));
    }

    #[test]
    fn a_timetable_has_a_phrase_for_each_step() {
        let steps = [due(1, "50%", None).unwrap(), due(9, "100%", None).unwrap()];
        let said = timetable(&order(0, None).intent, &steps, at(0));
        assert_eq!(said, ["50% at 2026-05-01T12:01:00Z (in 1 min)", "100% at 2026-05-01T12:09:00Z (in 9 min)"]);
    }
}
