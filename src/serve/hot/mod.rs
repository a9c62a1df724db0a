//! The hot path: plain queries answered by copying a body that was made before.
//!
//! A body is what [`super::handler`] answers at one spot of the names (see [`crate::answer::Finder`]), for one type, under
//! one steered answer. The first query that needs it has it made by that handler; those after it get the same octets with
//! their own question, ID and OPT record around them. Nothing here decides what is answered, so that both paths give the
//! same bytes by construction; whatever this room is not sure of, it passes on.
//!
//! A [`HotPath`] belongs to one worker: it takes no lock and, once a body is made, allocates nothing.

mod body;
mod memo;
mod path;
mod query;
mod recent;
mod shape;

pub use path::Hot;
pub(super) use path::HotPath;
