//! Rehearsals at the desk: the plan that would follow, and answers from tables compiled for it beside the engine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use hickory_proto::rr::RecordType;

use super::cluster_status::Acknowledgements;
use super::desk::Desk;
use super::forecast;
use super::picture::Picture;
use crate::admin::api::{AnswerPreview, OrderPreview, Outcome};
use crate::admin::{Caller, Command, Deed, Problem, ProblemKind, Proposal, Rehearsals};
use crate::answer::{Client, Explanation, Question, Tables};
use crate::model::{Intent, Name, NamePattern, Plan, Scope, Service, ServiceIx, SiteIx};
use crate::plan::{self, Moment, Shift};

/// Services of which an answer is shown.
const ANSWERS: usize = 12;
/// Names of a service that are asked for until one is answered.
const NAMES: usize = 8;
/// The draw of clients that every partial drain moves away.
const MOVED: u16 = 0;

impl Rehearsals for Desk {
    fn rehearse(&self, proposal: Proposal, caller: Caller) -> BoxFuture<'_, Result<OrderPreview, Problem>> {
        async move {
            let Proposal { deed, client } = proposal;
            match deed {
                Deed::Give(command) => self.rehearse_order(*command, client, caller).await,
                Deed::Lift(scope) => self.rehearse_lift(scope, client).await,
            }
        }
        .boxed()
    }
}

impl Desk {
    async fn rehearse_order(
        &self,
        command: Command,
        client: Option<IpAddr>,
        caller: Caller,
    ) -> Result<OrderPreview, Problem> {
        let command = Command { dry_run: true, ..command };
        let before = self.picture.load_full();
        let done = self.give(&command, caller).await?;
        let (scope, plan) = (command.scope.clone(), Arc::clone(&done.plan));
        let outcome = self.outcome(&done, command, &before, Acknowledgements::default());
        Ok(OrderPreview {
            schema: OrderPreview::SCHEMA.to_owned(),
            outcome: outcome.outcome,
            tag: before.orders_tag,
            generation: done.generation,
            changes: outcome.changes,
            loads: outcome.loads,
            answers: self.answers(scope, client, plan).await?,
            drained_by: outcome.expected_drained_by.or(outcome.drained_by),
            timetable: outcome.timetable,
            severe: outcome.severe,
            replaces: outcome.replaces,
            intent: Some(outcome.intent),
        })
    }

    /// Against a plan made in the same way with the order, so that only its end is seen and not what overflows elsewhere.
    async fn rehearse_lift(&self, scope: Scope, client: Option<IpAddr>) -> Result<OrderPreview, Problem> {
        let picture = self.picture.load_full();
        let stands = |intent: &Intent| intent.scope != scope;
        let intents: Vec<Intent> = picture.orders.iter().map(|order| order.intent.clone()).collect();
        let left: Vec<Intent> = intents.iter().filter(|intent| stands(intent)).cloned().collect();
        if left.len() == intents.len() {
            self.known(&scope)?;
        }
        let outcome = if left.len() == intents.len() { Outcome::Unchanged } else { Outcome::DryRun };
        let (now, then) = (made(&picture, &intents), made(&picture, &left));
        let (loads, severe) = if outcome == Outcome::Unchanged {
            (Vec::new(), Vec::new())
        } else {
            let demands = self.demand.demands(&picture.topology, &self.tables.load(), Moment::Peak);
            // Drains by steps go on meanwhile: what is left without this order is judged beside all that they come to.
            let (now, then) = (made(&picture, &plan::at_last(&intents)), made(&picture, &plan::at_last(&left)));
            let shift = Shift { topology: &picture.topology, before: &now, after: &then };
            (forecast::preview(&picture.topology, &now, &then, &demands), plan::severe(None, shift, &demands))
        };
        let changes = plan::changes(&picture.topology, &now, &then);
        Ok(OrderPreview {
            schema: OrderPreview::SCHEMA.to_owned(),
            outcome,
            tag: picture.orders_tag,
            generation: picture.plan.generation,
            changes,
            severe,
            loads,
            answers: self.answers(scope, client, Arc::new(then)).await?,
            drained_by: None,
            timetable: Vec::new(),
            replaces: None,
            intent: None,
        })
    }

    /// An answer of each service of `scope` now and under `plan`.
    async fn answers(
        &self,
        scope: Scope,
        client: Option<IpAddr>,
        plan: Arc<Plan>,
    ) -> Result<Vec<AnswerPreview>, Problem> {
        let now = self.tables.load_full();
        // Compiling goes by services, sites and views: nobody else waits for it.
        let work = move || {
            let then = now.with_plan(plan);
            let topology = now.topology();
            let Some(site) = topology.site_named(&scope.site) else { return Vec::new() };
            let services = topology.services().filter(|(_, service)| {
                service.sites.contains(&site) && scope.service.as_ref().is_none_or(|name| *name == service.name)
            });
            let shown = |(ix, service): (ServiceIx, &Service)| {
                let client = client.unwrap_or_else(|| sample(&now, ix, site));
                answer(&now, &then, service, client)
            };
            services.filter_map(shown).take(ANSWERS).collect()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Problem::new(ProblemKind::Internal, format!("the preview ended early: {error}")))
    }
}

fn made(picture: &Picture, intents: &[Intent]) -> Plan {
    plan::make(plan::Inputs {
        topology: &picture.topology,
        health: &picture.health,
        intents,
        generation: picture.plan.generation,
    })
}

/// What `client` is answered for a name of `service`: mail exchangers before addresses.
fn answer(now: &Tables, then: &Tables, service: &Service, client: IpAddr) -> Option<AnswerPreview> {
    let seen = Client::new(client);
    let types = [RecordType::MX, RecordType::SRV, RecordType::A, RecordType::AAAA];
    let types = types.into_iter().filter(|rtype| service.types.contains(rtype));
    let questions = types.flat_map(|rtype| service.names.iter().take(NAMES).map(move |name| (name, rtype)));
    let mut steered = questions.filter_map(|(name, rtype)| {
        let question = Question::new(asked(name)?, rtype);
        let before = now.explain(&question, &seen, MOVED);
        let country = before.steered.first()?.country.clone();
        let after = then.explain(&question, &seen, MOVED);
        Some(AnswerPreview {
            service: service.name.clone(),
            name: before.name.clone(),
            rtype: before.rtype.clone(),
            client,
            country,
            before: data(before),
            after: data(after),
        })
    });
    steered.next()
}

fn data(explanation: Explanation) -> Vec<String> {
    explanation.steered.into_iter().next().map(|set| set.answered).unwrap_or_default()
}

/// A name that `pattern` means.
fn asked(pattern: &NamePattern) -> Option<Name> {
    match pattern {
        NamePattern::Exact(name) => Some(name.clone()),
        NamePattern::Below(name) => format!("any.{name}").parse().ok(),
    }
}

/// A client that is sent to `site` first, of its own country where there is one: whoever looks wants to see what becomes of those.
fn sample(tables: &Tables, service: ServiceIx, site: SiteIx) -> IpAddr {
    let topology = tables.topology();
    let name = topology.site_name(site);
    let location = topology.sites().find(|(ix, _)| *ix == site).and_then(|(_, site)| site.location);
    let home = location.and_then(|location| location.country);
    // One address of every sixteenth /16: in any database of countries some of them are near every site.
    let addresses = (0..=255_u8).step_by(16).flat_map(|second| (1..224_u8).map(move |first| [first, second, 1, 1]));
    let mut elsewhere = None;
    for client in addresses.filter(|[first, ..]| *first != 127).map(|octets| IpAddr::from(Ipv4Addr::from(octets))) {
        let sighting = tables.steering().sighting(service, client);
        let is_sent = sighting.order.first().is_some_and(|seen| seen.site == name);
        match sighting.country.filter(|_| is_sent) {
            Some(country) if home.is_none_or(|home| home == country) => return client,
            Some(_) => _ = elsewhere.get_or_insert(client),
            None => {}
        }
    }
    elsewhere.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
