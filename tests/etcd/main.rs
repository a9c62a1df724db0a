//! The client of etcd against real members, and against servers that only look like some.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `keys.rs` | what is put is what `etcdctl` reads; of two writers exactly one wins |
//! | `loss.rs` | members that die, hang or lose their majority cost what they must and no more |
//! | `watching.rs` | a watch misses nothing and never goes back, whatever becomes of its member |
//! | `access.rs` | certificates, users, and tokens that expire |
//! | `odd_servers.rs` | what real members do too rarely for a test: lost changes, endless replies, redirects |
//! | `member.rs` | members of etcd, started, killed and stopped |
//! | `fake.rs` | a server that answers as it is told |
//! | `follow.rs` | what a watch has said so far, checked as it comes |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

mod access;
mod fake;
mod follow;
mod keys;
mod loss;
mod member;
mod odd_servers;
mod watching;

use std::future::Future;
use std::time::{Duration, Instant};

use waypost::store::etcd::{Entry, Etcd};

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `attempt` until it gives something.
async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited {} s in vain: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Puts, until a member says that it is done: a busy one may be too slow for a client's bounds.
async fn put(etcd: &Etcd, key: &str, value: &[u8]) {
    eventually("a put is acknowledged", async || bounded(etcd.put(key, value)).await.ok()).await;
}

/// What is held, as soon as a member says it.
async fn held(etcd: &Etcd, key: &str) -> Option<Entry> {
    eventually("it is read", async || bounded(etcd.get(key)).await.ok()).await
}

/// What `call` gives, which must end by itself.
async fn bounded<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, call).await.expect("a call that does not end")
}
