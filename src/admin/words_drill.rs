//! How drills are put in words.

use jiff::Timestamp;

use super::words::{between, moment, span};
use crate::model::{Drill, DrillState, Scope};

/// A schedule's turn that is near.
#[must_use]
pub fn announced(schedule: &str, scope: &Scope, opens: Timestamp, last_start: Timestamp) -> String {
    format!(
        "{schedule}: {scope} will be taken out between {} and {}, if all is well then",
        moment(opens),
        moment(last_start)
    )
}

/// How far a drill is.
#[must_use]
pub fn moved(id: &str, scope: &Scope, state: &DrillState) -> String {
    match state {
        DrillState::Ordering => format!("{id}: its order is on the way"),
        DrillState::Withdrawing => format!("{id}: {scope} leaves the answers"),
        DrillState::Drained => format!("{id}: no well-behaved cache names {scope} any more"),
        DrillState::Restoring { outcome, why } => {
            format!("{id}: {scope} is put back into the answers, {}: {why}", outcome.as_str())
        }
        DrillState::Ended { outcome, why } => format!("{id}: over, {}: {why}", outcome.as_str()),
    }
}

/// What a drill came to.
#[must_use]
pub fn ended(drill: &Drill) -> String {
    let out = match (drill.ordered, drill.restored) {
        (Some(ordered), Some(restored)) => format!(" after {}", span(between(ordered, restored))),
        _ => String::new(),
    };
    match drill.state.outcome() {
        Some((outcome, why)) => format!("{}: {} {}{out}: {why}", drill.id, drill.scope, outcome.as_str()),
        None => format!("{}: {} {}", drill.id, drill.scope, drill.state.as_str()),
    }
}
