//! Submission servers.

use super::*;
use crate::model::SubmissionCheck;

const EHLO: &str = "EHLO probe.example.org\r\n";
const BARE: &str = "250-mx.example.org\r\n250-PIPELINING\r\n250 STARTTLS\r\n";
const SECURED: &str = "250-mx.example.org\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n";
const IN: &str = "235 2.7.0 welcome\r\n";

fn kind(props: &Props, mode: TlsMode, login: Option<Login>) -> MonitorKind {
    MonitorKind::Submission(SubmissionCheck { helo: "probe.example.org".into(), tls: props.tls(mode), login })
}

fn starttls(props: &Props) -> Vec<Step> {
    let upgrade = [Say("220 mx\r\n"), Hear(EHLO), Say(BARE), Hear("STARTTLS\r\n"), Say("220 go\r\n"), props.secure()];
    [&upgrade[..], &[Hear(EHLO), Say(SECURED), Hear(plain_message("AUTH PLAIN ")), Say(IN), Hear("QUIT\r\n")]].concat()
}

pub(super) fn plays(props: &Props) -> Vec<Play> {
    let implicit = [props.secure(), Say("220 mx\r\n"), Hear(EHLO), Say(SECURED), Hear("QUIT\r\n")];
    let plain = [Say("220 mx\r\n"), Hear(EHLO), Say("250 mx\r\n"), Hear("QUIT\r\n")];
    let play = |name, mode, login, script| Play { name, kind: kind(props, mode, login), script, endless: "250-on\r\n" };
    vec![
        play("submission", TlsMode::Starttls, Some(props.login()), starttls(props)),
        play("submissions", TlsMode::Implicit, None, implicit.to_vec()),
        play("submission without TLS", TlsMode::Off, None, plain.to_vec()),
    ]
}

#[tokio::test]
async fn what_the_server_says_to_a_login_is_what_comes_of_it() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Starttls, Some(props.login()));
    let endings = [
        (IN, "535 5.7.8 authentication failed\r\n", false, "535 5.7.8 authentication failed (to AUTH PLAIN)"),
        (IN, "454 4.7.0 temporary authentication failure\r\n", true, "454 4.7.0 temporary authentication failure"),
        (IN, "334 \r\n", false, "334 (to AUTH PLAIN)"),
        (IN, "250 ok\r\n", false, "250 ok"),
        (SECURED, "250-mx\r\n250 AUTH LOGIN CRAM-MD5\r\n", false, "AUTH PLAIN is not offered, only LOGIN CRAM-MD5"),
        (SECURED, "250 mx\r\n", false, "AUTH is not offered behind TLS"),
        (BARE, "250-mx\r\n250 AUTH PLAIN\r\n", false, "STARTTLS is not offered"),
        ("220 go\r\n", "454 4.7.0 TLS not available\r\n", true, "454 4.7.0 TLS not available (to STARTTLS)"),
        ("220 mx\r\n", "554 5.7.1 go away\r\n", false, "554 5.7.1 go away"),
        ("220 mx\r\n", "421 4.3.2 shutting down\r\n", true, "421 4.3.2 shutting down"),
    ];
    assert_endings(&kind, &starttls(&props), &endings).await;
}

#[tokio::test]
async fn a_long_message_waits_until_the_server_asks_for_it() {
    let props = Props::good();
    let password: &'static str = Box::leak("long".repeat(100).into_boxed_str());
    std::fs::write(props.password_file(), password).unwrap();
    let message = BASE64.encode(format!("\0{USER}\0{password}").as_bytes());
    let message: &'static str = Box::leak(format!("{message}\r\n").into_boxed_str());
    let script = [props.secure(), Say("220 mx\r\n"), Hear(EHLO), Say(SECURED), Hear("AUTH PLAIN\r\n")];
    let kind = kind(&props, TlsMode::Implicit, Some(props.login()));
    assert_ok(&probed(&kind, [&script[..], &[Say("334 \r\n"), Hear(message), Say(IN)]].concat()).await);
    let report = probed(&kind, [&script[..], &[Say("454 4.7.0 later\r\n"), Hang]].concat()).await;
    assert_deferring(&report, "454 4.7.0 later");
}
