//! Broken here, and a node would serve by orders or votes that the others changed long ago.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use waypost::store::StoreError;
use waypost::store::etcd::Etcd;

use crate::follow::Followed;
use crate::member::Cluster;
use crate::{eventually, put};

/// Writes without end what every node writes: its own report, and now and then a new key.
struct Writer {
    ends: Arc<AtomicBool>,
    task: JoinHandle<Vec<String>>,
}

impl Writer {
    fn start(etcd: Etcd, pause: Duration) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(Self::write(etcd, pause, Arc::clone(&ends)));
        Self { ends, task }
    }

    async fn write(etcd: Etcd, pause: Duration, ends: Arc<AtomicBool>) -> Vec<String> {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            let key = format!("log/{number:05}");
            if etcd.put(&key, b"once").await.is_ok() {
                acknowledged.push(key);
            }
            // Failures are what the test makes; the next round writes it anew.
            let _ = etcd.put(&format!("nodes/n{}", number % 3), number.to_string().as_bytes()).await;
            if number % 5 == 0 {
                let _ = etcd.remove("nodes/n1").await;
            }
            if ends.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        acknowledged
    }

    /// Keys that were written once and acknowledged.
    async fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Everything that `etcdctl` finds, as lines of key and value.
fn found(cluster: &Cluster) -> Vec<(String, String)> {
    let text = cluster.etcdctl(&["get", "/waypost/test/v1/", "--prefix"]);
    let lines: Vec<_> = text.lines().collect();
    let key = |line: &str| line.strip_prefix("/waypost/test/v1/").unwrap().to_owned();
    lines.chunks(2).map(|pair| (key(pair[0]), pair[1].to_owned())).collect()
}

fn said(followed: &Followed) -> Vec<(String, String)> {
    followed.entries.keys().map(|key| (key.clone(), followed.value(key).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_misses_nothing_while_each_member_dies_in_turn() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    put(&etcd, "nodes/before", b"0").await;
    let mut followed = Followed::new(Etcd::new(&cluster.settings()).unwrap().watch(""));
    followed.until("the first listing", |followed| followed.listings == 1).await;
    assert_eq!(followed.value("nodes/before").as_deref(), Some("0"));
    assert!(followed.seen.len() == 1 && followed.changes == 0);

    let writer = Writer::start(etcd.clone(), Duration::from_millis(5));
    for victim in [0, 1, 2] {
        let changes = followed.changes;
        followed.until("changes", |followed| followed.changes > changes + 100).await;
        cluster.kill(victim);
        let changes = followed.changes;
        followed.until("changes after a death", |followed| followed.changes > changes + 100).await;
        cluster.restart(victim);
        cluster.await_health();
    }
    let acknowledged = writer.end().await;
    put(&etcd, "end", b"end").await;
    followed.until("the end", |followed| followed.entries.contains_key("end")).await;
    let missed: Vec<_> = acknowledged.iter().filter(|key| !followed.seen.contains(*key)).collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert_eq!(said(&followed), found(&cluster));
    // At least one of the three had the watch.
    assert!(!followed.troubles.is_empty() && followed.listings > 1);
    assert!(acknowledged.len() > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_was_compacted_while_a_watch_was_lost_is_not_needed() {
    let mut cluster = Cluster::start(1);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    for key in ["kept", "changed", "removed"] {
        put(&etcd, key, b"before").await;
    }
    let mut followed = Followed::new(etcd.watch(""));
    followed.until("the first listing", |followed| followed.listings == 1).await;
    cluster.kill(0);
    followed.until("the loss", |followed| !followed.troubles.is_empty()).await;

    // A watch does nothing while nobody waits for it.
    cluster.restart(0);
    cluster.await_health();
    for number in 0..20 {
        put(&etcd, "changed", number.to_string().as_bytes()).await;
    }
    eventually("it is removed", async || etcd.remove("removed").await.ok()).await;
    let version = eventually("all is listed", async || etcd.list("").await.ok()).await.version.to_string();
    cluster.etcdctl(&["compact", &version]);
    followed.until("a listing", |followed| followed.listings == 2).await;
    assert_eq!(said(&followed), [("changed".into(), "19".into()), ("kept".into(), "before".into())]);
    put(&etcd, "changed", b"after").await;
    followed.until("a change", |followed| followed.value("changed").as_deref() == Some("after")).await;
    assert_eq!(followed.listings, 2, "it came by the watch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_loses_the_watch() {
    let cluster = Cluster::start(3);
    let mut settings = cluster.settings();
    let mut followed = Followed::new(Etcd::new(&settings).unwrap().watch(""));
    settings.endpoints.rotate_left(1);
    let etcd = Etcd::new(&settings).unwrap();
    let writer = Writer::start(etcd, Duration::from_millis(100));
    followed.until("changes", |followed| followed.changes > 5).await;
    // Clients begin at the first member.
    cluster.stop(0);
    followed.until("the loss", |followed| !followed.troubles.is_empty()).await;
    let trouble = followed.troubles[0].to_string();
    assert!(trouble.contains("silent") && trouble.contains(&cluster.url(0)), "{trouble}");
    let changes = followed.changes;
    followed.until("changes by another", |followed| followed.changes > changes + 5).await;
    writer.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_lost_its_majority_loses_the_watch_until_it_is_back() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let mut followed = Followed::new(etcd.watch("nodes/"));
    followed.until("the first listing", |followed| followed.listings == 1).await;
    cluster.kill(1);
    cluster.kill(2);
    followed.until("several attempts", |followed| followed.troubles.len() >= 3).await;
    assert!(followed.troubles.iter().all(|trouble| matches!(trouble, StoreError::Unreachable { .. })));
    assert_eq!(followed.listings, 1);
    cluster.restart(1);
    cluster.restart(2);
    put(&etcd, "nodes/back", b"1").await;
    followed.until("what was written", |followed| followed.entries.contains_key("nodes/back")).await;
    assert!(etcd.counts().reconnections >= 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_emptied_is_reported_before_it_is_listed() {
    let mut cluster = Cluster::start(1);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let mut followed = Followed::new(etcd.watch(""));
    for number in 0..5_u8 {
        put(&etcd, "orders", &[number]).await;
    }
    followed.until("orders", |followed| followed.entries.contains_key("orders")).await;
    cluster.kill(0);
    cluster.forget(0);
    cluster.restart(0);
    cluster.await_health();
    let went_back = |trouble: &StoreError| matches!(trouble, StoreError::WentBack { .. });
    let listings = followed.listings;
    followed.until("the report", |followed| followed.troubles.iter().any(went_back)).await;
    assert_eq!(followed.listings, listings);
    followed.until("the listing", |followed| followed.listings > listings).await;
    assert!(followed.entries.is_empty());
}
