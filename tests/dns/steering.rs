//! Broken here, and mail bounces: a name or type vanishes with a data center, or an answer is empty (invariants I1
//! and I10).

use std::collections::BTreeSet;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use jiff::Timestamp;
use proptest::prelude::*;
use waypost::answer::{Client, ClientSubnet, Question, Tables, Transport};
use waypost::model::{Intent, IntentKind, Lifetime, Reach, Scope, Share, State};
use waypost::zone::Node;

use super::support::{ZONE, all_up, answers, ask, client, name, query, serve, tables, tables_of};

#[test]
fn a_site_that_is_down_is_left_out_of_mx_and_addresses() {
    let tables = tables(|site| if site == "fra" { State::Down } else { State::Up });
    assert_eq!(answers(&ask(&tables, "example.org", RecordType::MX)), ["example.org. MX 10 mx-iad.example.org."]);
    assert_eq!(answers(&ask(&tables, "mail.example.org", RecordType::A)), ["mail.example.org. A 198.51.100.20"]);
    let aaaa = ask(&tables, "mail.example.org", RecordType::AAAA);
    assert_eq!(answers(&aaaa), ["mail.example.org. AAAA 2001:db8:f::20"], "all there is, though its site is down");
    let through_alias = ask(&tables, "to-mail.example.org", RecordType::A);
    assert_eq!(through_alias.answer.len(), 2);
    assert_eq!(through_alias.answer[1].ttl, 30, "the ttl of the service");
}

#[test]
fn clients_are_sent_where_the_map_says() {
    let tables = all_up();
    let question = Question::new(name("mail.example.org"), RecordType::A);
    assert_eq!(answers(&tables.decide(&question, &client("203.0.113.9"), 0)), ["mail.example.org. A 198.51.100.20"]);
    assert_eq!(answers(&tables.decide(&question, &client("192.0.2.9"), 0)), ["mail.example.org. A 192.0.2.20"]);
}

#[test]
fn an_explanation_says_who_is_left_out_and_why() {
    let tables = tables(|site| if site == "fra" { State::Down } else { State::Up });
    let question = Question::new(name("example.org"), RecordType::MX);
    let explanation = tables.explain(&question, &client("192.0.2.200"), 0);
    let text = explanation.lines.join("\n");
    assert!(text.contains("fra is left out: down") && text.contains("connection refused"), "{text}");
    assert!(text.contains("iad is answered: serving"), "{text}");
    assert_eq!(explanation.steered[0].order, ["fra", "iad"]);
    assert_eq!(explanation.answer, ["example.org. 30 IN MX 10 mx-iad.example.org."]);
    let json = serde_json::to_string(&explanation).unwrap();
    assert_eq!(serde_json::from_str::<waypost::answer::Explanation>(&json).unwrap(), explanation);
    let refused = tables.explain(&Question::new(name("example.net"), RecordType::A), &client("192.0.2.200"), 0);
    assert_eq!((refused.rcode.as_str(), refused.steered.len()), ("REFUSED", 0));
}

#[test]
fn a_site_is_named_as_long_as_any_rrset_has_nothing_else() {
    let named = |zone: &str| {
        let drained = [order("fra", IntentKind::Drain { share: Share::ALL })];
        let tables = tables_of(&[("example.org", zone)], |_| State::Up, &drained);
        let service = tables.topology().service_named("mx").unwrap();
        let sites: Vec<_> =
            tables.named_sites(service).iter().map(|site| tables.topology().site_name(site).to_owned()).collect();
        sites
    };
    assert_eq!(named(ZONE), ["fra", "iad"], "mail has AAAA at fra only, and that is still answered");
    let without = ZONE.replace("          IN AAAA 2001:db8:f::20\n", "");
    assert_eq!(named(&without), ["iad"], "mx-fra is a host of fra: nobody is sent there who was not sent to it");
}

#[tokio::test]
async fn the_node_knows_until_when_caches_name_a_site() {
    let running = serve(tables(|site| if site == "fra" { State::Down } else { State::Up }));
    assert_eq!(running.usage.drained_by("mx", "iad"), None);
    running.udp(&query("example.org", RecordType::MX)).await;
    let until = running.usage.drained_by("mx", "iad").unwrap();
    assert!(until.0 >= Duration::from_secs(30) && until.0 < Duration::from_secs(60), "{until:?}");
    assert_eq!(running.usage.drained_by("mx", "fra"), None, "left out, so never named");
    let counts = running.usage.counts();
    assert_eq!((counts.queries[0].qtype, counts.queries[0].rcode, counts.queries[0].count), ("MX", "NOERROR", 1));
}

/// Every (owner, type) that a zone declares outside delegations.
fn declared(tables: &Tables) -> Vec<(String, RecordType, BTreeSet<String>)> {
    let cuts = [name("sub.example.org"), name("old.example.org")];
    let zones = tables.zones().iter().flat_map(|zone| zone.nodes());
    let nodes = zones.filter(|node| !cuts.iter().any(|cut| node.owner.is_at_or_below(cut)));
    let of_node = |node: &Node| {
        let owner = node.owner.to_string();
        node.rrsets()
            .iter()
            .map(|set| (owner.clone(), set.rtype, set.rdata.iter().map(|rdata| target(&rdata.to_string())).collect()))
            .collect::<Vec<_>>()
    };
    nodes.flat_map(of_node).collect()
}

/// Record data without the preference, which steering may change.
fn target(rdata: &str) -> String {
    rdata.rsplit(' ').next().unwrap().to_owned()
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Up), Just(State::Deferring), Just(State::Down), Just(State::Unknown)]
}

/// A standing order for all of `site`.
fn order(site: &str, kind: IntentKind) -> Intent {
    Intent {
        scope: Scope { site: site.to_owned(), service: None },
        kind,
        by: "test".to_owned(),
        reason: "test".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        lifetime: Lifetime::UntilCleared,
        revision: 1,
        forced: true,
        reach: Reach::Everywhere,
        schedule: None,
        drill: None,
    }
}

fn intent(site: &'static str) -> impl Strategy<Value = Option<Intent>> {
    let kind = prop_oneof![
        (0..=1000_u16).prop_map(|share| IntentKind::Drain { share: Share::from_permille(share).unwrap() }),
        Just(IntentKind::Isolate),
        Just(IntentKind::Pin),
    ];
    prop::option::of(kind.prop_map(move |kind| order(site, kind)))
}

/// A zone with any number of mail hosts, at sites and elsewhere, beside the fixed one.
fn zone() -> impl Strategy<Value = String> {
    let host = (0..4_u8, 1..60_u8, 0..50_u16);
    prop::collection::vec(host, 1..8).prop_map(|hosts| {
        let mut zone = super::support::ZONE.to_owned();
        for (n, (place, last, preference)) in hosts.iter().enumerate() {
            let network = ["192.0.2", "198.51.100", "203.0.113", "192.0.2"][usize::from(*place)];
            zone += &format!("m{n} A {network}.{last}\nmail A {network}.{last}\n@ MX {preference} m{n}\n");
        }
        zone
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_declared_names_and_types_are_answered_from_what_is_declared(
        zone in zone(),
        fra in state(),
        iad in state(),
        orders in (intent("fra"), intent("iad")),
        draw in 0..1000_u16,
        address: u32,
        subnet in prop::option::of((any::<u32>(), 0..=32_u8)),
        tcp: bool,
    ) {
        let intents: Vec<Intent> = [orders.0, orders.1].into_iter().flatten().collect();
        let state = |site: &str| if site == "fra" { fra } else { iad };
        let tables = tables_of(&[("example.org", &zone)], state, &intents);
        let client = Client {
            source: std::net::Ipv4Addr::from_bits(address).into(),
            subnet: subnet.map(|(address, prefix)| ClientSubnet::new(std::net::Ipv4Addr::from_bits(address).into(), prefix).unwrap()),
            transport: if tcp { Transport::Tcp } else { Transport::Udp },
            dnssec_ok: false,
        };
        for (owner, rtype, records) in declared(&tables) {
            let reply = tables.decide(&Question::new(name(&owner), rtype), &client, draw);
            prop_assert_eq!(reply.rcode, ResponseCode::NoError);
            prop_assert!(reply.authoritative);
            prop_assert_eq!(reply.answer.len(), 1, "{} {}", owner, rtype);
            let part = &reply.answer[0];
            prop_assert_eq!((part.owner.to_string(), part.rtype), (owner, rtype));
            let answered: BTreeSet<String> = part.rdata.iter().map(|rdata| target(&rdata.to_string())).collect();
            prop_assert_eq!(answered.len(), part.rdata.len(), "no record twice");
            prop_assert!(!answered.is_empty() && answered.is_subset(&records));
        }
        // What is not declared does not appear either.
        for (owner, rtype, rcode) in [
            ("nowhere.example.org", RecordType::A, ResponseCode::NXDomain),
            ("mail.example.org", RecordType::MX, ResponseCode::NoError),
            ("mx-fra.example.org", RecordType::AAAA, ResponseCode::NoError),
        ] {
            let reply = tables.decide(&Question::new(name(owner), rtype), &client, draw);
            prop_assert_eq!((reply.rcode, reply.answer.len()), (rcode, 0));
        }
    }
}
