//! Comparisons at the desk: another configuration is loaded beside the one in force, and nothing of it is kept.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use super::crew::in_background;
use super::desk::Desk;
use super::loading::{self, Fallback, Loaded};
use super::picture::Picture;
use crate::admin::api::{AnswerDifference, ChangedAnswer, ChangedView, DiffRequest};
use crate::admin::{Differences, Problem, ProblemKind};
use crate::answer::{AnswerChange, Tables, difference};
use crate::model::{EndpointHealth, Intent, State};
use crate::plan;

impl Differences for Desk {
    fn difference(&self, request: DiffRequest) -> BoxFuture<'_, Result<AnswerDifference, Problem>> {
        async move {
            let path = PathBuf::from(&request.configuration);
            if !path.is_absolute() {
                return Err(Problem::new(ProblemKind::Invalid, "the path of the other configuration must be absolute"));
            }
            let (picture, tables) = (self.picture.load_full(), self.tables.load_full());
            let (time, generation) = (self.clock.wall(), picture.plan.generation);
            let node = picture.settings.node.name.clone();
            let ledger = Arc::clone(&self.ledger);
            let work = move || {
                let loaded = loading::load(&path, Fallback::Nothing, Some(&picture.roster), Some(&ledger))?;
                let warnings: Vec<String> = loaded.report.warnings().map(ToString::to_string).collect();
                let after = under_the_same_state(&picture, loaded);
                Ok((difference(&tables, &after), warnings))
            };
            let compared = in_background(work)
                .await
                .map_err(|panic| Problem::new(ProblemKind::Internal, format!("comparing failed: {panic}")))?;
            let (found, warnings) = compared.map_err(|report: crate::config::Report| {
                Problem::new(ProblemKind::Diagnostics, "the other configuration has errors; nothing was compared")
                    .with_diagnostics(report.errors().map(ToString::to_string).collect())
            })?;
            Ok(AnswerDifference {
                schema: AnswerDifference::SCHEMA.to_owned(),
                node,
                time,
                generation,
                configuration: request.configuration,
                compared: found.compared,
                left_out: found.left_out,
                changes: found.changes.into_iter().map(told).collect(),
                more: found.more,
                warnings,
            })
        }
        .boxed()
    }
}

/// The tables of `loaded` with the health and the orders of `picture`; endpoints that are new are not known.
fn under_the_same_state(picture: &Picture, loaded: Loaded) -> Tables {
    let known: HashMap<_, &EndpointHealth> = picture
        .topology
        .endpoints()
        .zip(picture.health.iter())
        .map(|((_, endpoint), health)| (picture.topology.key(endpoint), health))
        .collect();
    let topology = &loaded.attribution.topology;
    let unknown = || EndpointHealth {
        state: State::Unknown,
        suspect: false,
        reason: String::new(),
        since: jiff::Timestamp::UNIX_EPOCH,
    };
    let health: Vec<EndpointHealth> = topology
        .endpoints()
        .map(|(_, endpoint)| known.get(&topology.key(endpoint)).map_or_else(unknown, |health| (*health).clone()))
        .collect();
    let intents: Vec<Intent> = picture.orders.iter().map(|order| order.intent.clone()).collect();
    let plan =
        plan::make(plan::Inputs { topology, health: &health, intents: &intents, generation: picture.plan.generation });
    loaded.tables.with_plan(Arc::new(plan))
}

fn told(change: AnswerChange) -> ChangedAnswer {
    let AnswerChange { name, rtype, client, before, after } = change;
    let view = client.map(|kind| ChangedView {
        client: kind.example,
        country: kind.country,
        before: kind.before,
        after: kind.after,
    });
    ChangedAnswer { name, rtype, view, before, after }
}
