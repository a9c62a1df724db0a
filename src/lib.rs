//! Waypost is an authoritative DNS server and global traffic manager that keeps mail flowing when a data center dies.
//!
//! A zone stays a plain master file that declares *every* address and MX host of *every* site. Waypost attributes each
//! record to a site by its address, monitors every address it found, and serves a filtered, ordered view of the
//! declared RRset. Three flows make the program; to read it, follow them.
//!
//! **A query.** [`serve`] takes a packet and asks [`answer`], which finds the name in the tree that [`zone`] built,
//! asks [`steer`] which view the client shares, and returns the variant of the RRset compiled for that view. Nothing on
//! this path blocks, locks or depends on anything that can fail: it reads one snapshot of [`answer::Tables`].
//!
//! **A probe.** [`probe`] runs the monitors; each feeds a detector of [`health`], whose verdicts become votes, and the
//! votes a consensus. [`plan`] turns consensus and orders into a plan: who serves, in which tier, and why. [`answer`]
//! compiles the plan into new tables, which replace the old ones in one atomic swap.
//!
//! **An order.** An operator's command reaches [`admin`] through the API, from [`cli`] or the dashboard. [`plan`] holds
//! it against the safety rules, [`store`] makes it durable, and it enters the next plan.
//!
//! The rooms `model … answer` are the core: pure and deterministic, with time and randomness as arguments, each
//! importing only those above it in the list below. The rooms `probe … admin` are the shell: they import the core and
//! never each other. [`node`] alone joins them. `tests/layout.rs` holds the source to this.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod model;

pub mod config;

pub mod tsig;

pub mod dnssec;

pub mod zone;

pub mod health;

pub mod plan;

pub mod steer;

pub mod answer;

#[cfg(feature = "node")]
pub mod probe;

pub mod serve;

pub mod transfer;

#[cfg(feature = "node")]
pub mod store;

#[cfg(feature = "node")]
pub mod notify;

#[cfg(feature = "node")]
pub mod admin;

#[cfg(feature = "node")]
pub mod cli;

#[cfg(feature = "node")]
pub mod drill;

#[cfg(feature = "node")]
pub mod node;
