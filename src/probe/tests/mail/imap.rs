//! IMAP servers.

use super::*;
use crate::model::{ImapCheck, ImapVisit};

const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n";
const BARE: &str = "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n";
const GO: &str = "a2 OK go\r\n";
const SECURED: &str = "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\na3 OK done\r\n";
const IN: &str = "* CAPABILITY IMAP4rev1 IDLE\r\na4 OK [CAPABILITY IMAP4rev1 IDLE] logged in\r\n";
const OPENED: &str = "* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [UIDNEXT 4] next\r\na5 OK [READ-ONLY] done\r\n";

fn kind(props: &Props, mode: TlsMode, visit: Option<ImapVisit>) -> MonitorKind {
    MonitorKind::Imap(ImapCheck { tls: props.tls(mode), visit })
}

fn visit(props: &Props, mailbox: Option<&str>) -> Option<ImapVisit> {
    Some(ImapVisit { login: props.login(), mailbox: mailbox.map(str::to_owned) })
}

fn starttls(props: &Props) -> Vec<Step> {
    let upgrade =
        [Say(GREETING), Hear("a1 CAPABILITY\r\n"), Say(BARE), Hear("a2 STARTTLS\r\n"), Say(GO), props.secure()];
    let login = [Hear("a3 CAPABILITY\r\n"), Say(SECURED), Hear(plain_message("a4 AUTHENTICATE PLAIN ")), Say(IN)];
    [&upgrade[..], &login, &[Hear("a5 EXAMINE \"Shared/A \\\"b\\\"\"\r\n"), Say(OPENED), Hear("z LOGOUT\r\n")]].concat()
}

/// What a server says from the first octet of TLS on, up to its capabilities: these.
fn implicit(props: &Props, offers: &'static str) -> Vec<Step> {
    vec![props.secure(), Say("* OK ready\r\n"), Hear("a1 CAPABILITY\r\n"), Say(offers)]
}

pub(super) fn plays(props: &Props) -> Vec<Play> {
    let play =
        |name, mode, visit, script| Play { name, kind: kind(props, mode, visit), script, endless: "* 1 EXISTS\r\n" };
    let implicit = implicit(props, "* CAPABILITY IMAP4rev2\r\na1 OK done\r\n");
    let plain = vec![Say(GREETING), Hear("a1 CAPABILITY\r\n"), Say(BARE), Hear("z LOGOUT\r\n")];
    vec![
        play("imap", TlsMode::Starttls, visit(props, Some("Shared/A \"b\"")), starttls(props)),
        play("imaps", TlsMode::Implicit, None, [&implicit[..], &[Hear("z LOGOUT\r\n")]].concat()),
        play("imap without TLS", TlsMode::Off, None, plain),
    ]
}

#[tokio::test]
async fn what_the_server_says_is_what_comes_of_it() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Starttls, visit(&props, Some("Shared/A \"b\"")));
    let endings = [
        (GREETING, "* BYE too many connections\r\n", false, "BYE too many connections (as the greeting)"),
        (GREETING, "* PREAUTH welcome\r\na1 BAD no\r\n", false, "BAD no (to CAPABILITY)"),
        (GREETING, "+OK POP3 ready\r\n", false, "the greeting is not an IMAP response: +OK POP3 ready"),
        (GREETING, "* 1 EXISTS\r\n", false, "none of OK, PREAUTH and BYE"),
        (BARE, "* CAPABILITY IMAP4rev1\r\na1 OK done\r\n", false, "STARTTLS is not offered"),
        (BARE, "* CAPABILITY IMAP2\r\na1 OK done\r\n", false, "neither IMAP4rev1 nor IMAP4rev2"),
        (BARE, "a1 OK done\r\n", false, "neither IMAP4rev1 nor IMAP4rev2"),
        (BARE, "+ more\r\n", false, "the server waits for more of CAPABILITY"),
        (GO, "a2 NO not today\r\n", false, "NO not today (to STARTTLS)"),
        (GO, "a2 NO [UNAVAILABLE] later\r\n", true, "NO [UNAVAILABLE] later (to STARTTLS)"),
        (SECURED, "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na3 OK done\r\n", false, "neither AUTH=PLAIN nor LOGIN"),
        (IN, "a4 NO [AUTHENTICATIONFAILED] wrong\r\n", false, "NO [AUTHENTICATIONFAILED] wrong (to AUTHENTICATE)"),
        (IN, "a4 NO [UNAVAILABLE] temporary failure\r\n", true, "NO [UNAVAILABLE] temporary failure"),
        (IN, "a4 NO [LIMIT] too many sessions\r\n", true, "NO [LIMIT] too many sessions"),
        (IN, "* BYE [UNAVAILABLE] shutting down\r\n", false, "BYE [UNAVAILABLE] shutting down (the server hangs up)"),
        (IN, "a3 OK logged in\r\n", false, "is not an IMAP response"),
        (OPENED, "a5 NO [INUSE] locked\r\n", true, "NO [INUSE] locked (to EXAMINE)"),
        (OPENED, "a5 NO [NONEXISTENT] no such mailbox\r\n", false, "NO [NONEXISTENT] no such mailbox"),
        (OPENED, "a5 BAD what?\r\n", false, "BAD what? (to EXAMINE)"),
    ];
    assert_endings(&kind, &starttls(&props), &endings).await;
}

#[tokio::test]
async fn a_user_already_known_does_not_log_in() {
    let props = Props::good();
    let rest = [Hear("a2 EXAMINE \"INBOX\"\r\n"), Say("a2 OK done\r\n"), Hear("z LOGOUT\r\n")];
    let known =
        with(&implicit(&props, "* CAPABILITY IMAP4rev1\r\na1 OK done\r\n"), "* OK ready\r\n", Say("* PREAUTH x\r\n"));
    let kind_of = |mode| kind(&props, mode, visit(&props, Some("INBOX")));
    assert_ok(&probed(&kind_of(TlsMode::Implicit), [&known[..], &rest].concat()).await);
    // But then there is no way to TLS.
    let report = probed(&kind_of(TlsMode::Starttls), known[1..].to_vec()).await;
    assert_failed(&report, FailureKind::Protocol, "PREAUTH, which leaves no room for STARTTLS");
}

#[tokio::test]
async fn without_initial_responses_the_message_waits_for_its_invitation() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Implicit, visit(&props, None));
    let start = implicit(&props, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK done\r\n");
    let rest = [Say("* 0 RECENT\r\n+ \r\n"), Hear(plain_message("")), Say("a2 OK in\r\n"), Hear("z LOGOUT\r\n")];
    let script = [&start[..], &[Hear("a2 AUTHENTICATE PLAIN\r\n")], &rest].concat();
    assert_ok(&probed(&kind, script.clone()).await);
    let endings = [
        ("* 0 RECENT\r\n+ \r\n", "a2 NO [UNAVAILABLE] later\r\n", true, "later"),
        ("* 0 RECENT\r\n+ \r\n", "a2 OK in\r\n", false, "AUTHENTICATE ended before its end"),
        ("* 0 RECENT\r\n+ \r\n", "* BYE\r\n", false, "hangs up"),
    ];
    assert_endings(&kind, &script, &endings).await;
}

#[tokio::test]
async fn login_takes_quoted_strings_or_literals() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Implicit, visit(&props, None));
    let start = implicit(&props, "* CAPABILITY IMAP4rev1\r\na1 OK done\r\n");
    let cases = [
        ("a \"b\" \\c", vec![Hear("a2 LOGIN \"probe@example.org\" \"a \\\"b\\\" \\\\c\"\r\n")]),
        (
            "schl\u{fc}ssel",
            vec![
                Hear("a2 LOGIN {17}\r\n"),
                Say("+ on\r\n"),
                Hear("probe@example.org {10}\r\n"),
                Say("+ on\r\n"),
                Hear("schl\u{fc}ssel\r\n"),
            ],
        ),
    ];
    for (password, login) in cases {
        std::fs::write(props.password_file(), password).unwrap();
        let script = [&start[..], &login, &[Say("a2 OK in\r\n"), Hear("z LOGOUT\r\n")]].concat();
        assert_ok(&probed(&kind, script.clone()).await);
        let refused = probed(&kind, with(&script, "a2 OK in\r\n", Say("a2 NO no\r\n"))).await;
        assert_failed(&refused, FailureKind::Protocol, "NO no (to LOGIN)");
        let transcript = refused.transcript.unwrap();
        assert!(transcript.contains("***") && !transcript.contains(password), "{transcript}");
    }
}

#[tokio::test]
async fn literals_are_read_over() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Off, None);
    let start = [Say(GREETING), Hear("a1 CAPABILITY\r\n")];
    let literal = "* LIST () \"/\" {6}\r\na1 NO\n x {2}\r\n\r\n y\r\n* CAPABILITY IMAP4rev1\r\na1 OK done\r\n";
    assert_ok(&probed(&kind, [&start[..], &[Say(literal)]].concat()).await);
    for (said, words) in [("* X {99999999999999999999}\r\n", "a literal of"), ("* X {40000}\r\n", "8192")] {
        let report = probed(&kind, [&start[..], &[Say(said), Flood("xxxxxxxx")]].concat()).await;
        assert_failed(&report, FailureKind::Protocol, words);
    }
}
