//! The commands that undo a change of orders.

use jiff::Timestamp;

use crate::admin::words::undo as lift;
use crate::model::{Intent, IntentKind, Lifetime, Reach, Scope, Share};

/// The command that gives `intent` again at `now`, for as long as it was given, from where it had come to.
#[must_use]
pub fn again(intent: &Intent, now: Timestamp) -> String {
    let mut command = format!("waypost {} {}", intent.kind.as_str(), intent.scope.site);
    if let Some(service) = &intent.scope.service {
        command.push_str(&format!(" --service {service}"));
    }
    command.push_str(&shares(intent));
    if intent.reach == Reach::ThisNode {
        command.push_str(" --local");
    }
    if let Some(schedule) = intent.schedule.as_ref().filter(|schedule| schedule.is_waiting() && schedule.from > now) {
        command.push_str(&format!(" --at {:.0}", schedule.from));
    }
    match intent.lifetime {
        Lifetime::Until(until) => command.push_str(&format!(" --until {until:.0}")),
        Lifetime::UntilCleared => command.push_str(" --until-cleared"),
    }
    if intent.forced {
        command.push_str(" --force");
    }
    command.push_str(&format!(" --reason '{}'", intent.reason.replace('\'', "'\\''")));
    command
}

/// The command that takes an order of `scope` back at `now`: it gives `stood` again, the order that stood there before, or lifts
/// the new one where there was none. A drill's own order comes back with a drill only.
#[must_use]
pub fn order(scope: &Scope, stood: Option<&Intent>, now: Timestamp) -> String {
    match stood.filter(|stood| stood.drill.is_none()) {
        Some(stood) => again(stood, now),
        None => lift(scope),
    }
}

/// The share of a drain, or the steps that it had not left behind.
fn shares(intent: &Intent) -> String {
    let IntentKind::Drain { share } = intent.kind else { return String::new() };
    if let Some(schedule) = &intent.schedule {
        let left: Vec<String> =
            schedule.steps.iter().skip(schedule.taken.saturating_sub(1)).map(ToString::to_string).collect();
        if left.len() > 1 {
            return format!(" --steps {} --every {}s", left.join(","), schedule.every_seconds);
        }
    }
    if share == Share::ALL { String::new() } else { format!(" --share {share}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DrillMark, Schedule};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn drain(steps: &[&str], taken: usize) -> Intent {
        let steps = steps.iter().map(|share| share.parse().unwrap()).collect();
        Intent {
            scope: Scope { site: "fra".into(), service: Some("mx".into()) },
            kind: IntentKind::Drain { share: Share::ALL },
            by: "alice".into(),
            reason: "it's old".into(),
            since: at(0),
            lifetime: Lifetime::UntilCleared,
            revision: 1,
            forced: false,
            reach: Reach::Everywhere,
            schedule: Some(Schedule { from: at(60), steps, every_seconds: 600, taken, last: None }),
            drill: None,
        }
    }

    #[test]
    fn an_order_that_replaced_another_is_undone_by_giving_that_one_again() {
        let scope = Scope { site: "fra".into(), service: None };
        let isolated = Intent { scope: scope.clone(), kind: IntentKind::Isolate, schedule: None, ..drain(&[], 0) };
        assert_eq!(order(&scope, None, at(0)), "waypost undrain fra");
        let again = order(&scope, Some(&isolated), at(0));
        assert_eq!(again, "waypost isolate fra --until-cleared --reason 'it'\\''s old'");
        let forced = Intent { forced: true, ..isolated.clone() };
        assert!(order(&scope, Some(&forced), at(0)).contains(" --force "), "else it would be refused");
        let mark = DrillMark { id: "d1".into(), runner: "ns1".into(), runner_started: None, schedule: None };
        let drill = Intent { drill: Some(mark), ..isolated };
        assert_eq!(order(&scope, Some(&drill), at(0)), "waypost undrain fra");
    }

    #[test]
    fn an_order_is_given_again_from_where_it_had_come_to() {
        let said = |steps: &[&str], taken, now| again(&drain(steps, taken), at(now));
        let (start, end) = ("waypost drain fra --service mx", " --until-cleared --reason 'it'\\''s old'");
        assert_eq!(said(&[], 0, 0), format!("{start} --at 2027-01-15T08:01:00Z{end}"));
        assert_eq!(said(&[], 0, 61), format!("{start}{end}"));
        assert_eq!(said(&[], 1, 61), format!("{start}{end}"));
        let steps = ["25%", "50%", "100%"];
        assert_eq!(
            said(&steps, 0, 0),
            format!("{start} --steps 25%,50%,100% --every 600s --at 2027-01-15T08:01:00Z{end}")
        );
        assert_eq!(said(&steps, 2, 700), format!("{start} --steps 50%,100% --every 600s{end}"));
        assert_eq!(said(&steps, 3, 2000), format!("{start}{end}"));
        let local = Intent { reach: Reach::ThisNode, ..drain(&[], 1) };
        assert_eq!(again(&local, at(61)), format!("{start} --local{end}"));
    }
}
