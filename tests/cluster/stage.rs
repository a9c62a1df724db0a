//! A cluster to which things happen, and the history of it.

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use waypost::admin::api::Status;
use waypost::model::{Intent, Reach};

use crate::api::{Api, Trouble};
use crate::checker::{is_judged, withdrawals};
use crate::cluster::{Cluster, node_name};
use crate::history::{Given, History, Outcome, Settled, Span, Standing, Wish};
use crate::network::{COUNT, Cut, NAMES};
use crate::observer::Observer;
use crate::world::World;

/// Between two answers that are looked at.
const GAP: Duration = Duration::from_millis(40);

/// By then every node has seen all sites with its own eyes and has told the others.
const FIRST_VOTES: Duration = Duration::from_secs(4);

/// Something that is broken for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The router drops.
    Cut(Cut),
    /// The mail server of a site is killed.
    MailDead(usize),
    /// It accepts connections and says nothing.
    MailHangs(usize),
    /// SIGKILL to the member of etcd of a site.
    MemberKilled(usize),
    /// SIGSTOP to it.
    MemberFrozen(usize),
    /// SIGKILL to the node of a site.
    NodeKilled(usize),
    /// SIGSTOP to it.
    NodeFrozen(usize),
}

/// See the module.
pub struct Stage {
    pub cluster: Cluster,
    observer: Observer,
    history: History,
    /// When what is broken broke.
    broken: BTreeMap<Fault, Timestamp>,
    /// Operators who wait for their answer.
    operators: Vec<JoinHandle<Given>>,
    /// How many orders were given.
    number: usize,
}

impl Stage {
    /// A cluster that works, watched.
    pub fn set(world: &World) -> Self {
        let cluster = Cluster::start(world);
        cluster.wait_until_agreed();
        // Before, a single node's word could still be all that is known of a site.
        thread::sleep(FIRST_VOTES);
        let observer = Observer::start(&cluster, GAP);
        let history = History { stands_in: Cluster::stands_in(), ..History::default() };
        Self { cluster, observer, history, broken: BTreeMap::new(), operators: Vec::new(), number: 0 }
    }

    /// Breaks something that works.
    pub fn begin(&mut self, fault: Fault) {
        self.broken.insert(fault, Timestamp::now());
        let cluster = &mut self.cluster;
        match fault {
            Fault::Cut(cut) => cluster.network.cut(cut),
            Fault::MailDead(site) => cluster.mails[site].kill().unwrap(),
            Fault::MailHangs(site) => cluster.mails[site].hang().unwrap(),
            Fault::MemberKilled(site) => cluster.members[site].kill(),
            Fault::MemberFrozen(site) => cluster.members[site].freeze(),
            Fault::NodeKilled(site) => cluster.nodes[site].kill(),
            Fault::NodeFrozen(site) => cluster.freeze_node(site),
        }
    }

    /// Mends it.
    pub fn end(&mut self, fault: Fault) {
        let Some(from) = self.broken.remove(&fault) else { return };
        let cluster = &mut self.cluster;
        match fault {
            Fault::Cut(cut) => cluster.network.mend(cut),
            Fault::MailDead(site) => cluster.mails[site].revive().unwrap(),
            Fault::MailHangs(site) => cluster.mails[site].resume().unwrap(),
            Fault::MemberKilled(site) => cluster.members[site].serve(),
            Fault::MemberFrozen(site) => cluster.members[site].thaw(),
            Fault::NodeKilled(site) => cluster.nodes[site].serve(),
            Fault::NodeFrozen(site) => cluster.thaw_node(site),
        }
        let span = Span { from, until: Timestamp::now() };
        match fault {
            Fault::NodeKilled(site) | Fault::NodeFrozen(site) => {
                self.history.absences.entry(node_name(NAMES[site])).or_default().push(span);
            }
            Fault::MailDead(site) => self.history.deaths.entry(NAMES[site].to_owned()).or_default().push(span),
            _ => {}
        }
    }

    /// Whether a fault is there.
    pub fn is_broken(&self, fault: Fault) -> bool {
        self.broken.contains_key(&fault)
    }

    /// Drains a site at a node, without waiting for the answer.
    pub fn drain(&mut self, node: usize, site: usize, reach: Reach) {
        self.number += 1;
        let reason = format!("order {}", self.number);
        let wish = Wish::Drain(reason.clone());
        self.ask(node, site, wish, move |api, site| {
            let intent = api.drain(site, &reason, reach)?.intent;
            let outcome = followed(&intent);
            // Where the site was drained already, that order stands.
            Ok((Wish::Drain(intent.reason), outcome))
        });
    }

    /// Lifts the order for a site at a node, without waiting for the answer.
    pub fn lift(&mut self, node: usize, site: usize) {
        self.ask(node, site, Wish::Lift, |api, site| {
            let lifted = api.lift(site, "enough")?.intent;
            Ok((Wish::Lift, lifted.as_ref().map_or(Outcome::Acknowledged, followed)))
        });
    }

    fn ask(
        &mut self,
        node: usize,
        site: usize,
        wish: Wish,
        operation: impl FnOnce(&Api, &str) -> Result<(Wish, Outcome), Trouble> + Send + 'static,
    ) {
        let api = self.cluster.api(node);
        self.operators.push(thread::spawn(move || {
            let from = Timestamp::now();
            let answer = operation(&api, NAMES[site]);
            let span = Span { from, until: Timestamp::now() };
            let (wish, outcome) = match answer {
                Ok(done) => done,
                Err(trouble) if trouble.is_refusal() => (wish, Outcome::Refused),
                Err(_) => (wish, Outcome::Unknown),
            };
            Given { span, node: node_name(NAMES[node]), site: NAMES[site].to_owned(), wish, outcome }
        }));
    }

    /// Waits for the answers to all orders.
    pub fn hear_operators(&mut self) {
        for operator in std::mem::take(&mut self.operators) {
            self.history.orders.push(operator.join().unwrap());
        }
    }

    /// Mends everything and waits until all nodes are at one.
    pub fn settle(&mut self) -> Vec<Status> {
        let broken: Vec<Fault> = self.broken.keys().copied().collect();
        // Nodes start last, so that they find the rest as it will be.
        broken.into_iter().for_each(|fault| self.end(fault));
        self.hear_operators();
        let all = self.cluster.wait_until_agreed();
        let nodes = all.iter().map(|status| (status.node.clone(), standing(status)));
        self.history.settled.push(Settled { at: Timestamp::now(), nodes: nodes.collect() });
        all
    }

    /// The history up to here, once everything is mended.
    pub fn finish(mut self) -> History {
        self.settle();
        let observed = self.observer.finish();
        for site in 0..COUNT {
            self.history.journals.insert(node_name(NAMES[site]), self.cluster.api(site).journal());
        }
        History { answers: observed.answers, looks: observed.looks, ..self.history }
    }
}

/// What is acknowledged of an order, or of its end.
const fn followed(intent: &Intent) -> Outcome {
    if intent.reach.is_everywhere() { Outcome::Acknowledged } else { Outcome::Local }
}

fn standing(status: &Status) -> Standing {
    let cluster = status.cluster.as_ref().unwrap();
    let drained = status.orders.iter().map(|order| (order.intent.scope.site.clone(), order.intent.reason.clone()));
    Standing { version: cluster.orders, plan: cluster.plan.clone(), drained: drained.collect() }
}

/// How orders and answers came out, in words.
pub fn summary(history: &History) -> String {
    let of = |outcome| history.orders.iter().filter(|given| given.outcome == outcome).count();
    let answers: usize = history.answers.values().map(Vec::len).sum();
    let judged = withdrawals(history).filter(|withdrawal| is_judged(history, withdrawal)).count();
    let withdrawals = withdrawals(history).count();
    format!(
        "{} orders ({} acknowledged, {} local, {} refused, {} in doubt), {withdrawals} sites taken down by a node \
         ({judged} while all nodes were heard and looked at), \
         {answers} changes of answers",
        history.orders.len(),
        of(Outcome::Acknowledged),
        of(Outcome::Local),
        of(Outcome::Refused),
        of(Outcome::Unknown),
    )
}
