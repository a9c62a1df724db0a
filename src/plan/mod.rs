//! Planning: orders, consensus and safety rules to a plan with a generation and reasons (DESIGN section 7).
//!
//! Imports [`crate::model`] only. Pure: no clock (orders whose time is over are left out by the caller), no I/O, no
//! randomness; the same inputs make the same plan on every node. Never looks at zones or clients.

mod bounds;
mod changes;
mod making;
mod review;
mod standing;

pub use changes::changes;
pub use making::{Inputs, make};
pub use review::{Order, Refusal, Reviewed, Rule, review};
