//! The desk and drills: begun and ended by the engine, told of from what is kept.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::oneshot;

use super::acts::Act;
use super::desk::Desk;
use super::desk_orders::problem;
use super::drills::{Begun, DrillFailure, DrillOrder};
use super::engine::Message;
use super::orders::{Effect, Rehearsal};
use super::picture::Picture;
use crate::admin::api::{DrillBegun, Drills, RunningDrill, ScheduledDrill};
use crate::admin::{Caller, Control, DrillCommand, DrillControl, Lifting, Problem, ProblemKind};
use crate::drill::markdown;
use crate::model::{Drill, DrillOutcome, DrillSchedule, DrillState, Intent, Lifetime, Scope};
use crate::plan::{self, Unready};

impl DrillControl for Desk {
    fn drills(&self) -> Drills {
        let picture = self.picture.load();
        let running = picture.orders.iter().find_map(|order| running(&order.intent));
        let schedules = picture.settings.drills.iter().map(|schedule| self.scheduled(&picture, schedule)).collect();
        let mut drills: Vec<Drill> = self.drills.history().drills().rev().cloned().collect();
        if let Some(live) = &picture.drill {
            // What is being measured is newer than what is kept.
            drills.retain(|drill| drill.id != live.id);
            drills.insert(0, Drill::clone(live));
        }
        Drills { schema: Drills::SCHEMA.to_owned(), running, drills, schedules }
    }

    fn drill(&self, id: &str) -> Result<Drill, Problem> {
        let live = self.picture.load().drill.as_ref().filter(|drill| drill.id == id).map(|drill| Drill::clone(drill));
        live.or_else(|| self.drills.find(id)).ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("this node knows no drill '{id}'"))
                .with_remedy("list them: waypost drill list; a report is at the node that ran the drill")
        })
    }

    fn drill_in_words(&self, drill: &Drill) -> String {
        markdown(drill)
    }

    fn begin_drill(&self, command: DrillCommand, caller: Caller) -> BoxFuture<'_, Result<DrillBegun, Problem>> {
        async move {
            let before = self.picture.load_full();
            let DrillCommand { scope, length, reason, dry_run } = command;
            caller.over(&scope.site)?;
            let (what, why) = (format!("drill run {scope}"), reason.clone());
            let act = Act { what, why, ..Act::of_orders(&before, &scope, None) };
            let rehearsal = if dry_run { Rehearsal::DryRun } else { Rehearsal::No };
            let incident = self.open_incident();
            let by = caller.name.clone();
            let order = DrillOrder { scope, by, reason, length, schedule: None, rehearsal, incident };
            let (reply, answer) = oneshot::channel();
            let begun = self.ask(Message::Drill(order, reply), answer).await?.map_err(refused);
            if !dry_run {
                let after = begun.as_ref().map_or_else(|_| String::new(), |begun| format!("drill {}", begun.drill.id));
                self.acted(&caller, Act { after, ..act }, begun.as_ref().map(|_| Effect::Changed));
            }
            Ok(told(&before, begun?, dry_run))
        }
        .boxed()
    }

    fn abort_drill(&self, id: String, reason: String, caller: Caller) -> BoxFuture<'_, Result<Drill, Problem>> {
        async move {
            let site = self.drill(&id).map(|drill| drill.scope.site);
            if let Some(site) = site.ok().or_else(|| self.running_drill(&id).map(|running| running.scope.site)) {
                caller.over(&site)?;
            }
            let (reply, answer) = oneshot::channel();
            let message = Message::AbortDrill(id.clone(), caller.name.clone(), reason.clone(), reply);
            if let Some(drill) = self.ask(message, answer).await? {
                let act = Act { what: format!("drill abort {id}"), why: reason, ..Act::default() };
                self.acted(&caller, act, Ok::<_, Problem>(Effect::Changed));
                return Ok(drill);
            }
            // Another node runs it: it ends with its order.
            let orders = self.picture.load_full();
            let runs = orders.orders.iter().map(|order| &order.intent).find(|intent| is_of(intent, &id));
            let Some(intent) = runs else { return self.drill(&id) };
            let why = format!("{} ended it: {reason}", caller.name);
            let lifting =
                Lifting { scope: intent.scope.clone(), reason: format!("drill {id} ended: {reason}"), seen: None };
            self.lift(lifting, caller).await?;
            Ok(ended_elsewhere(intent, why))
        }
        .boxed()
    }
}

impl Desk {
    /// The drill of this id, if it runs, on whichever node.
    fn running_drill(&self, id: &str) -> Option<RunningDrill> {
        let picture = self.picture.load();
        picture.orders.iter().filter_map(|order| running(&order.intent)).find(|running| running.id == id)
    }

    /// The incident that is open, in words.
    pub(super) fn open_incident(&self) -> Option<String> {
        let log = self.casebook.log();
        let open = log.incidents().find(|incident| incident.ended.is_none())?;
        Some(format!("incident {} is {}", open.id, open.phase.as_str()))
    }

    fn scheduled(&self, picture: &Picture, schedule: &DrillSchedule) -> ScheduledDrill {
        let last = self.drills.last_turn(&schedule.name);
        let turn = plan::turn(schedule, self.clock.wall(), last);
        ScheduledDrill {
            name: schedule.name.clone(),
            scope: turn.and_then(|turn| scope_of(picture, schedule, turn.site)),
            opens: turn.map(|turn| turn.opens),
            last_start: turn.map(|turn| turn.last_start),
            last,
        }
    }
}

/// What a schedule takes out when it is the turn of its site at `position`.
pub(super) fn scope_of(picture: &Picture, schedule: &DrillSchedule, position: usize) -> Option<Scope> {
    let site = schedule.sites.get(position)?;
    let service = schedule.service.and_then(|service| picture.topology.service(service));
    let service = service.map(|service| service.name.clone());
    Some(Scope { site: picture.topology.site_name(*site).to_owned(), service })
}

fn is_of(intent: &Intent, id: &str) -> bool {
    intent.drill.as_ref().is_some_and(|mark| mark.id == id)
}

/// What is known here of a drill whose order was just lifted; its runner has the rest.
fn ended_elsewhere(intent: &Intent, why: String) -> Drill {
    let end = match intent.lifetime {
        Lifetime::Until(end) => end.duration_since(intent.since).as_secs(),
        Lifetime::UntilCleared => 0,
    };
    let mark = intent.drill.clone();
    Drill {
        id: mark.as_ref().map(|mark| mark.id.clone()).unwrap_or_default(),
        scope: intent.scope.clone(),
        by: intent.by.clone(),
        reason: intent.reason.clone(),
        schedule: mark.as_ref().and_then(|mark| mark.schedule.clone()),
        node: mark.map(|mark| mark.runner).unwrap_or_default(),
        started: intent.since,
        for_seconds: u64::try_from(end).unwrap_or_default(),
        state: DrillState::Restoring { outcome: DrillOutcome::Interrupted, why },
        ordered: Some(intent.since),
        withdrawn: Vec::new(),
        drained: None,
        restored: None,
        followed: Vec::new(),
        ended: None,
        survivors: Vec::new(),
        probes: Vec::new(),
    }
}

fn running(intent: &Intent) -> Option<RunningDrill> {
    let mark = intent.drill.as_ref()?;
    let (id, node) = (mark.id.clone(), mark.runner.clone());
    Some(RunningDrill { id, node, scope: intent.scope.clone(), since: intent.since })
}

fn told(before: &Arc<Picture>, begun: Begun, dry_run: bool) -> DrillBegun {
    DrillBegun {
        schema: DrillBegun::SCHEMA.to_owned(),
        dry_run,
        changes: plan::changes(&before.topology, &before.plan, &begun.plan),
        undo: format!("waypost drill abort {}", begun.drill.id),
        drill: begun.drill,
    }
}

fn refused(failure: DrillFailure) -> Problem {
    let (unready, kept) = match failure {
        DrillFailure::Order(failure) => return problem(failure),
        DrillFailure::Unready(unready, kept) => (unready, kept),
    };
    // What is wrong whatever the state of the sites is told before what may pass.
    let usage = unready.iter().find(|reason| reason.is_usage());
    let kind = if usage.is_some() { ProblemKind::Invalid } else { ProblemKind::Refused };
    let outcome = kept.and_then(|drill| drill.state.outcome().map(|(outcome, _)| format!("{}: ", outcome.as_str())));
    let first = usage.or_else(|| unready.iter().find(|reason| outcome.is_none() || reason.is_capacity()));
    let first = first.map(ToString::to_string);
    let detail = format!("{}the drill does not begin: {}", outcome.unwrap_or_default(), first.unwrap_or_default());
    let more = unready.iter().filter(|_| unready.len() > 1).map(|reason: &Unready| format!("- {reason}")).collect();
    Problem::new(kind, detail).with_diagnostics(more)
}
