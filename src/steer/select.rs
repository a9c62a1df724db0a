//! select
use crate::model::{Plan, SiteIx, SiteSet, Tier, Topology};
use crate::zone::SteeredSet;
/// One record of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// Its position in [`SteeredSet::members`].
    pub member: u16,
    /// The MX preference or SRV priority to answer with; `None` is the declared one.
    pub preference: Option<u16>,
}
/// What is answered of a steered set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The records, in order.
    pub picks: Vec<Pick>,
    /// Seconds.
    pub ttl: u32,
    /// The resort used.
    pub tier: Tier,
    /// The sites named by the answer.
    pub sites: SiteSet,
    /// Whether nothing better was left.
    pub last_resort: bool,
}
/// Selects.
#[must_use]
pub fn select(_set: &SteeredSet, _topology: &Topology, _plan: &Plan, _order: &[SiteIx], _draw: u16) -> Selection {
    unimplemented!()
}
