//! Waypost: an authoritative DNS server and global traffic manager for mail.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod model;

pub mod config;

pub mod zone;

pub mod health;

pub mod plan;

pub mod steer;

pub mod answer;

pub mod probe;

pub mod serve;

pub mod store;

pub mod admin;

pub mod cli;
