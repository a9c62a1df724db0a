//! The store: orders, verdicts, what updates made of zones, journal, tokens and the epoch, kept across restarts.
//!
//! Imports the model only. [`Embedded`] keeps them in one redb file; [`Memory`] keeps them until the process ends, for
//! a node whose state directory cannot be used. Everything a call acknowledges is durable when it returns. The store
//! never decides anything: it checks that an order was made against the revision that stands, and nothing else.
//! Calls block; the shell runs them off its event loop.

mod bounds;
mod chain_check;
mod chained;
#[cfg(test)]
mod chained_tests;
mod commons;
mod disk;
mod document;
mod embedded;
mod error;
pub mod etcd;
mod following;
mod inbox;
mod keeper;
mod memory;
pub mod mirror;
#[cfg(test)]
mod mirror_tests;
mod out_of_reach;
mod replicated;
pub mod sealed;
#[cfg(test)]
mod sealed_tests;
mod secret;
mod shared;
mod tables;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod zone_tests;

pub use chain_check::{Checked, check_chain};
pub use commons::{Alone, Commons, Comparison, Kept, News, OrderChange, Traffic};
pub use embedded::Embedded;
pub use error::StoreError;
pub use memory::Memory;
pub use replicated::{Replicated, replicated};
pub use secret::Secret;
pub use shared::{InEtcd, SharedFile, SharedFiles, Written};

use jiff::Timestamp;

use crate::model::{
    ChainBeginning, ChainMark, EndpointKey, Event, EventKind, Intent, Link, Scope, Token, Verdict, ZoneState,
};

/// What a node finds at its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The standing orders, by scope; expired ones included.
    pub intents: Vec<Intent>,
    /// The revision of the orders; 0 before the first.
    pub revision: u64,
    /// The last verdict of each monitor on each endpoint.
    pub verdicts: Vec<(EndpointKey, String, Verdict)>,
    /// Zones whose served serial or records do not follow from their files alone.
    pub zones: Vec<ZoneState>,
    /// How often the node has started with this store; 0 before the first [`Store::begin_epoch`].
    pub epoch: u64,
    /// The id that the next event gets.
    pub next_event: u64,
}

/// What a change of the orders came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The new revision.
    pub revision: u64,
    /// The order that was put, carrying the new revision.
    pub intent: Option<Intent>,
    /// The event as journalled, carrying its id and the new revision.
    pub event: Event,
}

/// Where the chain of the journal begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// Where it begins; `None` before the first entry.
    pub beginning: Option<ChainBeginning>,
    /// The newest entry.
    pub head: Option<ChainMark>,
    /// The oldest entry that is kept, chained or not.
    pub oldest: Option<u64>,
}

/// Where a node keeps what must survive it.
pub trait Store: Send + Sync + 'static {
    /// Reads everything but journal and tokens.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn load(&self) -> Result<Snapshot, StoreError>;

    /// Counts a start of the node; returns the new epoch, 1 at the first start.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn begin_epoch(&self) -> Result<u64, StoreError>;

    /// Removes the order of scope `clear` and puts the order `put`, if given, and appends `event` to the journal, all
    /// or nothing, provided that the orders stand at revision `expected`. The new revision is written into `put` and
    /// into the event.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the orders changed meanwhile; otherwise if the store cannot be written.
    fn change_intents(
        &self,
        expected: u64,
        put: Option<Intent>,
        clear: Option<&Scope>,
        event: Event,
    ) -> Result<Changed, StoreError>;

    /// Remembers what the named monitors last said of these endpoints.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn save_verdicts(&self, verdicts: &[(EndpointKey, String, Verdict)]) -> Result<(), StoreError>;

    /// Keeps how these zones are served, and journals `event`, which is returned with its id, all or nothing.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn save_zones(&self, zones: &[ZoneState], event: Option<Event>) -> Result<Option<Event>, StoreError>;

    /// Keeps `text` as this node's copy of what others share under `name`, and journals `events`, which are returned with
    /// their ids, all or nothing.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn keep_copy(&self, name: &str, text: &str, events: Vec<Event>) -> Result<Vec<Event>, StoreError>;

    /// The copy kept under `name`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn copy(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// Appends `events` to the journal; returns their ids, in order and without gaps.
    ///
    /// # Errors
    /// If the store cannot be written; then none of them was appended.
    fn append(&self, events: &[Event]) -> Result<Vec<u64>, StoreError>;

    /// The first `limit` events whose id is above `after`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// Where the chain of the journal begins and ends.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn chain(&self) -> Result<ChainState, StoreError>;

    /// The first `limit` entries whose id is above `after`, octet for octet, with the hashes of their links.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn links(&self, after: u64, limit: usize) -> Result<Vec<Link>, StoreError>;

    /// The id of the first entry that was not written before `time`; the next id where there is none.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn first_since(&self, time: Timestamp) -> Result<u64, StoreError>;

    /// Takes the entries below `below` out of the journal, all but the newest, and remembers the hash that those that are left
    /// follow; gives how many were.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn cut(&self, below: u64) -> Result<u64, StoreError>;

    /// Keeps `token`, recognised by `secret` from now on, and journals `event`, which is returned with its id.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken; otherwise if the store cannot be written.
    fn put_token(&self, token: Token, secret: &Secret, event: Event) -> Result<Event, StoreError>;

    /// Forgets the token called `name` and journals `event`, which is returned with its id; `None` if there is no
    /// such token.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn revoke_token(&self, name: &str, event: Event) -> Result<Option<Event>, StoreError>;

    /// All tokens, by name.
    fn tokens(&self) -> Vec<Token>;

    /// The token that `presented` is the secret of, unless it expired before `now`. Served from memory, in a time that
    /// does not depend on how much of the secret is right.
    fn verify_token(&self, presented: &str, now: Timestamp) -> Option<Token>;
}

/// `event` with the revision that a change of the orders was given.
fn stamped(mut event: Event, given: u64) -> Event {
    match &mut event.kind {
        EventKind::Ordered { intent }
        | EventKind::Scheduled { intent }
        | EventKind::Began { intent }
        | EventKind::Stepped { intent, .. }
        | EventKind::Expired { intent } => intent.revision = given,
        EventKind::Lifted { revision, .. } => *revision = given,
        _ => {}
    }
    event
}
