//! What is known of a run: what the test did, what it saw, and what the nodes wrote down. Times are of the one clock that
//! all processes of a machine share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use waypost::model::{Connection, Event, Generation, OrdersVersion, State};

/// A whole run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The site that each node stands in.
    pub stands_in: BTreeMap<String, String>,
    /// What operators asked for, in the order of asking.
    pub orders: Vec<Given>,
    /// What each node has journalled.
    pub journals: BTreeMap<String, Vec<Event>>,
    /// What each node said of itself, each view once, in the order of time.
    pub looks: BTreeMap<String, Vec<Look>>,
    /// What each node answered, each answer once, in the order of time.
    pub answers: BTreeMap<String, Vec<Seen>>,
    /// When a node was stopped, or not running at all.
    pub absences: BTreeMap<String, Vec<Span>>,
    /// When the mail server of a site could not be reached by anybody.
    pub deaths: BTreeMap<String, Vec<Span>>,
    /// How all nodes stood after each healing.
    pub settled: Vec<Settled>,
}

/// A time with a beginning and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Span {
    /// Whether it has any moment in common with the time from `from` to `until`.
    pub fn touches(&self, from: Timestamp, until: Timestamp) -> bool {
        self.from <= until && from <= self.until
    }
}

/// An operator's wish about a whole site, and what came of it.
#[derive(Clone, Debug)]
pub struct Given {
    /// From asking to the answer.
    pub span: Span,
    /// Where.
    pub node: String,
    /// About which site.
    pub site: String,
    /// What was asked for.
    pub wish: Wish,
    /// What was answered.
    pub outcome: Outcome,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { span, node, site, wish, outcome } = self;
        write!(f, "{:?} of {site} at {node} from {} to {}: {outcome:?}", wish, span.from, span.until)
    }
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// That the site is drained, for a reason that no other order has.
    Drain(String),
    /// That no order stands for it.
    Lift,
}

/// What came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every node is to follow.
    Acknowledged,
    /// Only this node follows, until the store is back.
    Local,
    /// Nothing was changed.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What a node says of itself for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// From the first time that it said so until the last.
    pub span: Span,
    /// The orders that it follows.
    pub orders: OrdersVersion,
    /// Its plan.
    pub generation: Generation,
    /// How it is connected.
    pub connection: Connection,
    /// Its own opinion of the mail server of each site.
    pub opinions: BTreeMap<String, State>,
}

/// Between two looks that are further apart than this, a node may have said something that nobody saw: what is down is so until
/// three probes, 250 ms apart, are good. Machines that test are slow now and then.
const BLIND: SignedDuration = SignedDuration::from_millis(700);

impl Look {
    /// Whether `next` says the same, and nothing can have been said between the two.
    pub fn goes_on_with(&self, next: &Self) -> bool {
        !self.is_blind_until(next) && Self { span: next.span, ..self.clone() } == *next
    }

    /// Whether what was said between this look and `next` is not known.
    pub fn is_blind_until(&self, next: &Self) -> bool {
        next.span.from.duration_since(self.span.until) > BLIND
    }
}

/// What a node answers for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// From the first such answer until the last.
    pub span: Span,
    /// Which.
    pub answer: Answer,
}

/// What is answered for the names that all sites share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The sites that the MX records name and those that the addresses belong to.
    Names {
        /// By MX.
        mx: BTreeSet<String>,
        /// By address.
        addresses: BTreeSet<String>,
    },
    /// No answer at all.
    Silence,
    /// An answer without a record, or with an error.
    Empty(String),
}

/// How all nodes stand once nothing is broken any more.
#[derive(Clone, Debug)]
pub struct Settled {
    /// When.
    pub at: Timestamp,
    /// By node.
    pub nodes: BTreeMap<String, Standing>,
}

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The orders that it follows.
    pub version: OrdersVersion,
    /// What its plan comes to.
    pub plan: String,
    /// The sites that are drained, each with the reason.
    pub drained: BTreeMap<String, String>,
}
