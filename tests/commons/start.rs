//! Broken, a node that starts waits for ever for nodes that are gone, or does not know that it follows.

use std::sync::Arc;

use waypost::store::{Memory, News, Store};

use crate::member::Cluster;
use crate::{Side, sites, version};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_orders_are_told_even_if_they_are_known_or_none() {
    let cluster = Cluster::start(1);
    let fra = Side::of(&cluster, "fra-ns1");
    assert_eq!(fra.hears_orders(version(0, 0)).await.version, version(0, 0), "none");
    let made = fra.drain(version(0, 0), "fra").await.unwrap();
    let again = Side::with(&cluster, "fra-ns1", Arc::clone(&fra.local));
    assert_eq!(again.commons.known().version, made);
    let mut told = 0;
    again
        .hears("that it follows", |news| match news {
            News::Orders(orders) => {
                assert_eq!((orders.version, sites(&orders)), (made, vec!["fra"]));
                told += 1;
                None
            }
            News::Follows => Some(()),
            _ => None,
        })
        .await;
    again.commons.read().await.unwrap();
    let next = fra.drain(made, "iad").await.unwrap();
    again
        .hears("of the next", |news| match news {
            News::Orders(orders) if orders.version == next => Some(()),
            News::Orders(orders) => panic!("{orders:?} for a second time"),
            _ => None,
        })
        .await;
    assert_eq!(told, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_known_from_before_and_has_left_is_told_to_be_gone() {
    let cluster = Cluster::start(1);
    cluster.etcdctl(&["put", "/waypost/test/v1/nodes/ams-ns1", "{}"]);
    let local = Memory::new();
    local.keep_copy("nodes", r#"["ams-ns1","syd-ns1"]"#, Vec::new()).unwrap();
    let fra = Side::with(&cluster, "fra-ns1", Arc::new(local));
    let mut gone = Vec::new();
    fra.hears("that it follows", |news| match news {
        News::Gone(node) => {
            gone.push(node);
            None
        }
        News::Follows => Some(()),
        _ => None,
    })
    .await;
    assert_eq!(gone, ["syd-ns1"]);
}
