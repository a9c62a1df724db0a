//! Drills after the fact: those that ran are kept, counted and reported.
//!
//! Imports the core only. When a drill may begin, what ends it and what it comes to is decided in [`crate::plan`]; the engine
//! carries it out. Nothing here decides anything.

mod bounds;
mod history;
mod report;
mod shelf;

pub use history::History;
pub use report::markdown;
pub use shelf::Shelf;
