//! The fake node's rehearsals: every proposal would change what it is about.

use futures_util::future::BoxFuture;

use super::api::{AnswerPreview, OrderPreview, Outcome};
use super::tests::{Fake, SCRIPT};
use super::{Caller, Deed, Problem, Proposal, Rehearsals};
use crate::model::{Generation, IntentKind, OrdersTag};

impl Rehearsals for Fake {
    fn rehearse(&self, proposal: Proposal, _caller: Caller) -> BoxFuture<'_, Result<OrderPreview, Problem>> {
        let (changes, severe) = match proposal.deed {
            Deed::Give(command) if command.kind == IntentKind::Isolate => (command.scope, vec![SCRIPT.to_owned()]),
            Deed::Give(command) => (command.scope, Vec::new()),
            Deed::Lift(scope) => (scope, Vec::new()),
        };
        let answer = AnswerPreview {
            service: SCRIPT.into(),
            name: SCRIPT.into(),
            rtype: "MX".into(),
            client: [192, 0, 2, 1].into(),
            country: None,
            before: vec![SCRIPT.into()],
            after: Vec::new(),
        };
        let preview = OrderPreview {
            schema: OrderPreview::SCHEMA.into(),
            outcome: Outcome::DryRun,
            tag: OrdersTag::default(),
            generation: Generation { epoch: 1, sequence: 2 },
            changes: vec![format!("{changes} {SCRIPT}")],
            loads: Vec::new(),
            answers: vec![answer],
            drained_by: None,
            timetable: Vec::new(),
            severe,
            replaces: None,
            intent: None,
        };
        Box::pin(async { Ok(preview) })
    }
}
