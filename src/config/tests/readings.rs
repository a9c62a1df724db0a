//! Monitors that read numbers and words: prometheus, json, agent, exec.

use super::*;
use crate::model::{AgentCheck, Combine, ExecCheck, Expected, Missing, MonitorKind, TlsMode};

const BASE: &str = "\
[node]
name = \"ns1\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.0/26\"]
[[service]]
name = \"mx\"
names = [\"example.org\"]
monitors = [\"x\"]
[[zone]]
origin = \"example.org\"
file = \"example.org.zone\"
[monitor.x]
";
/// The first line of the monitor.
const FIRST: usize = 14;

fn monitor(text: &str) -> crate::model::Monitor {
    settings(&format!("{BASE}{text}")).monitors.remove(0)
}

#[test]
fn a_prometheus_monitor_says_what_it_reads() {
    let small = monitor("kind = \"prometheus\"\nport = 9100\nseries = 'node_load1'\nwarn = \"> 8\"");
    let MonitorKind::Prometheus(check) = &small.kind else { panic!("{small:?}") };
    assert_eq!((small.port, check.page.path.as_str(), check.page.tls.mode), (9100, "/metrics", TlsMode::Off));
    assert_eq!((check.combine, check.missing, &check.divide_by), (Combine::Max, Missing::Defer, &None));
    assert_eq!((check.levels.warn, check.levels.fail), ("> 8".parse().ok(), None));
    let full = monitor(
        "kind = \"prometheus\"\nport = 9100\nhost = \"mx1.example.org\"\npath = \"/federate?x=1\"\ntls = \"implicit\"\n\
         series = 'avail{mountpoint=\"/var\"}'\ndivide_by = 'size{mountpoint=\"/var\"}'\ncombine = \"min\"\n\
         warn = \"< 0.1\"\nfail = \"<= 0.01\"\nmissing = \"fail\"\nca = \"ca.pem\"\nexpiry_warning = \"14d\"\n",
    );
    let MonitorKind::Prometheus(check) = &full.kind else { panic!("{full:?}") };
    assert_eq!(check.series.to_string(), "avail{mountpoint=\"/var\"}");
    assert_eq!(check.divide_by.as_ref().unwrap().to_string(), "size{mountpoint=\"/var\"}");
    assert_eq!((check.combine, check.missing, check.page.tls.mode), (Combine::Min, Missing::Fail, TlsMode::Implicit));
    assert_eq!(check.levels.fail, "<= 0.01".parse().ok());
    assert_eq!((check.page.host.as_deref(), check.page.path.as_str()), (Some("mx1.example.org"), "/federate?x=1"));
    assert_eq!(check.page.tls.ca.as_deref(), Some(Path::new("/etc/waypost/ca.pem")));
}

#[test]
fn a_json_monitor_says_what_it_reads() {
    let of = |text: &str| {
        let monitor = monitor(&format!("kind = \"json\"\n{text}"));
        let MonitorKind::Json(check) = monitor.kind else { panic!() };
        (monitor.port, check)
    };
    let (port, number) = of("pointer = \"/queue/deferred\"\nwarn = \"> 500\"\nfail = \"> 5000\"");
    assert_eq!((port, number.pointer.to_string().as_str(), number.page.path.as_str()), (80, "/queue/deferred", "/"));
    let Expected::Number(levels) = number.expected else { panic!() };
    assert_eq!((levels.warn, levels.fail), ("> 500".parse().ok(), "> 5000".parse().ok()));
    let (port, text) = of("tls = \"implicit\"\npointer = \"\"\nequals = \"ok\"\nmissing = \"ok\"");
    assert_eq!((port, text.expected, text.missing), (443, Expected::Text("ok".into()), Missing::Ok));
    assert_eq!(of("pointer = \"/a\"\nequals = false").1.expected, Expected::Boolean(false));
}

#[test]
fn an_agent_monitor_may_send_a_line() {
    assert_eq!(monitor("kind = \"agent\"\nport = 9777").kind, MonitorKind::Agent(AgentCheck { send: None }));
    let asking = monitor("kind = \"agent\"\nport = 9777\nsend = \"mx1 status\"").kind;
    assert_eq!(asking, MonitorKind::Agent(AgentCheck { send: Some("mx1 status".into()) }));
}

#[test]
fn an_exec_monitor_is_a_program_with_arguments() {
    let plain = monitor("kind = \"exec\"\ncommand = [\"/bin/true\"]");
    let check = ExecCheck { program: "/bin/true".into(), arguments: vec![], user: None };
    assert_eq!((plain.port, plain.kind), (0, MonitorKind::Exec(check)));
    let full = monitor(
        "kind = \"exec\"\nport = 25\nuser = \"nagios\"\n\
         command = [\"/usr/lib/nagios/plugins/check_tcp\", \"-H\", \"{address}\", \"-p\", \"{port}\", \"{x\", \"{}\"]",
    );
    let MonitorKind::Exec(check) = full.kind else { panic!() };
    assert_eq!((full.port, check.user.as_deref()), (25, Some("nagios")));
    assert_eq!(check.arguments, ["-H", "{address}", "-p", "{port}", "{x", "{}"]);
}

/// The text of a monitor, the line and column of its one diagnostic, and words of it.
type Mistake = (&'static str, (usize, usize), [&'static str; 3]);

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    ("kind = \"prometheus\"\nseries = 'up'\nwarn = \"< 1\"", (0, 1), ["[monitor.x] without port", "prometheus monitor has no default", "add port = 9100"]),
    ("kind = \"prometheus\"\nport = 9100\nwarn = \"< 1\"", (0, 1), ["without series", "which samples count", "add series = '"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'", (0, 1), ["without warn and fail", "at least one threshold", "add warn ="]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up{a=~\"b\"}'\nwarn = \"< 1\"", (3, 10), ["as series", "not between double quotes", "single quotes"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"< 1\"\ndivide_by = '{}'", (5, 13), ["as divide_by", "name of a metric", "node_load1"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"500\"", (4, 8), ["\"500\" as warn", "one of >, >=, <, <= with a number", "write \"> 500\" or"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nfail = 5", (4, 8), ["the integer 5 as fail", "a text in quotes", "\"5\""]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 50\"\nfail = \"> 5\"", (4, 8), ["\"> 50\" as warn of [monitor.x] without effect", "before that of fail, \"> 5\"", "correct one"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 5\"\ncombine = \"avg\"", (5, 11), ["\"avg\" as combine", "max, min, sum", "write combine"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 5\"\nmissing = \"failed\"", (5, 11), ["\"failed\" as missing", "defer, fail, ok", "did you mean \"fail\"?"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 5\"\ntls = \"starttls\"", (5, 7), ["\"starttls\" as tls", "none, implicit", "tls = \"none\""]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 5\"\nverify = false", (5, 1), ["verify of [monitor.x] without effect", "it with TLS", "delete verify"]),
    ("kind = \"prometheus\"\nport = 9100\nseries = 'up'\nwarn = \"> 5\"\nstatus = 200", (5, 1), ["a monitor of kind prometheus does not have", "series, combine", "delete it"]),
    ("kind = \"json\"\nequals = true", (0, 1), ["without pointer", "RFC 6901", "add pointer ="]),
    ("kind = \"json\"\npointer = \"queue\"\nequals = true", (2, 11), ["\"queue\" as pointer", "does not begin with /", "/queue/deferred"]),
    ("kind = \"json\"\npointer = \"/a\"", (0, 1), ["without warn, fail and equals", "what the value must be", "equals = \"ok\""]),
    ("kind = \"json\"\npointer = \"/a\"\nequals = 5", (3, 10), ["the integer 5 as equals", "true or false", "thresholds"]),
    ("kind = \"json\"\npointer = \"/a\"\nequals = \"ok\"\nwarn = \"> 5\"", (3, 1), ["equals of [monitor.x] beside warn or fail", "either", "delete one"]),
    ("kind = \"agent\"", (0, 1), ["without port", "agent monitor has no default", "add port = 9777"]),
    ("kind = \"agent\"\nport = 1\nsend = \"a\\nb\"", (3, 8), ["as send", "one line", "without its end"]),
    ("kind = \"exec\"", (0, 1), ["without command", "a program and its arguments", "check_tcp"]),
    ("kind = \"exec\"\ncommand = []", (2, 11), ["an empty array as command", "a program", "check_tcp"]),
    ("kind = \"exec\"\ncommand = \"/bin/true\"", (2, 11), ["\"/bin/true\" as command", "an array", "[\"/bin/true\"]"]),
    ("kind = \"exec\"\ncommand = [\"check_tcp\"]", (2, 12), ["\"check_tcp\" as command", "absolute path", "no search path"]),
    ("kind = \"exec\"\ncommand = [\"/bin/check -H x\", \"y\"]\nuser = \"a b\"", (3, 8), ["\"a b\" as user", "name of a user", "nagios"]),
    ("kind = \"exec\"\ncommand = [\"/bin/true\", \"{adress}\"]", (2, 25), ["\"{adress}\" in \"{adress}\" as command", "{address}, {port}, {host}, {service}", "did you mean {address}?"]),
    ("kind = \"exec\"\ncommand = [\"/bin/true\", \"-p{port}\"]", (0, 1), ["without port", "exec monitor has no default", "add port = 587"]),
    ("kind = \"exec\"\ncommand = [\"/bin/true\"]\nshell = true", (3, 1), ["unknown key \"shell\"", "command, user", "delete it"]),
];

#[test]
fn every_mistake_gets_one_diagnostic_that_helps() {
    for (text, (line, column), words) in MISTAKES {
        let (_, report) = read_text(&format!("{BASE}{text}"));
        let all: Vec<_> = report.errors().chain(report.warnings()).collect();
        let [diagnostic] = all.as_slice() else { panic!("{text}\n{report}") };
        let place = (diagnostic.line, diagnostic.column);
        assert_eq!(place, (FIRST - 1 + line, *column), "{text}\n{report}");
        for (found, expected) in [&diagnostic.what, &diagnostic.expected, &diagnostic.remedy].into_iter().zip(words) {
            assert!(found.contains(expected), "{text}\n'{found}' without '{expected}'");
        }
    }
}
