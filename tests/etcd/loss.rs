//! Broken here, and one dead or hanging member of etcd would cut a node off, or a member without a majority be believed.

use std::time::Duration;

use waypost::store::StoreError;
use waypost::store::etcd::{Etcd, Swap};

use crate::member::Cluster;
use crate::{bounded, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_death_of_each_member_in_turn() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let mut acknowledged = 0;
    for victim in [0, 1, 2] {
        cluster.kill(victim);
        for _ in 0..20 {
            let key = format!("log/{acknowledged:04}");
            eventually("a put is acknowledged", async || etcd.put(&key, b"kept").await.ok()).await;
            acknowledged += 1;
        }
        cluster.restart(victim);
        cluster.await_health();
    }
    let listing = etcd.list("log/").await.unwrap();
    assert_eq!(listing.entries.len(), acknowledged);
    assert!(listing.entries.iter().all(|entry| entry.value == b"kept"));
    let counted = cluster.etcdctl(&["get", "/waypost/test/v1/log/", "--prefix", "--keys-only", "--limit", "1000"]);
    assert_eq!(counted.split_whitespace().count(), acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_leader_is_waited_for_and_not_reported() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    etcd.put("orders", b"before").await.unwrap();
    let leader = cluster.leader();
    cluster.kill(leader);
    eventually("a put is acknowledged", async || etcd.put("orders", b"after").await.ok()).await;
    assert_eq!(etcd.get("orders").await.unwrap().unwrap().value, b"after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_majority_is_not_believed_and_all_are_named() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let Swap::Done(version) = etcd.swap("orders", None, b"1").await.unwrap() else { panic!("it is not there") };
    cluster.kill(1);
    cluster.kill(2);
    let outcomes = [
        bounded(etcd.get("orders")).await.map(drop),
        bounded(etcd.list("")).await.map(drop),
        bounded(etcd.put("orders", b"2")).await,
        bounded(etcd.remove("other")).await,
    ];
    for outcome in outcomes {
        let Err(StoreError::Unreachable { detail }) = outcome else { panic!("{outcome:?}") };
        assert!((0..3).all(|at| detail.contains(&cluster.url(at))), "{detail}");
        assert!(!detail.contains('\n'), "{detail}");
    }
    let outcome = bounded(etcd.swap("orders", Some(version), b"3")).await;
    assert!(matches!(outcome, Err(StoreError::Unreachable { .. })), "{outcome:?}");

    cluster.restart(1);
    let held = eventually("orders are read again", async || etcd.get("orders").await.ok()).await;
    assert!([b"1", b"2", b"3"].iter().any(|value| held.as_ref().unwrap().value == *value), "{held:?}");
    bounded(etcd.put("orders", b"4")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_is_passed_over_but_a_swap_is_not_sent_twice() {
    let cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    etcd.put("orders", b"1").await.unwrap();
    // Clients begin at the first member.
    cluster.stop(0);
    let outcome = bounded(etcd.swap("new", None, b"first try")).await;
    let Err(StoreError::Unreachable { detail }) = outcome else { panic!("{outcome:?}") };
    assert!(detail.contains(&cluster.url(0)) && !detail.contains(&cluster.url(1)), "{detail}");
    let outcome = eventually("a swap is answered", async || etcd.swap("new", None, b"second try").await.ok()).await;
    assert!(matches!(outcome, Swap::Done(_)), "{outcome:?}");

    let other = Etcd::new(&cluster.settings()).unwrap();
    eventually("a put is acknowledged", async || other.put("orders", b"2").await.ok()).await;
    assert!(other.counts().failures > 0);

    // What it was asked to do meanwhile it may do now; the swap finds the key changed.
    cluster.resume(0);
    cluster.await_health();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(etcd.get("new").await.unwrap().unwrap().value, b"second try");
}
