//! The hot path and the general path. Broken here, and what a client is told depends on how much the server has to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod chance;
mod same;
mod weights;
mod world;
