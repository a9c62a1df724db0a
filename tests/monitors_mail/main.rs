//! The mail monitors against the servers that mail operators run. Broken, a site whose users can neither send nor read stays in
//! the answers, or a good one leaves them.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `smtp.rs`, `submission.rs` | Postfix: well, dead, hanging, overloaded, with bad certificates, with logins |
//! | `imap.rs`, `pop3.rs`, `lmtp.rs` | Dovecot: the same |
//! | `states.rs` | what is the same for all of them |
//! | `stage.rs` | a configuration read, its monitor made to probe, and what it found |
//! | `postfix.rs`, `dovecot.rs`, `certificates.rs` | the servers and what they show |
//!
//! Everything runs in namespaces of its own, which needs root. Without it, or without the servers, the tests say so and do
//! nothing; with `WAYPOST_REQUIRE_REAL` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod certificates;
mod dovecot;
mod imap;
mod lmtp;
#[path = "../failover/patience.rs"]
#[allow(dead_code)]
mod patience;
mod pop3;
mod postfix;
mod smtp;
mod stage;
mod states;
mod submission;
#[path = "../failover/world.rs"]
#[allow(dead_code)]
mod world;
