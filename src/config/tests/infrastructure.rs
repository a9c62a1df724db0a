//! Monitors of infrastructure: good ones say what they say, and a slip in one has its place and its remedy.

use std::path::PathBuf;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::*;
use crate::model::{DatabaseRole, Monitor, MonitorKind, Refused, TlsMode, Transport};

const MINIMAL: &str = "\
[node]
name = \"ns1\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.0/26\"]
[[service]]
name = \"db\"
names = [\"db.example.org\"]
monitors = [\"x\"]
[[zone]]
origin = \"example.org\"
file = \"zone\"
[monitor.x]
";
/// The line that the first key of the monitor stands in.
const FIRST: usize = 14;

fn monitor(keys: &str) -> Monitor {
    settings(&format!("{MINIMAL}{keys}\n")).monitors.remove(0)
}

/// The one diagnostic of a file with these keys: its place and all its words.
fn mistake(keys: &str) -> (usize, usize, String) {
    let (_, report) = read_text(&format!("{MINIMAL}{keys}\n"));
    let found: Vec<_> = report.iter().collect();
    let [only] = found.as_slice() else { panic!("{keys}: {report}") };
    (only.line, only.column, format!("{} | {} | {}", only.what, only.expected, only.remedy))
}

#[test]
fn a_tcp_monitor_without_words_is_a_bare_connect() {
    assert_eq!(monitor("kind = \"tcp\"\nport = 993").kind, MonitorKind::Tcp);
    assert_eq!(monitor("kind = \"tcp\"\nport = 993\ntls = \"none\"").kind, MonitorKind::Tcp);
    let talking = monitor("kind = \"tcp\"\nport = 6379\nsend = \"PING\\r\\n\\u0001\"\nexpect = '^\\+PONG'");
    assert!(!talking.kind.is_one_step(), "a bare connect can stand in for it");
    let MonitorKind::Exchange(check) = talking.kind else { panic!("{:?}", talking.kind) };
    assert_eq!((check.send.as_deref(), check.expect.as_deref()), (Some("PING\r\n\u{1}"), Some("^\\+PONG")));
    assert_eq!(check.tls.mode, TlsMode::Off);
    let MonitorKind::Exchange(check) = monitor("kind = \"tcp\"\nport = 993\ntls = \"implicit\"").kind else { panic!() };
    assert_eq!((check.send, check.expect, check.tls.mode), (None, None, TlsMode::Implicit));
}

#[test]
fn a_tls_monitor_defers_unless_it_is_strict() {
    let tls = monitor("kind = \"tls\"");
    assert_eq!(tls.port, 443);
    let MonitorKind::Handshake(check) = tls.kind else { panic!("{:?}", tls.kind) };
    assert_eq!((check.refused, check.expiry_critical, check.tls.mode), (Refused::Defers, None, TlsMode::Implicit));
    let strict = monitor("kind = \"tls\"\nstrict = true\nexpiry_warning = \"21d\"\nexpiry_critical = \"3d\"");
    let MonitorKind::Handshake(check) = strict.kind else { panic!("{:?}", strict.kind) };
    assert_eq!((check.refused, check.expiry_critical), (Refused::Fails, Some(Duration::from_secs(3 * 86_400))));
}

#[test]
fn a_dns_monitor_asks_for_the_soa_unless_told_otherwise() {
    let dns = monitor("kind = \"dns\"\nname = \"example.org\"");
    assert_eq!(dns.port, 53);
    assert!(dns.kind.is_one_step(), "over UDP there is no connect to stand in for it");
    let MonitorKind::Dns(check) = dns.kind else { panic!("{:?}", dns.kind) };
    assert_eq!((check.rtype, check.transport, check.recursion), (RecordType::SOA, Transport::Udp, false));
    assert_eq!((check.rcodes.as_slice(), check.authoritative), ([ResponseCode::NoError].as_slice(), false));
    let dns = monitor(
        "kind = \"dns\"\nname = \"mx.example.org\"\ntype = \"a\"\nrcode = [\"NOERROR\", \"NXDOMAIN\"]\n\
         expect = [\"192.0.2.1\"]\nrecursion = true\nauthoritative = true\ntransport = \"tcp\"",
    );
    assert!(!dns.kind.is_one_step());
    let MonitorKind::Dns(check) = dns.kind else { panic!("{:?}", dns.kind) };
    assert_eq!((check.rtype, check.transport), (RecordType::A, Transport::Tcp));
    assert_eq!(check.rcodes, [ResponseCode::NoError, ResponseCode::NXDomain]);
    assert_eq!(check.expect, ["192.0.2.1"]);
    assert!(check.recursion && check.authoritative);
    let MonitorKind::Dns(check) = monitor("kind = \"dns\"\nname = \".\"\nrcode = \"REFUSED\"").kind else { panic!() };
    assert_eq!(check.rcodes, [ResponseCode::Refused]);
}

#[test]
fn an_icmp_monitor_has_no_port() {
    let icmp = monitor("kind = \"icmp\"");
    assert_eq!((icmp.port, icmp.kind.is_one_step()), (0, true));
}

#[test]
fn database_monitors_have_the_defaults_of_their_kind() {
    let postgres = monitor("kind = \"postgres\"\nuser = \"waypost\"");
    assert_eq!(postgres.port, 5432);
    let MonitorKind::Postgres(check) = postgres.kind else { panic!("{:?}", postgres.kind) };
    assert_eq!((check.database.as_str(), check.replicas, check.server.role), ("postgres", 0, DatabaseRole::Any));
    assert_eq!((check.server.tls.mode, check.server.password_file), (TlsMode::Starttls, None));
    let postgres = monitor(
        "kind = \"postgres\"\nuser = \"waypost\"\npassword_file = \"pg.password\"\ndatabase = \"mail\"\ntls = \"none\"\n\
         role = \"any\"\nlag_warning = \"10s\"\nlag_critical = \"1m\"\nreplicas = 2",
    );
    let MonitorKind::Postgres(check) = postgres.kind else { panic!("{:?}", postgres.kind) };
    assert_eq!((check.database.as_str(), check.replicas, check.server.tls.mode), ("mail", 2, TlsMode::Off));
    assert_eq!(check.server.password_file, Some(PathBuf::from("/etc/waypost/pg.password")));
    assert_eq!(check.server.lag_warning, Some(Duration::from_secs(10)));
    assert_eq!(check.server.lag_critical, Some(Duration::from_secs(60)));
    let mysql = monitor("kind = \"mysql\"\nuser = \"waypost\"\nrole = \"replica\"");
    assert_eq!(mysql.port, 3306);
    let MonitorKind::Mysql(check) = mysql.kind else { panic!("{:?}", mysql.kind) };
    assert_eq!((check.user.as_str(), check.role), ("waypost", DatabaseRole::Replica));
}

#[test]
fn a_database_password_that_is_not_guarded_is_a_warning_and_no_error() {
    for exposed in ["tls = \"none\"", "verify = false"] {
        for kind in ["postgres", "mysql"] {
            let guarded = format!("{MINIMAL}kind = \"{kind}\"\nuser = \"w\"\n");
            let text = format!("{guarded}password_file = \"p\"\n{exposed}\n");
            let (settings, report) = read_text(&text);
            assert!(settings.is_some() && report.errors().count() == 0 && report.iter().count() == 1, "{report}");
            for good in [format!("{guarded}{exposed}\n"), format!("{guarded}password_file = \"p\"\n")] {
                assert!(read_text(&good).1.is_empty(), "{good}");
            }
        }
    }
}

#[test]
#[rustfmt::skip]
fn slips_have_their_place_and_their_remedy() {
    let long = format!("kind = \"tcp\"\nport = 1\nsend = \"{}\"", "x".repeat(1001));
    for (keys, line, column, words) in [
        ("kind = \"tcp\"", 0, 1, "port, which a tcp monitor has no default for"),
        ("kind = \"tcp\"\nport = 1\nsend = \"\"", 3, 8, "1 to 1000 octets"),
        (&long, 3, 8, "1 to 1000 octets"),
        ("kind = \"tcp\"\nport = 1\nsend = 1", 3, 8, "a text in quotes"),
        ("kind = \"tcp\"\nport = 1\nexpect = \"(\"", 3, 10, "a regular expression (unclosed group)"),
        ("kind = \"tcp\"\nport = 1\ntls = \"starttls\"", 3, 7, "one of implicit, none"),
        ("kind = \"tcp\"\nport = 1\nverify = false", 3, 1, "verify of [monitor.x] without effect"),
        ("kind = \"tls\"\nstrict = \"yes\"", 2, 10, "true or false"),
        ("kind = \"tls\"\nexpiry_critical = \"8d\"", 2, 19, "at most expiry_warning, 7d"),
        ("kind = \"tls\"\nexpiry_critical = 3", 2, 19, "write expiry_critical = \"3d\""),
        ("kind = \"tls\"\nverify = false\nstrict = true", 3, 1, "strict of [monitor.x] without effect"),
        ("kind = \"tls\"\nsend = \"x\"", 2, 1, "which a monitor of kind tls does not have"),
        ("kind = \"dns\"", 0, 1, "add name = \"example.org\""),
        ("kind = \"dns\"\nname = \"a..b\"", 2, 8, "a domain name of labels"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"SAO\"", 3, 8, "a record type"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"AXFR\"", 3, 8, "a record type"),
        ("kind = \"dns\"\nname = \"a\"\nrcode = \"NOEROR\"", 3, 9, "did you mean \"NOERROR\"?"),
        ("kind = \"dns\"\nname = \"a\"\nrcode = []", 3, 9, "at least one response code"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"A\"\nexpect = [\"mx\"]", 4, 11, "data of type A: an IPv4 address"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"MX\"\nexpect = [\"mx\"]", 4, 11, "preference and host"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"A\"\nexpect = \"1.2.3.4\"", 4, 10, "[\"1.2.3.4\"]"),
        ("kind = \"dns\"\nname = \"a\"\ntype = \"CAA\"\nexpect = [\"x\"]", 4, 1, "expect of [monitor.x] with type CAA"),
        ("kind = \"dns\"\nname = \"a\"\ntransport = \"tls\"", 3, 13, "one of udp, tcp"),
        ("kind = \"icmp\"\nport = 7", 2, 1, "which a monitor of kind icmp does not have"),
        ("kind = \"postgres\"", 0, 1, "add user = \"waypost\""),
        ("kind = \"postgres\"\nuser = \"\"", 2, 8, "a name of 1 to 255 octets"),
        ("kind = \"postgres\"\nuser = \"w\"\ntls = \"implicit\"", 3, 7, "one of starttls, none"),
        ("kind = \"postgres\"\nuser = \"w\"\nrole = \"master\"", 3, 8, "one of any, primary, replica"),
        ("kind = \"postgres\"\nuser = \"w\"\nlag_warning = 5", 3, 15, "write lag_warning = \"5s\""),
        ("kind = \"postgres\"\nuser = \"w\"\nlag_warning = \"1m\"\nlag_critical = \"5s\"", 4, 16, "at least lag_warning, 1m"),
        ("kind = \"postgres\"\nuser = \"w\"\nrole = \"primary\"\nlag_critical = \"5s\"", 4, 1, "without effect"),
        ("kind = \"postgres\"\nuser = \"w\"\nrole = \"replica\"\nreplicas = 1", 4, 1, "without effect"),
        ("kind = \"postgres\"\nuser = \"w\"\nreplicas = -1", 3, 12, "a whole number from 0 to 262143"),
        ("kind = \"postgres\"\nuser = \"w\"\npassword = \"x\"", 3, 1, "add password_file with its path"),
        ("kind = \"postgres\"\nuser = \"w\"\npassword_file = \"p\"\nverify = false", 3, 1, "password_file of [monitor.x] with verify = false | verified certificates"),
        ("kind = \"mysql\"\nuser = \"w\"\nverify = false\npassword_file = \"p\"", 4, 1, "password_file of [monitor.x] with verify = false | verified certificates"),
        ("kind = \"postgres\"\nuser = \"w\"\ntls = \"none\"\npassword_file = \"p\"", 4, 1, "password_file of [monitor.x] with tls = \"none\" | tls = \"starttls\""),
        ("kind = \"mysql\"\nuser = \"w\"\ntls = \"none\"\npassword_file = \"p\"", 4, 1, "delete tls = \"none\", or password_file"),
        ("kind = \"mysql\"\nuser = \"w\"\nreplicas = 1", 3, 1, "which a monitor of kind mysql does not have"),
    ] {
        let (at_line, at_column, said) = mistake(keys);
        let wanted = if line == 0 { FIRST - 1 } else { FIRST - 1 + line };
        assert!(said.contains(words), "{keys}\n{said}");
        assert_eq!((at_line, at_column), (wanted, column), "{keys}\n{said}");
    }
}
