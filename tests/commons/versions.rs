//! Broken, an upgrade node by node loses orders, or leaves nodes that do not understand each other.

use std::sync::Arc;

use waypost::health::ballot_of;
use waypost::model::{EndpointKey, EndpointList, NodeReport, OrdersVersion, State, Topology};
use waypost::store::News;

use crate::member::Cluster;
use crate::{Side, sites, version};

const PREFIX: &str = "/waypost/test/v1";

fn put(cluster: &Cluster, key: &str, value: &str) {
    cluster.etcdctl(&["put", &format!("{PREFIX}/{key}"), value]);
}

fn list() -> EndpointList {
    let endpoint = |last: u8| EndpointKey { service: "mx".into(), address: [192, 0, 2, last].into() };
    EndpointList { endpoints: vec![endpoint(1), endpoint(2)] }
}

async fn hears_of(side: &Side, node: &str) -> (NodeReport, Arc<EndpointList>) {
    side.hears(node, |news| match news {
        News::Report(report, list) if report.node == node => Some((*report, list)),
        _ => None,
    })
    .await
}

/// The first schema: a report without what was added since, and orders without a history.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_schema_beside_this_one() {
    let cluster = Cluster::start(1);
    let fingerprint = list().fingerprint();
    put(&cluster, &format!("endpoints/{fingerprint}"), &serde_json::to_string(&list()).unwrap());
    put(
        &cluster,
        "nodes/old-ns1",
        &format!(r#"{{"node":"old-ns1","sequence":[4,9],"endpoints":"{fingerprint}","verdicts":"ud"}}"#),
    );
    put(
        &cluster,
        "orders",
        r#"{"epoch":0,"revision":2,"orders":{"fra":{"scope":{"site":"fra"},"kind":"drain","share":1000,"by":"alice",
            "reason":"power","since":"2026-05-01T12:00:00Z","lifetime":"until_cleared","revision":2}}}"#,
    );
    let new = Side::of(&cluster, "new-ns1");
    assert_eq!(sites(&new.hears_orders(version(0, 2)).await), ["fra"]);
    let (report, theirs) = hears_of(&new, "old-ns1").await;
    assert_eq!((report.orders, theirs.endpoints.len()), (OrdersVersion::default(), 2));
    assert_eq!(report.verdicts, "ud");
    // What the new one writes the old one reads: the same fields are where they were.
    new.drain(version(0, 2), "iad").await.unwrap();
    let text = cluster.etcdctl(&["get", "--print-value-only", &format!("{PREFIX}/orders")]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["epoch"], &document["revision"]), (&0.into(), &3.into()));
    assert_eq!(document["orders"]["fra"]["share"], 1000);
    assert_eq!(document["orders"]["iad"]["scope"]["site"], "iad");
}

/// A schema to come: more fields, letters and kinds of orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_schema_beside_this_one() {
    let cluster = Cluster::start(1);
    let fingerprint = list().fingerprint();
    let listed = format!(r#"{{"endpoints":{},"ports":[25,25]}}"#, serde_json::to_string(&list().endpoints).unwrap());
    put(&cluster, &format!("endpoints/{fingerprint}"), &listed);
    put(
        &cluster,
        "nodes/late-ns1",
        &format!(
            r#"{{"node":"late-ns1","sequence":[1,1],"endpoints":"{fingerprint}","verdicts":"dx","weather":"rain"}}"#
        ),
    );
    put(
        &cluster,
        "orders",
        r#"{"epoch":0,"revision":1,"orders":{"fra":{"kind":"teleport","to":"moon"}},"seal":"abc",
            "changes":[{"epoch":0,"revision":1,"id":"x","event":{"event":"teleported"},"signed":true}]}"#,
    );
    let here = Side::of(&cluster, "here-ns1");
    let (report, theirs) = hears_of(&here, "late-ns1").await;
    let ballot = ballot_of(&report, &theirs, &Topology::default());
    assert!(ballot.verdicts.is_empty(), "nothing of ours is among it");
    assert_eq!(report.verdicts.chars().map(waypost::model::state).collect::<Vec<_>>(), [State::Down, State::Unknown]);
    here.drain(version(0, 1), "iad").await.unwrap();
    let text = cluster.etcdctl(&["get", "--print-value-only", &format!("{PREFIX}/orders")]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["orders"]["fra"]["to"], "moon");
    assert_eq!(document["seal"], "abc");
    assert_eq!(document["changes"][0]["signed"], true);
    assert_eq!(document["changes"][0]["event"]["event"], "teleported");
}
