//! The desk on notifications and hooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::acts::Act;
use super::desk::Desk;
use super::orders::Effect;
use super::tellers::Tellers;
use crate::admin::api::{HookReport, NotificationTried, NotificationsReport, TargetReport};
use crate::admin::{Caller, Notifications, Problem, ProblemKind};
use crate::plan::notification::trial;

impl Notifications for Desk {
    fn notifications(&self) -> NotificationsReport {
        let (picture, notes) = (self.picture.load(), self.board.notes());
        let targets = notes.targets.iter().map(|target| {
            let (declared, state) = (target.declared(), target.state());
            let (last_failure, last_failure_reason) = state.last_failure.unzip();
            TargetReport {
                name: declared.name.clone(),
                kind: declared.way.as_str().to_owned(),
                on: declared.on.iter().copied().collect(),
                failing: state.is_failing,
                waiting: state.waiting,
                delivered: state.delivered,
                failed: state.failed,
                dropped: state.dropped,
                last_success: state.last_success,
                last_failure,
                last_failure_reason,
            }
        });
        let hooks = picture.settings.hooks.iter().map(|hook| {
            let runs = notes.runs.iter().filter(|((name, _), _)| *name == hook.name);
            let runs: BTreeMap<_, _> = runs.map(|((_, outcome), count)| (outcome.label().to_owned(), *count)).collect();
            HookReport { name: hook.name.clone(), runs }
        });
        let tellers = Tellers::of(&picture, self.clock.mono());
        // Without targets there is nothing to tell, and this would be the node that did.
        let tells_for_all = tellers.has_own("", false)
            && notes.targets.iter().all(|target| tellers.has_own(&target.declared().name, target.is_failing()));
        NotificationsReport {
            schema: NotificationsReport::SCHEMA.to_owned(),
            node: picture.settings.node.name.clone(),
            time: self.clock.wall(),
            tells_for_all,
            targets: targets.collect(),
            hooks: hooks.collect(),
        }
    }

    fn try_notification(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<NotificationTried, Problem>> {
        async move {
            let found = self.board.notes().targets.iter().find(|target| target.declared().name == name).map(Arc::clone);
            let target = found.ok_or_else(|| {
                Problem::new(ProblemKind::NotFound, "there is no such target of notifications")
                    .with_remedy("waypost notify list names those of [[notify]]")
            })?;
            let told = trial(&self.at_start.node.name, &caller.name, self.clock.wall());
            let tried = target.attempt(told).await;
            let act = Act { what: format!("test notification {name}"), ..Act::default() };
            self.acted(&caller, act, tried.as_ref().map(|()| Effect::Changed));
            Ok(NotificationTried {
                schema: NotificationTried::SCHEMA.to_owned(),
                time: self.clock.wall(),
                target: name,
                delivered: tried.is_ok(),
                reason: tried.err(),
            })
        }
        .boxed()
    }
}
