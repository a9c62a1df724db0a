//! The engine among other engines: what they say, what it says to them, and how it is connected with them (DESIGN section 6).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tracing::warn;

use super::cluster::{Said, Word};
use super::engine::Engine;
use super::heard::Heard;
use crate::health::bounds::{BALLOT_FRESHNESS, STORE_LOST};
use crate::health::{self, Contact, Seclusion};
use crate::model::{
    Connection, EndpointKey, EndpointList, EventKind, Mono, NodeReport, OrdersVersion, Reach, Settings, Verdict,
};
use crate::store::Store;

/// The name of the copy that holds the names of the other nodes.
const NODES: &str = "nodes";
/// The name of the copy that holds what was agreed.
const AGREED: &str = "agreed";

/// So many reports that are not its own are another node's.
const NAMESAKES: u32 = 3;
/// After so long without one, the other node is gone.
const NAMESAKES_APART: Duration = Duration::from_secs(30);

/// Who a node is to the others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// The site that it stands in, by name.
    pub site: Option<String>,
    /// What it would fail with.
    pub failure_domain: Option<String>,
}

impl Identity {
    /// What `settings` say.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let site = settings.node.site.and_then(|site| settings.sites.get(site.get()));
        Self {
            name: settings.node.name.clone(),
            site: site.map(|site| site.name.clone()),
            failure_domain: settings.node.failure_domain.clone(),
        }
    }
}

/// What the engine knows of the others. A node that shares with nobody has no voice and hears nothing.
pub struct Peers {
    voice: Option<watch::Sender<Option<Said>>>,
    /// When the last report was begun that was acknowledged; the start, before the first.
    contact: Mono,
    /// Which start of this node it is: greater than that of any report of it before.
    start: u64,
    /// How often a report under this node's name was not its own, and when last.
    namesakes: (u32, Mono),
    /// Why the latest report was not acknowledged.
    trouble: Option<String>,
    heard: BTreeMap<String, Heard>,
    connection: Connection,
    /// Since when.
    connected_since: Option<Timestamp>,
    /// Why what the store holds does not continue what is known.
    went_back: Option<String>,
    /// What was shared at the last look: whether the store answers, and whose votes count.
    last_look: (Contact, Vec<String>),
    /// The endpoints in the order of this node's letters.
    list: Arc<EndpointList>,
    fingerprint: String,
    /// Whether the store has been read since the start.
    pub(super) followed: bool,
    /// Whether orders of this node alone were offered to the others since the store was last out of reach.
    pub(super) offered: bool,
    /// When that was tried last.
    pub(super) offered_at: Mono,
}

/// What everyone may know of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// What this node says of itself.
    pub own: Arc<NodeReport>,
    /// The others.
    pub others: BTreeMap<String, Heard>,
    /// Since when it is connected as it says, by the wall clock; `None` is since its start.
    pub since: Option<Timestamp>,
    /// Why the store's orders do not continue what is known.
    pub went_back: Option<String>,
}

impl Peers {
    /// Nobody is there.
    #[must_use]
    pub fn none() -> Self {
        Self::with(None, BTreeMap::new())
    }

    /// A node that speaks by `voice`, and knows from before its start, by `store`, who else there is.
    #[must_use]
    pub fn known(voice: watch::Sender<Option<Said>>, store: &dyn Store) -> Self {
        let names = copied(store, NODES);
        let names: Vec<String> = names.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self::with(Some(voice), names.into_iter().map(|name| (name, Heard::unheard())).collect())
    }

    fn with(voice: Option<watch::Sender<Option<Said>>>, heard: BTreeMap<String, Heard>) -> Self {
        Self {
            voice,
            contact: Mono::START,
            start: 0,
            namesakes: (0, Mono::START),
            trouble: None,
            heard,
            connection: Connection::Connected,
            connected_since: None,
            went_back: None,
            last_look: (Contact::Kept, Vec::new()),
            list: Arc::default(),
            fingerprint: String::new(),
            followed: false,
            offered: false,
            offered_at: Mono::START,
        }
    }

    /// Whether the node shares with others.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.voice.is_some()
    }

    /// Whether a report of this start was acknowledged.
    #[must_use]
    pub fn has_spoken(&self) -> bool {
        self.contact > Mono::START
    }

    /// Whether the store answers.
    #[must_use]
    pub fn contact(&self, now: Mono) -> Contact {
        let lost = self.is_shared() && now.since(self.contact) > STORE_LOST;
        if lost { Contact::Lost } else { Contact::Kept }
    }

    /// What the store said last, where it does not answer.
    #[must_use]
    pub fn trouble(&self) -> &str {
        self.trouble.as_deref().unwrap_or("no report was acknowledged for a while")
    }

    /// Why the store's orders do not continue what is known.
    #[must_use]
    pub fn went_back(&self) -> Option<&str> {
        self.went_back.as_deref()
    }

    /// When the node called `name` started by its own word, and when that was heard last.
    #[must_use]
    pub fn last_of(&self, name: &str) -> Option<(Option<Timestamp>, Mono)> {
        let (report, _, at) = self.heard.get(name)?.last.as_ref()?;
        Some((report.started, *at))
    }

    /// The others that are heard of, and the orders that each follows.
    pub fn fresh(&self, now: Mono) -> impl Iterator<Item = (&str, OrdersVersion)> {
        self.heard.iter().filter_map(move |(name, heard)| {
            let (report, _, at) = heard.last.as_ref()?;
            (now.since(*at) <= BALLOT_FRESHNESS).then_some((name.as_str(), report.orders))
        })
    }

    /// The orders that the node called `name` follows by its last word, of which there may be none; `None` where the node is not
    /// known, or was forgotten.
    #[must_use]
    pub fn follows(&self, name: &str) -> Option<OrdersVersion> {
        let heard = self.heard.get(name)?;
        Some(heard.last.as_ref().map_or_else(OrdersVersion::default, |(report, _, _)| report.orders))
    }

    /// The others that are not heard of or not connected, and which of both.
    pub fn missing(&self, now: Mono) -> impl Iterator<Item = (&str, &'static str)> {
        self.heard.iter().filter_map(move |(name, heard)| match &heard.last {
            Some((report, _, at)) if now.since(*at) <= BALLOT_FRESHNESS => {
                (report.connection != Connection::Connected).then_some((name.as_str(), "is not connected"))
            }
            _ => Some((name.as_str(), "is not heard of")),
        })
    }

    /// The names of the others.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.heard.keys().map(String::as_str)
    }
}

/// What `store` has under `name`; what cannot be read is told and is as good as nothing.
pub(super) fn copied(store: &dyn Store, name: &str) -> Option<String> {
    let copy = store.copy(name);
    copy.inspect_err(|error| warn!(name, %error, "a copy from before this start is lost")).ok().flatten()
}

/// What was agreed before this start, as `store` kept it.
pub(super) fn agreed_before(store: &dyn Store) -> Vec<(EndpointKey, Verdict)> {
    let text = copied(store, AGREED);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Has `store` keep what is agreed.
pub(super) fn keep_agreed(store: &dyn Store, agreed: &[(EndpointKey, Verdict)]) {
    let kept = serde_json::to_string(agreed).map(|text| store.keep_copy(AGREED, &text, Vec::new()));
    if let Ok(Err(error)) = kept {
        warn!(%error, "what is agreed was not kept");
    }
}

impl Engine {
    /// Takes in what was heard of the others.
    pub(super) fn take_word(&mut self, word: Word) {
        match word {
            Word::Orders(orders) => self.follow_orders(orders),
            Word::Report(report, list) => self.hear_report(*report, list),
            Word::Gone(node) => self.forget_node(&node),
            Word::Contact(at) => {
                self.peers.contact = self.peers.contact.max(at);
                self.peers.trouble = None;
                self.look_around();
            }
            Word::NoContact(detail) => {
                self.peers.trouble = Some(detail);
                self.look_around();
            }
            Word::WentBack(detail) => self.store_went_back(detail),
        }
    }

    fn hear_report(&mut self, report: NodeReport, list: Arc<EndpointList>) {
        let now = self.parts.clock.mono();
        if report.node == self.identity.name {
            self.hear_namesake(&report);
            return;
        }
        let known = self.peers.heard.get(&report.node).and_then(|heard| heard.last.as_ref());
        if known.is_some_and(|(last, _, _)| last.sequence >= report.sequence) {
            return;
        }
        let name = report.node.clone();
        let is_new = !self.peers.heard.contains_key(&name);
        if self.peers.heard.get(&name).is_none_or(|heard| heard.first.is_none_or(|first| first >= report.sequence)) {
            let first = self.peers.heard.get(&name).and_then(|heard| heard.first);
            let first = Some(first.unwrap_or(report.sequence));
            self.peers.heard.entry(name.clone()).or_insert_with(Heard::unheard).first = first;
            if is_new {
                self.council.expect(&name);
                self.keep_names();
                self.publish();
            }
            return;
        }
        let was_missed = self.peers.heard.get(&name).is_none_or(|heard| heard.missed);
        let report = Arc::new(report);
        let heard = self.peers.heard.entry(name.clone()).or_insert_with(Heard::unheard);
        heard.hear(Arc::clone(&report), Arc::clone(&list), now);
        if was_missed {
            self.parts.journal.record(EventKind::PeerHeard { peer: name.clone() });
        }
        let ballot = health::ballot_of(&report, &list, &self.picture.topology);
        for position in self.council.hear(&name, ballot, now) {
            let position = usize::try_from(position).unwrap_or(usize::MAX);
            if let Some(endpoint) = self.picture.topology.endpoints.get(position) {
                self.parts.prober.hint(&self.picture.topology.key(endpoint));
            }
        }
        self.replan();
    }

    /// A report under this node's name that is not its own is from before its state was lost, or of another node: either way
    /// this one goes on from there, or nobody would listen. Two nodes of one name would never be done with that.
    fn hear_namesake(&mut self, report: &NodeReport) {
        let (start, now) = (self.report().sequence.0, self.parts.clock.mono());
        if report.started == self.parts.started || report.sequence.0 < start {
            let (times, last) = self.peers.namesakes;
            if times >= NAMESAKES && now.since(last) > NAMESAKES_APART {
                self.peers.namesakes = (0, now);
                self.recover("node_name", "no other node was heard under this node's name");
            }
            return;
        }
        self.peers.start = report.sequence.0.saturating_add(1);
        self.peers.namesakes = (self.peers.namesakes.0.saturating_add(1), now);
        if self.peers.namesakes.0 >= NAMESAKES {
            let at = report.started.map_or_else(|| "at an unknown time".to_owned(), |at| at.to_string());
            let detail = format!(
                "another node, started {at}, calls itself {}: their votes overwrite each other; give each node a name of its own, \
                 name in [node]",
                report.node
            );
            self.degrade("node_name", detail);
        }
        self.publish();
    }

    fn forget_node(&mut self, node: &str) {
        if self.peers.heard.remove(node).is_some() {
            self.keep_names();
            self.council.forget(node);
            self.replan();
        }
    }

    /// Whether the votes of another node count.
    pub(super) fn hears_others(&self) -> bool {
        !self.peers.last_look.1.is_empty()
    }

    /// Who else there is must be known when nobody can be asked.
    fn keep_names(&self) {
        let names: Vec<&str> = self.peers.names().collect();
        let Ok(text) = serde_json::to_string(&names) else { return };
        let store = Arc::clone(&self.parts.store);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.keep_copy(NODES, &text, Vec::new()) {
                warn!(%error, "the names of the other nodes were not kept");
            }
        });
    }

    fn store_went_back(&mut self, detail: Option<String>) {
        match &detail {
            Some(detail) => {
                let detail = format!(
                    "the store that the nodes share went back: {detail}; the orders that this node knows stand and no others are \
                     taken until an operator looks at `waypost store status` and says `waypost store accept`"
                );
                self.parts.journal.record(EventKind::StoreWentBack { detail: detail.clone() });
                self.degrade("orders", detail);
            }
            None => self.recover("orders", "the store continues what this node knows"),
        }
        self.peers.went_back = detail;
        self.publish();
    }

    /// Plans anew where the store came or went, or a voice was heard no more.
    pub(super) fn look_around(&mut self) {
        if !self.peers.is_shared() {
            return;
        }
        let now = self.parts.clock.mono();
        let is_fresh = |heard: &Heard| heard.last.as_ref().is_some_and(|(_, _, at)| now.since(*at) <= BALLOT_FRESHNESS);
        let fresh: Vec<String> =
            self.peers.heard.iter().filter(|(_, heard)| is_fresh(heard)).map(|(name, _)| name.clone()).collect();
        for (name, heard) in &mut self.peers.heard {
            if !is_fresh(heard) && !heard.missed {
                heard.missed = true;
                let detail = format!("not heard of for {} s", BALLOT_FRESHNESS.as_secs());
                self.parts.journal.record(EventKind::PeerLost { peer: name.clone(), detail });
            }
        }
        let look = (self.peers.contact(now), fresh);
        if look == self.peers.last_look {
            return;
        }
        if look.0 == Contact::Lost {
            self.peers.offered = false;
        }
        self.peers.last_look = look;
        self.replan();
    }

    /// Tells the others where this node does not reach a target of notifications any more, or does again: one that does not is
    /// not the one that tells.
    pub(super) fn look_at_targets(&mut self) {
        let said = self.picture.cluster.as_ref().map(|view| &view.own.failing_targets);
        if said.is_some_and(|said| *said != self.parts.board.failing()) {
            self.publish();
        }
    }

    /// The council's judgement of this node's own place, in words and events.
    pub(super) fn judge_connection(&mut self) {
        let now = self.parts.clock.mono();
        let connection = match (self.peers.contact(now), self.council.seclusion()) {
            (_, Seclusion::CutOff) => Connection::CutOff,
            (Contact::Kept, _) => Connection::Connected,
            (Contact::Lost, Seclusion::Alone) => Connection::Alone,
            (Contact::Lost, Seclusion::None) => Connection::StoreLost,
        };
        let from = std::mem::replace(&mut self.peers.connection, connection);
        if from == connection {
            return;
        }
        self.peers.connected_since = Some(self.parts.clock.wall());
        let detail = match connection {
            Connection::Connected => "the store answers and the others' votes count".to_owned(),
            Connection::StoreLost => format!(
                "the store that the nodes share does not answer ({}); orders stand as known and none are taken but with --local; \
                 what others said lately still counts; check the members of etcd",
                self.peers.trouble()
            ),
            Connection::Alone => format!(
                "no other node is heard and the store does not answer ({}); this node's own verdicts decide",
                self.peers.trouble()
            ),
            Connection::CutOff => {
                "this node reaches neither the store nor most other sites: it is likely cut off itself, keeps \
                                   what was agreed last and goes on answering; check its uplink"
                    .to_owned()
            }
        };
        self.parts.journal.record(EventKind::ConnectionChanged { from, to: connection, detail: detail.clone() });
        match connection {
            Connection::Connected => self.recover("cluster", &detail),
            _ => self.degrade("cluster", detail),
        }
    }

    /// Lays out the letters of this node's reports anew, and the council's seats.
    pub(super) fn take_seats(&mut self) {
        if !self.peers.is_shared() {
            return;
        }
        let topology = &self.picture.topology;
        let list = EndpointList::of(topology);
        self.peers.fingerprint = list.fingerprint();
        self.peers.list = Arc::new(list);
        for (name, heard) in &self.peers.heard {
            self.council.expect(name);
            if let Some((report, list, at)) = &heard.last {
                self.council.hear(name, health::ballot_of(report, list, topology), *at);
            }
        }
    }

    /// Says what is news to the others, and shows it.
    pub(super) fn speak(&mut self) {
        let Some(voice) = &self.peers.voice else { return };
        let report = self.report();
        let said = Said { report: report.clone(), list: Arc::clone(&self.peers.list) };
        voice.send_if_modified(|present| {
            let is_news = present.as_ref() != Some(&said);
            if is_news {
                *present = Some(said);
            }
            is_news
        });
        self.picture.cluster = Some(Arc::new(ClusterView {
            own: Arc::new(report),
            others: self.peers.heard.clone(),
            since: self.peers.connected_since,
            went_back: self.peers.went_back.clone(),
        }));
    }

    fn report(&self) -> NodeReport {
        let node = &self.identity;
        let topology = &self.picture.topology;
        let suspects = (0_u32..).zip(self.picture.health.iter()).filter(|(_, health)| health.suspect);
        let local = self.picture.orders.iter().filter(|order| order.intent.reach == Reach::ThisNode);
        NodeReport {
            node: node.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.parts.started,
            site: node.site.clone(),
            failure_domain: node.failure_domain.clone(),
            sequence: (self.peers.start.max(self.picture.plan.generation.epoch), 0),
            endpoints: self.peers.fingerprint.clone(),
            verdicts: health::letters(&self.votes),
            agreed: health::letters(&health::witnessed(self.council.agreed(), &self.votes)),
            suspects: suspects.map(|(position, _)| position).collect(),
            orders: self.version,
            generation: self.picture.plan.generation,
            plan: self.picture.plan.digest(topology),
            connection: self.peers.connection,
            local_orders: local.map(|order| order.intent.scope.to_string()).collect(),
            failing_targets: self.parts.board.failing(),
        }
    }

    /// How this node is connected with the others.
    pub(super) const fn connection(&self) -> Connection {
        self.peers.connection
    }
}
