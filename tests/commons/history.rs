//! Broken, a restored backup silently puts a drained site back into service while somebody works on it.

use waypost::model::{Event, EventKind, OrdersVersion};
use waypost::store::{Kept, News, StoreError};

use crate::member::Cluster;
use crate::{Side, sites, version};

const ORDERS: &str = "/waypost/test/v1/orders";

async fn hears_that_it_went_back(side: &Side) -> String {
    side.hears("that the store went back", |news| match news {
        News::WentBack(detail) => Some(detail),
        _ => None,
    })
    .await
}

async fn accept(side: &Side, kept: Kept) -> Option<OrdersVersion> {
    let event = |orders| -> Event {
        side.event(EventKind::StoreAccepted { by: "alice".into(), orders, kept: kept.as_str().into() })
    };
    side.commons.accept(kept, &event).await.unwrap().map(|orders| orders.version)
}

/// Three orders, and the document as it was after the first.
async fn three_orders(cluster: &Cluster, side: &Side) -> String {
    side.drain(version(0, 0), "fra").await.unwrap();
    let backup = cluster.etcdctl(&["get", "--print-value-only", ORDERS]);
    side.drain(version(0, 1), "iad").await.unwrap();
    side.drain(version(0, 2), "nrt").await.unwrap();
    backup.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_is_refused_until_it_is_accepted() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    let backup = three_orders(&cluster, &fra).await;
    iad.hears_orders(version(0, 3)).await;
    cluster.etcdctl(&["put", ORDERS, &backup]);
    for side in [&fra, &iad] {
        let detail = hears_that_it_went_back(side).await;
        assert!(detail.contains("0.1") && detail.contains("0.3"), "{detail}");
        assert!(matches!(side.drain(version(0, 3), "fra").await, Err(StoreError::WentBack { .. })));
        assert!(matches!(side.commons.read().await, Err(StoreError::WentBack { .. })));
        assert_eq!(side.commons.known().version, version(0, 3), "what is known stands");
        let comparison = side.commons.compare().await;
        assert_eq!(sites(&comparison.found.unwrap()), ["fra"]);
        assert!(comparison.went_back.is_some());
    }
    let accepted = accept(&fra, Kept::Found).await.unwrap();
    assert_eq!(accepted, version(1, 4));
    assert_eq!(sites(&fra.commons.known()), ["fra"]);
    assert_eq!(sites(&iad.hears_orders(accepted).await), ["fra"]);
    // It is over, and orders are taken again.
    assert_eq!(accept(&fra, Kept::Found).await, None);
    assert_eq!(iad.drain(accepted, "iad").await.unwrap(), version(1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_nodes_know_can_be_put_back_into_an_emptied_store() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    three_orders(&cluster, &fra).await;
    iad.hears_orders(version(0, 3)).await;
    cluster.etcdctl(&["del", "--prefix", "/waypost/test"]);
    hears_that_it_went_back(&fra).await;
    let accepted = accept(&fra, Kept::Known).await.unwrap();
    assert_eq!(accepted, version(1, 4));
    let orders = iad.hears_orders(accepted).await;
    assert_eq!(sites(&orders), ["fra", "iad", "nrt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_went_back_and_on_without_a_node_is_another_history_to_it() {
    let cluster = Cluster::start(1);
    let fra = Side::of(&cluster, "fra-ns1");
    let backup = three_orders(&cluster, &fra).await;
    cluster.etcdctl(&["put", ORDERS, &backup]);
    // A node that knows nothing takes what it finds for good, and carries it past what others know.
    let new = Side::of(&cluster, "new-ns1");
    let mut seen = version(0, 1);
    for site in ["lhr", "cdg", "ams"] {
        seen = new.drain(seen, site).await.unwrap();
    }
    assert!(seen > version(0, 3));
    assert!(matches!(fra.commons.read().await, Err(StoreError::WentBack { .. })));
    assert_eq!(sites(&fra.commons.known()), ["fra", "iad", "nrt"]);
}
