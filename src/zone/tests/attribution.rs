//! Which record belongs to which site, and what is said about those that belong to none.

use std::path::Path;

use hickory_proto::rr::RecordType;

use super::{Files, load, name};
use crate::config;
use crate::model::Settings;
use crate::zone::{Attribution, Zones, attribute};

/// Settings of three sites and the given services.
pub(super) fn settings(services: &str) -> Settings {
    let text = format!(
        r#"
        [node]
        name = "ns1"
        listen = ["127.0.0.1:5353"]
        [[site]]
        name = "fra"
        networks = ["192.0.2.0/26", "2001:db8:f::/48"]
        [[site]]
        name = "iad"
        networks = ["198.51.100.0/26", "2001:db8:1::/48"]
        [[site]]
        name = "nrt"
        networks = ["203.0.113.0/26", "2001:db8:a::/48"]
        [[zone]]
        origin = "example.org"
        file = "example.org.zone"
        {services}
        "#
    );
    let (settings, report) = config::read(Path::new("waypost.toml"), &text);
    settings.unwrap_or_else(|| panic!("{report}"))
}

const MX: &str = r#"
    [[service]]
    name = "mx"
    names = ["example.org", "mx.example.org"]
    types = ["MX", "A", "AAAA"]
"#;

fn zones(texts: &[(&str, &str)]) -> Zones {
    texts
        .iter()
        .map(|(origin, text)| {
            let text =
                format!("$TTL 1h\n@ SOA ns.example.net. hostmaster 1 2h 15m 2w 1h\n@ NS ns.example.net.\n{text}");
            let file = format!("{origin}.zone");
            let (zone, report) = load(&name(origin), Path::new(&file), &text, &Files::default());
            zone.unwrap_or_else(|| panic!("{report}"))
        })
        .collect()
}

fn run(texts: &[(&str, &str)], services: &str) -> Attribution {
    attribute(zones(texts), &settings(services))
}

fn endpoints(attribution: &Attribution) -> Vec<String> {
    let topology = &attribution.topology;
    let describe = |endpoint: &crate::model::Endpoint| {
        let key = topology.key(endpoint);
        format!("{key} {} {}", topology.site_name(endpoint.site), endpoint.host)
    };
    topology.endpoints.iter().map(describe).collect()
}

/// The members of an RRset as the addresses behind each record.
fn members(attribution: &Attribution, owner: &str, rtype: RecordType) -> Option<Vec<(u16, Vec<String>)>> {
    let key = name(owner).key();
    let set = attribution.zones.find(&key)?.node(&key)?.rrset(rtype)?;
    let steered = attribution.steered.get(set.steered?.get())?;
    assert_eq!(steered.rtype, rtype);
    assert_eq!(steered.members.len(), set.rdata.len());
    let address = |ix: &_| attribution.topology.endpoint(*ix).unwrap().address.to_string();
    Some(
        steered
            .members
            .iter()
            .map(|member| (member.preference, member.endpoints.iter().map(address).collect()))
            .collect(),
    )
}

fn lints(attribution: &Attribution) -> Vec<String> {
    assert!(!attribution.report.has_errors());
    attribution.report.iter().map(|lint| format!("{}:{}: {}", lint.file.display(), lint.line, lint.what)).collect()
}

const THREE_SITES: &str = "@ MX 10 mx-nrt\n@ MX 20 mx-fra\n@ MX 30 mx-iad\n\
    mx A 192.0.2.1\nmx A 198.51.100.1\nmx A 203.0.113.1\n\
    mx-fra A 192.0.2.1\nmx-fra AAAA 2001:db8:f::1\nmx-iad A 198.51.100.1\nmx-nrt A 203.0.113.1\n";

#[test]
fn endpoints_are_distinct_and_grouped_by_service_then_site() {
    let attribution = run(&[("example.org", THREE_SITES)], MX);
    assert_eq!(
        endpoints(&attribution),
        [
            "mx/192.0.2.1 fra mx-fra.example.org.",
            "mx/2001:db8:f::1 fra mx-fra.example.org.",
            "mx/198.51.100.1 iad mx-iad.example.org.",
            "mx/203.0.113.1 nrt mx-nrt.example.org.",
        ]
    );
    assert!(attribution.report.is_empty(), "{}", attribution.report);
}

#[test]
fn members_follow_the_declared_order() {
    let attribution = run(&[("example.org", THREE_SITES)], MX);
    assert_eq!(
        members(&attribution, "example.org", RecordType::MX).unwrap(),
        [
            (10, vec!["203.0.113.1".into()]),
            (20, vec!["192.0.2.1".into(), "2001:db8:f::1".into()]),
            (30, vec!["198.51.100.1".into()]),
        ]
    );
    let addresses = members(&attribution, "mx.example.org", RecordType::A).unwrap();
    assert_eq!(addresses.len(), 3);
    assert!(members(&attribution, "mx-fra.example.org", RecordType::A).is_none(), "not named by the service");
}

#[test]
fn an_mx_target_may_live_in_another_zone() {
    let hosts = "mx A 192.0.2.1\n";
    let attribution = run(&[("example.org", "@ MX 10 mx.example.net.\n"), ("example.net", hosts)], MX);
    assert_eq!(endpoints(&attribution), ["mx/192.0.2.1 fra mx.example.net."]);
}

#[test]
fn equal_content_is_steered_once_and_different_content_never() {
    let services = r#"
        [[service]]
        name = "mx"
        names = ["*.org"]
        types = ["A"]
    "#;
    let text = "a A 192.0.2.1\na A 198.51.100.1\nb A 198.51.100.1\nb A 192.0.2.1\nc A 192.0.2.1\nc A 198.51.100.1\n\
        d 60 A 192.0.2.1\nd 60 A 198.51.100.1\n";
    let attribution = run(&[("example.org", text)], services);
    let steered = |owner: &str| {
        let key = name(owner).key();
        attribution.zones.find(&key).unwrap().node(&key).unwrap().rrset(RecordType::A).unwrap().steered.unwrap()
    };
    assert_eq!(steered("a.example.org"), steered("c.example.org"));
    // Answers index into each RRset's own data, so the order is part of the content.
    assert_ne!(steered("a.example.org"), steered("b.example.org"));
    assert_ne!(steered("a.example.org"), steered("d.example.org"), "another TTL");
    assert_eq!(attribution.steered.len(), 3);
}

#[test]
fn the_first_service_that_matches_has_the_rrset() {
    let services = r#"
        [[service]]
        name = "first"
        names = ["www.example.org"]
        types = ["A"]
        [[service]]
        name = "second"
        names = ["*.example.org"]
        types = ["A", "AAAA"]
    "#;
    let attribution = run(&[("example.org", "www A 192.0.2.1\nwww AAAA 2001:db8:f::1\n")], services);
    let found = endpoints(&attribution);
    assert_eq!(found, ["first/192.0.2.1 fra www.example.org.", "second/2001:db8:f::1 fra www.example.org."]);
}

#[test]
fn a_null_mx_and_an_srv_that_offers_nothing_are_left_alone() {
    let services = r#"
        [[service]]
        name = "mx"
        names = ["example.org", "_imap._tcp.example.org", "_imaps._tcp.example.org"]
        types = ["MX", "SRV"]
        sites = ["fra"]
    "#;
    let text = "@ MX 0 .\n_imap._tcp SRV 0 0 0 .\n_imaps._tcp SRV 5 1 993 imap\nimap A 192.0.2.1\n";
    let attribution = run(&[("example.org", text)], services);
    assert!(members(&attribution, "example.org", RecordType::MX).is_none());
    let srv = members(&attribution, "_imaps._tcp.example.org", RecordType::SRV);
    assert_eq!(srv.unwrap(), [(5, vec!["192.0.2.1".into()])]);
}

#[test]
fn what_is_not_as_meant_is_said_with_its_line() {
    let services = r#"
        [[service]]
        name = "mx"
        names = ["example.org", "mx.example.org", "nothing.example.org", "stray.example.org", "short.example.org"]
        types = ["MX", "A"]
        sites = ["fra", "iad"]
        min_sites = 2
    "#;
    let text = "@ MX 10 alias\n@ MX 10 mx\n@ MX 20 mx.provider.example.\n@ MX 30 bare\n\
        alias CNAME mx\nmx A 192.0.2.1\nmx A 192.0.2.99\nmx A 203.0.113.1\nbare TXT x\nstray A 10.0.0.1\n\
        short 5 A 192.0.2.1\n";
    let attribution = run(&[("example.org", text)], services);
    let said = lints(&attribution);
    for expected in [
        "example.org.zone:4: MX target alias.example.org., which is a CNAME",
        "example.org.zone:4: MX target mx.provider.example. outside the zones of this node",
        "example.org.zone:4: MX target bare.example.org. without an address",
        "example.org.zone:4: address 192.0.2.99 of mx.example.org., which is at no site",
        "example.org.zone:4: address 203.0.113.1 of mx.example.org. at site nrt, which service mx leaves out",
        "example.org.zone:13: A of stray.example.org., of which no record belongs to a site of service mx",
        "example.org.zone:14: TTL 5 of A at short.example.org., below the 30 s of service mx",
        "[[service]] mx:0: name nothing.example.org. of service mx, which matches nothing",
        "[[service]] mx:0: no endpoint of service mx at site iad",
        "[[service]] mx:0: service mx with endpoints at 1 sites",
    ] {
        assert!(said.iter().any(|lint| lint == expected), "missing: {expected}\n{said:#?}");
    }
    let mx = members(&attribution, "mx.example.org", RecordType::A).unwrap();
    assert_eq!(mx, [(0, vec!["192.0.2.1".into()]), (0, vec![]), (0, vec![])]);
    assert!(members(&attribution, "stray.example.org", RecordType::A).is_none());
}

#[test]
fn a_second_attribution_takes_back_the_marks_of_the_first() {
    let first = run(&[("example.org", THREE_SITES)], MX);
    let kept = first.zones.clone();
    let second = attribute(
        first.zones,
        &settings("[[service]]\nname = \"mx\"\nnames = [\"mx.example.org\"]\ntypes = [\"A\"]\n"),
    );
    assert!(members(&second, "example.org", RecordType::MX).is_none());
    assert!(members(&second, "mx.example.org", RecordType::A).is_some());
    let apex = kept.get(&name("example.org")).unwrap().node(&name("example.org").key()).unwrap();
    assert!(apex.rrset(RecordType::MX).unwrap().steered.is_some(), "the zones of others do not change");
}

#[test]
fn a_service_that_only_others_require_has_endpoints_like_any_other() {
    let services = r#"
        [[service]]
        name = "imap"
        names = ["imap.example.org"]
        types = ["A"]
        requires = ["database"]
        [[service]]
        name = "database"
        names = ["*.db.example.org"]
        types = ["A"]
    "#;
    let text = "imap A 192.0.2.1\nimap A 198.51.100.1\nfra.db A 192.0.2.9\niad.db A 198.51.100.9\n";
    let attribution = run(&[("example.org", text)], services);
    assert_eq!(
        endpoints(&attribution),
        [
            "imap/192.0.2.1 fra imap.example.org.",
            "imap/198.51.100.1 iad imap.example.org.",
            "database/192.0.2.9 fra fra.db.example.org.",
            "database/198.51.100.9 iad iad.db.example.org.",
        ]
    );
    let held = |lint: &String| lint.contains("requires");
    assert!(!lints(&attribution).iter().any(held), "{}", attribution.report);
    // nrt has neither; iad has what requires it alone.
    let bare = run(&[("example.org", &text.replace("iad.db", "iad.elsewhere"))], services);
    let said: Vec<String> = lints(&bare).into_iter().filter(held).collect();
    let expected = "[[service]] imap:0: service imap at iad, where service database that it requires has no endpoint";
    assert_eq!(said, [expected]);
}
