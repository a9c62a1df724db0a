//! Broken, every configuration that there ever was stays in the listing that all nodes follow, until none can follow it.

use waypost::model::{EndpointKey, EndpointList, NodeReport};
use waypost::store::News;

use crate::member::Cluster;
use crate::patience::wait_until;
use crate::{PATIENCE, Side, version};

const PREFIX: &str = "/waypost/test/v1";

fn list(service: &str) -> EndpointList {
    let endpoint = |last: u8| EndpointKey { service: service.to_owned(), address: [192, 0, 2, last].into() };
    EndpointList { endpoints: (0..200).map(endpoint).collect() }
}

fn report(node: &str, list: &EndpointList, number: u64) -> NodeReport {
    let text =
        format!(r#"{{"node":"{node}","sequence":[1,{number}],"endpoints":"{}","verdicts":"ud"}}"#, list.fingerprint());
    serde_json::from_str(&text).unwrap()
}

fn declared(cluster: &Cluster) -> Vec<String> {
    let keys = cluster.etcdctl(&["get", "--prefix", "--keys-only", &format!("{PREFIX}/endpoints/")]);
    keys.lines().filter(|line| !line.is_empty()).map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
}

async fn hears_of(side: &Side, node: &str) -> (u64, usize) {
    side.hears(node, |news| match news {
        News::Report(report, list) if report.node == node => Some((report.sequence.1, list.endpoints.len())),
        _ => None,
    })
    .await
}

/// As much of them as no listing would hold: some 9 MiB on the wire.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_lists_of_old_keep_nobody_from_following() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    for number in 0..100 {
        let mut stale = list(&format!("mx{number}"));
        let more = stale.endpoints.clone().into_iter().cycle().take(1_500).collect::<Vec<_>>();
        stale.endpoints = more;
        fra.commons.declare(&stale).await.unwrap();
    }
    assert_eq!(declared(&cluster).len(), 100);
    let listed = cluster.etcdctl(&["get", "--prefix", &format!("{PREFIX}/endpoints/")]).len();
    assert!(listed > 6 << 20, "{listed} octets fit into one reply");
    let (made, used) = (fra.drain(version(0, 0), "fra").await.unwrap(), list("mx"));
    fra.commons.declare(&used).await.unwrap();
    fra.commons.report(&report("fra-ns1", &used, 1)).await.unwrap();
    let follows = async {
        let (mut orders, mut heard, mut followed) = (false, false, false);
        while !(orders && heard && followed) {
            match iad.commons.news().await {
                News::Orders(found) => orders |= found.version == made,
                News::Report(report, list) => heard |= report.node == "fra-ns1" && list.endpoints.len() == 200,
                News::Follows => followed = true,
                News::Trouble(error) => panic!("{error}"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, follows).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_once_no_report_follows_it() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    let (old, new) = (list("mx"), list("imap"));
    for side in [&fra, &iad] {
        side.commons.declare(&old).await.unwrap();
        side.commons.report(&report(side.name, &old, 1)).await.unwrap();
    }
    fra.commons.declare(&new).await.unwrap();
    fra.commons.report(&report("fra-ns1", &new, 2)).await.unwrap();
    fra.commons.retire(&old.fingerprint()).await.unwrap();
    assert!(declared(&cluster).contains(&old.fingerprint()), "another node follows it");
    iad.commons.declare(&new).await.unwrap();
    iad.commons.report(&report("iad-ns1", &new, 2)).await.unwrap();
    iad.commons.retire(&old.fingerprint()).await.unwrap();
    assert_eq!(declared(&cluster), [new.fingerprint()]);
}

/// A list that was lost is asked for again, and a report too long or beyond counting is not read.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_heard_once_its_list_is_there_and_it_can_be_read() {
    let cluster = Cluster::start(1);
    let (fra, iad) = (Side::of(&cluster, "fra-ns1"), Side::of(&cluster, "iad-ns1"));
    let used = list("mx");
    fra.commons.report(&report("fra-ns1", &used, 1)).await.unwrap();
    let long = NodeReport { verdicts: "u".repeat(300 * 1024), ..report("syd-ns1", &used, 2) };
    fra.commons.report(&long).await.unwrap();
    fra.commons.report(&report("ams-ns1", &used, u64::MAX)).await.unwrap();
    let first = iad.hears("that it follows", |news| match news {
        News::Report(report, _) => panic!("{report:?} without its list"),
        News::Follows => Some(()),
        _ => None,
    });
    first.await;
    assert!(iad.commons.last_report("ams-ns1").await.unwrap().is_none());
    fra.commons.declare(&used).await.unwrap();
    for node in ["syd-ns1", "ams-ns1"] {
        let text = cluster.etcdctl(&["get", "--print-value-only", &format!("{PREFIX}/nodes/{node}")]);
        fra.commons.report(&serde_json::from_str(&text).unwrap()).await.unwrap();
    }
    fra.commons.report(&report("fra-ns1", &used, 2)).await.unwrap();
    let heard = iad.hears("of fra-ns1", |news| match news {
        News::Report(report, list) => {
            assert_eq!(report.node, "fra-ns1", "the others cannot be read");
            Some((report.sequence.1, list.endpoints.len()))
        }
        _ => None,
    });
    assert_eq!(heard.await, (2, 200));
    // Both can be read again, and then they are heard.
    fra.commons.report(&report("syd-ns1", &used, 3)).await.unwrap();
    assert_eq!(hears_of(&iad, "syd-ns1").await, (3, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_cannot_be_read_are_trouble_until_they_can() {
    let cluster = Cluster::start(1);
    let fra = Side::of(&cluster, "fra-ns1");
    let orders = format!("{PREFIX}/orders");
    cluster.etcdctl(&["put", &orders, &format!(r#"{{"epoch":0,"revision":{}}}"#, u64::MAX)]);
    let trouble = fra.hears("of trouble", |news| match news {
        News::Trouble(error) => Some(error.to_string()),
        News::Follows => panic!("it does not follow"),
        _ => None,
    });
    let trouble = trouble.await;
    assert!(trouble.contains("orders") && trouble.contains(&u64::MAX.to_string()), "{trouble}");
    cluster.etcdctl(&["put", &orders, r#"{"epoch":0,"revision":1}"#]);
    fra.hears("that it follows", |news| matches!(news, News::Follows).then_some(())).await;
    assert_eq!(fra.commons.known().version, version(0, 1));
    wait_until("the copy", PATIENCE, || fra.local.copy("orders").unwrap().is_some());
}
