//! How far a site is drained: what this node's answers and caches hold, and whether every other node follows the order.

use std::time::Duration;

use super::cluster_status::acknowledgements;
use super::outlook;
use super::peers::ClusterView;
use super::picture::Picture;
use super::status::{Surroundings, is_named, wall_of};
use crate::admin::api::{ClusterStatus, Drained, DrainedService, Due, MissingNode, unison};
use crate::model::{Connection, Intent, IntentKind, Mono, OrdersVersion, Reach, Scope};
use crate::plan;

/// How far caches have let go of a site; `None` if there is no such site or service.
#[must_use]
pub fn drained(picture: &Picture, around: &Surroundings<'_>, scope: &Scope) -> Option<Drained> {
    let site = picture.topology.site_named(&scope.site)?;
    if let Some(service) = &scope.service {
        picture.topology.service_named(service)?;
    }
    let now = around.clock.mono();
    let others = match &picture.cluster {
        Some(view) => others(view, held_by(picture, view, scope), now),
        None => Others::default(),
    };
    // Whoever is sent to a service that requires the one asked about needs that one too.
    let asked = plan::touched(&picture.topology, scope, site);
    let services: Vec<(DrainedService, Option<Mono>)> = picture
        .topology
        .services()
        .filter(|(ix, service)| asked.contains(ix) && service.sites.contains(&site))
        .map(|(ix, service)| {
            let by = around.usage.drained_by(&service.name, &scope.site).max(others.let_go(service.ttl));
            let wall = by.map(|by| wall_of(around.clock, by));
            (DrainedService { service: service.name.clone(), named: is_named(picture, ix, site), by: wall }, by)
        })
        .collect();
    let is_out = services.iter().all(|(service, by)| !service.named && by.is_none_or(|by| by <= now));
    Some(Drained {
        schema: Drained::SCHEMA.to_owned(),
        scope: scope.clone(),
        time: around.clock.wall(),
        safe: is_out && others.missing.is_empty(),
        services: services.into_iter().map(|(service, _)| service).collect(),
        missing: others.missing,
        next: next_of(picture, around, scope),
    })
}

/// The next step of the orders that are about to take out any of `scope`, the soonest first.
fn next_of(picture: &Picture, around: &Surroundings<'_>, scope: &Scope) -> Option<Due> {
    let orders = picture.orders.iter().filter(|order| takes_away(&order.intent, scope));
    orders.filter_map(|order| outlook::next(order, around)).min_by_key(|due| due.at)
}

/// Whether `intent` takes out any of `scope`.
fn takes_away(intent: &Intent, scope: &Scope) -> bool {
    let about = intent.scope.site == scope.site
        && (intent.scope.service.is_none() || scope.service.is_none() || intent.scope.service == scope.service);
    about && intent.kind != IntentKind::Pin
}

/// What keeps a site out of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldBy {
    /// Orders, the newest of which these hold.
    Orders(OrdersVersion),
    /// Orders that only this node follows.
    ThisNode,
    /// No order.
    Nothing,
}

fn held_by(picture: &Picture, view: &ClusterView, scope: &Scope) -> HeldBy {
    let (shared, own): (Vec<&Intent>, Vec<&Intent>) = picture
        .orders
        .iter()
        .map(|order| &order.intent)
        .filter(|intent| takes_away(intent, scope))
        .partition(|intent| intent.reach == Reach::Everywhere);
    let follows = view.own.orders;
    match shared.iter().map(|intent| intent.revision).max() {
        // Of an epoch before, an order has a revision that this one need not have reached.
        Some(revision) => HeldBy::Orders(OrdersVersion { revision, ..follows }.min(follows)),
        None if own.is_empty() => HeldBy::Nothing,
        None => HeldBy::ThisNode,
    }
}

/// What the other nodes may still answer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Others {
    /// Those that may name the site, and why.
    missing: Vec<MissingNode>,
    /// When the last of the rest was heard to follow.
    last: Option<Mono>,
}

impl Others {
    /// When caches let go of what they answered, by a TTL.
    fn let_go(&self, ttl: Duration) -> Option<Mono> {
        self.last.map(|last| last.after(ttl))
    }
}

fn others(view: &ClusterView, held: HeldBy, now: Mono) -> Others {
    let cluster = view.status(now);
    match held {
        HeldBy::Orders(version) => {
            let last = view.others.values().filter_map(|heard| heard.followed.since(version)).max();
            Others { missing: acknowledgements(&cluster, version).missing, last }
        }
        HeldBy::ThisNode => {
            let why = format!("the order is one of {} alone", view.own.node);
            let rest = cluster.nodes.into_iter().filter(|node| !node.is_this);
            let missing = rest.map(|node| MissingNode { name: node.name, why: why.clone() }).collect();
            Others { missing, last: None }
        }
        HeldBy::Nothing => Others { missing: apart(&cluster), last: None },
    }
}

/// The nodes that may hold other sites for up than this one does.
fn apart(cluster: &ClusterStatus) -> Vec<MissingNode> {
    let rest = cluster.nodes.iter().filter(|node| !node.is_this);
    rest.filter_map(|node| {
        let why = match node.connection {
            _ if !node.fresh => unison::silence(node),
            Connection::Connected => return None,
            other => other.as_str().to_owned(),
        };
        Some(MissingNode { name: node.name.clone(), why })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::heard::Heard;
    use super::super::heard::tests::report;
    use super::*;
    use crate::model::NodeReport;

    fn at(seconds: u64) -> Mono {
        Mono::START.after(Duration::from_secs(seconds))
    }

    const fn version(revision: u64) -> OrdersVersion {
        OrdersVersion { epoch: 3, revision }
    }

    /// `fra-ns1`, with what others said they follow and when: each report as revision and second.
    fn view(others: &[(&str, &[(u64, u64)])]) -> ClusterView {
        let others: BTreeMap<String, Heard> = others
            .iter()
            .map(|(name, said)| {
                let mut heard = Heard::unheard();
                for (revision, second) in *said {
                    let report = NodeReport { orders: version(*revision), ..report(name) };
                    heard.hear(Arc::new(report), Arc::default(), at(*second));
                }
                ((*name).to_owned(), heard)
            })
            .collect();
        let own = Arc::new(NodeReport { orders: version(17), ..report("fra-ns1") });
        ClusterView { own, others, since: None, went_back: None }
    }

    fn missing(others: &Others) -> Vec<String> {
        others.missing.iter().map(|node| format!("{} ({})", node.name, node.why)).collect()
    }

    #[test]
    fn a_node_that_does_not_follow_the_order_may_name_the_site() {
        let held = HeldBy::Orders(version(17));
        let lags = others(&view(&[("iad-ns1", &[(16, 90)]), ("nrt-ns1", &[])]), held, at(100));
        assert_eq!(missing(&lags), ["iad-ns1 (follows 3.16)", "nrt-ns1 (not heard of since this node started)"]);
        let followed: &[(&str, &[(u64, u64)])] =
            &[("iad-ns1", &[(16, 10), (17, 20), (18, 80)]), ("nrt-ns1", &[(17, 40)])];
        let all = others(&view(followed), held, at(100));
        assert!(all.missing.is_empty(), "who fell silent had followed: {all:?}");
        assert_eq!(
            all.let_go(Duration::from_secs(30)),
            Some(at(70)),
            "caches keep what the last of them answered before"
        );
    }

    #[test]
    fn an_order_of_one_node_takes_the_site_out_of_no_other_answer() {
        let alone = others(&view(&[("iad-ns1", &[(17, 100)])]), HeldBy::ThisNode, at(100));
        assert_eq!(missing(&alone), ["iad-ns1 (the order is one of fra-ns1 alone)"]);
    }

    #[test]
    fn where_health_alone_takes_it_out_who_is_apart_may_not_know() {
        let said: &[(&str, &[(u64, u64)])] = &[("iad-ns1", &[(17, 99)]), ("nrt-ns1", &[(17, 80)])];
        assert_eq!(missing(&others(&view(said), HeldBy::Nothing, at(100))), ["nrt-ns1 (not heard of for 20 s)"]);
    }
}
