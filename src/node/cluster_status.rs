//! What the status says of the cluster: from what the nodes report of themselves, and when that was heard.

use std::time::Duration;

use jiff::Timestamp;

use crate::admin::api::{ClusterStatus, MissingNode, NodeStatus, unison};
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::model::{Connection, Generation, NodeReport, OrdersVersion};

/// What a node knows of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What it reports of itself.
    pub own: &'a NodeReport,
    /// The last reports of the others.
    pub others: &'a [Heard<'a>],
    /// Nodes that are known by name and were not heard of since the start.
    pub silent: &'a [String],
    /// How it is connected.
    pub connection: Connection,
    /// Since when, by the wall clock; `None` where that is not known.
    pub since: Option<Timestamp>,
    /// What the store holds instead, where it went back and no operator has accepted that.
    pub went_back: Option<&'a str>,
}

/// The last report of another node.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// What it said.
    pub report: &'a NodeReport,
    /// How long ago it was received, by this node's monotonic clock.
    pub age: Duration,
}

/// How the nodes stand together, by name.
#[must_use]
pub fn cluster_status(view: &View<'_>) -> ClusterStatus {
    let own = view.own;
    let others = view.others.iter().filter(|heard| heard.report.node != own.node);
    let newest = others.clone().map(|heard| heard.report.orders).fold(own.orders, OrdersVersion::max);
    let this = NodeStatus {
        is_this: true,
        fresh: true,
        connection: view.connection,
        ..node_status(own, Duration::ZERO, newest)
    };
    let told = others.map(|heard| {
        let status = node_status(heard.report, heard.age, newest);
        NodeStatus { diverges: diverges(view, heard), ..status }
    });
    let mut nodes: Vec<NodeStatus> = told.chain([this]).collect();
    let heard_of = |name: &String| nodes.iter().any(|node| node.name == *name);
    let silent: Vec<NodeStatus> = view.silent.iter().filter(|name| !heard_of(name)).map(|name| unheard(name)).collect();
    nodes.extend(silent);
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    ClusterStatus {
        connection: view.connection,
        connection_since: view.since,
        orders: own.orders,
        plan: own.plan.clone(),
        went_back: view.went_back.map(ToOwned::to_owned),
        nodes,
    }
}

/// Who follows an order, and who has yet to say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acknowledgements {
    /// The nodes whose answers follow it, by name.
    pub by: Vec<String>,
    /// The others, by name.
    pub missing: Vec<MissingNode>,
}

/// The acknowledgements of the order that made `version`.
///
/// A node that fell silent after it had followed has followed: what it acknowledged it keeps across restarts.
#[must_use]
pub fn acknowledgements(cluster: &ClusterStatus, version: OrdersVersion) -> Acknowledgements {
    let mut found = Acknowledgements::default();
    for node in &cluster.nodes {
        if has_spoken(node) && node.orders >= version {
            found.by.push(node.name.clone());
        } else {
            found.missing.push(MissingNode { name: node.name.clone(), why: why_missing(node) });
        }
    }
    found
}

fn why_missing(node: &NodeStatus) -> String {
    if node.fresh { format!("follows {}", node.orders) } else { unison::silence(node) }
}

/// Whether anything is known of what a node follows.
const fn has_spoken(node: &NodeStatus) -> bool {
    node.is_this || node.heard_seconds_ago.is_some()
}

fn node_status(report: &NodeReport, age: Duration, newest: OrdersVersion) -> NodeStatus {
    NodeStatus {
        name: report.node.clone(),
        is_this: false,
        site: report.site.clone(),
        failure_domain: report.failure_domain.clone(),
        version: report.version.clone(),
        heard_seconds_ago: Some(age.as_secs_f64()),
        fresh: is_fresh(age),
        connection: report.connection,
        orders: report.orders,
        lag: lag(report.orders, newest),
        generation: report.generation,
        plan: report.plan.clone(),
        diverges: false,
        local_orders: report.local_orders.clone(),
    }
}

/// A node of which nothing but its name is known.
fn unheard(name: &str) -> NodeStatus {
    NodeStatus {
        name: name.to_owned(),
        is_this: false,
        site: None,
        failure_domain: None,
        version: String::new(),
        heard_seconds_ago: None,
        fresh: false,
        connection: Connection::default(),
        orders: OrdersVersion::default(),
        lag: 0,
        generation: Generation::default(),
        plan: String::new(),
        diverges: false,
        local_orders: Vec::new(),
    }
}

/// Whether the votes of a report that was received `age` ago still count.
fn is_fresh(age: Duration) -> bool {
    age <= BALLOT_FRESHNESS
}

/// Changes of orders from `follows` to `newest`. Across an accepted store the count is a guess, but never none.
fn lag(follows: OrdersVersion, newest: OrdersVersion) -> u64 {
    let changes = newest.revision.saturating_sub(follows.revision);
    if follows < newest { changes.max(1) } else { 0 }
}

/// Whether a node's plan comes to something else than this node's, though both are connected and follow the same orders.
fn diverges(view: &View<'_>, heard: &Heard<'_>) -> bool {
    let (own, other) = (view.own, heard.report);
    let connected = |connection| connection == Connection::Connected;
    let both_connected = connected(view.connection) && connected(other.connection) && is_fresh(heard.age);
    // Orders that only one node follows may say anything, under the same scope too.
    let same_orders = own.orders == other.orders && own.local_orders.is_empty() && other.local_orders.is_empty();
    // Who has no plan yet decides nothing else.
    let both_planned = !own.plan.is_empty() && !other.plan.is_empty();
    both_connected && same_orders && both_planned && own.plan != other.plan
}

#[cfg(test)]
mod tests {
    use super::super::heard::tests::report;
    use super::*;

    const fn at(epoch: u64, revision: u64) -> OrdersVersion {
        OrdersVersion { epoch, revision }
    }

    /// The cluster as `fra-ns1` sees it, with what others reported how many milliseconds ago.
    fn seen(others: &[(NodeReport, u64)], silent: &[&str], connection: Connection) -> ClusterStatus {
        let own = report("fra-ns1");
        let others: Vec<Heard<'_>> =
            others.iter().map(|(report, age)| Heard { report, age: Duration::from_millis(*age) }).collect();
        let silent: Vec<String> = silent.iter().map(|name| (*name).to_owned()).collect();
        cluster_status(&View {
            own: &own,
            others: &others,
            silent: &silent,
            connection,
            since: None,
            went_back: Some("it holds 3.2"),
        })
    }

    fn named<'a>(cluster: &'a ClusterStatus, name: &str) -> &'a NodeStatus {
        cluster.nodes.iter().find(|node| node.name == name).unwrap()
    }

    #[test]
    fn every_known_node_stands_there_once_by_name() {
        let cluster = seen(
            &[(report("nrt-ns1"), 400), (report("iad-ns1"), 1_900), (report("fra-ns1"), 90)],
            &["syd-ns1", "iad-ns1", "ams-ns1"],
            Connection::Connected,
        );
        let names: Vec<_> = cluster.nodes.iter().map(|node| (node.name.as_str(), node.is_this)).collect();
        let expected =
            [("ams-ns1", false), ("fra-ns1", true), ("iad-ns1", false), ("nrt-ns1", false), ("syd-ns1", false)];
        assert_eq!(names, expected);
        assert_eq!((cluster.orders, cluster.plan.as_str()), (at(3, 17), "77ab"));
        assert_eq!(cluster.went_back.as_deref(), Some("it holds 3.2"));
        let iad = named(&cluster, "iad-ns1");
        assert_eq!((iad.heard_seconds_ago, iad.fresh, iad.lag, iad.diverges), (Some(1.9), true, 0, false));
        assert_eq!((iad.site.as_deref(), iad.failure_domain.as_deref()), (Some("fra"), Some("isp-a")));
        let syd = named(&cluster, "syd-ns1");
        assert_eq!((syd.heard_seconds_ago, syd.fresh, syd.version.as_str()), (None, false, ""));
    }

    #[test]
    fn votes_count_as_long_as_the_council_counts_them() {
        let bound = u64::try_from(BALLOT_FRESHNESS.as_millis()).unwrap();
        let cluster = seen(&[(report("iad-ns1"), bound), (report("nrt-ns1"), bound + 1)], &[], Connection::Connected);
        assert!(named(&cluster, "iad-ns1").fresh);
        assert!(!named(&cluster, "nrt-ns1").fresh);
    }

    #[test]
    fn this_node_is_connected_as_it_knows_now_and_not_as_it_reported_last() {
        let cluster = seen(&[], &[], Connection::StoreLost);
        assert_eq!(cluster.connection, Connection::StoreLost);
        let this = named(&cluster, "fra-ns1");
        assert_eq!((this.connection, this.fresh, this.heard_seconds_ago), (Connection::StoreLost, true, Some(0.0)));
    }

    #[test]
    fn lag_counts_from_the_newest_orders_that_any_node_follows() {
        let with = |node: &str, orders| (NodeReport { orders, ..report(node) }, 100);
        let cluster =
            seen(&[with("iad-ns1", at(3, 19)), with("nrt-ns1", at(3, 15))], &["syd-ns1"], Connection::Connected);
        let lags: Vec<_> = cluster.nodes.iter().map(|node| (node.name.as_str(), node.lag)).collect();
        assert_eq!(lags, [("fra-ns1", 2), ("iad-ns1", 0), ("nrt-ns1", 4), ("syd-ns1", 0)]);
        let accepted = seen(&[with("iad-ns1", at(4, 3))], &[], Connection::Connected);
        assert_eq!(named(&accepted, "fra-ns1").lag, 1, "an older epoch lags, whatever its revision");
        assert_eq!(named(&accepted, "iad-ns1").lag, 0);
    }

    #[test]
    fn only_who_should_decide_alike_can_diverge() {
        let other = || NodeReport { plan: "1f3a".into(), ..report("iad-ns1") };
        let diverges =
            |report: NodeReport, age, connection| named(&seen(&[(report, age)], &[], connection), "iad-ns1").diverges;
        let connected = Connection::Connected;
        assert!(diverges(other(), 100, connected));
        assert!(!diverges(report("iad-ns1"), 100, connected), "the same plan");
        assert!(!diverges(other(), 60_000, connected), "what it decides now is not known");
        assert!(!diverges(other(), 100, Connection::StoreLost));
        assert!(!diverges(NodeReport { connection: Connection::CutOff, ..other() }, 100, connected));
        assert!(!diverges(NodeReport { orders: at(3, 16), ..other() }, 100, connected), "it lags");
        let local = NodeReport { local_orders: vec!["fra".into()], ..other() };
        assert!(!diverges(local, 100, connected), "it follows an order of its own");
        assert!(!diverges(NodeReport { plan: String::new(), ..other() }, 100, connected), "it has no plan yet");
    }

    #[test]
    fn who_is_missing_says_why() {
        let behind = NodeReport { orders: at(3, 16), ..report("iad-ns1") };
        let cluster = seen(
            &[
                (behind.clone(), 300),
                (report("ams-ns1"), 14_900),
                (NodeReport { node: "nrt-ns1".into(), ..behind }, 14_900),
            ],
            &["syd-ns1"],
            Connection::Connected,
        );
        let found = acknowledgements(&cluster, at(3, 17));
        assert_eq!(found.by, ["ams-ns1", "fra-ns1"], "one that is silent had followed already");
        let missing: Vec<_> = found.missing.iter().map(|node| format!("{} ({})", node.name, node.why)).collect();
        assert_eq!(
            missing,
            [
                "iad-ns1 (follows 3.16)",
                "nrt-ns1 (not heard of for 14 s)",
                "syd-ns1 (not heard of since this node started)"
            ]
        );
        let later = acknowledgements(&cluster, at(3, 18));
        assert!(later.by.is_empty() && later.missing.iter().any(|node| node.name == "fra-ns1"));
    }
}
