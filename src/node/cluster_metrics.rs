//! Metrics of the cluster and of the store that the nodes share.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::admin::api::{ClusterStatus, NodeStatus};
use crate::model::Connection;
use crate::store::Traffic;

type Gauges = Family<Vec<(&'static str, String)>, Gauge<f64, AtomicU64>>;

/// Adds the figures of `cluster` to a page.
pub fn register(registry: &mut Registry, cluster: &ClusterStatus, store: Traffic) {
    let connection = gauges(registry, "cluster_connection", "1 for how this node is connected, 0 for how it is not");
    for state in [Connection::Connected, Connection::StoreLost, Connection::Alone, Connection::CutOff] {
        set(&connection, "state", label(state), flag(state == cluster.connection));
    }
    let age = Gauges::default();
    let help = "Since another node was last heard of, by this node's monotonic clock";
    registry.register_with_unit("node_heard_age", help, Unit::Seconds, age.clone());
    let lag = gauges(registry, "node_orders_lag", "Changes of orders that a node has yet to follow");
    let diverges =
        gauges(registry, "node_diverges", "1 for a node whose plan differs though it follows the same orders");
    // Of a node that was never heard of nothing is known, not even that it is in step.
    for node in cluster.nodes.iter().filter(|node| node.heard_seconds_ago.is_some()) {
        let NodeStatus { name, heard_seconds_ago, .. } = node;
        if let Some(seconds) = heard_seconds_ago.filter(|_| !node.is_this) {
            set(&age, "node", name, seconds);
        }
        set(&lag, "node", name, float(node.lag));
        set(&diverges, "node", name, flag(node.diverges));
    }
    let digest =
        gauges(registry, "plan_digest_info", "What the plan comes to, the same on all nodes that decide alike");
    set(&digest, "digest", &cluster.plan, 1.0);
    for (name, help, count) in [
        ("store_writes", "Writes sent to the shared store, repeats included, acknowledged or not", store.writes),
        (
            "store_written_bytes",
            "Octets of keys and values in the writes sent to the shared store",
            store.written_octets,
        ),
        ("store_reads", "Reads sent to the shared store, repeats included, answered or not", store.reads),
        ("store_failures", "Requests to the shared store, repeats and logins included, that failed", store.failures),
        ("store_reconnections", "Connections and watches begun anew after one was lost", store.reconnections),
    ] {
        let counter: Counter = Counter::default();
        counter.inc_by(count);
        registry.register(name, help, counter);
    }
}

fn gauges(registry: &mut Registry, name: &str, help: &str) -> Gauges {
    let gauges = Gauges::default();
    registry.register(name, help, gauges.clone());
    gauges
}

fn set(gauges: &Gauges, label: &'static str, of: &str, value: f64) {
    gauges.get_or_create(&vec![(label, of.to_owned())]).set(value);
}

/// How a connection is called in labels, as in the API.
const fn label(connection: Connection) -> &'static str {
    match connection {
        Connection::Connected => "connected",
        Connection::StoreLost => "store_lost",
        Connection::Alone => "alone",
        Connection::CutOff => "cut_off",
    }
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// Exact below 2^53.
#[allow(clippy::cast_precision_loss)]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::model::{Generation, OrdersVersion};

    fn node(name: &str, heard_seconds_ago: Option<f64>) -> NodeStatus {
        NodeStatus {
            name: name.into(),
            is_this: false,
            site: None,
            failure_domain: None,
            version: String::new(),
            heard_seconds_ago,
            fresh: true,
            connection: Connection::Connected,
            orders: OrdersVersion::default(),
            lag: 0,
            generation: Generation::default(),
            plan: "77ab".into(),
            diverges: false,
            local_orders: vec![],
        }
    }

    fn page(cluster: &ClusterStatus, store: Traffic) -> String {
        let mut registry = Registry::with_prefix("waypost");
        register(&mut registry, cluster, store);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn every_family_is_there_under_the_name_that_alerts_use() {
        let nodes = vec![
            NodeStatus { is_this: true, ..node("fra-ns1", Some(0.0)) },
            NodeStatus { lag: 2, diverges: true, ..node("iad-ns1", Some(1.5)) },
            node("syd-ns1", None),
        ];
        let cluster = ClusterStatus {
            connection: Connection::StoreLost,
            connection_since: None,
            orders: OrdersVersion::default(),
            plan: "77ab".into(),
            went_back: None,
            nodes,
        };
        let store = Traffic { writes: 7, written_octets: 1_234, reads: 3, failures: 2, reconnections: 1 };
        let page = page(&cluster, store);
        for line in [
            "waypost_cluster_connection{state=\"connected\"} 0.0",
            "waypost_cluster_connection{state=\"store_lost\"} 1.0",
            "waypost_cluster_connection{state=\"alone\"} 0.0",
            "waypost_cluster_connection{state=\"cut_off\"} 0.0",
            "waypost_node_heard_age_seconds{node=\"iad-ns1\"} 1.5",
            "waypost_node_orders_lag{node=\"fra-ns1\"} 0.0",
            "waypost_node_orders_lag{node=\"iad-ns1\"} 2.0",
            "waypost_node_diverges{node=\"fra-ns1\"} 0.0",
            "waypost_node_diverges{node=\"iad-ns1\"} 1.0",
            "waypost_plan_digest_info{digest=\"77ab\"} 1.0",
            "waypost_store_writes_total 7",
            "waypost_store_written_bytes_total 1234",
            "waypost_store_reads_total 3",
            "waypost_store_failures_total 2",
            "waypost_store_reconnections_total 1",
        ] {
            assert!(page.lines().any(|known| known == line), "no line {line:?} in\n{page}");
        }
        assert!(!page.contains("heard_age_seconds{node=\"fra-ns1\"}"), "a node does not hear of itself");
        assert!(!page.contains("syd-ns1"), "nothing is made up of a node that was never heard of");
    }

    #[test]
    fn labels_are_the_words_of_the_api() {
        for state in [Connection::Connected, Connection::StoreLost, Connection::Alone, Connection::CutOff] {
            assert_eq!(serde_json::to_value(state).unwrap(), label(state));
        }
    }
}
