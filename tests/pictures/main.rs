//! What is measured, drawn and alerted on. Broken, a dashboard shows nothing, an alert never fires, or it sends whoever is on
//! call to a page that is not there.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `metrics.rs` | the guide lists what is exported and nothing else; promtool and a real Prometheus read the page |
//! | `alerts.rs` | the rules fire when they should, of metrics that exist, and link runbooks that exist |
//! | `dashboards.rs` | every expression of every dashboard is of metrics that exist, and Prometheus takes it |
//! | `prometheus.rs` | a real Prometheus that scrapes a node |
//! | `scene.rs` | two nodes with everything that metrics tell of |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "../etcd/member.rs"]
mod member;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

mod alerts;
mod dashboards;
mod metrics;
mod prometheus;
mod scene;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One scene for all tests that run together: they only look. It ends with the last of them.
fn shown() -> Arc<scene::Scene> {
    static SHARED: Mutex<Weak<scene::Scene>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let scene = Arc::new(scene::Scene::start());
        *shared = Arc::downgrade(&scene);
        scene
    })
}

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
