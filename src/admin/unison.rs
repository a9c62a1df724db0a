//! How the nodes stand together, in words, alike on the page and on the command line.

use std::time::Duration;

use jiff::Timestamp;

use super::api::{ClusterStatus, NodeStatus};
use super::words::{moment_and_distance, span};
use crate::model::Connection;

/// Characters of a plan's digest that are shown; that two differ is said in words.
const DIGEST_SHOWN: usize = 12;

/// What is wrong between the nodes, the worst first and a sentence each; empty where all are in step.
///
/// Of a node that does not reach the store the others are silent for that alone: then only its own trouble is said.
#[must_use]
pub fn troubles(cluster: &ClusterStatus, now: Timestamp) -> Vec<String> {
    let mut troubles: Vec<String> = own_trouble(cluster, now).into_iter().collect();
    troubles.extend(cluster.went_back.iter().map(|detail| {
        format!("THE STORE WENT BACK: {detail}; no orders are taken until an operator decides: waypost store status")
    }));
    if cluster.connection == Connection::Connected {
        let others = || cluster.nodes.iter().filter(|node| !node.is_this);
        let silent = others().filter(|node| !node.fresh);
        troubles.extend(silent.map(|node| format!("{} {}: its votes do not count", node.name, silence(node))));
        let cut_off = others().filter(|node| node.fresh && node.connection != Connection::Connected);
        troubles.extend(cut_off.map(|node| format!("{} says of itself: {}", node.name, node.connection.as_str())));
        let diverging = others().filter(|node| node.diverges);
        troubles.extend(diverging.map(|node| {
            let (theirs, ours) = (digest(&node.plan), digest(&cluster.plan));
            let orders = node.orders;
            format!(
                "{} diverges: its plan is {theirs} and not {ours}, though it follows the same orders {orders}",
                node.name
            )
        }));
        let behind = cluster.nodes.iter().filter(|node| node.fresh && node.lag > 0);
        troubles.extend(
            behind.map(|node| format!("{} follows orders {}, {}", node.name, node.orders, behind_by(node.lag))),
        );
    }
    let apart = cluster.nodes.iter().filter(|node| !node.local_orders.is_empty());
    troubles.extend(apart.map(|node| {
        let orders = node.local_orders.join(", ");
        format!("{} follows orders that no other node does: {orders}", node.name)
    }));
    troubles
}

/// What is wrong with this node's own way to the others.
fn own_trouble(cluster: &ClusterStatus, now: Timestamp) -> Option<String> {
    let since = cluster
        .connection_since
        .map_or_else(String::new, |since| format!(" since {}", moment_and_distance(since, now)));
    let meanwhile = "orders for all nodes are refused, those with --local are taken";
    match cluster.connection {
        Connection::Connected => None,
        Connection::StoreLost => {
            Some(format!("store lost{since}: answers follow health and the orders known here; {meanwhile}"))
        }
        Connection::Alone => Some(format!(
            "ALONE{since}: neither the store nor any other node is heard of, and this node's own verdicts decide; {meanwhile}. See whether the \
             store and the other nodes run, and to the path between"
        )),
        Connection::CutOff => Some(format!(
            "CUT OFF{since}: neither the store nor any other node is heard of and most other sites fail, so this node is \
             likely the one in trouble; what was agreed stands. See to its own network first"
        )),
    }
}

/// All of it in a line where nothing is wrong: `3 nodes, all in step at orders 3.17`.
#[must_use]
pub fn in_step(cluster: &ClusterStatus) -> String {
    let orders = cluster.orders;
    match cluster.nodes.len() {
        0 | 1 => format!("this node is the only one of its cluster so far, at orders {orders}"),
        count => format!("{count} nodes, all in step at orders {orders}"),
    }
}

/// How a node is connected, as far as is known: one that is not heard of may stand otherwise than it said last.
#[must_use]
pub fn connection(node: &NodeStatus) -> &'static str {
    if node.fresh { node.connection.as_str() } else { "not heard of" }
}

/// The shape of that; shapes come before colours.
#[must_use]
pub const fn connection_shape(node: &NodeStatus) -> &'static str {
    match (node.fresh, node.connection) {
        (false, _) => "?",
        (true, Connection::Connected) => "●",
        (true, Connection::StoreLost) => "◐",
        (true, Connection::Alone | Connection::CutOff) => "✕",
    }
}

/// When a node was last heard of: `3 s ago`, `now`, `never`.
#[must_use]
pub fn heard(node: &NodeStatus) -> String {
    match node.heard_seconds_ago.map(seconds) {
        _ if node.is_this => "this node".to_owned(),
        None => "never".to_owned(),
        Some(age) if age.as_secs() == 0 => "now".to_owned(),
        Some(age) => format!("{} ago", span(age)),
    }
}

/// For how long a node has been silent: `not heard of for 14 s`.
#[must_use]
pub fn silence(node: &NodeStatus) -> String {
    match node.heard_seconds_ago.map(seconds) {
        Some(age) => format!("not heard of for {}", span(age)),
        None => "not heard of since this node started".to_owned(),
    }
}

/// The orders that a node follows: `3.17`, `3.15, 2 changes behind`; `-` where it never said.
#[must_use]
pub fn orders(node: &NodeStatus) -> String {
    match (node.heard_seconds_ago, node.lag) {
        (None, _) if !node.is_this => "-".to_owned(),
        (_, 0) => node.orders.to_string(),
        (_, lag) => format!("{}, {}", node.orders, behind_by(lag)),
    }
}

/// What a node's plan comes to: `77ab01cd23ef`, `1f3a9c0b22d1 diverges`; `-` where it never said.
#[must_use]
pub fn plan(node: &NodeStatus) -> String {
    let diverges = if node.diverges { " diverges" } else { "" };
    format!("{}{diverges}", digest(&node.plan))
}

/// Where a node stands, and what it would fail with where that is something else.
#[must_use]
pub fn place(node: &NodeStatus) -> String {
    let site = node.site.as_deref().unwrap_or("-");
    match node.failure_domain.as_deref().filter(|domain| *domain != site) {
        Some(domain) => format!("{site} (fails with {domain})"),
        None => site.to_owned(),
    }
}

/// The orders that only it follows, of a node: `fra, iad/mx`; `none` where there are none.
#[must_use]
pub fn local_orders(node: &NodeStatus) -> String {
    if node.local_orders.is_empty() { "none".to_owned() } else { node.local_orders.join(", ") }
}

/// The version of a node's program; `-` where it never said.
#[must_use]
pub fn version(node: &NodeStatus) -> String {
    if node.version.is_empty() { "-".to_owned() } else { node.version.clone() }
}

fn behind_by(lag: u64) -> String {
    format!("{lag} change{} behind", if lag == 1 { "" } else { "s" })
}

fn digest(plan: &str) -> String {
    if plan.is_empty() { "-".to_owned() } else { plan.chars().take(DIGEST_SHOWN).collect() }
}

/// A span that came as a number; one that is none, or longer than there is, is as good as zero.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generation, OrdersVersion};

    fn now() -> Timestamp {
        "2026-05-01T12:00:00Z".parse().unwrap()
    }

    fn node(name: &str, heard_seconds_ago: Option<f64>) -> NodeStatus {
        NodeStatus {
            name: name.into(),
            is_this: false,
            site: Some("fra".into()),
            failure_domain: None,
            version: "0.1.0".into(),
            heard_seconds_ago,
            fresh: heard_seconds_ago.is_some_and(|age| age <= 11.0),
            connection: Connection::Connected,
            orders: OrdersVersion { epoch: 3, revision: 17 },
            lag: 0,
            generation: Generation::default(),
            plan: "77ab01cd23ef4567".into(),
            diverges: false,
            local_orders: vec![],
        }
    }

    fn cluster(others: Vec<NodeStatus>) -> ClusterStatus {
        let this = NodeStatus { is_this: true, ..node("fra-ns1", Some(0.0)) };
        ClusterStatus {
            connection: Connection::Connected,
            connection_since: Some("2026-05-01T11:59:46Z".parse().unwrap()),
            orders: this.orders,
            plan: this.plan.clone(),
            went_back: None,
            nodes: [this].into_iter().chain(others).collect(),
        }
    }

    #[test]
    fn nodes_in_step_are_one_line() {
        let three = cluster(vec![node("iad-ns1", Some(0.4)), node("nrt-ns1", Some(1.9))]);
        assert_eq!(troubles(&three, now()), Vec::<String>::new());
        assert_eq!(in_step(&three), "3 nodes, all in step at orders 3.17");
        assert_eq!(in_step(&cluster(vec![])), "this node is the only one of its cluster so far, at orders 3.17");
    }

    #[test]
    fn every_trouble_between_nodes_is_a_sentence() {
        let said = troubles(
            &cluster(vec![
                node("nrt-ns1", Some(14.7)),
                node("syd-ns1", None),
                NodeStatus { connection: Connection::CutOff, ..node("iad-ns1", Some(1.0)) },
                NodeStatus { diverges: true, plan: "1f3a9c0b22d1ffff".into(), ..node("gru-ns1", Some(1.0)) },
                NodeStatus {
                    lag: 2,
                    orders: OrdersVersion { epoch: 3, revision: 15 },
                    local_orders: vec!["fra".into(), "iad/mx".into()],
                    ..node("jnb-ns1", Some(1.0))
                },
            ]),
            now(),
        );
        assert_eq!(
            said,
            [
                "nrt-ns1 not heard of for 14 s: its votes do not count",
                "syd-ns1 not heard of since this node started: its votes do not count",
                "iad-ns1 says of itself: cut off",
                "gru-ns1 diverges: its plan is 1f3a9c0b22d1 and not 77ab01cd23ef, though it follows the same orders 3.17",
                "jnb-ns1 follows orders 3.15, 2 changes behind",
                "jnb-ns1 follows orders that no other node does: fra, iad/mx",
            ]
        );
    }

    #[test]
    fn a_node_on_an_island_says_that_first_and_not_who_is_silent_for_it() {
        let on = |connection| {
            let cluster = ClusterStatus { connection, ..cluster(vec![node("nrt-ns1", Some(14.7))]) };
            let said = troubles(&cluster, now());
            assert_eq!(said.len(), 1, "{said:?}");
            said[0].clone()
        };
        let since = "since 2026-05-01T11:59:46Z (14 s ago): ";
        assert!(on(Connection::StoreLost).starts_with(&format!("store lost {since}")));
        assert!(on(Connection::StoreLost).ends_with("those with --local are taken"));
        assert!(on(Connection::Alone).starts_with(&format!("ALONE {since}")));
        assert!(on(Connection::CutOff).starts_with(&format!("CUT OFF {since}")));
        let went = ClusterStatus { went_back: Some("it holds 3.2".into()), ..cluster(vec![]) };
        assert!(troubles(&went, now())[0].starts_with("THE STORE WENT BACK: it holds 3.2; "));
    }

    #[test]
    fn what_a_node_never_said_is_not_made_up() {
        let never = NodeStatus { version: String::new(), plan: String::new(), site: None, ..node("syd-ns1", None) };
        assert_eq!(
            [heard(&never), orders(&never), plan(&never), version(&never), place(&never)],
            ["never", "-", "-", "-", "-"]
        );
        assert_eq!((connection_shape(&never), connection(&never)), ("?", "not heard of"));
        let lately = NodeStatus { failure_domain: Some("isp-a".into()), ..node("iad-ns1", Some(0.7)) };
        assert_eq!([heard(&lately), place(&lately)], ["now", "fra (fails with isp-a)"]);
        assert_eq!(heard(&node("iad-ns1", Some(75.0))), "1 min 15 s ago");
        assert_eq!(heard(&node("iad-ns1", Some(f64::NAN))), "now", "a number that is none hurts nobody");
    }
}
