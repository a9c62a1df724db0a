//! Signed answers, judged by those who have to believe them: unbound, delv, and a signature forged on the way.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `validators.rs` | every class of answer validates, with NSEC and NSEC3, before, during and after a failover |
//! | `forgery.rs` | one changed octet fails |
//! | `transfer.rs` | a transferred zone verifies as a whole |
//! | `scene.rs` | signed zones in process, a validating unbound in front |
//! | `../failover/world.rs` | a network of its own |
//! | `../dns/support.rs` | tables for any state of health |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod forgery;
mod scene;
mod transfer;
mod validators;

#[allow(dead_code)]
#[path = "../dns/support.rs"]
mod support;
#[allow(dead_code)]
#[path = "../failover/world.rs"]
mod world;
