//! Ballots: what a node thinks of every endpoint, as the council counts it.

use crate::model::{SiteIx, State};

/// What one node thinks of every endpoint, as it tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// (start of the node, number since): an older ballot never replaces a newer one, however late it arrives.
    pub sequence: (u64, u64),
    /// The site the node stands in; its votes on that site are local.
    pub standing_in: Option<SiteIx>,
    /// What the node would fail with, or be misled with: of all nodes that name the same, one vote counts.
    pub failure_domain: Option<String>,
    /// Its verdict on each endpoint.
    pub verdicts: Vec<State>,
    /// What it holds for agreed: where votes are even, nodes that came from different sides meet here.
    pub agreed: Vec<State>,
    /// Endpoints against which it is gathering evidence: the others look at them at once.
    pub suspects: Vec<u32>,
}
