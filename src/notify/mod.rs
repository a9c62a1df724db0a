//! Notifications and hooks: what leaves the node when something happens, and what it starts.
//!
//! Each target has a task and a bounded queue of its own: one that is slow or gone delays nobody. What it is told comes from
//! the core ([`crate::plan::notification`]); this room decides how and how often.

mod alertmanager;
mod bounds;
mod chat;
mod hook;
mod hook_process;
mod mail;
mod pagerduty;
mod secret;
mod target;
mod webhook;
mod wire;

pub use bounds::{OPEN, REPEAT, RESTART_EVENTS};
pub use hook::{Hooks, Ran, Transition};
pub use secret::Secret;
pub use target::{News, State, Target};
