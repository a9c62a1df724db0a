//! Broken, two operators together do what neither may alone, or a node misses an order and names a site that is drained.

use std::sync::Arc;

use waypost::store::{News, StoreError};

use crate::member::Cluster;
use crate::{Side, sites, version};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_on_the_same_grounds_one_is_made() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    let mut seen = version(0, 0);
    for round in 0..50_u64 {
        let outcomes = tokio::join!(fra.drain(seen, "fra"), iad.drain(seen, "iad"));
        let made = match outcomes {
            (Ok(made), Err(StoreError::Conflict { .. })) | (Err(StoreError::Conflict { .. }), Ok(made)) => made,
            other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(made, version(0, round + 1));
        seen = made;
    }
    // Both have every change, each once and in order.
    for side in [&fra, &iad] {
        let read = side.commons.read().await.unwrap();
        assert_eq!((read.version, side.commons.known().version), (seen, seen));
    }
    assert_eq!(fra.journal(), iad.journal());
    assert_eq!(fra.journal().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_news_to_the_others_and_not_to_who_made_it() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    let made = fra.drain(version(0, 0), "fra").await.unwrap();
    assert_eq!(sites(&iad.hears_orders(made).await), ["fra"]);
    let kept = iad.hears("of its journal", |news| match news {
        News::Journalled(events) => Some(events),
        _ => None,
    });
    assert_eq!(kept.await.iter().map(|event| event.id).collect::<Vec<_>>(), [1]);
    assert_eq!(iad.journal(), ["fra by fra-ns1"]);
    // The change after it is the first that the maker hears of.
    let next = iad.drain(made, "iad").await.unwrap();
    let heard = fra.hears("of another's change", |news| match news {
        News::Orders(orders) => Some(orders.version),
        _ => None,
    });
    assert_eq!(heard.await, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_without_the_store_has_its_copy() {
    let mut cluster = Cluster::start(1);
    let fra = Side::of(&cluster, "fra-ns1");
    let made = fra.drain(version(0, 0), "fra").await.unwrap();
    cluster.kill(0);
    let again = Side::with(&cluster, "fra-ns1", Arc::clone(&fra.local));
    assert_eq!(again.commons.known().version, made);
    assert_eq!(sites(&again.commons.known()), ["fra"]);
    assert!(matches!(again.drain(made, "iad").await, Err(StoreError::Unreachable { .. })));
    assert!(again.commons.compare().await.found.is_err());
    cluster.restart(0);
    cluster.await_health();
    assert_eq!(again.drain(made, "iad").await.unwrap(), version(0, 2));
}
