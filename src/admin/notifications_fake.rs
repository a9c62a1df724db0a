//! Notifications of a node that only remembers what it was told.

use std::collections::BTreeMap;

use futures_util::future::{BoxFuture, FutureExt};

use super::api::{HookReport, NotificationTried, NotificationsReport, TargetReport};
use super::tests::{Fake, SCRIPT, now};
use super::{Caller, Notifications, Problem, ProblemKind};
use crate::model::Subject;

impl Notifications for Fake {
    fn notifications(&self) -> NotificationsReport {
        let target = TargetReport {
            name: "oncall".into(),
            kind: "webhook".into(),
            on: vec![Subject::Incident],
            failing: true,
            waiting: 1,
            delivered: 2,
            failed: 3,
            dropped: 0,
            last_success: Some(now()),
            last_failure: Some(now()),
            last_failure_reason: Some(SCRIPT.into()),
        };
        NotificationsReport {
            schema: NotificationsReport::SCHEMA.to_owned(),
            node: "ns1".into(),
            time: now(),
            tells_for_all: true,
            targets: vec![target],
            hooks: vec![HookReport { name: "mend".into(), runs: BTreeMap::from([("failed".to_owned(), 1)]) }],
        }
    }

    fn try_notification(&self, name: String, _: Caller) -> BoxFuture<'_, Result<NotificationTried, Problem>> {
        let tried = match name.as_str() {
            "oncall" => Ok(NotificationTried {
                schema: NotificationTried::SCHEMA.to_owned(),
                time: now(),
                target: name,
                delivered: false,
                reason: Some(SCRIPT.into()),
            }),
            _ => Err(Problem::new(ProblemKind::NotFound, "there is no such target of notifications")),
        };
        async { tried }.boxed()
    }
}
