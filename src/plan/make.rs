//! make
use crate::model::{EndpointHealth, Generation, Intent, Plan, Topology};
/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is declared.
    pub topology: &'a Topology,
    /// Parallel to [`Topology::endpoints`]; an endpoint without an entry counts as unknown.
    pub health: &'a [EndpointHealth],
    /// The standing orders, expired ones left out.
    pub intents: &'a [Intent],
    /// The plan's place in the order of plans.
    pub generation: Generation,
}
/// The plan.
#[must_use]
pub fn make(_inputs: Inputs<'_>) -> Plan {
    unimplemented!()
}
