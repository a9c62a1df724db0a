//! Broken here, and one dead or hanging member of etcd would cut a node off, or a member without a majority be believed.

use std::time::Duration;

use waypost::store::StoreError;
use waypost::store::etcd::{Etcd, Swap};

use crate::member::Cluster;
use crate::{bounded, eventually, held, put};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_the_death_of_each_member_in_turn() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let mut acknowledged = 0;
    for victim in [0, 1, 2] {
        cluster.kill(victim);
        for _ in 0..20 {
            let key = format!("log/{acknowledged:04}");
            put(&etcd, &key, b"kept").await;
            acknowledged += 1;
        }
        cluster.restart(victim);
        cluster.await_health();
    }
    let listing = eventually("all is listed", async || etcd.list("log/").await.ok()).await;
    assert_eq!(listing.entries.len(), acknowledged);
    assert!(listing.entries.iter().all(|entry| entry.value == b"kept"));
    let counted = cluster.etcdctl(&["get", "/waypost/test/v1/log/", "--prefix", "--keys-only", "--limit", "1000"]);
    assert_eq!(counted.split_whitespace().count(), acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_leader_is_waited_for() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    put(&etcd, "orders", b"before").await;
    let leader = cluster.leader();
    cluster.kill(leader);
    put(&etcd, "orders", b"after").await;
    assert_eq!(held(&etcd, "orders").await.unwrap().value, b"after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_majority_is_not_believed_and_all_are_named() {
    let mut cluster = Cluster::start(3);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    swapped(&etcd, "orders").await;
    let before = held(&etcd, "orders").await.unwrap();
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
    let outcome = bounded(etcd.swap("orders", Some(before.version), b"3")).await;
    assert!(matches!(outcome, Err(StoreError::Unreachable { .. })), "{outcome:?}");

    cluster.restart(1);
    let now = held(&etcd, "orders").await.unwrap();
    assert!([&before.value[..], b"2", b"3"].contains(&&now.value[..]), "{now:?}");
    put(&etcd, "orders", b"4").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_is_passed_over_but_a_swap_is_not_sent_twice() {
    let cluster = Cluster::start(3);
    cluster.stop(0);
    // Clients begin at the first member.
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let outcome = bounded(etcd.swap("new", None, b"first try")).await;
    let Err(StoreError::Unreachable { detail }) = outcome else { panic!("{outcome:?}") };
    assert!(detail.contains(&cluster.url(0)) && !detail.contains(&cluster.url(1)), "{detail}");
    let kept = swapped(&etcd, "new").await;

    let other = Etcd::new(&cluster.settings()).unwrap();
    put(&other, "orders", b"2").await;
    assert!(other.counts().failures > 0);

    // What it was asked to do meanwhile it may do now; the swap finds the key changed.
    cluster.resume(0);
    cluster.await_health();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(held(&etcd, "new").await.unwrap().value, kept.as_bytes());
}

/// Tries to put something new until it is there, each time something else; what is there then. A try that is not answered may
/// be done all the same: then the next one finds it.
async fn swapped(etcd: &Etcd, key: &str) -> String {
    let mut tried = Vec::new();
    for number in 2..60 {
        let value = format!("try {number}");
        let outcome = bounded(etcd.swap(key, None, value.as_bytes())).await;
        tried.push(value);
        match outcome {
            Ok(Swap::Done(_)) => return tried.pop().unwrap(),
            Ok(Swap::Stale) => {
                let there = String::from_utf8(held(etcd, key).await.unwrap().value).unwrap();
                // Not what this try would have put, for it was not done.
                tried.pop();
                assert!(tried.contains(&there), "{there} is not of {tried:?}");
                return there;
            }
            Err(StoreError::Unreachable { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("no swap is answered: {tried:?}");
}
