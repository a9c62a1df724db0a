//! draws
use crate::model::{Plan, ServiceIx, Topology};
/// Ascending lower bounds of the draw classes.
#[must_use]
pub fn draw_cuts(_topology: &Topology, _plan: &Plan, _service: ServiceIx) -> Vec<u16> {
    unimplemented!()
}
