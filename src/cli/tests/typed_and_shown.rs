//! What may be typed, and what is shown.

use clap::{CommandFactory, Parser};
use jiff::Timestamp;

use super::super::arguments::{Arguments, Command};
use super::super::nodes::render as render_nodes;
use super::super::output::Width;
use super::super::status::render;
use super::super::table::{Page, Palette};
use crate::admin::api::{
    ClusterStatus, Degradation, EndpointStatus, GeoStatus, MonitorStatus, NodeStatus, OrderStatus, ServiceStatus,
    SiteLoadStatus, SiteStatus, Status,
};
use crate::model::{
    Connection, Generation, Intent, IntentKind, Lifetime, MonitorPart, OrdersVersion, Reach, Scope, Share, Standing,
    State, Tier,
};

const IN_COLOURS: Page = Page { palette: Palette::Colours, columns: None };

fn parse(line: &str) -> Result<Command, clap::Error> {
    Arguments::try_parse_from(line.split_whitespace()).map(|arguments| arguments.command)
}

#[test]
fn the_command_line_contradicts_itself_nowhere() {
    Arguments::command().debug_assert();
}

#[test]
fn orders_need_a_site_and_a_reason_and_at_most_one_end() {
    for line in [
        "waypost drain fra --reason x",
        "waypost drain fra --reason x --for 1h --share 25% --service mx --yes --force",
        "waypost drain fra --reason x --until 2026-05-01T18:00:00Z --wait --timeout 5m",
        "waypost drain fra --reason x --until-cleared --dry-run",
        "waypost isolate fra --reason x --for 90s",
        "waypost isolate fra --reason x --at 2026-05-01T18:00:00Z",
        "waypost drain fra --reason x --in 2h --wait",
        "waypost drain fra --reason x --steps 25%,50%,100% --every 10m",
        "waypost drain fra --reason x --steps 25%,50% --over 30m --in 1h",
        "waypost drain fra --reason x --over 30m",
        "waypost pin fra --reason x",
        "waypost drain fra --reason x --local --service mx --wait",
        "waypost isolate fra --reason x --local --dry-run",
        "waypost pin fra --reason x --local --force",
        "waypost status --nodes",
        "waypost status --watch -o jsonl",
        "waypost status --plugin",
        "waypost drain fra --reason x --confirm=fra --force",
        "waypost events --since 2h --until 5m --kind verdict --kind plan --site fra -o name",
        "waypost events --since 2026-05-01T00:00:00Z --follow",
        "waypost diff --answers new.toml",
        "waypost completions zsh",
        "waypost man --directory man",
        "waypost status --nodes -o json",
        "waypost store status -o json",
        "waypost store accept",
        "waypost store accept --keep-known --yes",
        "waypost --config a.toml drain fra --reason x -o json",
        "waypost drain fra --reason x --config a.toml",
        "waypost undrain fra --service mx",
        "waypost wait fra --timeout 1h",
        "waypost explain example.org MX --client 192.0.2.1",
        "waypost whatif --fail fra --fail iad --peak -o json",
        "waypost events --follow --after 7",
        "waypost token create ci --role operator --for 30d",
        "waypost status --node http://127.0.0.1:8053 --token-file t",
        "waypost key generate example.org",
        "waypost key generate --keyset hosted --split --dir keys",
        "waypost key list",
        "waypost key list example.org -o json",
        "waypost key ds example.org --keyset hosted --dnskey",
        "waypost key rollover example.org --role zsk --dry-run",
        "waypost key rollover --keyset hosted --ds-published --parent-ttl 1h",
        "waypost key rollover example.org --cancel --force --role ksk",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
    for line in [
        "waypost",
        "waypost drain fra",
        "waypost drain --reason x",
        "waypost drain fra --reason x --for 1h --until-cleared",
        "waypost drain fra --reason x --for 1h --until 2026-05-01T18:00:00Z",
        "waypost drain fra --reason x --for 90",
        "waypost drain fra --reason x --until tomorrow",
        "waypost drain fra --reason x --share 25",
        "waypost drain fra --reason x --timeout 5m",
        "waypost drain fra --reason x --wait --dry-run",
        "waypost isolate fra --reason x --share 25%",
        "waypost drain fra --reason x --in 1h --at 2026-05-01T18:00:00Z",
        "waypost drain fra --reason x --steps 25%,100%",
        "waypost drain fra --reason x --every 10m",
        "waypost drain fra --reason x --steps 25%,100% --every 10m --over 30m",
        "waypost drain fra --reason x --steps 25%,100% --every 10m --share 50%",
        "waypost drain fra --reason x --over 30m --share 50%",
        "waypost isolate fra --reason x --steps 25%,100% --every 10m",
        "waypost undrain fra --local",
        "waypost store",
        "waypost status --plugin --watch",
        "waypost events --since yesterday",
        "waypost events --since 1h --after 7",
        "waypost events --follow --until 1h",
        "waypost diff new.toml",
        "waypost completions cmd",
        "waypost store accept fra",
        "waypost store status --yes",
        "waypost events --limit 0",
        "waypost whatif",
        "waypost whatif fra",
        "waypost token create ci --role king",
        "waypost status -o yaml",
        "waypost key",
        "waypost key generate",
        "waypost key generate example.org --keyset hosted",
        "waypost key generate --keyset ../hosted",
        "waypost key generate a..b",
        "waypost key ds",
        "waypost key rollover",
        "waypost key rollover example.org --role king",
        "waypost key rollover example.org --ds-published --role csk",
        "waypost key rollover example.org --ds-published --cancel",
        "waypost key rollover example.org --force",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn an_order_waits_a_quarter_of_an_hour_unless_said() {
    let Command::Drain(drain) = parse("waypost drain fra --reason x").unwrap() else { panic!() };
    assert_eq!(drain.order.timeout.as_secs(), 900);
    assert_eq!(drain.share, Share::ALL);
    assert_eq!(drain.order.duration, None, "the node knows the default");
}

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn site(name: &str, standing: Standing, health: State, intent: Option<&str>) -> SiteStatus {
    let endpoint = EndpointStatus {
        address: "192.0.2.1".parse().unwrap(),
        host: format!("mx.{name}.example.org."),
        state: health,
        suspect: false,
        reason: if health == State::Up { String::new() } else { "connection refused".into() },
        since: "2026-05-01T11:59:00Z".parse().unwrap(),
        latency_ms: Some(3.2),
        monitors: vec![],
    };
    SiteStatus {
        name: name.into(),
        standing,
        health,
        intent: intent.map(Into::into),
        drained: Share::NONE,
        reason: "as it is\u{1b}[31m".into(),
        drained_by: None,
        endpoints: vec![endpoint],
    }
}

pub(in super::super) fn status() -> Status {
    Status {
        schema: Status::SCHEMA.into(),
        node: "ns1".into(),
        version: "0.1.0".into(),
        site: None,
        started: "2026-05-01T10:00:00Z".parse().unwrap(),
        time: now(),
        generation: Generation { epoch: 3, sequence: 14 },
        ready: true,
        verdict: "1 of 3 sites is down".into(),
        services: vec![ServiceStatus {
            name: "mx".into(),
            policy: "nearest".into(),
            tier: Tier::Serving,
            ttl: 30,
            min_sites: 1,
            requires: vec![],
            sites: vec![
                site("fra", Standing::Drained, State::Up, Some("drain 100%")),
                site("iad", Standing::Serving, State::Up, None),
                site("nrt", Standing::Down, State::Down, None),
            ],
        }],
        orders: vec![OrderStatus {
            intent: Intent {
                scope: Scope { site: "fra".into(), service: None },
                kind: IntentKind::Drain { share: Share::ALL },
                by: "alice".into(),
                reason: "kernel update".into(),
                since: now(),
                lifetime: Lifetime::Until("2026-05-01T15:59:00Z".parse().unwrap()),
                revision: 1,
                forced: true,
                reach: Reach::Everywhere,
                schedule: None,
                drill: None,
            },
            remaining_seconds: Some(14_340),
            next: None,
            drained_by: None,
        }],
        revision: 1,
        zones: vec![],
        zone_count: 0,
        degradations: vec![Degradation { part: "store".into(), detail: "no space".into(), since: now() }],
        loads: vec![SiteLoadStatus { site: "fra".into(), capacity: Some(1200), load: 99.96, peak: 812.4 }],
        geo: GeoStatus { source: "embedded".into(), detail: String::new() },
        last_event: 9,
        cluster: None,
    }
}

#[test]
fn status_says_the_verdict_first_and_shapes_with_words() {
    let shown = render(&status(), Page::PLAIN, Width::Usual);
    let lines: Vec<_> = shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines[0], "1 of 3 sites is down", "{shown}");
    assert_eq!(lines[1], "ns1 0.1.0 (started 2 h ago), generation 3.14, as of 2026-05-01T12:00:00Z");
    for row in [
        "store: no space; since 2026-05-01T12:00:00Z (now)",
        "mx fra ◇ drained ● up 1/1 up drain 100% as it is\\u{1b}[31m",
        "mx iad ● serving ● up 1/1 up - as it is\\u{1b}[31m",
        "mx nrt ✕ down ✕ down 0/1 up - as it is\\u{1b}[31m",
        "192.0.2.1 mx.nrt.example.org. mx nrt ✕ down connection refused 2026-05-01T11:59:00Z (1 min ago)",
        "fra 100 812 1200",
        "drain fra (forced) alice kernel update in effect until 2026-05-01T15:59:00Z (in 3 h 59 min)",
    ] {
        assert!(lines.iter().any(|line| line == row), "no row {row:?} in\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours where none are wanted, and no one else's");
}

fn cluster_node(name: &str, heard_seconds_ago: Option<f64>) -> NodeStatus {
    NodeStatus {
        name: name.into(),
        is_this: name == "fra-ns1",
        site: Some(name.split('-').next().unwrap().into()),
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

fn status_with(others: Vec<NodeStatus>, connection: Connection) -> Status {
    let this = NodeStatus { connection, ..cluster_node("fra-ns1", Some(0.0)) };
    let cluster = ClusterStatus {
        connection,
        connection_since: Some("2026-05-01T11:59:46Z".parse().unwrap()),
        orders: this.orders,
        plan: this.plan.clone(),
        went_back: None,
        nodes: [this].into_iter().chain(others).collect(),
    };
    Status { node: "fra-ns1".into(), cluster: Some(cluster), ..status() }
}

fn lines(shown: &str) -> Vec<String> {
    shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn status_says_below_its_head_how_the_nodes_stand_together() {
    let third = |status: &Status| lines(&render(status, Page::PLAIN, Width::Usual))[2].clone();
    assert_eq!(third(&status()), "", "a node alone by configuration says nothing of others");
    let well = vec![cluster_node("iad-ns1", Some(0.4)), cluster_node("nrt-ns1", Some(1.9))];
    assert_eq!(third(&status_with(well.clone(), Connection::Connected)), "3 nodes, all in step at orders 3.17");
    let silent = vec![cluster_node("iad-ns1", Some(14.2)), cluster_node("nrt\u{1b}-ns1", None)];
    let shown = lines(&render(&status_with(silent, Connection::Connected), Page::PLAIN, Width::Usual));
    assert_eq!(shown[2], "iad-ns1 not heard of for 14 s: its votes do not count");
    assert_eq!(shown[3], "nrt\\u{1b}-ns1 not heard of since this node started: its votes do not count");
    assert_eq!(shown[4], "");
    for (connection, said) in [
        (Connection::StoreLost, "store lost since 2026-05-01T11:59:46Z (14 s ago): "),
        (Connection::Alone, "ALONE since 2026-05-01T11:59:46Z (14 s ago): "),
        (Connection::CutOff, "CUT OFF since 2026-05-01T11:59:46Z (14 s ago): "),
    ] {
        assert!(third(&status_with(well.clone(), connection)).starts_with(said));
    }
}

#[test]
fn an_order_that_only_this_node_follows_is_marked() {
    let mut status = status();
    status.orders[0].intent.reach = Reach::ThisNode;
    let shown = lines(&render(&status, Page::PLAIN, Width::Usual));
    assert!(shown.iter().any(|line| line.starts_with("drain fra (this node only) (forced) alice ")), "{shown:?}");
}

#[test]
fn the_nodes_are_shown_with_words_for_whatever_sets_them_apart() {
    let others = vec![
        NodeStatus {
            diverges: true,
            plan: "1f3a9c0b22d1ffff".into(),
            failure_domain: Some("isp-a".into()),
            ..cluster_node("iad-ns1", Some(3.9))
        },
        NodeStatus {
            lag: 2,
            orders: OrdersVersion { epoch: 3, revision: 15 },
            local_orders: vec!["fra".into(), "iad/mx".into()],
            version: "0.2.0\u{1b}[2J".into(),
            ..cluster_node("nrt-ns1", Some(0.2))
        },
        cluster_node("syd-ns1", Some(14.2)),
        NodeStatus { version: String::new(), plan: String::new(), site: None, ..cluster_node("gru-ns1", None) },
    ];
    let status = status_with(others, Connection::Connected);
    let shown = render_nodes(&status, Page::PLAIN);
    let rows = lines(&shown);
    for row in [
        "as fra-ns1 sees it at 2026-05-01T12:00:00Z",
        "NODE SITE CONNECTION HEARD ORDERS PLAN VERSION LOCAL ORDERS",
        "fra-ns1 fra ● connected this node 3.17 77ab01cd23ef 0.1.0 none",
        "iad-ns1 iad (fails with isp-a) ● connected 3 s ago 3.17 1f3a9c0b22d1 diverges 0.1.0 none",
        "nrt-ns1 nrt ● connected now 3.15, 2 changes behind 77ab01cd23ef 0.2.0\\u{1b}[2J fra, iad/mx",
        "syd-ns1 syd ? not heard of 14 s ago 3.17 77ab01cd23ef 0.1.0 none",
        "gru-ns1 - ? not heard of never - - - none",
    ] {
        assert!(rows.iter().any(|line| line == row), "no row {row:?} in\n{shown}");
    }
    assert!(rows[0].starts_with("syd-ns1 not heard of for 14 s"), "what is wrong comes first: {shown}");
    assert!(!shown.contains('\u{1b}'));
    let coloured = render_nodes(&status, IN_COLOURS);
    assert!(coloured.contains("\u{1b}[") && coloured.contains("● connected"), "colours repeat the words");
}

#[test]
fn a_node_alone_by_configuration_says_so_instead_of_a_table() {
    let shown = render_nodes(&status(), Page::PLAIN);
    assert!(shown.starts_with("ns1 is the only node by its configuration"), "{shown}");
}

#[test]
fn several_monitors_of_an_endpoint_are_shown_with_their_parts_once_one_is_not_up() {
    let monitor = |name: &str, part, state| MonitorStatus {
        name: name.into(),
        part,
        state,
        reason: if state == State::Up { String::new() } else { "refused".into() },
        since: "2026-05-01T11:59:00Z".parse().unwrap(),
        reading: None,
        latency_ms: None,
    };
    let shown_with = |monitors: Vec<MonitorStatus>| {
        let mut status = status();
        status.services[0].sites[1].endpoints[0].monitors = monitors;
        let shown = render(&status, Page::PLAIN, Width::Usual);
        shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let lines = shown_with(vec![
        monitor("smtp", MonitorPart::Required, State::Up),
        monitor("http", MonitorPart::Counted, State::Up),
        monitor("disk", MonitorPart::MonitorOnly, State::Down),
    ]);
    for row in [
        "MONITOR COUNTS ENDPOINT SERVICE SITE STATE WHY SINCE",
        "smtp required 192.0.2.1 mx iad ● up 2026-05-01T11:59:00Z (1 min ago)",
        "http yes 192.0.2.1 mx iad ● up 2026-05-01T11:59:00Z (1 min ago)",
        "disk no (monitor_only) 192.0.2.1 mx iad ✕ down refused 2026-05-01T11:59:00Z (1 min ago)",
    ] {
        assert!(lines.iter().any(|line| line == row), "no row {row:?} in\n{}", lines.join("\n"));
    }
    for monitors in [
        vec![monitor("smtp", MonitorPart::Counted, State::Down)],
        vec![monitor("smtp", MonitorPart::Counted, State::Up), monitor("disk", MonitorPart::MonitorOnly, State::Up)],
    ] {
        assert!(!shown_with(monitors).iter().any(|line| line.starts_with("MONITOR")), "nothing to tell apart");
    }
}

#[test]
fn colours_only_repeat_what_words_say() {
    let shown = render(&status(), IN_COLOURS, Width::Usual);
    assert!(shown.contains("\u{1b}[") && shown.contains("✕ down"));
}
