//! A node that has run one drill, for the tests of the API.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::api::{DrillBegun, Drills};
use super::tests::{Fake, SCRIPT, now};
use super::{Caller, DrillCommand, DrillControl, Problem, ProblemKind};
use crate::model::{Drill, DrillOutcome, DrillState, Scope};

pub(super) fn drill(id: &str, scope: Scope, by: &str, reason: &str) -> Drill {
    Drill {
        id: id.into(),
        scope,
        by: by.into(),
        reason: reason.into(),
        schedule: None,
        node: "ns1".into(),
        started: Timestamp::UNIX_EPOCH,
        for_seconds: 900,
        state: DrillState::Ended { outcome: DrillOutcome::Succeeded, why: SCRIPT.into() },
        ordered: Some(now()),
        withdrawn: vec![],
        drained: Some(now()),
        restored: Some(now()),
        followed: vec![],
        ended: Some(now()),
        survivors: vec![],
        probes: vec![],
    }
}

impl DrillControl for Fake {
    fn drills(&self) -> Drills {
        let scope = Scope { site: SCRIPT.into(), service: None };
        let drills = vec![drill("fra-1", scope, SCRIPT, SCRIPT)];
        Drills { schema: Drills::SCHEMA.into(), running: None, drills, schedules: vec![] }
    }

    fn drill(&self, id: &str) -> Result<Drill, Problem> {
        let known = self.drills().drills.into_iter().find(|drill| drill.id == id);
        known.ok_or_else(|| Problem::new(ProblemKind::NotFound, "no such drill"))
    }

    fn drill_in_words(&self, drill: &Drill) -> String {
        format!("# {}\n", drill.id)
    }

    fn begin_drill(&self, command: DrillCommand, caller: Caller) -> BoxFuture<'_, Result<DrillBegun, Problem>> {
        Box::pin(async move {
            if command.scope.site == "full" {
                return Err(Problem::new(ProblemKind::Refused, "iad 900 of 800"));
            }
            let drill = drill("fra-2", command.scope, &caller.name, &command.reason);
            let undo = "waypost drill abort fra-2".into();
            Ok(DrillBegun { schema: DrillBegun::SCHEMA.into(), dry_run: command.dry_run, drill, changes: vec![], undo })
        })
    }

    fn abort_drill(&self, id: String, reason: String, caller: Caller) -> BoxFuture<'_, Result<Drill, Problem>> {
        Box::pin(async move {
            let drill = self.drill(&id)?;
            Ok(Drill { by: caller.name, reason, ..drill })
        })
    }
}
