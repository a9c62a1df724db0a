//! The command line as an operator and a script meet it: every command, every exit code, every format, against a real node.
//! Broken, what people learnt by heart and scripts rely on is no longer so.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `*.trycmd` | what is typed, how it ends, what is printed; `TRYCMD=overwrite cargo test --test cli` writes it anew |
//! | `transcripts.rs` | runs them, each with a node of its own |
//! | `following.rs` | `status --watch` and `events --follow`, on a terminal and off it, until Ctrl-C |
//! | `schemas.rs`, `validate.py` | what is printed as JSON is as the published schemas say |
//! | `complete.rs` | the transcripts leave out no command and no exit code |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;
#[allow(dead_code)]
#[path = "../operations/scene.rs"]
mod scene;

mod complete;
mod following;
mod schemas;
mod transcripts;

use std::path::{Path, PathBuf};

/// Where the transcripts are.
fn transcripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")
}

/// The last incident that the node knows.
fn last_incident(scene: &scene::Scene) -> Option<String> {
    scene.node.order(&["incident", "-o", "name"]).lines().next().map(str::to_owned)
}
