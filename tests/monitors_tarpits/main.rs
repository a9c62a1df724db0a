//! The bounds of all monitors. A program of its own: nothing else may hold descriptors, processes or memory meanwhile.
//!
//! Broken, a hostile endpoint could hold or fill a name server.
//!
//! | file | what it proves |
//! | --- | --- |
//! | `tarpits.rs` | ten thousand probes of all kinds against endpoints that never end: nothing is left of them |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[allow(dead_code)]
#[path = "../monitors_tools/targets.rs"]
mod targets;

mod tarpits;
