//! The desk and orders: what an order brought about, and why one was not given.

use jiff::Timestamp;

use super::cluster_status::Acknowledgements;
use super::desk::Desk;
use super::orders::{Done, Effect, OrderFailure};
use super::picture::{Picture, StandingOrder};
use super::status::wall_of;
use super::{drained, engine, forecast, outlook, undo};
use crate::admin::api::{OrderOutcome, Outcome, SiteForecast};
use crate::admin::{Command, Problem, ProblemKind};
use crate::model::{Intent, IntentKind, Scope};
use crate::plan::{self, Moment, Shift};
use crate::store::StoreError;

impl Desk {
    pub(super) fn outcome(
        &self,
        done: &Done,
        command: Command,
        before: &Picture,
        acknowledged: Acknowledgements,
    ) -> OrderOutcome {
        let outcome = match done.effect {
            Effect::Changed => Outcome::Accepted,
            Effect::Unchanged => Outcome::Unchanged,
            Effect::Rehearsed => Outcome::DryRun,
        };
        let intent = done.intent.clone().unwrap_or_else(|| Intent {
            scope: command.scope.clone(),
            kind: command.kind,
            by: String::new(),
            reason: command.reason,
            since: self.clock.wall(),
            lifetime: command.lifetime,
            revision: 0,
            forced: command.force,
            reach: command.reach,
            schedule: command.schedule,
            drill: None,
        });
        let standing = self.standing(&intent);
        let (around, picture) = (self.around(), self.picture.load());
        let drained_by = match intent.kind {
            _ if intent.is_waiting() => None,
            IntentKind::Drain { .. } | IntentKind::Isolate if done.effect != Effect::Rehearsed => {
                self.drained_by(&command.scope)
            }
            _ => None,
        };
        let (loads, severe) = self.weight(done, before, &intent);
        let stood = before.orders.iter().map(|order| &order.intent).find(|stood| stood.scope == command.scope);
        let replaces = stood.filter(|_| done.effect != Effect::Unchanged);
        OrderOutcome {
            schema: OrderOutcome::SCHEMA.to_owned(),
            outcome,
            intent,
            changes: plan::changes(&before.topology, &before.plan, &done.plan),
            loads,
            generation: done.generation,
            acknowledged_by: acknowledged.by,
            missing: acknowledged.missing,
            drained_by,
            timetable: outlook::timetable(&standing, &around),
            expected_drained_by: outlook::expected(&picture, &around, &standing, done.effect),
            severe,
            undo: undo::order(&command.scope, replaces, self.clock.wall()),
            replaces: replaces.cloned(),
        }
    }

    /// `intent` with its times on the monotonic clock: as it stands, or as it would from now on.
    fn standing(&self, intent: &Intent) -> StandingOrder {
        let picture = self.picture.load();
        let known = picture.orders.iter().find(|order| order.intent.is_same_order(intent)).cloned();
        known.unwrap_or_else(|| engine::standing(intent.clone(), self.clock.wall(), self.clock.mono()))
    }

    /// What the sites would carry at the peak; of a rehearsal, why to be careful too.
    fn weight(&self, done: &Done, before: &Picture, intent: &Intent) -> (Vec<SiteForecast>, Vec<String>) {
        if done.effect == Effect::Unchanged {
            return (Vec::new(), Vec::new());
        }
        let topology = &before.topology;
        let demands = self.demand.demands(topology, &self.tables.load(), Moment::Peak);
        let loads = forecast::preview(topology, &before.plan, &done.plan, &demands);
        let severe = if done.effect == Effect::Rehearsed {
            plan::severe(Some(intent), Shift { topology, before: &before.plan, after: &done.plan }, &demands)
        } else {
            Vec::new()
        };
        (loads, severe)
    }

    fn drained_by(&self, scope: &Scope) -> Option<Timestamp> {
        let drained = drained::drained(&self.picture.load(), &self.around(), scope)?;
        if !drained.missing.is_empty() || drained.services.iter().any(|service| service.named) {
            return None;
        }
        // Where no answer ever named the site, no cache does now.
        Some(drained.by().unwrap_or_else(|| wall_of(self.clock, self.clock.mono())))
    }
}

pub(super) fn problem(failure: OrderFailure) -> Problem {
    match failure {
        OrderFailure::Refused(refusal) => {
            let kind = if refusal.is_usage() { ProblemKind::NotFound } else { ProblemKind::Refused };
            Problem::new(kind, refusal.to_string())
        }
        OrderFailure::Store(error) => {
            let detail = match error {
                // It may have arrived all the same, with nobody left to say so.
                StoreError::Unreachable { .. } => {
                    format!("the order is not in effect, unless it turns out to have reached the store: {error}")
                }
                _ => format!("the order was not stored, so it is not in effect: {error}"),
            };
            Problem { detail, ..store_problem(&error) }
        }
        OrderFailure::NotTried(error) => {
            let detail = format!("the order is not in effect and was not tried: {error}");
            Problem { detail, ..store_problem(&error) }
        }
        OrderFailure::Changed { now } => {
            let changed = Problem::new(ProblemKind::Conflict, OrderFailure::Changed { now }.to_string());
            Problem { orders: Some(now), ..changed.with_remedy("look at the orders as they are now, and decide again") }
        }
        busy @ OrderFailure::Busy => Problem::new(ProblemKind::Unavailable, busy.to_string()),
    }
}

pub(super) fn store_problem(error: &StoreError) -> Problem {
    let kind = match error {
        StoreError::Conflict { .. } => ProblemKind::Conflict,
        StoreError::Full { .. } => ProblemKind::StoreFull,
        StoreError::Exists { .. } => ProblemKind::Invalid,
        _ => ProblemKind::Unavailable,
    };
    Problem::new(kind, error.to_string()).with_remedy(error.remedy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_refused_for_want_of_the_store_tells_what_can_be_ordered_without_it() {
        for failure in [OrderFailure::Store, OrderFailure::NotTried] {
            let error = StoreError::Unreachable { detail: "etcd-1: timed out".to_owned() };
            let problem = problem(failure(error)).document();
            assert_eq!((problem.status, problem.code), (503, 5));
            assert!(problem.detail.contains("etcd-1: timed out"), "{}", problem.detail);
            assert!(problem.remedy.unwrap().contains("--local"));
        }
    }
}
