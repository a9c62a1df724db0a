//! What the admin API needs of a node.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use super::api::{
    Drained, ExplainQuery, Explanation, LiftOutcome, OrderOutcome, Orders, ProbeReport, ProbeRequest, ReloadOutcome,
    Status, StoreAccept, StoreAccepted, StoreStatus, TokenCreated, TokenRequest, WhatIf, WhatIfQuery,
};
use super::entrance_control::Entrance;
use super::session::Session;
use super::sights::Sights;
use super::{Audit, Differences, DrillControl, Incidents, Notifications, Problem, ProblemKind, Pulse, Rehearsals};
use crate::model::{Event, IntentKind, Lifetime, OrdersTag, Reach, Remit, Role, Schedule, Scope, Token};

/// What the admin API needs of a node; the node implements it.
///
/// Methods that return a future may wait for the store; the others answer from memory and do not block.
pub trait Control:
    Entrance + Sights + Incidents + Pulse + Rehearsals + Audit + Differences + DrillControl + Notifications
{
    /// What the node does and why, now.
    fn status(&self) -> Status;

    /// Whether the node answers queries from tables it has checked.
    fn readiness(&self) -> Readiness;

    /// Metrics in the OpenMetrics text format.
    fn metrics(&self) -> String;

    /// The orders that stand, and which these are.
    fn orders(&self) -> Orders;

    /// Holds `command` against the safety rules and, unless it is a rehearsal, makes it stand.
    fn order(&self, command: Command, caller: Caller) -> BoxFuture<'_, Result<OrderOutcome, Problem>>;

    /// Lifts an order; [`super::api::Outcome::Unchanged`] where none stands.
    fn lift(&self, lifting: Lifting, caller: Caller) -> BoxFuture<'_, Result<LiftOutcome, Problem>>;

    /// Why a client gets the answer it gets.
    ///
    /// # Errors
    /// If name, type or client cannot be read.
    fn explain(&self, query: &ExplainQuery) -> Result<Explanation, Problem>;

    /// Waits until what was recorded before can be read, at most a moment.
    fn journalled(&self) -> BoxFuture<'_, ()>;

    /// The first `limit` journalled events whose id is above `after`.
    fn events(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Event>, Problem>>;

    /// The id of the newest journalled event; 0 before the first.
    fn last_event(&self) -> u64;

    /// Every event from now on.
    fn subscribe(&self) -> broadcast::Receiver<Arc<Event>>;

    /// When no well-behaved cache names the site any more.
    ///
    /// # Errors
    /// If there is no such site or service.
    fn drained(&self, scope: &Scope) -> Result<Drained, Problem>;

    /// Probes declared endpoints once, outside the schedule and without consequences.
    fn probe(&self, request: ProbeRequest, caller: Caller) -> BoxFuture<'_, Result<ProbeReport, Problem>>;

    /// What the sites would carry if some failed.
    ///
    /// # Errors
    /// If no site is named, or one that is not declared.
    fn whatif(&self, query: &WhatIfQuery) -> Result<WhatIf, Problem>;

    /// Reads configuration and zones again; on any error the old ones stay and the problem carries the diagnostics.
    fn reload(&self, caller: Caller) -> BoxFuture<'_, Result<ReloadOutcome, Problem>>;

    /// What the store holds that orders are kept in, read anew.
    fn store(&self) -> BoxFuture<'_, Result<StoreStatus, Problem>>;

    /// Goes on with a store that went back: with what it holds, or with what this node knows.
    fn accept_store(&self, request: StoreAccept, caller: Caller) -> BoxFuture<'_, Result<StoreAccepted, Problem>>;

    /// Takes a node out of the cluster that is there no more; refused while it is heard of.
    fn forget_node(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<(), Problem>>;

    /// All tokens, by name.
    fn tokens(&self) -> Vec<Token>;

    /// Makes a token; its secret is in the answer and nowhere else.
    fn create_token(&self, request: TokenRequest, caller: Caller) -> BoxFuture<'_, Result<TokenCreated, Problem>>;

    /// Revokes the token called `name`; [`ProblemKind::NotFound`] where there is none.
    fn revoke_token(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<(), Problem>>;
}

/// Whether a node is ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It answers.
    Ready,
    /// It does not, and why.
    NotReady(String),
}

/// An operator's order as the node gets it: checked for form, with an absolute expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub kind: IntentKind,
    /// Why, in the operator's words.
    pub reason: String,
    /// How long it is to stand.
    pub lifetime: Lifetime,
    /// When its parts take effect, where that is not all at once now.
    pub schedule: Option<Schedule>,
    /// Whether safety rules are overridden.
    pub force: bool,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Who is to follow it.
    pub reach: Reach,
    /// The orders that it was decided on: on others it is not given, and the problem is a conflict.
    pub seen: Option<OrdersTag>,
}

/// The lifting of an order as the node gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifting {
    /// Whose order.
    pub scope: Scope,
    /// Why, in the operator's words.
    pub reason: String,
    /// The orders that it was decided on: among others nothing is lifted, and the problem is a conflict.
    pub seen: Option<OrdersTag>,
}

/// Who asks, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// System user or token name; stands as `by` in the journal.
    pub name: String,
    /// What they may do; `None` is nothing that needs a role.
    pub role: Option<Role>,
    /// The sites that they may order about.
    pub remit: Remit,
    /// Where they come from.
    pub channel: Channel,
    /// The session of the dashboard that they act in.
    pub session: Option<Arc<Session>>,
}

impl Caller {
    /// Who said nothing of themselves.
    #[must_use]
    pub fn anonymous(channel: Channel) -> Self {
        let name = "anonymous".to_owned();
        Self { name, role: None, remit: Remit::Everywhere, channel, session: None }
    }

    /// The same under `name`.
    #[must_use]
    pub(super) fn called(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    /// The value that forms of a page for this caller repeat as `csrf`; `None` for who is not signed in, and may not post.
    #[must_use]
    pub fn csrf(&self) -> Option<&str> {
        self.session.as_deref().map(Session::csrf)
    }

    /// Whether the event is theirs to read: who needed no role to come in reads of the node, not of its people.
    #[must_use]
    pub(super) const fn reads(&self, event: &Event) -> bool {
        self.role.is_some() || !event.kind.is_of_people()
    }

    /// Holds a site against what the caller may order about.
    ///
    /// # Errors
    /// [`ProblemKind::Forbidden`] where the site is not among them.
    pub fn over(&self, site: &str) -> Result<(), Problem> {
        if self.remit.holds(site) {
            return Ok(());
        }
        Err(Problem::new(
            ProblemKind::Forbidden,
            format!("'{}' may order about {} only, not about '{site}'", self.name, self.remit),
        )
        .with_remedy("ask somebody whose token or user is for that site, or for all"))
    }
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The Unix socket, opened by the user with this id.
    Socket {
        /// User id of the peer.
        uid: u32,
    },
    /// TCP, from this address.
    Tcp {
        /// The peer.
        peer: IpAddr,
    },
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { uid } => write!(f, "socket (uid {uid})"),
            Self::Tcp { peer } => write!(f, "{peer}"),
        }
    }
}
