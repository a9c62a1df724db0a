//! Orders that take effect later or by steps: what is in effect of them, and what stands beside them when they do.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::model::{EndpointHealth, Intent, IntentKind, Lifetime, Plan, Schedule, Topology};

use super::bounds::REPEAT_TOLERANCE;
use super::demand::Demand;
use super::refusal::{Refusal, order_in_words};
use super::review::{Order, review_step};

/// What is in effect of `intents`: those that have not begun left out, drains by steps with the share that they have come to.
#[must_use]
pub fn in_effect(intents: &[Intent]) -> Cow<'_, [Intent]> {
    if intents.iter().all(|intent| intent.schedule.is_none()) {
        return Cow::Borrowed(intents);
    }
    let now = |intent: &Intent| Some(Intent { kind: intent.in_effect()?, ..intent.clone() });
    Cow::Owned(intents.iter().filter_map(now).collect())
}

/// What `intents` come to: those that have not begun left out, drains by steps with the share of their last one.
#[must_use]
pub fn at_last(intents: &[Intent]) -> Vec<Intent> {
    let begun = intents.iter().filter(|intent| !intent.is_waiting());
    begun.map(|intent| Intent { schedule: None, ..intent.clone() }).collect()
}

/// Takes the next step of `intent`, one of `intents`, at `now`: the safety rules are held against the state as it is, with
/// the `demands` of the peak.
///
/// # Errors
/// The first rule that the step breaks, unless the order was forced.
pub fn take_step(
    topology: &Topology,
    current: &Plan,
    health: &[EndpointHealth],
    intents: &[Intent],
    intent: &Intent,
    now: Timestamp,
    demands: &[Demand],
) -> Result<Intent, Refusal> {
    let (Some(kind), Some(schedule)) = (intent.next_step(), &intent.schedule) else { return Ok(intent.clone()) };
    review_step(topology, current, health, intents, &order_of(intent, kind), demands)?;
    Ok(Intent { schedule: Some(schedule.stepped(now)), ..intent.clone() })
}

/// `intent` as an order of `kind` for now.
fn order_of(intent: &Intent, kind: IntentKind) -> Order {
    Order {
        scope: intent.scope.clone(),
        kind,
        by: intent.by.clone(),
        reason: intent.reason.clone(),
        lifetime: intent.lifetime,
        force: intent.forced,
        schedule: None,
        reach: intent.reach,
    }
}

/// A moment at which an order must not break a rule.
pub(super) struct Moment {
    /// What is in effect of the order then.
    pub(super) order: Order,
    /// The other orders that are in effect then.
    pub(super) others: Vec<Intent>,
}

/// The moments at which `order` is held against the rules when it is given: its first step, its last, and whenever
/// another order begins while it stands. What will be up then is not known; what is up now is taken for it.
pub(super) fn moments(intents: &[Intent], order: &Order) -> Vec<Moment> {
    let Some(schedule) = &order.schedule else { return Vec::new() };
    let others = || intents.iter().filter(|other| other.scope != order.scope);
    let (first, whole) = (schedule.from, schedule.end_of_steps());
    let later =
        others().filter_map(|other| begin(other).filter(|begin| *begin > whole && !is_over(order.lifetime, *begin)));
    let mut all: Vec<Timestamp> = [first, whole].into_iter().chain(later).collect();
    all.sort_unstable();
    all.dedup();
    let at = |moment: Timestamp| {
        let share = if moment < whole { schedule.steps.first() } else { None };
        let kind = share.map_or(order.kind, |share| IntentKind::Drain { share: *share });
        let stands =
            |other: &&Intent| begin(other).is_none_or(|begin| begin <= moment) && !is_over(other.lifetime, moment);
        // As a whole: a drain by steps may have come to its last by then.
        let others = others().filter(stands).map(|other| Intent { schedule: None, ..other.clone() }).collect();
        Moment { order: Order { kind, schedule: None, ..order.clone() }, others }
    };
    all.into_iter().map(at).collect()
}

/// When an order that waits begins.
fn begin(intent: &Intent) -> Option<Timestamp> {
    intent.schedule.as_ref().filter(|schedule| schedule.is_waiting()).map(|schedule| schedule.from)
}

fn is_over(lifetime: Lifetime, moment: Timestamp) -> bool {
    matches!(lifetime, Lifetime::Until(until) if until <= moment)
}

/// Rule: at most one order stands for a scope. An order that begins later would lift the one in effect until then, and an
/// order for now would give up the one that was scheduled: neither is done by the way.
pub(super) fn one_order(intents: &[Intent], order: &Order) -> Option<Refusal> {
    let standing = intents.iter().find(|standing| standing.scope == order.scope)?;
    let (order_words, standing_words) =
        (order_in_words(order.kind, &order.scope), order_in_words(standing.kind, &standing.scope));
    match (order.begins_later(), begin(standing)) {
        (Some(_), None) => Some(Refusal::StandsAlready { order: order_words, standing: standing_words }),
        (None, Some(from)) => Some(Refusal::ScheduledAlready { order: order_words, standing: standing_words, from }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Whether `order` takes effect as `standing` does or did.
pub(super) fn same_schedule(order: &Order, standing: &Intent) -> bool {
    let steps = |schedule: Option<&Schedule>| {
        schedule.map_or((Vec::new(), 0), |schedule| (schedule.steps.clone(), schedule.every_seconds))
    };
    let same_steps = steps(order.schedule.as_ref()) == steps(standing.schedule.as_ref());
    match (order.begins_later(), begin(standing)) {
        (Some(new), Some(old)) => same_steps && new.duration_since(old).unsigned_abs() <= REPEAT_TOLERANCE,
        // How it came to stand as a whole is of no matter.
        (None, None) => same_steps || (order.schedule.is_none() && standing.in_effect() == Some(standing.kind)),
        _ => false,
    }
}

/// `order` as it goes on where `standing` is the same drain by the same steps with another end: it does not start again.
pub(super) fn continued(order: Order, standing: Option<&Intent>) -> Order {
    let steps = order.schedule.as_ref().filter(|_| order.begins_later().is_none());
    let known = standing.and_then(|standing| standing.schedule.as_ref()).filter(|known| !known.is_waiting());
    let schedule = match (steps, known) {
        (Some(new), Some(known)) if new.steps == known.steps => {
            Some(Schedule { every_seconds: new.every_seconds, ..known.clone() })
        }
        _ => return order,
    };
    Order { schedule, ..order }
}
