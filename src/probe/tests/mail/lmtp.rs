//! LMTP servers.

use super::*;
use crate::model::LmtpCheck;

const LHLO: &str = "LHLO probe.example.org\r\n";
const OFFERS: &str = "250-mx.example.org\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n";
const FOUND: &str = "250 2.1.5 ok\r\n";

fn kind(props: &Props, mode: TlsMode, recipient: Option<&str>) -> MonitorKind {
    let recipient = recipient.map(str::to_owned);
    MonitorKind::Lmtp(LmtpCheck { helo: "probe.example.org".into(), tls: props.tls(mode), recipient })
}

fn addressed() -> Vec<Step> {
    vec![
        Say("220 mx LMTP\r\n"),
        Hear(LHLO),
        Say(OFFERS),
        Hear("MAIL FROM:<>\r\n"),
        Say("250 2.1.0 ok\r\n"),
        Hear("RCPT TO:<probe@example.org>\r\n"),
        Say(FOUND),
        Hear("RSET\r\n"),
        Say("250 2.0.0 ok\r\n"),
        Hear("QUIT\r\n"),
    ]
}

pub(super) fn plays(props: &Props) -> Vec<Play> {
    let upgrade = [Say("220 mx LMTP\r\n"), Hear(LHLO), Say(OFFERS), Hear("STARTTLS\r\n"), Say("220 go\r\n")];
    let secured = [props.secure(), Hear(LHLO), Say("250 mx\r\n"), Hear("QUIT\r\n")];
    let play = |name, mode, recipient, script| Play {
        name,
        kind: kind(props, mode, recipient),
        script,
        endless: "250-on\r\n",
    };
    vec![
        play("lmtp", TlsMode::Off, Some(USER), addressed()),
        play("lmtp with STARTTLS", TlsMode::Starttls, None, [&upgrade[..], &secured].concat()),
    ]
}

#[tokio::test]
async fn what_the_server_says_of_a_mailbox_is_what_comes_of_it() {
    let props = Props::good();
    let endings = [
        (FOUND, "452 4.2.2 mailbox full\r\n", true, "452 4.2.2 mailbox full (to RCPT TO:<probe@example.org>)"),
        (FOUND, "550 5.1.1 no such user\r\n", false, "550 5.1.1 no such user"),
        (OFFERS, "500 5.5.1 this is SMTP\r\n", false, "500 5.5.1 this is SMTP (to LHLO)"),
        ("220 mx LMTP\r\n", "421 4.3.2 too many connections\r\n", true, "421 4.3.2"),
    ];
    assert_endings(&kind(&props, TlsMode::Off, Some(USER)), &addressed(), &endings).await;
    let report = probed(&kind(&props, TlsMode::Starttls, None), with(&addressed(), OFFERS, Say("250 mx\r\n"))).await;
    assert_deferring(&report, "STARTTLS is not offered");
}
