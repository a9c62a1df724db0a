//! `[monitor.*]` of the kinds submission, lmtp, imap and pop3.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{
    ImapCheck, ImapVisit, LmtpCheck, Login, MonitorKind, Pop3Check, SubmissionCheck, TlsMode, TlsPolicy,
};

/// The file of a site whose service uses one monitor, with `monitor` as its section.
fn with(monitor: &str) -> String {
    format!(
        "[node]\nname = \"ns1\"\n[[site]]\nname = \"fra\"\nlocation = {{ country = \"DE\" }}\nnetworks = [\"192.0.2.0/26\"]\n\
         [[service]]\nname = \"mail\"\nnames = [\"mail.example.org\"]\nmonitors = [\"x\"]\n\
         [[zone]]\norigin = \"example.org\"\nfile = \"z\"\n[monitor.x]\n{monitor}\n"
    )
}

/// Port and kind of a monitor, of which nothing is remarked.
fn read_well(monitor: &str) -> (u16, MonitorKind) {
    let (settings, report) = read_text(&with(monitor));
    assert!(report.is_empty(), "{monitor}: {report}");
    let monitor = settings.unwrap().monitors.remove(0);
    (monitor.port, monitor.kind)
}

fn strict(mode: TlsMode) -> TlsPolicy {
    TlsPolicy { mode, verify: true, ca: None, name: None, expiry_warning: Duration::from_secs(604_800) }
}

const LOGIN: &str = "login = { user = \"probe@example.org\", password_file = \"probe.pw\" }";

fn login() -> Login {
    Login { user: "probe@example.org".to_owned(), password_file: PathBuf::from("/etc/waypost/probe.pw") }
}

#[test]
fn every_kind_has_the_port_of_its_protocol_and_starts_tls() {
    let submission = |mode| SubmissionCheck { helo: "ns1".to_owned(), tls: strict(mode), login: None };
    let lmtp = |mode| LmtpCheck { helo: "ns1".to_owned(), tls: strict(mode), recipient: None };
    let imap = |mode| ImapCheck { tls: strict(mode), visit: None };
    let pop3 = |mode| Pop3Check { tls: strict(mode), login: None };
    use MonitorKind::{Imap, Lmtp, Pop3, Submission};
    use TlsMode::{Implicit, Off, Starttls};
    let cases = [
        ("kind = \"submission\"", 587, Submission(submission(Starttls))),
        ("kind = \"submission\"\ntls = \"implicit\"", 465, Submission(submission(Implicit))),
        ("kind = \"submission\"\ntls = \"none\"", 587, Submission(submission(Off))),
        ("kind = \"lmtp\"", 24, Lmtp(lmtp(Off))),
        ("kind = \"lmtp\"\ntls = \"none\"", 24, Lmtp(lmtp(Off))),
        ("kind = \"lmtp\"\ntls = \"starttls\"", 24, Lmtp(lmtp(Starttls))),
        ("kind = \"imap\"", 143, Imap(imap(Starttls))),
        ("kind = \"imap\"\ntls = \"implicit\"", 993, Imap(imap(Implicit))),
        ("kind = \"imap\"\ntls = \"none\"", 143, Imap(imap(Off))),
        ("kind = \"pop3\"", 110, Pop3(pop3(Starttls))),
        ("kind = \"pop3\"\ntls = \"implicit\"", 995, Pop3(pop3(Implicit))),
        ("kind = \"pop3\"\ntls = \"none\"", 110, Pop3(pop3(Off))),
    ];
    for (monitor, port, kind) in cases {
        assert_eq!(read_well(monitor), (port, kind), "{monitor}");
    }
}

#[test]
fn every_key_reaches_the_settings() {
    let (_, kind) =
        read_well(&format!("kind = \"submission\"\nhelo = \"probe.example.org\"\nca = \"ca.pem\"\n{LOGIN}"));
    let tls = TlsPolicy { ca: Some(PathBuf::from("/etc/waypost/ca.pem")), ..strict(TlsMode::Starttls) };
    let expected = SubmissionCheck { helo: "probe.example.org".to_owned(), tls, login: Some(login()) };
    assert_eq!(kind, MonitorKind::Submission(expected));
    let (port, kind) = read_well("kind = \"lmtp\"\nport = 2424\nhelo = \"probe\"\nrecipient = \"probe@example.org\"");
    let recipient = Some("probe@example.org".to_owned());
    let expected = LmtpCheck { helo: "probe".to_owned(), tls: strict(TlsMode::Off), recipient };
    assert_eq!((port, kind), (2424, MonitorKind::Lmtp(expected)));
    let (_, kind) = read_well(&format!("kind = \"imap\"\nmailbox = \"Shared/All mail\"\n{LOGIN}"));
    let visit = ImapVisit { login: login(), mailbox: Some("Shared/All mail".to_owned()) };
    assert_eq!(kind, MonitorKind::Imap(ImapCheck { tls: strict(TlsMode::Starttls), visit: Some(visit) }));
    let (_, kind) = read_well(&format!("kind = \"imap\"\n{LOGIN}"));
    let visit = ImapVisit { login: login(), mailbox: None };
    assert_eq!(kind, MonitorKind::Imap(ImapCheck { tls: strict(TlsMode::Starttls), visit: Some(visit) }));
    let (_, kind) = read_well(&format!("kind = \"pop3\"\ntls = \"implicit\"\n{LOGIN}"));
    assert_eq!(kind, MonitorKind::Pop3(Pop3Check { tls: strict(TlsMode::Implicit), login: Some(login()) }));
    // A table below is as good.
    let text =
        "kind = \"pop3\"\n[monitor.x.login]\nuser = \"probe@example.org\"\npassword_file = \"/etc/waypost/probe.pw\"";
    assert_eq!(
        read_well(text).1,
        MonitorKind::Pop3(Pop3Check { tls: strict(TlsMode::Starttls), login: Some(login()) })
    );
}

/// A monitor that is refused, and words of its one error.
#[rustfmt::skip]
const REFUSED: &[(&str, &[&str])] = &[
    ("kind = \"imaps\"", &["\"imaps\" as kind", "submission, lmtp, imap, pop3", "did you mean \"imap\"?"]),
    ("kind = \"imap\"\ntls = \"ssl\"", &["\"ssl\" as tls", "starttls, implicit, none"]),
    ("kind = \"lmtp\"\ntls = \"implicit\"", &["\"implicit\" as tls", "none, starttls"]),
    ("kind = \"lmtp\"\nrecipient = \"<a@b.example>\"", &["a mailbox", "probe@example.org"]),
    ("kind = \"lmtp\"\nhelo = \"my host\"", &["\"my host\" as helo", "a host name"]),
    ("kind = \"lmtp\"\nlogin = { user = \"a\", password_file = \"b\" }", &["login in [monitor.x], which a monitor of kind lmtp does not have", "delete it"]),
    ("kind = \"pop3\"\nmailbox = \"INBOX\"", &["mailbox in [monitor.x], which a monitor of kind pop3 does not have"]),
    ("kind = \"submission\"\nrecipient = \"a@b.example\"", &["recipient in [monitor.x], which a monitor of kind submission does not have"]),
    ("kind = \"imap\"\nlogn = \"a\"", &["unknown key \"logn\"", "did you mean \"login\"?"]),
    ("kind = \"imap\"\nmailbox = \"INBOX\"", &["mailbox of [monitor.x] without login", "only a user has mailboxes", "add login"]),
    ("kind = \"imap\"\nmailbox = \"Entw\u{fc}rfe\"\nlogin = { user = \"a\", password_file = \"b\" }", &["as mailbox", "ASCII", "INBOX"]),
    ("kind = \"imap\"\nmailbox = \"a\\r\\nb\"\nlogin = { user = \"a\", password_file = \"b\" }", &["as mailbox", "ASCII"]),
    ("kind = \"imap\"\nmailbox = \"\"\nlogin = { user = \"a\", password_file = \"b\" }", &["\"\" as mailbox"]),
    ("kind = \"submission\"\ntls = \"none\"\nlogin = { user = \"a\", password_file = \"b\" }", &["login of [monitor.x] with tls = \"none\"", "tls = \"starttls\" or tls = \"implicit\"", "delete tls = \"none\", or login"]),
    ("kind = \"imap\"\ntls = \"none\"\nlogin = { user = \"a\", password_file = \"b\" }", &["login of [monitor.x] with tls = \"none\""]),
    ("kind = \"pop3\"\ntls = \"none\"\nlogin = { user = \"a\", password_file = \"b\" }", &["login of [monitor.x] with tls = \"none\""]),
    ("kind = \"pop3\"\nlogin = \"probe@example.org\"", &["as login", "a table", "login = { user = \"probe@example.org\", password_file = "]),
    ("kind = \"pop3\"\nlogin = { user = \"a\" }", &["login of [monitor.x] without password_file", "the file that holds the password", "add password_file = "]),
    ("kind = \"pop3\"\nlogin = { password_file = \"a\" }", &["login of [monitor.x] without user", "add user = "]),
    ("kind = \"pop3\"\nlogin = { user = \"a\", pasword_file = \"a\", password_file = \"b\" }", &["unknown key \"pasword_file\"", "did you mean \"password_file\"?"]),
    ("kind = \"pop3\"\nlogin = { user = \"a\", password_file = \"b\", password = \"c\" }", &["a password in login of [monitor.x]", "delete it", "should be changed"]),
    ("kind = \"pop3\"\nlogin = { user = \"a\", password = \"c\" }", &["a password in login of [monitor.x]", "password_file", "write the password into a file"]),
    ("kind = \"pop3\"\nlogin = { user = \"\", password_file = \"b\" }", &["\"\" as user", "without control characters"]),
    ("kind = \"pop3\"\nlogin = { user = \"a\\r\\nDELE 1\", password_file = \"b\" }", &["as user", "without control characters"]),
    ("kind = \"pop3\"\nlogin = { user = \"a\\u0000b\", password_file = \"b\" }", &["as user", "without control characters"]),
    ("kind = \"pop3\"\nlogin = { user = \"a\", password_file = \"\" }", &["\"\" as password_file", "a path"]),
    ("kind = \"pop3\"\nlogin = { user = 1, password_file = \"b\" }", &["the integer 1 as user", "quotes"]),
];

#[test]
fn every_mistake_has_one_clear_error() {
    for (monitor, words) in REFUSED {
        let (settings, report) = read_text(&with(monitor));
        assert!(settings.is_none(), "{monitor}");
        let errors: Vec<_> = report.errors().collect();
        let [error] = errors.as_slice() else { panic!("{monitor}\n{report}") };
        let text = error.to_string();
        assert!(error.line > 14 && !error.remedy.is_empty(), "{text}");
        for word in *words {
            assert!(text.contains(word), "{monitor}\n{text}\nlacks {word}");
        }
    }
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let cases: [(&str, &[&str]); 3] = [
        ("kind = \"lmtp\"\nca = \"ca.pem\"", &["ca of [monitor.x] without effect", "turn TLS on with tls"]),
        ("kind = \"imap\"\ntls = \"none\"\nca = \"ca.pem\"", &["ca of [monitor.x] without effect", "delete ca or tls"]),
        (
            "kind = \"imap\"\nverify = false\nlogin = { user = \"a\", password_file = \"b\" }",
            &["login of [monitor.x] with verify = false", "verified certificates", "ca"],
        ),
    ];
    for (monitor, words) in cases {
        let (settings, report) = read_text(&with(monitor));
        assert!(settings.is_some() && report.iter().count() == 1, "{monitor}\n{report}");
        let text = report.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
