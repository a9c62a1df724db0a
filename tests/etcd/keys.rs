//! Broken here, and orders would be lost, mixed with another cluster's, or given twice by two operators at one moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Barrier;
use waypost::store::StoreError;
use waypost::store::etcd::{Entry, Etcd, Swap};

use crate::held;
use crate::member::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_is_what_etcdctl_reads() {
    let cluster = Cluster::start(1);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    assert_eq!(etcd.get("orders").await.unwrap(), None);
    let before = etcd.list("").await.unwrap();
    assert!(before.entries.is_empty());

    etcd.put("orders", b"one").await.unwrap();
    etcd.put("nodes/fra-ns1", b"").await.unwrap();
    etcd.put("nodes/iad-ns1", &[0, 0xff, b'\n']).await.unwrap();
    assert_eq!(cluster.etcdctl(&["get", "/waypost/test/v1/orders", "--print-value-only"]), "one\n");

    // Keys beside ours, by name and by order.
    for key in ["/waypost/test/v10", "/waypost/test/v1", "/waypost/testing/v1/orders", "/waypost/test/v2/orders"] {
        cluster.etcdctl(&["put", key, "another's"]);
    }
    let all = etcd.list("").await.unwrap();
    let keys: Vec<_> = all.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["nodes/fra-ns1", "nodes/iad-ns1", "orders"]);
    assert!(all.version > before.version);
    let nodes = etcd.list("nodes/").await.unwrap();
    assert_eq!(nodes.entries, all.entries[..2]);
    assert_eq!((nodes.entries[0].value.as_slice(), nodes.entries[1].value.as_slice()), (&b""[..], &b"\0\xff\n"[..]));
    assert!(nodes.entries[0].version < nodes.entries[1].version);

    etcd.remove("orders").await.unwrap();
    etcd.remove("orders").await.unwrap();
    assert_eq!(etcd.get("orders").await.unwrap(), None);
    assert_eq!(cluster.etcdctl(&["get", "/waypost/test/v1/orders"]), "");
    assert_eq!(cluster.etcdctl(&["get", "/waypost/test/v2/orders", "--print-value-only"]), "another's\n");

    let counts = etcd.counts();
    assert_eq!((counts.writes, counts.reads, counts.failures), (5, 5, 0));
    let octets = ["orders", "one", "nodes/fra-ns1", "nodes/iad-ns1", "...", "orders", "orders"].concat().len();
    assert_eq!(counts.written_octets, u64::try_from(octets).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_takes_place_only_on_what_was_seen() {
    let cluster = Cluster::start(1);
    let etcd = Etcd::new(&cluster.settings()).unwrap();
    let Swap::Done(first) = etcd.swap("orders", None, b"1").await.unwrap() else { panic!("it is not there") };
    assert_eq!(etcd.swap("orders", None, b"x").await.unwrap(), Swap::Stale);
    let Swap::Done(second) = etcd.swap("orders", Some(first), b"2").await.unwrap() else { panic!("nobody changed it") };
    assert_eq!(etcd.swap("orders", Some(first), b"x").await.unwrap(), Swap::Stale);
    let expected = Entry { key: "orders".into(), value: b"2".to_vec(), version: second };
    assert_eq!(etcd.get("orders").await.unwrap(), Some(expected));

    // What is removed and put again is not what it was.
    etcd.remove("orders").await.unwrap();
    assert_eq!(etcd.swap("orders", Some(second), b"x").await.unwrap(), Swap::Stale);
    etcd.put("orders", b"2").await.unwrap();
    assert_eq!(etcd.swap("orders", Some(second), b"x").await.unwrap(), Swap::Stale);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_writers_exactly_one_wins_each_of_two_hundred_rounds() {
    const ROUNDS: usize = 200;
    let cluster = Cluster::start(3);
    let barrier = Arc::new(Barrier::new(2));
    let mut writers = Vec::new();
    for writer in 0..2 {
        // Each at a member of its own.
        let mut settings = cluster.settings();
        settings.endpoints.rotate_left(writer);
        let (etcd, barrier) = (Etcd::new(&settings).unwrap(), Arc::clone(&barrier));
        writers.push(tokio::spawn(async move {
            let (mut won, mut unsure) = (Vec::new(), 0);
            for round in 0..ROUNDS {
                let seen = held(&etcd, "orders").await.map(|entry| entry.version);
                barrier.wait().await;
                let outcome = etcd.swap("orders", seen, format!("{round} by {writer}").as_bytes()).await;
                barrier.wait().await;
                let there = of_round(&etcd, round).await;
                let is_mine = there.value == format!("{round} by {writer}").into_bytes();
                match outcome {
                    Ok(Swap::Done(version)) => assert!(is_mine && there.version == version, "{there:?}"),
                    Ok(Swap::Stale) => assert!(!is_mine, "{there:?}"),
                    // Whether it was done, only the members know.
                    Err(StoreError::Unreachable { .. }) => unsure += 1,
                    Err(other) => panic!("{other}"),
                }
                won.push(is_mine);
                barrier.wait().await;
            }
            assert!(unsure < ROUNDS / 10, "{unsure} of {ROUNDS} swaps were not answered");
            won
        }));
    }
    let mut won = Vec::new();
    for writer in writers {
        won.push(writer.await.unwrap());
    }
    assert!((0..ROUNDS).all(|round| won[0][round] != won[1][round]));
}

/// What is held once a swap of the round is done: one that was not answered may be done late.
async fn of_round(etcd: &Etcd, round: usize) -> Entry {
    for _ in 0..100 {
        match etcd.get("orders").await {
            Ok(Some(held)) if held.value.starts_with(format!("{round} ").as_bytes()) => return held,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("no swap of round {round} was done");
}
