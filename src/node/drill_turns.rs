//! Drills by schedule: announced, and begun when their window opens and all is well.
//!
//! Every node reckons the same turns; of those that are connected, the one that comes first for a schedule's period does it, and
//! another where that one is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::info;

use super::desk::Desk;
use super::desk_drills::scope_of;
use super::drills::{DrillFailure, DrillOrder};
use super::engine::Message;
use super::orders::Rehearsal;
use super::picture::Picture;
use crate::model::{Connection, DrillSchedule, EventKind};
use crate::plan::{self, Turn, whose_turn};

/// Between two looks at the calendar.
const LOOK: Duration = Duration::from_secs(5);
/// How long a window may be open with something in the way before that is told: a node that has just started has seen nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// After that was told, until it is told again in the same window.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// Looks at the calendar until the task is ended.
pub async fn keep(desk: Arc<Desk>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // By schedule: when what stands in the way is told next, and the period announced last. As many as the configuration has.
    let mut told: BTreeMap<String, Instant> = BTreeMap::new();
    let mut announced: BTreeMap<String, i64> = BTreeMap::new();
    loop {
        ticks.tick().await;
        let picture = desk.picture.load_full();
        let declared = |name: &String| picture.settings.drills.iter().any(|schedule| schedule.name == *name);
        told.retain(|name, _| declared(name));
        announced.retain(|name, _| declared(name));
        for schedule in &picture.settings.drills {
            let now = desk.clock.wall();
            let Some(turn) = plan::turn(schedule, now, desk.drills.last_turn(&schedule.name)) else { continue };
            if !is_ours(&desk, &picture, schedule, turn) {
                continue;
            }
            if is_near(schedule, turn, now) && announced.insert(schedule.name.clone(), turn.period) != Some(turn.period)
            {
                announce(&desk, &picture, schedule, turn);
            }
            if !turn.is_open(now) {
                told.remove(&schedule.name);
                continue;
            }
            let Some(order) = order(&desk, &picture, schedule, turn) else { continue };
            let at = Instant::now();
            let due = *told.entry(schedule.name.clone()).or_insert_with(|| at + PATIENCE);
            let rehearsal = DrillOrder { rehearsal: Rehearsal::DryRun, ..order.clone() };
            if begins(&desk, rehearsal).await || at >= due {
                told.insert(schedule.name.clone(), at + AGAIN);
                begins(&desk, order).await;
            }
        }
    }
}

/// Whether the time to announce `turn` has come and its window has not.
fn is_near(schedule: &DrillSchedule, turn: Turn, now: Timestamp) -> bool {
    let notice = SignedDuration::try_from(schedule.notice).unwrap_or(SignedDuration::ZERO);
    now < turn.opens && turn.opens.duration_since(now) <= notice
}

/// Whether this node does what one node must do for a schedule.
fn is_ours(desk: &Desk, picture: &Picture, schedule: &DrillSchedule, turn: Turn) -> bool {
    let key = format!("{}/{}", schedule.name, turn.period);
    let names = connected(desk, picture);
    whose_turn(names.iter().map(String::as_str), &key) == Some(picture.settings.node.name.as_str())
}

/// The nodes that stand together, this one too where it does.
pub(super) fn connected(desk: &Desk, picture: &Picture) -> Vec<String> {
    let Some(view) = &picture.cluster else { return vec![picture.settings.node.name.clone()] };
    let status = view.status(desk.clock.mono());
    let stands = status.nodes.into_iter().filter(|node| node.fresh && node.connection == Connection::Connected);
    stands.map(|node| node.name).collect()
}

fn announce(desk: &Desk, picture: &Picture, schedule: &DrillSchedule, turn: Turn) {
    let Some(scope) = scope_of(picture, schedule, turn.site) else { return };
    let Turn { opens, last_start, .. } = turn;
    desk.journal.record(EventKind::DrillAnnounced { schedule: schedule.name.clone(), scope, opens, last_start });
}

fn order(desk: &Desk, picture: &Picture, schedule: &DrillSchedule, turn: Turn) -> Option<DrillOrder> {
    Some(DrillOrder {
        scope: scope_of(picture, schedule, turn.site)?,
        by: picture.settings.node.name.clone(),
        reason: format!("schedule {}", schedule.name),
        length: schedule.length,
        schedule: Some(schedule.name.clone()),
        rehearsal: Rehearsal::No,
        incident: desk.open_incident(),
    })
}

/// Whether the drill of `order` begins, or would.
async fn begins(desk: &Desk, order: DrillOrder) -> bool {
    let (reply, answer) = oneshot::channel();
    let schedule = order.schedule.clone().unwrap_or_default();
    match desk.ask(Message::Drill(order, reply), answer).await {
        Ok(Ok(_)) => true,
        // The journal has what stands in the way.
        Ok(Err(DrillFailure::Unready(..))) => false,
        Ok(Err(DrillFailure::Order(failure))) => {
            info!(schedule, "the drill does not begin: {failure}");
            false
        }
        Err(problem) => {
            info!(schedule, "the drill does not begin: {problem}");
            false
        }
    }
}
