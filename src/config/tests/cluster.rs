//! The store that nodes share, what a node fails with, and `[safety]`: a password in the wrong file, orders in clear on the wire
//! and two members that are one must not pass.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{ClientIdentity, EtcdSettings, SafetySettings, StoreLogin};

/// The example with `etcd` as the store, `inside` its table.
fn with(inside: &str) -> String {
    example_with(11, &format!("store = \"etcd\"\netcd = {{ {inside} }}"))
}

/// The line and the column at which `inside` begins.
const AT: (usize, usize) = (12, 10);

fn etcd(text: &str) -> EtcdSettings {
    settings(text).state.etcd.unwrap()
}

#[test]
fn every_key_reaches_the_settings() {
    let read = etcd(&with(
        "endpoints = [\"https://etcd-1:2379\", \"https://192.0.2.1:2379\", \"https://[2001:db8::1]:2379\"], \
         prefix = \"/waypost/prod\", ca = \"tls/ca.pem\", cert = \"tls/client.pem\", key = \"/etc/tls/key.pem\", \
         user = \"waypost\", password_file = \"etcd.pw\"",
    ));
    let expected = EtcdSettings {
        endpoints: ["https://etcd-1:2379", "https://192.0.2.1:2379", "https://[2001:db8::1]:2379"]
            .map(str::to_owned)
            .to_vec(),
        prefix: "/waypost/prod".to_owned(),
        ca: Some(PathBuf::from("/etc/waypost/tls/ca.pem")),
        identity: Some(ClientIdentity {
            cert: PathBuf::from("/etc/waypost/tls/client.pem"),
            key: PathBuf::from("/etc/tls/key.pem"),
        }),
        login: Some(StoreLogin { user: "waypost".to_owned(), password_file: PathBuf::from("/etc/waypost/etcd.pw") }),
    };
    assert_eq!(read, expected);
}

#[test]
fn only_the_members_have_to_be_named() {
    let expected = EtcdSettings {
        endpoints: vec!["http://localhost:2379".to_owned()],
        prefix: "/waypost".to_owned(),
        ca: None,
        identity: None,
        login: None,
    };
    assert_eq!(etcd(&with("endpoints = [\"http://localhost:2379\"]")), expected);
    assert_eq!(settings(EXAMPLE).state.etcd, None);
}

#[test]
fn a_section_of_its_own_does_as_well() {
    let section = "store = \"etcd\"\n[state.etcd]\nendpoints = [\"https://etcd-1:2379\"]\nprefix = \"/a-b/c_d/e.f\"";
    let text = example_with(11, "").replace("path = \"/var/lib/waypost\"", section);
    assert_eq!(etcd(&text).prefix, "/a-b/c_d/e.f");
}

#[test]
fn urls_are_written_in_one_way() {
    for (written, kept) in [
        ("https://ETCD-1.Example.NET:2379", "https://etcd-1.example.net:2379"),
        ("https://[2001:DB8:0::1]:2379", "https://[2001:db8::1]:2379"),
        ("https://etcd_1:65535", "https://etcd_1:65535"),
        ("https://1etcd:1", "https://1etcd:1"),
    ] {
        assert_eq!(etcd(&with(&format!("endpoints = [\"{written}\"]"))).endpoints, [kept]);
    }
}

#[test]
fn a_node_says_what_it_would_fail_with() {
    let named = |line: &str| settings(&example_with(3, &format!("site = \"fra\"\n{line}"))).node.failure_domain;
    assert_eq!(named("failure_domain = \"as64500\"").as_deref(), Some("as64500"));
    assert_eq!(named(""), None);
}

#[test]
fn time_to_settle() {
    assert_eq!(settings(EXAMPLE).safety, SafetySettings { settle: Duration::from_secs(5) });
    let settle = |text: &str| settings(&format!("{EXAMPLE}[safety]\n{text}\n")).safety.settle;
    assert_eq!(settle(""), Duration::from_secs(5));
    assert_eq!(settle("settle = \"0s\""), Duration::ZERO);
    assert_eq!(settle("settle = \"5m\""), Duration::from_secs(300));
}

/// A text, where the one diagnostic is (line, column), and words of it: found, expected, remedy.
type Mistake = (String, (usize, usize), &'static str, &'static str, &'static str);

/// Mistakes inside the table, with columns counted from its beginning.
#[rustfmt::skip]
const TABLE: &[(&str, usize, &str, &str, &str)] = &[
    // Members.
    ("prefix = \"/a\"", 0, "etcd of [state] without endpoints", "URLs of its members", "add endpoints = [\"https://etcd-1:2379\"]"),
    ("endpoints = []", 12, "an empty array as endpoints", "one member at least", "write endpoints = [\"https://etcd-1:2379\"]"),
    ("endpoints = \"https://a:1\"", 12, "as endpoints of etcd of [state]", "an array", "[\"https://a:1\"]"),
    ("endpoints = [7]", 13, "the integer 7 as endpoints", "a text in quotes", "quotes: \"7\""),
    ("endpoints = [\"etcd-1:2379\"]", 13, "\"etcd-1:2379\" as endpoints", "http:// or https://, a host and a port", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"etcd-1\"]", 13, "\"etcd-1\" as endpoints", "http:// or https://", "as in \"https://etcd-1:2379\""),
    ("endpoints = [\"\"]", 13, "\"\" as endpoints", "http:// or https://", "as in \"https://etcd-1:2379\""),
    ("endpoints = [\"htps://etcd-1:2379\"]", 13, "htps://", "http:// or https://", "did you mean \"https://etcd-1:2379\"?"),
    ("endpoints = [\"tcp://etcd-1:2379\"]", 13, "tcp://", "http:// or https://", "did you mean \"https://etcd-1:2379\"?"),
    ("endpoints = [\"ftp://\"]", 13, "ftp://", "http:// or https://", "as in \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1\"]", 13, "\"https://etcd-1\"", "a port", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://[2001:db8::1]\"]", 13, "2001:db8::1", "a port", "write \"https://[2001:db8::1]:2379\""),
    ("endpoints = [\"https://2001:db8::1\"]", 13, "2001:db8::1", "in brackets", "write \"https://[2001:db8::1]:2379\""),
    ("endpoints = [\"https://etcd-1:0\"]", 13, "etcd-1:0", "1 to 65535", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1:+1\"]", 13, "etcd-1:+1", "1 to 65535", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1:65536\"]", 13, "etcd-1:65536", "1 to 65535", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1:2379/\"]", 13, "2379/\"", "without path and query", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1:2379/v3?a=b\"]", 13, "/v3?a=b", "without path and query", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd-1:2379#a\"]", 13, "#a", "without path and query", "write \"https://etcd-1:2379\""),
    ("endpoints = [\"https://:2379\"]", 13, "https://:2379", "a host name, an IPv4", "as in \"https://etcd-1:2379\""),
    ("endpoints = [\"https://etcd 1:2379\"]", 13, "etcd 1", "a host name, an IPv4", "as in"),
    ("endpoints = [\"https://10.1:2379\"]", 13, "10.1:2379", "a host name, an IPv4", "as in"),
    ("endpoints = [\"https://10.0.0.0x1:2379\"]", 13, "10.0.0.0x1", "a host name, an IPv4", "as in"),
    ("endpoints = [\"https://[fe80::1%eth0]:2379\"]", 13, "fe80::1", "a host name, an IPv4", "as in"),
    ("endpoints = [\"https://etcd-1:2379\", \"https://Etcd-1:2379\"]", 36, "etcd-1:2379 a second time", "each member once", "delete one"),
    ("endpoints = [\"https://waypost:hunter2@etcd-1:2379\"]", 13, "a user or password in a URL", "user and password_file beside", "password_file; the password that was written here"),
    ("endpoints = [\"waypost:hunt/er2@etcd-1\"]", 13, "a user or password in a URL", "user and password_file beside", "password_file"),
    // Files and users.
    ("endpoints = [\"https://a:1\"], cert = \"c\"", 29, "cert of etcd of [state] without key", "the private key", "add key = \"tls/client-key.pem\", or delete cert"),
    ("endpoints = [\"https://a:1\"], key = \"c\"", 29, "key of etcd of [state] without cert", "the certificate", "add cert = \"tls/client.pem\", or delete key"),
    ("endpoints = [\"https://a:1\"], user = \"w\"", 29, "user of etcd of [state] without password_file", "the file that holds", "add password_file = "),
    ("endpoints = [\"https://a:1\"], password_file = \"w\"", 29, "password_file of etcd of [state] without user", "the user", "add user = \"waypost\""),
    ("endpoints = [\"https://a:1\"], user = \"\", password_file = \"p\"", 36, "\"\" as user", "1 to 255 octets", "etcdctl user list"),
    ("endpoints = [\"https://a:1\"], user = \"w\", password_file = \"\"", 57, "\"\" as password_file", "a path", "write the path"),
    ("endpoints = [\"https://a:1\"], user = \"w\", password = \"p\"", 41, "a password in etcd of [state]", "password_file", "into a file that only waypost may read"),
    ("endpoints = [\"https://a:1\"], user = \"w\", password_file = \"f\", password = \"p\"", 62, "a password in etcd of [state]", "password_file", "should be changed"),
    ("endpoints = [\"http://[::1]:1\"], ca = \"c\"", 32, "ca of etcd of [state] with http endpoints", "https endpoints", "write https:// in endpoints, or delete ca"),
    ("endpoints = [\"https://a:1\"], ca = \"\"", 34, "\"\" as ca", "a path", "write the path"),
    ("endpoint = [\"https://a:1\"], endpoints = [\"https://a:1\"]", 0, "unknown key \"endpoint\" in etcd of [state]", "endpoints, prefix", "did you mean \"endpoints\"?"),
    // Prefixes.
    ("endpoints = [\"https://a:1\"], prefix = \"waypost\"", 38, "\"waypost\" as prefix", "a slash and segments", "write prefix = \"/waypost\""),
    ("endpoints = [\"https://a:1\"], prefix = \"/waypost/\"", 38, "\"/waypost/\" as prefix", "a slash and segments", "write prefix = \"/waypost\""),
    ("endpoints = [\"https://a:1\"], prefix = \"//a/../b\"", 38, "\"//a/../b\" as prefix", "a slash and segments", "write prefix = \"/a/b\""),
    ("endpoints = [\"https://a:1\"], prefix = \"/\"", 38, "\"/\" as prefix", "a slash and segments", "write prefix = \"/waypost/prod\""),
    ("endpoints = [\"https://a:1\"], prefix = \"/way post\"", 38, "\"/way post\" as prefix", "a slash and segments", "write prefix = \"/waypost/prod\""),
    ("endpoints = [\"https://a:1\"], prefix = \"/waypost/v1\"", 38, "the segment v1 in prefix", "no segment like the versions", "\"/waypost/v1-prod\""),
    ("endpoints = [\"https://a:1\"], prefix = 1", 38, "the integer 1 as prefix", "a text in quotes", "quotes: \"1\""),
];

fn errors() -> Vec<Mistake> {
    let inside = TABLE.iter().map(|(inside, column, found, expected, remedy)| {
        // What is missing from the table is missed where the table begins.
        let column = if found.contains("without endpoints") { AT.1 - 2 } else { AT.1 + column };
        (with(inside), (AT.0, column), *found, *expected, *remedy)
    });
    let below = |text: &str| format!("{EXAMPLE}{text}\n");
    let last = EXAMPLE.lines().count();
    #[rustfmt::skip]
    let others = [
        (with("endpoints = [\"http://127.0.0.1:1\", \"http://127.0.0.1:1\"]"), (12, 45), "127.0.0.1:1 a second time", "each member once", "delete one"),
        (example_with(11, "store = \"etcd\"\netcd = \"https://etcd-1:2379\""), (12, 8), "as etcd of [state]", "a table { endpoints", "write etcd = { endpoints = "),
        (example_with(3, "site = \"fra\"\nfailure_domain = \"AS64500\""), (4, 18), "\"AS64500\" as failure_domain of [node]", "1 to 63 lower-case", "as in \"as64500\""),
        (example_with(3, "site = \"fra\"\nfailure_domain = \"\""), (4, 18), "\"\" as failure_domain", "1 to 63 lower-case", "as in \"as64500\""),
        (example_with(3, "site = \"fra\"\nfailure_domain = 64500"), (4, 18), "the integer 64500", "a text in quotes", "quotes: \"64500\""),
        (example_with(3, "site = \"fra\"\nfailure_domian = \"a\""), (4, 1), "unknown key \"failure_domian\"", "failure_domain", "did you mean \"failure_domain\"?"),
        (below("[safety]\nsettle = 5"), (last + 2, 10), "the integer 5 as settle of [safety]", "with unit", "write settle = \"5s\""),
        (below("[safety]\nsettle = \"6m\""), (last + 2, 10), "\"6m\" as settle", "0s to 5m", "write settle = \"5m\""),
        (below("[safety]\nsetle = \"5s\""), (last + 2, 1), "unknown key \"setle\" in [safety]", "settle", "did you mean \"settle\"?"),
        (below("[saftey]\nsettle = \"5s\""), (last + 1, 2), "unknown key \"saftey\" in the file", "safety", "did you mean \"safety\"?"),
    ];
    inside.chain(others).collect()
}

fn warnings() -> Vec<Mistake> {
    let elsewhere = with("endpoints = [\"https://a:1\"]").replace("site = \"fra\"  ", "#");
    #[rustfmt::skip]
    let warnings = [
        (with("endpoints = [\"http://etcd-1:2379\"]"), (12, 23), "http://etcd-1:2379 as endpoints of etcd of [state], to which orders and votes travel unencrypted", "https, except on this machine", "write \"https://etcd-1:2379\", and ca"),
        (with("endpoints = [\"http://192.0.2.1:1\"], user = \"w\", password_file = \"p\""), (12, 23), "the password travel unencrypted", "https", "write \"https://192.0.2.1:1\""),
        (with("endpoints = [\"https://a:1\", \"http://[::1]:1\"], ca = \"c\""), (12, 38), "http://[::1]:1 beside https://a:1", "one scheme", "write https:// in front of each"),
        (elsewhere, (1, 1), "[node] without site", "never holds it up", "add site = \"fra\""),
    ];
    warnings.to_vec()
}

#[test]
fn every_mistake_is_found_where_it_is_with_its_remedy() {
    for (mistakes, severity) in [(errors(), Severity::Error), (warnings(), Severity::Warning)] {
        for (text, at, what, expected, remedy) in mistakes {
            let (settings, report) = read_text(&text);
            let found: Vec<&Diagnostic> = report.iter().collect();
            let [one] = found.as_slice() else { panic!("{what}: {report}") };
            assert_eq!((one.severity, one.line, one.column), (severity, at.0, at.1), "{report}");
            assert!(one.what.contains(what), "{what}: {report}");
            assert!(one.expected.contains(expected), "{expected}: {report}");
            assert!(one.remedy.contains(remedy), "{remedy}: {report}");
            assert_eq!(settings.is_some(), severity == Severity::Warning);
        }
    }
}

#[test]
fn a_password_is_not_repeated_in_what_is_said_of_it() {
    for inside in [
        "endpoints = [\"https://waypost:hunter2@etcd-1:2379\"]",
        "endpoints = [\"waypost:/hunter2@etcd-1\"]",
        "endpoints = [\"https://a:1\"], user = \"w\", password = \"hunter2\"",
    ] {
        let (_, report) = read_text(&with(inside));
        assert!(report.has_errors() && !report.to_string().contains("hunter2"), "{report}");
    }
}

#[test]
fn what_a_remedy_says_to_write_is_accepted() {
    for (inside, ..) in
        TABLE.iter().filter(|(inside, ..)| inside.starts_with("endpoints = [\"") || inside.contains("prefix"))
    {
        let (_, report) = read_text(&with(inside));
        let said = report.iter().next().map(|found| found.remedy.clone()).unwrap();
        let Some(better) = said.strip_prefix("write \"").or_else(|| said.strip_prefix("did you mean \"")) else {
            continue;
        };
        let better = better.split('"').next().unwrap();
        assert_eq!(etcd(&with(&format!("endpoints = [\"{better}\"]"))).endpoints, [better], "{inside}");
    }
}
