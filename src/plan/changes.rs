//! changes
use crate::model::{Plan, Topology};
/// What `new` changes against `old`, one phrase a (service, site).
#[must_use]
pub fn changes(_topology: &Topology, _old: &Plan, _new: &Plan) -> Vec<String> {
    unimplemented!()
}
