//! review
use crate::model::{EndpointHealth, Intent, IntentKind, Lifetime, Plan, Scope, Topology};
use std::time::Duration;
/// An order as an operator gives it, before it is an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub scope: Scope,
    /// What is ordered.
    pub kind: IntentKind,
    /// Who orders it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How long it is to stand.
    pub lifetime: Lifetime,
    /// Whether safety rules are to be overridden.
    pub force: bool,
}
/// What becomes of an order that is not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// The same order stands already.
    Unchanged,
    /// It may be carried out.
    Accept {
        /// The plan that follows.
        preview: Plan,
        /// The rules that `force` overrode; none without it.
        overridden: Vec<Refusal>,
    },
}
/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such site.
    #[error("no site is called '{name}'; the sites are: {known}")]
    UnknownSite {
        /// As ordered.
        name: String,
        /// What there is.
        known: String,
    },
}
impl Refusal {
    /// The rule's name.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        "known_names"
    }
}
/// Reviews an order.
///
/// # Errors
/// The first safety rule that it breaks.
pub fn review(
    _topology: &Topology,
    _current: &Plan,
    _health: &[EndpointHealth],
    _intents: &[Intent],
    _order: &Order,
    _since_last_change: Option<Duration>,
) -> Result<Reviewed, Refusal> {
    unimplemented!()
}
