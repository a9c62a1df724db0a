//! The engine: the one task that owns verdicts, orders and the plan, and swaps the tables.
//!
//! It never waits for disk or network. What it needs of the store is done beside it and comes back as a message.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::warn;

use super::clock::{Clock, StepWatch, deadline};
use super::cluster::Word;
use super::demand::Gauge;
use super::drills::{DrillOrder, DrillReply, Drilling};
use super::history::History;
use super::journal::{Journal, StoreHealth};
use super::judging::MonitorView;
use super::loading::Loaded;
use super::notifying::Board;
use super::orders::{Change, Written};
use super::peers::{Identity, Peers, agreed_before};
use super::picture::{Degradation, Picture, StandingOrder};
use super::planning::first_picture;
use super::recorder::{Recorder, Shown};
use super::retired::Burden;
use super::shared_orders::own_orders;
use super::standing::Standing;
use super::steps::{due, due_since};
use crate::answer::Tables;
use crate::drill::Shelf;
use crate::health::{Council, Voter};
use crate::model::{
    Drill, EndpointKey, Event, EventKind, Generation, Intent, Lifetime, Mono, OrdersVersion, Plan, Reach, SharedOrders,
    SiteOutcome, State, Topology, Verdict,
};
use crate::plan::{self, Spill};
use crate::probe::{Opinion, Prober, Target};
use crate::serve::Usage;
use crate::store::{Commons, Snapshot, Store, StoreError};

/// How often deadlines and clocks are looked at.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// At most this often are verdicts written to the store.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// What the engine is asked or told.
pub enum Message {
    /// Apply or rehearse a change of orders.
    Change(Change),
    /// Begin a drill.
    Drill(DrillOrder, DrillReply),
    /// End the drill of this id, asked for by whom and why; answered with the drill where this node runs it.
    AbortDrill(String, String, String, oneshot::Sender<Option<Drill>>),
    /// A change of orders came back from the store.
    Written(Box<Written>),
    /// The orders that stand, after a write that was refused or whose outcome is not certain; or that they cannot be had.
    Resync(Result<SharedOrders, StoreError>),
    /// The orders that this node's own store holds, and their revision, after a write to it that failed.
    OwnOrders(u64, Vec<Intent>),
    /// What was heard of the other nodes.
    Word(Word),
    /// Serve what was loaded from disk. Answers with the first generation that does.
    Load(Box<Loaded>, oneshot::Sender<Generation>),
    /// A part of the node works less well than it should, or again.
    Part(&'static str, Result<String, String>),
    /// What full sites have to send on, for the services and sites of this topology.
    Spill(Arc<Topology>, Spill),
    /// Verdicts were saved, or not and why.
    Saved(Result<(), StoreError>),
    /// End.
    Stop(oneshot::Sender<()>),
}

/// Whether the wall clock stepped since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// It did.
    Yes,
    /// It did not.
    No,
}

/// What the engine is started with.
pub struct Parts {
    /// Clocks.
    pub clock: Clock,
    /// When the node started, by the wall clock.
    pub started: Option<jiff::Timestamp>,
    /// Where events go.
    pub journal: Journal,
    /// Where what was observed and decided is recorded.
    pub recorder: Recorder,
    /// What past answers are explained from.
    pub history: History,
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// What is shared with other nodes.
    pub commons: Arc<dyn Commons>,
    /// What is served.
    pub tables: Arc<ArcSwap<Tables>>,
    /// Who was named until when.
    pub usage: Arc<Usage>,
    /// What clients ask for.
    pub demand: Arc<Gauge>,
    /// The monitors.
    pub prober: Arc<Prober>,
    /// The drills that ran.
    pub drills: Arc<Shelf>,
    /// The targets of notifications.
    pub board: Board,
    /// What everyone else looks at.
    pub picture: Arc<ArcSwap<Picture>>,
    /// Where that goes which is served no more.
    pub retired: mpsc::UnboundedSender<Burden>,
    /// Told whenever zones or the configuration were taken over.
    pub taken_over: Arc<Notify>,
    /// The engine's own address, for what comes back from the store.
    pub mailbox: mpsc::Sender<Message>,
}

/// See the module.
pub struct Engine {
    pub(super) parts: Parts,
    pub(super) picture: Picture,
    /// The orders that answers follow.
    pub(super) version: OrdersVersion,
    /// Those orders as they are shared, whatever has ended or come further here.
    pub(super) stored: Vec<Intent>,
    /// The orders that stand here.
    pub(super) orders: Standing,
    /// Shared orders that are over by this node's wall clock, which other nodes have followed all the time.
    pub(super) left_to_others: Vec<Intent>,
    /// The drill that this node runs.
    pub(super) drill: Option<Drilling>,
    /// When the orders of drills were given that ended here, while the store has them.
    pub(super) left_drills: Vec<jiff::Timestamp>,
    /// The orders of this node alone as its own store holds them.
    pub(super) own_stored: Vec<Intent>,
    /// The revision of the orders in this node's own store, which are for this node alone where it shares others.
    pub(super) own_revision: u64,
    /// Who this node is to the others, from its start to its end: one that changed its name would have two votes for a while.
    pub(super) identity: Identity,
    /// The other nodes.
    pub(super) peers: Peers,
    /// This node's votes, parallel to the endpoints.
    pub(super) votes: Vec<State>,
    /// When orders whose time is over were last cleared from the store.
    pub(super) cleared: Mono,
    /// Changes of orders that wait for the one at the store.
    pub(super) waiting: VecDeque<Change>,
    pub(super) writing: bool,
    pub(super) last_change: Option<Mono>,
    /// The bounds on TTLs in the plan in force.
    pub(super) caps: Vec<plan::TtlCap>,
    /// Steps in effect that the store would not keep, with when they were last tried.
    pub(super) unkept: (Vec<(Intent, Box<Event>)>, Mono),
    /// When held steps were last tried, and under which plan.
    pub(super) tried: (Generation, Mono),
    /// Orders from before the start, while it is not certain that the wall clock was right when they were read.
    pub(super) restored: Vec<Intent>,
    pub(super) opinions: HashMap<(EndpointKey, String), MonitorView>,
    pub(super) agreed: HashMap<EndpointKey, Verdict>,
    pub(super) council: Council,
    /// What was recorded last.
    shown: Shown,
    /// What sites do by the plan in force.
    pub(super) outcomes: Vec<SiteOutcome>,
    /// What full sites send on.
    pub(super) spill: Spill,
    degradations: BTreeMap<String, Degradation>,
    steps: StepWatch,
    pub(super) unsaved: bool,
    pub(super) saving: bool,
    pub(super) last_save: Mono,
}

impl Engine {
    /// An engine that serves `loaded` with the orders and verdicts of `snapshot`, its first tables already swapped in.
    #[must_use]
    pub fn new(parts: Parts, loaded: Loaded, snapshot: Snapshot, epoch: u64, peers: Peers) -> Self {
        let (mono, wall) = (parts.clock.mono(), parts.clock.wall());
        let restore = |intent: &Intent| standing(intent.clone(), wall, mono);
        let own_revision = snapshot.revision;
        let Restored { version, stored, own } = restored_orders(&peers, &parts, &snapshot);
        // The order of a drill ends with the process that runs it.
        let restored: Vec<Intent> =
            stored.iter().chain(&own).filter(|intent| intent.drill.is_none()).cloned().collect();
        let drills: Vec<Intent> = stored.iter().filter(|intent| intent.drill.is_some()).cloned().collect();
        let mut orders = Standing::default();
        restored.iter().map(restore).filter(|order| !order.is_over(mono)).for_each(|order| orders.put(order));
        let agreed = if peers.is_shared() { agreed_before(&*parts.store) } else { Vec::new() };
        let opinions = snapshot
            .verdicts
            .into_iter()
            .map(|(key, monitor, verdict)| {
                (
                    (key, monitor),
                    MonitorView {
                        verdict,
                        vote: State::Unknown,
                        suspect: false,
                        transcript: None,
                        failing_since: None,
                    },
                )
            })
            .collect();
        let picture =
            Picture { orders: orders.effective(), ..first_picture(&loaded, Generation { epoch, sequence: 0 }) };
        let mut engine = Self {
            version,
            stored,
            own_revision,
            identity: Identity::of(&loaded.settings),
            peers,
            votes: Vec::new(),
            cleared: mono,
            waiting: VecDeque::new(),
            writing: false,
            last_change: None,
            caps: Vec::new(),
            unkept: (Vec::new(), mono),
            tried: (Generation::default(), mono),
            orders,
            left_to_others: Vec::new(),
            drill: None,
            left_drills: Vec::new(),
            own_stored: own,
            restored,
            opinions,
            agreed: agreed.into_iter().collect(),
            council: Council::new(&Topology::default(), Voter::default(), Vec::new()),
            shown: Shown::default(),
            outcomes: Vec::new(),
            spill: Spill::default(),
            degradations: BTreeMap::new(),
            steps: StepWatch::new(mono, wall),
            unsaved: false,
            saving: false,
            last_save: mono,
            picture,
            parts,
        };
        engine.take_over(loaded);
        engine.take_steps(mono);
        engine.settle_drills(drills);
        engine
    }

    /// Runs until told to stop.
    pub async fn run(
        mut self,
        mut messages: mpsc::Receiver<Message>,
        mut opinions: mpsc::Receiver<Opinion>,
        mut store_health: mpsc::UnboundedReceiver<StoreHealth>,
    ) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut verdicts_first = true;
        loop {
            // Verdicts before messages: failover does not queue behind operators. But a storm of verdicts lets one message
            // through after each batch, and never keeps the clocks from being looked at.
            let first = std::mem::replace(&mut verdicts_first, true);
            tokio::select! {
                biased;
                _ = ticks.tick() => self.tick(),
                Some(opinion) = opinions.recv(), if first || messages.is_empty() => {
                    self.hear_all(opinion, &mut opinions);
                    verdicts_first = false;
                }
                Some(message) = messages.recv() => if let Some(done) = self.take(message) {
                    // What was judged in the last second is known after a restart too.
                    if let Err(error) = self.write_verdicts().await {
                        warn!("the last verdicts were not saved: {}", with_remedy(&error));
                    }
                    let _ = done.send(());
                    return;
                },
                Some(report) = store_health.recv() => match report {
                    StoreHealth::Failing(error) => self.degrade("store", with_remedy(&error)),
                    StoreHealth::Recovered => self.recover("store", "writes go through again"),
                },
            }
        }
    }

    /// Hears all opinions that are there: a site's endpoints fail together, one plan for all of them.
    fn hear_all(&mut self, opinion: Opinion, opinions: &mut mpsc::Receiver<Opinion>) {
        self.hear(opinion);
        while let Ok(opinion) = opinions.try_recv() {
            self.hear(opinion);
        }
        self.replan();
    }

    /// Does what a message asks for; gives who is told when the engine has ended, where that was asked.
    fn take(&mut self, message: Message) -> Option<oneshot::Sender<()>> {
        match message {
            Message::Change(change) => self.enqueue(change),
            Message::Drill(asked, reply) => {
                let scope = asked.scope.clone();
                self.enqueue(Change::Drill { asked, scope, reply });
            }
            Message::AbortDrill(id, by, reason, reply) => {
                let _ = reply.send(self.abort_drill(&id, by, reason));
            }
            Message::Written(written) => self.written(*written),
            Message::Load(loaded, done) => {
                self.take_over(*loaded);
                let _ = done.send(self.picture.plan.generation);
            }
            Message::Part(part, Ok(detail)) => self.recover(part, &detail),
            Message::Part(part, Err(detail)) => self.degrade(part, detail),
            Message::Spill(topology, spill) => self.spill_over(&topology, spill),
            Message::Resync(orders) => self.resync(orders),
            Message::OwnOrders(revision, own) => self.resync_own(revision, own),
            Message::Word(word) => self.take_word(word),
            Message::Saved(result) => self.saved(result),
            Message::Stop(done) => return Some(done),
        }
        None
    }

    /// Looks at the world through new files.
    fn take_over(&mut self, loaded: Loaded) {
        let before = std::mem::replace(&mut self.picture, first_picture(&loaded, Generation::default()));
        self.picture.orders = before.orders;
        self.picture.cluster = before.cluster;
        self.picture.drill = before.drill;
        self.picture.degradations = before.degradations;
        // Positions of another topology mean something else; then everything is news.
        self.picture.plan = if before.topology == self.picture.topology {
            before.plan
        } else {
            self.spill = Spill::default();
            Arc::new(Plan { generation: before.plan.generation, services: Vec::new(), endpoints: Vec::new() })
        };
        self.forget_strangers();
        // A council that goes on sitting remembers what it doubts.
        let is_first = self.votes.is_empty();
        if is_first || before.topology != self.picture.topology {
            self.convene();
        }
        self.presume_named();
        self.judge();
        let plan = Arc::new(self.make_plan());
        let tables = loaded.tables.with_plan(Arc::clone(&plan));
        self.parts.history.loaded(
            self.parts.clock.wall(),
            plan.generation,
            &self.picture.settings,
            &self.picture.zones,
        );
        let served = self.swap(plan, tables);
        self.publish();
        self.retire(served, &before.zones, [before.settings, before.roster, before.marks, before.signed]);
        let remembered = |key: &EndpointKey, monitor: &str| {
            self.opinions.get(&(key.clone(), monitor.to_owned())).map(|view| view.verdict.clone())
        };
        self.parts.prober.replace(Target::all(&self.picture.topology, remembered));
        // Secrets that were not read again are as good or bad as before.
        let secrets = loaded.secrets.map(|secrets| ("secrets", joined(&secrets.troubles)));
        let files = [("geo", loaded.geo.degraded), ("zone", joined(&loaded.troubles))];
        let monitors = loaded.probe_files.map(|troubles| ("monitors", joined(&troubles)));
        for (part, trouble) in files.into_iter().chain(secrets).chain(monitors) {
            match trouble {
                Some(detail) => self.degrade(part, detail),
                None => self.recover(part, "the files are good again"),
            }
        }
        self.judge_connection();
        self.tell_doubt();
        self.parts.taken_over.notify_one();
    }

    /// Shows everyone the present state.
    pub(super) fn publish(&mut self) {
        self.speak();
        self.picture.orders_tag = self.orders_tag();
        if *self.picture.degradations != self.degradations {
            self.picture.degradations = Arc::new(self.degradations.clone());
        }
        self.picture.drill = self.drill.as_ref().map(|drilling| Arc::new(drilling.drill.clone()));
        self.parts.recorder.show(&self.picture, &mut self.shown, self.parts.clock);
        self.parts.picture.store(Arc::new(self.picture.clone()));
    }

    /// The orders that stand.
    pub(super) fn intents(&self) -> Vec<Intent> {
        self.picture.orders.iter().map(|order| order.intent.clone()).collect()
    }

    /// What must be looked at now and then: ends and steps of orders, the clocks, unsaved verdicts.
    fn tick(&mut self) {
        let (mono, wall) = (self.parts.clock.mono(), self.parts.clock.wall());
        let step = self.steps.look(mono, wall);
        let stepped = if step.is_some() { Stepped::Yes } else { Stepped::No };
        if let Some(step) = step {
            self.parts.journal.record(EventKind::Degraded {
                part: "clock".to_owned(),
                detail: format!(
                    "the wall clock stepped by {step:+.1} s; orders keep the time they were given, \
                     timestamps in the journal jump; check the time service of this machine"
                ),
            });
        }
        self.settle_restored(mono, wall, stepped);
        self.expire(mono);
        self.look_around();
        self.look_at_targets();
        self.look_at_drills(mono);
        if self.council.looks_again_at().is_some_and(|at| at <= mono) {
            self.replan();
        }
        self.tidy(mono);
        self.offer_own(mono);
        self.take_steps(mono);
        self.step_ttls(mono);
        self.keep_again(mono);
        if self.unsaved && !self.saving && mono.since(self.last_save) >= SAVE_INTERVAL {
            self.save_verdicts(mono);
        }
    }

    pub(super) fn degrade(&mut self, part: &str, detail: String) {
        if self.degradations.get(part).is_none_or(|present| present.detail != detail) {
            self.parts.journal.record(EventKind::Degraded { part: part.to_owned(), detail: detail.clone() });
            self.degradations.insert(part.to_owned(), Degradation { detail, since: self.parts.clock.wall() });
            self.publish();
        }
    }

    pub(super) fn recover(&mut self, part: &str, detail: &str) {
        if self.degradations.remove(part).is_some() {
            self.parts.journal.record(EventKind::Recovered { part: part.to_owned(), detail: detail.to_owned() });
            self.publish();
        }
    }
}

/// `intent` with its end and its next step on the monotonic clock.
pub(super) fn standing(intent: Intent, wall: jiff::Timestamp, mono: Mono) -> StandingOrder {
    let deadline = match intent.lifetime {
        Lifetime::Until(until) => Some(deadline(intent.since, until, wall, mono)),
        Lifetime::UntilCleared => None,
    };
    let due = due(&intent, wall, mono);
    StandingOrder { intent, deadline, due, held: None }
}

/// An order that has just been given by another node. It has the time that it was given, whatever this node's wall clock
/// says: a clock that is ahead must not end a drain for all.
pub(super) fn standing_live(intent: Intent, mono: Mono) -> StandingOrder {
    let deadline = match intent.lifetime {
        Lifetime::Until(until) => Some(deadline(intent.since, until, intent.since, mono)),
        Lifetime::UntilCleared => None,
    };
    let due = due_since(&intent, mono);
    StandingOrder { intent, deadline, due, held: None }
}

/// The orders that a node starts with.
struct Restored {
    version: OrdersVersion,
    /// Those that all nodes follow.
    stored: Vec<Intent>,
    /// Those of this node alone: where it shares orders, all that its own store holds.
    own: Vec<Intent>,
}

fn restored_orders(peers: &Peers, parts: &Parts, snapshot: &Snapshot) -> Restored {
    if !peers.is_shared() {
        let version = OrdersVersion { epoch: 0, revision: snapshot.revision };
        let intents = snapshot.intents.iter().map(|intent| Intent { reach: Reach::Everywhere, ..intent.clone() });
        return Restored { version, stored: intents.collect(), own: Vec::new() };
    }
    let shared = parts.commons.known();
    let own = own_orders(&*parts.store, snapshot);
    Restored { version: shared.version, stored: shared.intents, own }
}

/// What is wrong with the store, and what to do.
pub(super) fn with_remedy(error: &StoreError) -> String {
    format!("{error}; {}", error.remedy())
}

/// All of `troubles` in one line; `None` without any.
fn joined(troubles: &[String]) -> Option<String> {
    (!troubles.is_empty()).then(|| troubles.join("; "))
}
