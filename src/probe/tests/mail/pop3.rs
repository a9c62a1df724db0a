//! POP3 servers.

use super::*;
use crate::model::Pop3Check;

const GREETING: &str = "+OK ready <1.2@mx>\r\n";
const BARE: &str = "+OK here\r\nUIDL\r\nSTLS\r\n.\r\n";
const GO: &str = "+OK go\r\n";
const SECURED: &str = "+OK here\r\nUIDL\r\n..odd\r\nSASL PLAIN LOGIN\r\nUSER\r\n.\r\n";
const IN: &str = "+OK logged in\r\n";
const SIZE: &str = "+OK 2 320 in all\r\n";

fn kind(props: &Props, mode: TlsMode, login: Option<Login>) -> MonitorKind {
    MonitorKind::Pop3(Pop3Check { tls: props.tls(mode), login })
}

fn starttls(props: &Props) -> Vec<Step> {
    let upgrade = [Say(GREETING), Hear("CAPA\r\n"), Say(BARE), Hear("STLS\r\n"), Say(GO), props.secure()];
    let login = [Hear("CAPA\r\n"), Say(SECURED), Hear(plain_message("AUTH PLAIN ")), Say(IN)];
    [&upgrade[..], &login, &[Hear("STAT\r\n"), Say(SIZE), Hear("QUIT\r\n")]].concat()
}

/// A server whose users log in with USER and PASS, and that says `offers` to CAPA.
fn user_and_pass(props: &Props, offers: &'static str) -> Vec<Step> {
    let start = [props.secure(), Say(GREETING), Hear("CAPA\r\n"), Say(offers), Hear("USER probe@example.org\r\n")];
    let login = [Say("+OK who?\r\n"), Hear("PASS correct horse\r\n"), Say(IN)];
    [&start[..], &login, &[Hear("STAT\r\n"), Say(SIZE), Hear("QUIT\r\n")]].concat()
}

pub(super) fn plays(props: &Props) -> Vec<Play> {
    let play =
        |name, mode, login, script| Play { name, kind: kind(props, mode, login), script, endless: "+OK\r\non\r\n" };
    let plain = vec![Say(GREETING), Hear("CAPA\r\n"), Say(BARE), Hear("QUIT\r\n")];
    vec![
        play("pop3", TlsMode::Starttls, Some(props.login()), starttls(props)),
        play("pop3s", TlsMode::Implicit, Some(props.login()), user_and_pass(props, "+OK\r\nUSER\r\n.\r\n")),
        play("pop3 without TLS", TlsMode::Off, None, plain),
    ]
}

#[tokio::test]
async fn what_the_server_says_is_what_comes_of_it() {
    let props = Props::good();
    let endings = [
        (GREETING, "-ERR go away\r\n", false, "-ERR go away (to the connection)"),
        (GREETING, "-ERR [SYS/TEMP] starting\r\n", true, "-ERR [SYS/TEMP] starting"),
        (GREETING, "* OK IMAP ready\r\n", false, "the greeting is not a POP3 reply: * OK IMAP ready"),
        (BARE, "+OK\r\nUSER\r\n.\r\n", false, "STLS is not offered"),
        (BARE, "-ERR what?\r\n", false, "STLS is not offered"),
        (GO, "-ERR not today\r\n", false, "-ERR not today (to STLS)"),
        (SECURED, "+OK\r\nSASL CRAM-MD5\r\n.\r\n", false, "neither USER nor SASL PLAIN is offered"),
        (IN, "-ERR [AUTH] wrong\r\n", false, "-ERR [AUTH] wrong (to AUTH PLAIN)"),
        (IN, "-ERR [IN-USE] locked\r\n", true, "-ERR [IN-USE] locked"),
        (IN, "-ERR [LOGIN-DELAY] wait\r\n", true, "-ERR [LOGIN-DELAY] wait"),
        (IN, "-ERR [SYS/PERM] gone\r\n", false, "-ERR [SYS/PERM] gone"),
        (IN, "+ \r\n", false, "the server waits for more of AUTH PLAIN"),
        (SIZE, "+OK many\r\n", false, "STAT gives no size: many"),
        (SIZE, "+OK 2\r\n", false, "STAT gives no size: 2"),
        (SIZE, "-ERR [SYS/TEMP] no\r\n", true, "-ERR [SYS/TEMP] no (to STAT)"),
    ];
    assert_endings(&kind(&props, TlsMode::Starttls, Some(props.login())), &starttls(&props), &endings).await;
}

#[tokio::test]
async fn the_oldest_servers_know_user_and_pass_and_no_capa() {
    let props = Props::good();
    let kind = kind(&props, TlsMode::Implicit, Some(props.login()));
    let script = user_and_pass(&props, "-ERR unknown command\r\n");
    assert_ok(&probed(&kind, script.clone()).await);
    let endings = [
        ("+OK who?\r\n", "-ERR nobody\r\n", false, "-ERR nobody (to USER)"),
        (IN, "-ERR [AUTH] no\r\n", false, "-ERR [AUTH] no (to PASS)"),
        (IN, "-ERR [IN-USE] no\r\n", true, "-ERR [IN-USE] no (to PASS)"),
    ];
    assert_endings(&kind, &script, &endings).await;
}

#[tokio::test]
async fn a_long_message_waits_until_the_server_asks_for_it() {
    let props = Props::good();
    let password: &'static str = Box::leak("long".repeat(60).into_boxed_str());
    std::fs::write(props.password_file(), password).unwrap();
    let message = BASE64.encode(format!("\0{USER}\0{password}").as_bytes());
    let message: &'static str = Box::leak(format!("{message}\r\n").into_boxed_str());
    let start = [props.secure(), Say(GREETING), Hear("CAPA\r\n"), Say(SECURED), Hear("AUTH PLAIN\r\n")];
    let rest = [Say("+ \r\n"), Hear(message), Say(IN), Hear("STAT\r\n"), Say(SIZE), Hear("QUIT\r\n")];
    let kind = kind(&props, TlsMode::Implicit, Some(props.login()));
    let script = [&start[..], &rest].concat();
    assert_ok(&probed(&kind, script.clone()).await);
    let endings = [
        ("+ \r\n", "-ERR [SYS/TEMP] later\r\n", true, "later (to AUTH PLAIN)"),
        ("+ \r\n", "+OK in\r\n", false, "AUTH PLAIN ended before its end"),
    ];
    assert_endings(&kind, &script, &endings).await;
}
