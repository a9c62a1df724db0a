//! `waypost key`: keys in files, from the first to the last step of a rollover. Broken, an operator leaks a private key,
//! gives the parent a wrong DS, or takes a zone out of reach for everyone who validates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod cluster;
mod parent;
mod refusals;
mod rollovers;
mod scene;
