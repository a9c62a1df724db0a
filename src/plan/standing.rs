//! The standing of a site for a service, and the tier of an endpoint.

use crate::model::{IntentKind, Share, Standing, State, Tier};

/// Whether an endpoint can be used by its health alone. One not judged yet counts as up (DESIGN section 5).
pub(super) const fn is_usable(state: State) -> bool {
    matches!(state, State::Up | State::Unknown | State::Deferring)
}

/// The health of a site by its endpoints: down under the floor, deferring where nothing better is left.
pub(super) fn site_health(states: &[State], floor: f64) -> State {
    let usable = states.iter().filter(|state| is_usable(**state)).count();
    if states.is_empty() || below_floor(usable, states.len(), floor) {
        return State::Down;
    }
    let is = |wanted: State| states.contains(&wanted);
    match (is(State::Up), is(State::Unknown)) {
        (true, _) => State::Up,
        (false, true) => State::Unknown,
        (false, false) => State::Deferring,
    }
}

/// `site_floor`: whether so few endpoints are usable that the site is down as a whole.
fn below_floor(usable: usize, all: usize, floor: f64) -> bool {
    // Endpoints of a site are few; the cast is exact.
    #[allow(clippy::cast_precision_loss)]
    let share = usable as f64 / all as f64;
    usable == 0 || share < floor
}

/// What a site does, by its health and the order that stands for it.
pub(super) const fn standing(health: State, order: Option<IntentKind>) -> Standing {
    match (order, health) {
        (Some(IntentKind::Isolate), _) => Standing::Isolated,
        (Some(IntentKind::Pin), _) => Standing::Serving,
        (_, State::Down) => Standing::Down,
        (Some(IntentKind::Drain { share }), _) if share.permille() == Share::ALL.permille() => Standing::Drained,
        (_, State::Deferring) => Standing::Deferring,
        _ => Standing::Serving,
    }
}

/// The tiers of an endpoint at a site of this standing: for clients that stay, and for those that a drain moves away.
pub(super) fn tiers(state: State, site: Standing, order: Option<IntentKind>) -> (Tier, Tier) {
    let by_health = match (site, state) {
        (Standing::Isolated, _) => return (Tier::Isolated, Tier::Isolated),
        (Standing::Serving, _) if order == Some(IntentKind::Pin) => return (Tier::Serving, Tier::Serving),
        (Standing::Down, _) | (_, State::Down) => return (Tier::Declared, Tier::Declared),
        (_, State::Deferring) => Tier::Deferring,
        (_, State::Up | State::Unknown) => Tier::Serving,
    };
    match order {
        Some(IntentKind::Drain { share }) if share == Share::ALL => (Tier::Drained, Tier::Drained),
        Some(IntentKind::Drain { share }) if share > Share::NONE => (by_health, Tier::Drained),
        _ => (by_health, by_health),
    }
}
