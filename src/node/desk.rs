//! The desk: what the admin API asks of the node, answered from the picture or passed on to the engine.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore, broadcast, mpsc, oneshot};

use super::acts::Act;
use super::checkpoints::Checkpoints;
use super::clock::Clock;
use super::demand::{self, Gauge};
use super::desk_orders::{problem, store_problem};
use super::desk_questions::asked;
use super::drained;
use super::engine::Message;
use super::forecast;
use super::history::History;
use super::incident_metrics::Trials;
use super::incidents::Casebook;
use super::journal::Journal;
use super::ledger::Ledger;
use super::lint::Lint;
use super::load_metrics::Load;
use super::log::Backlog;
use super::metrics;
use super::notifying::Board;
use super::orders::{Change, Done, Effect, Rehearsal};
use super::picture::Picture;
use super::recorder::Recorder;
use super::secondaries::Transfers;
use super::status::{self, Surroundings};
use super::undo;
use crate::admin::api::{
    Drained, ExplainQuery, Explanation, LiftOutcome, OrderOutcome, Orders, Outcome, ProbeReport, ProbeRequest,
    ReloadOutcome, Status, StoreAccept, StoreAccepted, StoreStatus, TokenCreated, TokenRequest, WhatIf, WhatIfQuery,
};
use crate::admin::{Caller, Command, Control, Incidents, Lifting, Problem, ProblemKind, Pulse, Readiness, Tally};
use crate::answer::Tables;
use crate::drill::Shelf;
use crate::model::{Event, Generation, Scope, Settings, Token};
use crate::plan::{self, Moment, Order};
use crate::probe::Prober;
use crate::serve::{Secrets, Usage};
use crate::store::{Commons, Store, StoreError};

/// See the module.
#[derive(Clone)]
pub struct Desk {
    /// Clocks.
    pub clock: Clock,
    /// When the node started.
    pub started: Timestamp,
    /// The configuration file.
    pub path: PathBuf,
    /// The settings that the node started with: what of them needs a restart is compared with these.
    pub at_start: Arc<Settings>,
    /// What the engine last decided.
    pub picture: Arc<ArcSwap<Picture>>,
    /// What queries are answered from.
    pub tables: Arc<ArcSwap<Tables>>,
    /// What the DNS server must keep to itself.
    pub secrets: Arc<ArcSwap<Secrets>>,
    /// Who was named until when.
    pub usage: Arc<Usage>,
    /// What clients ask for.
    pub demand: Arc<Gauge>,
    /// Events.
    pub journal: Journal,
    /// What is known of incidents.
    pub casebook: Casebook,
    /// Targets of notifications, and what hooks did.
    pub board: Board,
    /// What was written down of the journal's chain.
    pub checkpoints: Checkpoints,
    /// What past answers are explained from.
    pub history: History,
    /// One look at all of the past at a time.
    pub past: Arc<Mutex<()>>,
    /// What a replay needs.
    pub recorder: Recorder,
    /// State.
    pub store: Arc<dyn Store>,
    /// What is shared with other nodes.
    pub commons: Arc<dyn Commons>,
    /// The monitors.
    pub prober: Arc<Prober>,
    /// The drills that ran.
    pub drills: Arc<Shelf>,
    /// Zones that are transferred.
    pub transfers: Arc<Transfers>,
    /// The engine.
    pub engine: mpsc::Sender<Message>,
    /// How zones were last served.
    pub ledger: Arc<Ledger>,
    /// One change of the zones at a time.
    pub reloading: Arc<Mutex<()>>,
    /// What the last load found.
    pub lint: Arc<Lint>,
    /// What is counted of those who ask.
    pub tally: Arc<Tally>,
    /// Lines of the log.
    pub backlog: Backlog,
    /// Requests for probes by hand that may run.
    pub by_hand: Arc<Semaphore>,
}

impl Desk {
    pub(super) fn around(&self) -> Surroundings<'_> {
        Surroundings {
            clock: self.clock,
            started: self.started,
            usage: &self.usage,
            demand: &self.demand,
            tables: self.tables.load_full(),
            last_event: self.journal.last_id(),
            monitors: self
                .prober
                .snapshot()
                .into_iter()
                .map(|target| ((target.key.clone(), target.monitor.clone()), target))
                .collect(),
            revision: self.picture.load().orders.iter().map(|order| order.intent.revision).max().unwrap_or(0),
        }
    }

    pub(super) async fn ask<T>(&self, message: Message, answer: oneshot::Receiver<T>) -> Result<T, Problem> {
        let gone = || Problem::new(ProblemKind::Unavailable, "the node is stopping");
        self.engine.send(message).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Has the engine hold `command` against the rules and, unless it is a rehearsal, make it stand.
    pub(super) async fn give(&self, command: &Command, caller: Caller) -> Result<Done, Problem> {
        // Whichever way it came: the API, a form of a page, a drill.
        caller.over(&command.scope.site)?;
        let order = Order {
            scope: command.scope.clone(),
            kind: command.kind,
            by: caller.name.clone(),
            reason: command.reason.clone(),
            lifetime: command.lifetime,
            force: command.force,
            schedule: command.schedule.clone(),
            reach: command.reach,
        };
        let rehearsal = if command.dry_run { Rehearsal::DryRun } else { Rehearsal::No };
        let (reply, answer) = oneshot::channel();
        let before = self.picture.load_full();
        let change = Change::Give { order, rehearsal, seen: command.seen, reply };
        let done = self.ask(Message::Change(change), answer).await?;
        if !command.dry_run {
            let after = done.as_ref().ok().and_then(|done| done.intent.as_ref());
            let what = format!("{} {}", command.kind.as_str(), command.scope);
            let act = Act { what, why: command.reason.clone(), ..Act::of_orders(&before, &command.scope, after) };
            self.acted(&caller, act, done.as_ref().map(|done| done.effect));
        }
        done.map_err(problem)
    }

    pub(super) fn known(&self, scope: &Scope) -> Result<(), Problem> {
        let picture = self.picture.load();
        if picture.topology.site_named(&scope.site).is_none() {
            let names = picture.topology.sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Problem::new(ProblemKind::NotFound, format!("there is no site '{}'", scope.site))
                .with_remedy(format!("the sites are {names}")));
        }
        let Some(name) = &scope.service else { return Ok(()) };
        let service = picture.topology.service_named(name).and_then(|ix| picture.topology.service(ix));
        let Some(service) = service else {
            let names =
                picture.topology.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(Problem::new(ProblemKind::NotFound, format!("there is no service '{name}'"))
                .with_remedy(format!("the services are {names}")));
        };
        let site = picture.topology.site_named(&scope.site);
        if service.sites.iter().any(|member| Some(*member) == site) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::NotFound,
            format!("site '{}' does not take part in service '{name}'", scope.site),
        ))
    }
}

impl Pulse for Desk {
    fn generation(&self) -> Generation {
        self.picture.load().plan.generation
    }
}

impl Control for Desk {
    fn status(&self) -> Status {
        status::status(&self.picture.load(), &self.around())
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn metrics(&self) -> String {
        let picture = self.picture.load();
        let objectives = self.objectives();
        let trials = Trials::of(&self.casebook, &objectives);
        metrics::text(
            &picture,
            &self.around(),
            metrics::Counts {
                queries: &self.usage.counts(),
                probes: &self.prober.stats(),
                transfers: &self.transfers,
                load: &Load::of(&picture, &self.tables.load(), &self.demand),
            },
            metrics::Writers {
                journal: &self.journal,
                recorder: &self.recorder,
                history: &self.history,
                commons: &*self.commons,
                drills: &self.drills,
                tally: &self.tally,
                trials: &trials,
                board: &self.board,
                backlog: &self.backlog,
            },
        )
    }

    fn order(&self, command: Command, caller: Caller) -> BoxFuture<'_, Result<OrderOutcome, Problem>> {
        async move {
            let before = self.picture.load_full();
            let done = self.give(&command, caller).await?;
            let acknowledged = self.acknowledged(&done).await;
            Ok(self.outcome(&done, command, &before, acknowledged))
        }
        .boxed()
    }

    fn orders(&self) -> Orders {
        let picture = self.picture.load();
        status::orders(&picture, &self.around())
    }

    fn lift(&self, lifting: Lifting, caller: Caller) -> BoxFuture<'_, Result<LiftOutcome, Problem>> {
        async move {
            let Lifting { scope, reason, seen } = lifting;
            caller.over(&scope.site)?;
            let before = self.picture.load_full();
            let stood = before.orders.iter().map(|order| &order.intent).find(|intent| intent.scope == scope).cloned();
            // An order for a site that a reload took away can still be lifted.
            if stood.is_none() {
                self.known(&scope)?;
            }
            let (reply, answer) = oneshot::channel();
            let act =
                Act { what: format!("undrain {scope}"), why: reason.clone(), ..Act::of_orders(&before, &scope, None) };
            let change = Change::Lift { scope, by: caller.name.clone(), reason, seen, reply };
            let done = self.ask(Message::Change(change), answer).await?;
            self.acted(&caller, act, done.as_ref().map(|done| done.effect));
            let done = done.map_err(problem)?;
            let acknowledged = self.acknowledged(&done).await;
            Ok(LiftOutcome {
                schema: LiftOutcome::SCHEMA.to_owned(),
                outcome: if done.effect == Effect::Unchanged { Outcome::Unchanged } else { Outcome::Accepted },
                changes: plan::changes(&before.topology, &before.plan, &done.plan),
                generation: done.generation,
                acknowledged_by: acknowledged.by,
                missing: acknowledged.missing,
                undo: stood.as_ref().map(|stood| undo::again(stood, self.clock.wall())),
                intent: stood,
            })
        }
        .boxed()
    }

    fn explain(&self, query: &ExplainQuery) -> Result<Explanation, Problem> {
        let (question, client) = asked(query)?;
        let explanation = self.tables.load().explain(&question, &client, 0);
        let detail = serde_json::to_value(&explanation)
            .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        Ok(Explanation { schema: Explanation::SCHEMA.to_owned(), lines: explanation.lines, detail })
    }

    fn journalled(&self) -> BoxFuture<'_, ()> {
        self.journal.caught_up().boxed()
    }

    fn events(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Event>, Problem>> {
        self.blocking(move |store| store.events(after, limit)).boxed()
    }

    fn last_event(&self) -> u64 {
        self.journal.last_id()
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.journal.subscribe()
    }

    fn drained(&self, scope: &Scope) -> Result<Drained, Problem> {
        self.known(scope)?;
        drained::drained(&self.picture.load(), &self.around(), scope)
            .ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("there is no '{scope}'")))
    }

    fn probe(&self, request: ProbeRequest, caller: Caller) -> BoxFuture<'_, Result<ProbeReport, Problem>> {
        self.probe_by_hand(request, caller).boxed()
    }

    fn whatif(&self, query: &WhatIfQuery) -> Result<WhatIf, Problem> {
        let picture = self.picture.load();
        let rates = self.demand.rates();
        let moment = if query.peak { Moment::Peak } else { Moment::Now };
        let demands = demand::demands(&picture.topology, &self.tables.load(), &rates, moment);
        forecast::whatif(&picture, query, &rates, &demands, self.clock.wall())
    }

    fn reload(&self, caller: Caller) -> BoxFuture<'_, Result<ReloadOutcome, Problem>> {
        // Whoever asked may go away, or be answered that it takes long: what began is brought to its end all the same.
        let desk = self.clone();
        let load = tokio::spawn(async move {
            let before = desk.configuration();
            let outcome = desk.load_again(&format!("by {}", caller.name)).await;
            let act = Act { what: "reload".to_owned(), before, after: desk.configuration(), ..Act::default() };
            desk.acted(&caller, act, outcome.as_ref().map(|_| Effect::Changed));
            outcome
        });
        let ended = |error| Err(Problem::new(ProblemKind::Internal, format!("reloading ended early: {error}")));
        load.map(move |outcome| outcome.unwrap_or_else(ended)).boxed()
    }

    fn store(&self) -> BoxFuture<'_, Result<StoreStatus, Problem>> {
        async move { Ok(self.compare_store().await) }.boxed()
    }

    fn accept_store(&self, request: StoreAccept, caller: Caller) -> BoxFuture<'_, Result<StoreAccepted, Problem>> {
        async move {
            let act = Act { what: "store accept".to_owned(), ..Act::default() };
            let outcome = self.go_on_with_store(request, caller.clone()).await;
            let effect = |done: &StoreAccepted| if done.changed { Effect::Changed } else { Effect::Unchanged };
            self.acted(&caller, act, outcome.as_ref().map(effect));
            outcome
        }
        .boxed()
    }

    fn forget_node(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<(), Problem>> {
        async move {
            let act = Act { what: format!("forget node {name}"), ..Act::default() };
            let outcome = self.forget_peer(name, caller.clone()).await;
            self.acted(&caller, act, outcome.as_ref().map(|()| Effect::Changed));
            outcome
        }
        .boxed()
    }

    fn tokens(&self) -> Vec<Token> {
        self.store.tokens()
    }

    fn create_token(&self, request: TokenRequest, caller: Caller) -> BoxFuture<'_, Result<TokenCreated, Problem>> {
        self.make_token(request, caller).boxed()
    }

    fn revoke_token(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<(), Problem>> {
        self.withdraw_token(name, caller).boxed()
    }
}

impl Desk {
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&*store)).await {
            Ok(result) => result.map_err(|error| store_problem(&error)),
            Err(panic) => Err(Problem::new(ProblemKind::Internal, panic.to_string())),
        }
    }
}
