//! What the API and the page tell and take of several nodes and the store that they share.

use reqwest::Method;
use serde_json::{Value, json};

use super::Control;
use super::api::{ClusterStatus, NodeStatus, Status, StoreAccepted, StoreStatus};
use super::tests::{Api, SCRIPT, now, problem};
use crate::model::{Connection, Generation, OrdersVersion, Role};

fn cluster_node(name: &str, heard_seconds_ago: Option<f64>) -> NodeStatus {
    NodeStatus {
        name: name.into(),
        is_this: false,
        site: Some("iad".into()),
        failure_domain: None,
        version: "0.1.0".into(),
        heard_seconds_ago,
        fresh: heard_seconds_ago.is_some_and(|age| age < 11.0),
        connection: Connection::Connected,
        orders: OrdersVersion { epoch: 3, revision: 17 },
        lag: 0,
        generation: Generation { epoch: 1, sequence: 4 },
        plan: "77ab01cd23ef4567".into(),
        diverges: false,
        local_orders: vec![],
    }
}

fn cluster(nodes: Vec<NodeStatus>) -> ClusterStatus {
    ClusterStatus {
        connection: Connection::Connected,
        connection_since: Some(now()),
        orders: OrdersVersion { epoch: 3, revision: 17 },
        plan: "77ab01cd23ef4567".into(),
        went_back: None,
        nodes,
    }
}

#[tokio::test]
async fn whoever_reads_may_look_at_the_store_and_only_administrators_accept_it() {
    let api = Api::start().await;
    for (role, look, accept) in [(Role::Viewer, 200, 403), (Role::Operator, 200, 403), (Role::Admin, 200, 200)] {
        let ask = |method, path| api.tcp(method, path).bearer_auth(format!("wp_{role}"));
        let looked = ask(Method::GET, "/api/v1/store").send().await.unwrap();
        assert_eq!(looked.status(), look, "{role}");
        assert_eq!(looked.json::<StoreStatus>().await.unwrap().kind, "embedded");
        let accepted = ask(Method::POST, "/api/v1/store/accept").json(&json!({ "keep_known": true }));
        assert_eq!(accepted.send().await.unwrap().status(), accept, "{role}");
    }
    let socket = |body: Value| api.socket(Method::POST, "/api/v1/store/accept").json(&body).send();
    let outcome: StoreAccepted = socket(json!({})).await.unwrap().json().await.unwrap();
    assert_eq!(outcome.orders, OrdersVersion { epoch: 4, revision: 3 });
    let misspelt = socket(json!({ "keep-known": true })).await.unwrap();
    assert_eq!(problem(misspelt).await, (400, "invalid".into(), 2), "the other orders would be kept");
    let accepted = api.fake.accepted.lock().unwrap();
    assert_eq!(accepted.iter().map(|(request, _)| request.keep_known).collect::<Vec<_>>(), [true, false]);
    assert_eq!(accepted[0].1.name, "admin-token");
}

#[tokio::test]
async fn the_page_shows_the_nodes_and_alerts_where_they_are_apart() {
    let api = Api::start().await;
    let read = async |path| api.tcp(Method::GET, path).send().await.unwrap().text().await.unwrap();
    let page = async || read("/nodes").await;
    assert!(page().await.contains("alone by configuration") && !page().await.contains("<table"));

    let this = NodeStatus { is_this: true, ..cluster_node("fra-ns1", Some(0.0)) };
    *api.fake.cluster.lock().unwrap() = Some(cluster(vec![this.clone(), cluster_node("iad-ns1", Some(1.2))]));
    let well = page().await;
    assert!(well.contains("2 nodes, all in step") && well.contains("1 s ago") && well.contains("3.17"));
    assert!(!read("/").await.contains("href=\"/nodes\">nodes</a>"), "nothing to alert of");

    let apart = NodeStatus {
        diverges: true,
        plan: SCRIPT.into(),
        local_orders: vec![SCRIPT.into()],
        version: SCRIPT.into(),
        site: Some(SCRIPT.into()),
        ..cluster_node(SCRIPT, Some(2.0))
    };
    let nodes = vec![this, apart, cluster_node("nrt-ns1", Some(14.0))];
    let islanded = ClusterStatus { went_back: Some(SCRIPT.into()), ..cluster(nodes) };
    *api.fake.cluster.lock().unwrap() = Some(islanded.clone());
    let shown = page().await;
    assert!(!shown.contains("<script") && !shown.contains("<img") && !shown.contains("style="), "{shown}");
    for said in [
        "THE STORE WENT BACK",
        "diverges: its plan is",
        "nrt-ns1 not heard of for 14 s",
        "follows orders that no other node does",
    ] {
        assert!(shown.contains(said), "no {said:?} in\n{shown}");
    }
    for (connection, said) in [
        (Connection::StoreLost, "store lost since"),
        (Connection::Alone, "ALONE since"),
        (Connection::CutOff, "CUT OFF since"),
    ] {
        *api.fake.cluster.lock().unwrap() = Some(ClusterStatus { connection, ..islanded.clone() });
        assert!(page().await.contains(&format!("apart</span> {said}")), "{said}");
        assert!(read("/").await.contains(&format!("href=\"/nodes\">nodes</a>: {said}")), "{said}");
    }
}

#[tokio::test]
async fn a_status_with_nodes_reads_what_it_writes() {
    let api = Api::start().await;
    let shown = cluster(vec![cluster_node("iad-ns1", None), cluster_node("nrt-ns1", Some(0.5))]);
    *api.fake.cluster.lock().unwrap() = Some(shown.clone());
    let status: Status = api.socket(Method::GET, "/api/v1/status").send().await.unwrap().json().await.unwrap();
    assert_eq!(status.cluster.as_ref(), Some(&shown));
    assert_eq!(status, api.fake.status());
}
