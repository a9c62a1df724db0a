//! The outlook of an order: when its next parts take effect, and when caches will have let go of what it takes out.

use std::time::Duration;

use jiff::{Timestamp, TimestampRound, Unit};

use super::orders::Effect;
use super::picture::{Picture, StandingOrder};
use super::status::{Surroundings, is_named, wall_of};
use crate::admin::api::Due;
use crate::model::{Intent, IntentKind, Mono, Share};
use crate::plan::TTL_FLOOR;

/// The next step of `order`.
#[must_use]
pub fn next(order: &StandingOrder, around: &Surroundings<'_>) -> Option<Due> {
    let at = moment(around, order.due?);
    Some(Due { at, share: share(order.intent.next_step()?), held: order.held.as_ref().map(|hold| hold.why.clone()) })
}

/// All steps of `order` that are still to come, if none is held.
#[must_use]
pub fn timetable(order: &StandingOrder, around: &Surroundings<'_>) -> Vec<Due> {
    let mut rest = order.intent.clone();
    let mut all = Vec::new();
    let mut due = order.due;
    while let (Some(at), Some(kind), Some(schedule)) = (due, rest.next_step(), &rest.schedule) {
        let at_wall = moment(around, at);
        all.push(Due { at: at_wall, share: share(kind), held: None });
        due = Some(at.after(schedule.every()));
        rest.schedule = Some(schedule.stepped(at_wall));
    }
    all
}

/// When no well-behaved cache names what `order` takes out, if no rule holds it: for what is in effect by what was
/// answered, for what is to come by the TTLs that step down ahead of it. `None` where answers go on naming the site.
#[must_use]
pub fn drained_by(picture: &Picture, around: &Surroundings<'_>, order: &StandingOrder) -> Option<Timestamp> {
    let scope = &order.intent.scope;
    let site = picture.topology.site_named(&scope.site)?;
    if !takes_out(&order.intent) || order.held.is_some() {
        return None;
    }
    let whole = in_effect_as_a_whole(order);
    let services = picture.topology.services().filter(|(_, service)| {
        scope.service.as_ref().is_none_or(|name| *name == service.name) && service.sites.contains(&site)
    });
    let mut latest: Option<Mono> = None;
    for (ix, service) in services {
        let named = is_named(picture, ix, site);
        let answered = around.usage.drained_by(&service.name, &scope.site);
        let by = match whole {
            Some(whole) => {
                let last_answers = whole.after(service.ttl.min(Duration::from_secs(TTL_FLOOR.into())));
                if named { answered.max(Some(last_answers)) } else { answered }
            }
            // It is the last resort, or another order holds it in.
            None if named => return None,
            None => answered,
        };
        latest = latest.max(by);
    }
    latest.map(|by| moment(around, by))
}

/// When caches will have let go of what is not in effect as a whole, or of what a rehearsal would take out at once.
#[must_use]
pub fn expected(
    picture: &Picture,
    around: &Surroundings<'_>,
    order: &StandingOrder,
    effect: Effect,
) -> Option<Timestamp> {
    if order.due.is_some() || effect != Effect::Rehearsed {
        return order.due.and_then(|_| drained_by(picture, around, order));
    }
    if !takes_out(&order.intent) {
        return None;
    }
    // No TTL steps down ahead of what takes effect at once: caches keep what they have, or what they would get until then.
    let scope = &order.intent.scope;
    let of_scope = |name: &str| scope.service.as_ref().is_none_or(|service| service == name);
    let services = picture.topology.services.iter().filter(|service| of_scope(&service.name));
    let answered = services.filter_map(|service| around.usage.drained_by(&service.name, &scope.site)).max();
    Some(moment(around, answered.unwrap_or_default().max(around.clock.mono())))
}

/// The wall-clock time of a moment to a tenth of a second: steps are no more exact, and three o'clock that went through both
/// clocks is not shown as a microsecond to three.
fn moment(around: &Surroundings<'_>, moment: Mono) -> Timestamp {
    let exact = wall_of(around.clock, moment);
    exact.round(TimestampRound::new().smallest(Unit::Millisecond).increment(100)).unwrap_or(exact)
}

/// When the last step of `order` is taken; `None` if it was.
fn in_effect_as_a_whole(order: &StandingOrder) -> Option<Mono> {
    let schedule = order.intent.schedule.as_ref()?;
    let more = schedule.count().saturating_sub(schedule.taken).saturating_sub(1);
    let due = order.due?;
    Some((0..more).fold(due, |moment, _| moment.after(schedule.every())))
}

fn takes_out(intent: &Intent) -> bool {
    match intent.kind {
        IntentKind::Drain { share } => share == Share::ALL,
        IntentKind::Isolate => true,
        IntentKind::Pin => false,
    }
}

fn share(kind: IntentKind) -> Option<Share> {
    match kind {
        IntentKind::Drain { share } => Some(share),
        IntentKind::Isolate | IntentKind::Pin => None,
    }
}
