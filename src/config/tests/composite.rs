//! `health` and `requires` of services, and `[[assertion]]`.

use super::*;
use crate::model::{Assertion, HealthMode, HealthRule, MonitorIx, ServiceIx, SiteIx};

/// Two sites and two services; monitors in name order are disk, http, imap, smtp.
const BASE: &str = "\
[node]
name = \"ns1\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.0/26\"]
location = { country = \"DE\" }
[[site]]
name = \"iad\"
networks = [\"198.51.100.0/26\"]
location = { country = \"US\" }
[[zone]]
origin = \"example.org\"
file = \"z\"
[monitor.disk]
kind = \"tcp\"
port = 1
[monitor.http]
kind = \"http\"
[monitor.imap]
kind = \"tcp\"
port = 143
[monitor.smtp]
kind = \"smtp\"
[[service]]
name = \"web\"
names = [\"www.example.org\"]
monitors = [\"disk\", \"http\", \"imap\", \"smtp\"]
[[service]]
name = \"mx\"
names = [\"example.org\"]
monitors = [\"disk\", \"http\", \"imap\", \"smtp\"]
";

/// What `health` of service `mx` says.
fn health(health: &str) -> HealthRule {
    settings(&format!("{BASE}health = {health}\n")).services[1].health.clone()
}

fn at(positions: &[u16]) -> Vec<MonitorIx> {
    positions.iter().copied().map(MonitorIx).collect()
}

#[test]
fn without_health_every_monitor_counts_and_the_worst_decides() {
    let expected = HealthRule { mode: HealthMode::All, required: Vec::new(), monitor_only: Vec::new() };
    assert_eq!(settings(BASE).services[1].health, expected);
    assert_eq!(health("{}"), expected);
    assert_eq!(health("{ mode = \"all\" }"), expected);
}

#[test]
fn every_key_of_health_reaches_the_settings() {
    assert_eq!(
        health("{ mode = \"quorum\", quorum = 2, required = [\"smtp\"], monitor_only = [\"disk\"] }"),
        HealthRule { mode: HealthMode::Quorum(2), required: at(&[3]), monitor_only: at(&[0]) }
    );
    assert_eq!(health("{ mode = \"any\", required = [\"smtp\"] }").mode, HealthMode::Any);
    let section = format!("{BASE}[service.health]\nmode = \"quorum\"\nquorum = 4\n");
    assert_eq!(settings(&section).services[1].health.mode, HealthMode::Quorum(4));
}

#[test]
fn services_may_require_those_before_and_after_them() {
    let text = BASE.replace("name = \"web\"\n", "name = \"web\"\nrequires = [\"mx\", \"database\"]\n");
    let text = format!(
        "{text}[[service]]\nname = \"database\"\nnames = [\"db.example.org\"]\nmonitors = []\n\
         [[service]]\nname = \"imap\"\nnames = [\"imap.example.org\"]\nmonitors = []\nrequires = [\"database\", \"web\"]\n"
    );
    let required: Vec<_> = settings(&text).services.into_iter().map(|service| service.requires).collect();
    assert_eq!(required, [vec![ServiceIx(1), ServiceIx(2)], vec![], vec![], vec![ServiceIx(2), ServiceIx(0)]]);
    assert!(read_text(&text).1.is_empty(), "two ways to one service are no circle");
}

#[test]
fn assertions_are_about_one_service_or_all() {
    let text = format!(
        "{BASE}[[assertion]]\nname = \"one-of-two\"\nservice = \"mx\"\nat_least = 1\nof = [\"iad\", \"fra\"]\n\
         [[assertion]]\nname = \"fra-stays\"\nat_least = 1\nof = [\"fra\"]\n"
    );
    let (fra, iad) = (SiteIx(0), SiteIx(1));
    assert_eq!(
        settings(&text).assertions,
        [
            Assertion { name: "one-of-two".into(), service: Some(ServiceIx(1)), at_least: 1, of: vec![iad, fra] },
            Assertion { name: "fra-stays".into(), service: None, at_least: 1, of: vec![fra] },
        ]
    );
    assert!(read_text(&text).1.is_empty());
}

/// The one remark on `BASE` with `text` at its end: line below the base (from 1), column, and words that it holds.
struct Remark(&'static str, (usize, usize), &'static [&'static str]);

#[rustfmt::skip]
const ERRORS: &[Remark] = &[
    Remark("health = \"any\"", (1, 10), &["\"any\" as health of [[service]] \"mx\"", "a table", "health = { mode = \"quorum\""]),
    Remark("health = { mod = \"any\" }", (1, 12), &["unknown key \"mod\" in health of [[service]] \"mx\"", "mode, quorum, required, monitor_only", "did you mean \"mode\"?"]),
    Remark("health = { mode = \"some\" }", (1, 19), &["\"some\" as mode of health", "one of all, any, quorum"]),
    Remark("health = { mode = \"quorum\" }", (1, 10), &["health of [[service]] \"mx\" without quorum", "add quorum = 3"]),
    Remark("health = { quorum = 2 }", (1, 12), &["quorum of health of [[service]] \"mx\" without mode \"quorum\"", "both or none", "mode = \"quorum\", or delete quorum"]),
    Remark("health = { mode = \"any\", quorum = 2 }", (1, 26), &["without mode \"quorum\""]),
    Remark("health = { mode = \"quorum\", quorum = 0 }", (1, 38), &["the integer 0 as quorum", "from 1 to"]),
    Remark("health = { mode = \"quorum\", quorum = 3, required = [\"smtp\"], monitor_only = [\"disk\"] }", (1, 38), &["the integer 3 as quorum", "at most 2", "write quorum = 2"]),
    Remark("health = { mode = \"quorum\", quorum = 1, required = [\"smtp\", \"http\", \"imap\", \"disk\"] }", (1, 38), &["at most 0", "leave monitors out of required"]),
    Remark("health = { mode = \"any\", required = [\"stmp\"] }", (1, 38), &["unknown monitor \"stmp\" as required of health", "did you mean \"smtp\"?"]),
    Remark("health = { monitor_only = [\"disk\", \"disk\"] }", (1, 36), &["\"disk\" a second time as monitor_only", "delete one"]),
    Remark("health = { mode = \"any\", required = [\"disk\"], monitor_only = [\"disk\"] }", (1, 47), &["monitor \"disk\" in required and in monitor_only", "one of the two"]),
    Remark("health = { monitor_only = [\"queue\"] }\n[monitor.queue]\nkind = \"tcp\"\nport = 9\n[[service]]\nname = \"x\"\nnames = [\"x.example.org\"]\nmonitors = [\"queue\"]", (1, 28), &["monitor \"queue\" as monitor_only of health of [[service]] \"mx\", which is not in its monitors", "a monitor of the service", "add it to monitors"]),
    Remark("requires = \"web\"", (1, 12), &["\"web\" as requires", "an array", "[\"web\"]"]),
    Remark("requires = [\"wbe\"]", (1, 13), &["unknown service \"wbe\" as requires of [[service]] \"mx\"", "a declared service: web, mx", "did you mean \"web\"?"]),
    Remark("requires = [\"web\", \"web\"]", (1, 20), &["\"web\" a second time", "delete one"]),
    Remark("requires = [\"mx\"]", (1, 12), &["in a circle: mx -> mx", "no service that requires itself", "take one of them out"]),
    Remark("requires = [\"imap\"]\n[[service]]\nname = \"imap\"\nnames = [\"imap.example.org\"]\nmonitors = []\nrequires = [\"web\", \"database\"]\n[[service]]\nname = \"database\"\nnames = [\"db.example.org\"]\nmonitors = []\nrequires = [\"mx\"]", (1, 12), &["in a circle: mx -> imap -> database -> mx"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 1", (1, 1), &["[[assertion]] \"a\" without of", "sites", "add of = [\"fra\"]"]),
    Remark("[[assertion]]\nname = \"a\"\nof = [\"fra\"]", (1, 1), &["without at_least", "add at_least = 1"]),
    Remark("[[assertion]]\nat_least = 1\nof = [\"fra\"]", (1, 1), &["[[assertion]] without name", "add name = \"assertion-1\""]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 1\nof = [\"fra\", \"nrt\"]", (4, 14), &["unknown site \"nrt\" as of of [[assertion]] \"a\"", "fra, iad"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 2\nof = [\"fra\", \"nrt\"]", (4, 14), &["unknown site \"nrt\" as of of [[assertion]] \"a\""]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 1\nof = []", (4, 6), &["an empty array as of", "write of = [\"fra\"]"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 1\nof = [\"fra\", \"fra\"]", (4, 14), &["\"fra\" a second time"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 3\nof = [\"fra\", \"iad\"]", (3, 12), &["the integer 3 as at_least", "at most 2, the number of the sites", "write at_least = 1"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 0\nof = [\"fra\", \"iad\"]", (3, 12), &["the integer 0 as at_least", "from 1 to 64"]),
    Remark("[[assertion]]\nname = \"a\"\natleast = 1\nat_least = 1\nof = [\"fra\"]", (3, 1), &["unknown key \"atleast\" in [[assertion]] \"a\"", "did you mean \"at_least\"?"]),
    Remark("[[assertion]]\nname = \"a\"\nservice = \"mxx\"\nat_least = 1\nof = [\"fra\"]", (3, 11), &["unknown service \"mxx\" as service of [[assertion]] \"a\"", "did you mean \"mx\"?"]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 1\nof = [\"fra\"]\n[[assertion]]\nname = \"a\"\nat_least = 1\nof = [\"iad\"]", (6, 8), &["a second assertion called \"a\"; the first is in line", "each assertion once"]),
    Remark("sites = [\"fra\"]\n[[assertion]]\nname = \"a\"\nservice = \"mx\"\nat_least = 1\nof = [\"fra\", \"iad\"]", (6, 14), &["site \"iad\" as of of [[assertion]] \"a\", which is not in sites of service \"mx\"", "a site of the service", "add it to sites of service \"mx\""]),
    Remark("[assertion]\nname = \"a\"", (1, 1), &["a single section [assertion]", "write [[assertion]]"]),
];

#[rustfmt::skip]
const WARNINGS: &[Remark] = &[
    Remark("health = { mode = \"all\", required = [\"smtp\"] }", (1, 26), &["required of health of [[service]] \"mx\" without effect", "with \"all\" every monitor is required", "mode = \"any\""]),
    Remark("health = { mode = \"any\", required = [\"smtp\", \"http\"], monitor_only = [\"disk\"] }", (1, 12), &["mode \"any\" over 1 monitors", "two or more"]),
    Remark("health = { monitor_only = [\"smtp\", \"http\", \"disk\", \"imap\"] }", (1, 12), &["all monitors in monitor_only", "every endpoint counts as up"]),
    Remark("[[service]]\nname = \"x\"\nnames = [\"x.example.org\"]\nmonitors = []\nhealth = { mode = \"any\" }", (5, 1), &["health of [[service]] \"x\" without effect", "name monitors"]),
    Remark("requires = [\"x\"]\n[[service]]\nname = \"x\"\nnames = [\"x.example.org\"]\nmonitors = []\nsites = [\"iad\"]", (1, 12), &["[[service]] \"mx\" at \"fra\", where service \"x\" that it requires is not", "add \"fra\" to sites of \"x\""]),
    Remark("[[assertion]]\nname = \"a\"\nat_least = 2\nof = [\"fra\", \"iad\"]", (1, 1), &["[[assertion]] \"a\" without effect: no service uses 2 of its sites", "lower at_least"]),
];

/// What is wrong with how `remark` was reported, as far as it is not as promised.
fn verdict(remark: &Remark, severity: Severity, base: &str) -> Option<String> {
    let Remark(text, (line, column), words) = remark;
    let (settings, report) = read_text(&format!("{base}{text}\n"));
    let good = match report.iter().collect::<Vec<_>>().as_slice() {
        [one] => {
            let said = one.to_string();
            one.severity == severity
                && (one.line, one.column) == (base.lines().count() + line, *column)
                && words.iter().all(|word| said.contains(word))
                && settings.is_some() == (severity == Severity::Warning)
        }
        _ => false,
    };
    (!good).then(|| format!("{text:?}, at {line}:{column} below line {}:\n{report}\n", base.lines().count()))
}

#[test]
fn every_mistake_is_found_where_it_is_with_its_remedy() {
    let wrong: Vec<String> = ERRORS.iter().filter_map(|remark| verdict(remark, Severity::Error, BASE)).collect();
    assert!(wrong.is_empty(), "{} reported otherwise:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_doubtful_setting_is_a_warning_and_the_file_is_used() {
    // Each of the services uses one of the sites, so that no assertion about both holds any.
    let apart = BASE.replace("name = \"web\"\n", "name = \"web\"\nsites = [\"fra\"]\n") + "sites = [\"iad\"]\n";
    let base = |remark: &Remark| if remark.0.starts_with("[[assertion]]") { apart.clone() } else { BASE.to_owned() };
    let wrong: Vec<String> =
        WARNINGS.iter().filter_map(|remark| verdict(remark, Severity::Warning, &base(remark))).collect();
    assert!(wrong.is_empty(), "{} reported otherwise:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_long_chain_of_requirements_is_no_circle_and_a_long_circle_is_told_in_short() {
    let chain = |last: &str| -> String {
        let services = (0..2_000).map(|ix| {
            let requires = if ix < 1_999 { format!("s{}", ix + 1) } else { last.to_owned() };
            format!("[[service]]\nname = \"s{ix}\"\nnames = [\"s{ix}.example.org\"]\nmonitors = []\nrequires = [\"{requires}\"]\n")
        });
        format!("{BASE}{}", services.collect::<String>())
    };
    assert!(read_text(&chain("mx")).1.is_empty());
    let (_, report) = read_text(&chain("s0"));
    let errors: Vec<String> = report.errors().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("s0 -> s1 -> ") && errors[0].contains(" -> s11 -> … -> s0;"), "{}", errors[0]);
}

#[test]
fn every_pair_of_a_tangle_is_reported_within_bounds() {
    let all: Vec<String> = (0..40).map(|ix| format!("\"s{ix}\"")).collect();
    let services = (0..40).map(|ix| {
        format!(
            "[[service]]\nname = \"s{ix}\"\nnames = [\"s{ix}.example.org\"]\nmonitors = []\nrequires = [{}]\n",
            all.join(", ")
        )
    });
    let (settings, report) = read_text(&format!("{BASE}{}", services.collect::<String>()));
    assert!(settings.is_none());
    assert!((1..=101).contains(&report.errors().count()));
}

#[test]
fn any_value_of_any_key_is_read_or_refused() {
    let values = [
        "0",
        "-1",
        "1e400",
        "99999999999999999999",
        "true",
        "\"\"",
        "[]",
        "[[]]",
        "{}",
        "[1, \"a\", {}]",
        "{ a = 1 }",
        "1979-05-27",
        "\"smtp\"",
        "[\"smtp\", \"smtp\"]",
        "[\"mx\"]",
        "[\"fra\"]",
        "2",
        "\"quorum\"",
    ];
    let places: [&dyn Fn(&str) -> String; 8] = [
        &|value| format!("health = {value}"),
        &|value| format!("health = {{ mode = {value} }}"),
        &|value| format!("health = {{ mode = \"quorum\", quorum = {value} }}"),
        &|value| format!("health = {{ required = {value}, monitor_only = {value} }}"),
        &|value| format!("requires = {value}"),
        &|value| format!("[[assertion]]\nname = {value}\nat_least = 1\nof = [\"fra\"]"),
        &|value| format!("[[assertion]]\nname = \"a\"\nservice = {value}\nat_least = {value}\nof = [\"fra\"]"),
        &|value| format!("[[assertion]]\nname = \"a\"\nat_least = 1\nof = {value}"),
    ];
    for text in places.iter().flat_map(|place| values.map(place)) {
        let (settings, report) = read_text(&format!("{BASE}{text}\n"));
        assert_eq!(settings.is_some(), !report.has_errors(), "{text}");
        assert!(report.iter().all(|found| !found.what.is_empty() && !found.remedy.is_empty()), "{text}:\n{report}");
    }
}
