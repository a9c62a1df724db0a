//! SMTP servers in all their moods.

use super::*;

const EHLO: &str = "EHLO probe.example.org\r\n";
const OFFERS: &str = "250-mx.example.org\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n";

fn plain() -> MonitorKind {
    smtp_check(tls(TlsMode::Off, None), None)
}

fn greeting() -> Vec<Step> {
    vec![Say("220-mx.example.org\r\n220 ready\r\n"), Hear(EHLO), Say(OFFERS)]
}

/// A server that offers STARTTLS with `config` and works.
fn secure(config: Arc<ServerConfig>) -> Vec<Step> {
    let mut script = greeting();
    script.extend([
        Hear("STARTTLS\r\n"),
        Say("220 go\r\n"),
        Tls(config),
        Hear(EHLO),
        Say("250 mx\r\n"),
        Hear("QUIT\r\n"),
    ]);
    script
}

async fn starttls(config: Arc<ServerConfig>, ca: Option<PathBuf>) -> Report {
    probe(smtp_check(tls(TlsMode::Starttls, ca), None), server(secure(config)).await).await
}

#[tokio::test]
async fn a_good_server_is_ok() {
    let report = probe(plain(), server(greeting()).await).await;
    assert_ok(&report);
    assert!(report.finding.connected.is_some());
}

#[tokio::test]
async fn a_recipient_is_asked_for_and_no_message_is_sent() {
    let mut script = greeting();
    script.extend([
        Hear("MAIL FROM:<>\r\n"),
        Say("250 2.1.0 ok\r\n"),
        Hear("RCPT TO:<probe@example.org>\r\n"),
        Say("250 2.1.5 ok\r\n"),
        Hear("RSET\r\n"),
        Say("250 2.0.0 ok\r\n"),
        Hear("QUIT\r\n"),
    ]);
    assert_ok(&probe(smtp_check(tls(TlsMode::Off, None), Some("probe@example.org")), server(script).await).await);
}

#[tokio::test]
async fn a_4xx_anywhere_is_deferring_in_the_servers_words() {
    let mut script = greeting();
    script.extend([Hear("MAIL"), Say("250 ok\r\n"), Hear("RCPT"), Say("451 4.3.2 queue full\r\n"), Hang]);
    let report = probe(smtp_check(tls(TlsMode::Off, None), Some("probe@example.org")), server(script).await).await;
    assert_deferring(&report, "451 4.3.2 queue full");
    assert!(report.transcript.unwrap().contains("> RCPT TO:<probe@example.org>\n< 451 4.3.2 queue full\n"));

    assert_deferring(&probe(plain(), server(vec![Say("421 too busy\r\n")]).await).await, "421 too busy");
}

#[tokio::test]
async fn a_5xx_is_a_failure() {
    assert_failed(&probe(plain(), server(vec![Say("554 no\r\n"), Hang]).await).await, FailureKind::Protocol, "554 no");
}

#[tokio::test]
async fn nobody_there_is_refused() {
    assert_failed(&probe(plain(), nobody().await).await, FailureKind::Refused, "refused");
}

#[tokio::test]
async fn silence_times_out_and_says_where() {
    let wait = Duration::from_millis(300);
    let report = probe_within(plain(), server(vec![Hang]).await, wait).await;
    assert_failed(&report, FailureKind::Timeout, "the banner");
    assert!(report.finding.latency >= wait);
    let report = probe_within(plain(), server(vec![Say("220 hi\r\n"), Hear("EHLO"), Hang]).await, wait).await;
    assert_failed(&report, FailureKind::Timeout, "the reply to EHLO");
}

#[tokio::test]
async fn a_connection_that_is_closed_is_reset() {
    assert_failed(&probe(plain(), server(vec![]).await).await, FailureKind::Reset, "the banner");
    let script = vec![Say("220 hi\r\n"), Hear("EHLO"), Say("250-half a rep")];
    assert_failed(&probe(plain(), server(script).await).await, FailureKind::Reset, "EHLO");
}

#[tokio::test]
async fn something_else_on_the_port_is_no_mail_server() {
    let report = probe(plain(), server(vec![Say("SSH-2.0-OpenSSH_9.6\r\n"), Hang]).await).await;
    assert_failed(&report, FailureKind::Protocol, "SSH-2.0");
}

#[tokio::test]
async fn endless_replies_are_cut() {
    let line: &'static str = Box::leak("x".repeat(9000).into_boxed_str());
    let report = probe(plain(), server(vec![Say("220 "), Say(line), Hang]).await).await;
    assert_failed(&report, FailureKind::Protocol, "8192");
    let lines: &'static str = Box::leak("220-more\r\n".repeat(100).into_boxed_str());
    assert_failed(&probe(plain(), server(vec![Say(lines), Hang]).await).await, FailureKind::Protocol, "64 lines");
}

#[tokio::test]
async fn a_good_certificate_is_ok() {
    let (config, pem) = certificate("mx.example.org", -1, 90);
    let (_directory, ca) = ca_file(&pem);
    assert_ok(&starttls(config, Some(ca)).await);
}

#[tokio::test]
async fn bad_certificates_defer_and_say_why() {
    let cases = [
        (certificate("mx.example.org", -90, -3), true, "expired 3 days ago"),
        (certificate("mx.example.org", -1, 5), true, "certificate ends in "),
        (certificate("mx.example.org", 2, 90), true, "not valid before"),
        (certificate("mail.example.net", -1, 90), true, "for mail.example.net, not for mx.example.org"),
        (certificate("mx.example.org", -1, 90), false, "not signed by an authority"),
    ];
    for ((config, pem), trusted, words) in cases {
        let other = certificate("other.example.org", -1, 90).1;
        let (_directory, ca) = ca_file(if trusted { &pem } else { &other });
        assert_deferring(&starttls(config, Some(ca)).await, words);
    }
}

#[tokio::test]
async fn a_service_that_fails_behind_a_bad_certificate_is_a_failure() {
    let (config, _) = certificate("mail.example.net", -1, 90);
    let mut script = greeting();
    script.extend([Hear("STARTTLS"), Say("220 go\r\n"), Tls(config), Hear("EHLO"), Say("550 broken\r\n")]);
    let report = probe(smtp_check(tls(TlsMode::Starttls, None), None), server(script).await).await;
    assert_failed(&report, FailureKind::Protocol, "550 broken");
}

#[tokio::test]
async fn a_ca_file_that_is_missing_is_named_and_says_nothing_against_the_server() {
    let (config, _) = certificate("mx.example.org", -1, 90);
    let missing = Some(PathBuf::from("/nonexistent/mail-ca.pem"));
    assert_unchecked(&starttls(config, missing).await, "cannot read the CA file /nonexistent/mail-ca.pem");
}

#[tokio::test]
async fn without_verification_any_certificate_will_do() {
    let (config, _) = certificate("mail.example.net", -90, -3);
    let policy = TlsPolicy { verify: false, ..tls(TlsMode::Starttls, None) };
    assert_ok(&probe(smtp_check(policy, None), server(secure(config)).await).await);
}

#[tokio::test]
async fn the_name_that_is_set_is_the_name_that_is_checked() {
    let (config, pem) = certificate("mail.example.net", -1, 90);
    let (_directory, ca) = ca_file(&pem);
    let policy = TlsPolicy { name: Some("mail.example.net".into()), ..tls(TlsMode::Starttls, Some(ca)) };
    assert_ok(&probe(smtp_check(policy, None), server(secure(config)).await).await);
}

#[tokio::test]
async fn a_server_that_lost_its_starttls_defers() {
    let script = vec![Say("220 hi\r\n"), Hear("EHLO"), Say("250-mx\r\n250 PIPELINING\r\n"), Hear("QUIT")];
    let report = probe(smtp_check(tls(TlsMode::Starttls, None), None), server(script).await).await;
    assert_deferring(&report, "STARTTLS is not offered");
}

#[tokio::test]
async fn a_handshake_that_fails_is_a_failure() {
    let mut script = greeting();
    script.extend([Hear("STARTTLS"), Say("220 go\r\n"), Hear(""), Say("what?\r\n")]);
    let report = probe(smtp_check(tls(TlsMode::Starttls, None), None), server(script).await).await;
    assert_failed(&report, FailureKind::Tls, "handshake");
}

#[tokio::test]
async fn words_slipped_in_before_the_handshake_are_noticed() {
    let mut script = greeting();
    script.extend([Hear("STARTTLS"), Say("220 go\r\n250 injected\r\n"), Hang]);
    let report = probe(smtp_check(tls(TlsMode::Starttls, None), None), server(script).await).await;
    assert_failed(&report, FailureKind::Protocol, "before the TLS handshake");
}

#[tokio::test]
async fn implicit_tls_is_spoken_from_the_first_octet() {
    let (config, pem) = certificate("mx.example.org", -1, 90);
    let (_directory, ca) = ca_file(&pem);
    let script = [vec![Tls(config)], greeting()].concat();
    assert_ok(&probe(smtp_check(tls(TlsMode::Implicit, Some(ca)), None), server(script).await).await);
}

#[tokio::test]
async fn a_bare_connect_asks_nothing_of_the_service() {
    let address = server(vec![Hang]).await;
    let check = Check::new(&target(plain(), address, Duration::from_secs(30)));
    assert_ok(&check.run(Depth::Connect, &TrustStore::default()).await);
    let check = Check::new(&target(plain(), nobody().await, Duration::from_secs(30)));
    assert_failed(&check.run(Depth::Connect, &TrustStore::default()).await, FailureKind::Refused, "refused");
}

#[tokio::test]
async fn control_characters_of_a_server_stay_out_of_reasons() {
    let report = probe(plain(), server(vec![Say("554 \x1b[2J<script>\u{202e}\r\n"), Hang]).await).await;
    assert_failed(&report, FailureKind::Protocol, "554 \\u{1b}[2J<script>\\u{202e}");
}

pub(super) fn plays(props: &Props) -> Vec<Play> {
    let play =
        |name, mode, script| Play { name, kind: smtp_check(props.tls(mode), None), script, endless: "250-on\r\n" };
    vec![
        play("smtp", TlsMode::Starttls, secure(Arc::clone(&props.config))),
        play("smtp with TLS", TlsMode::Implicit, [vec![props.secure()], greeting()].concat()),
        play("smtp without TLS", TlsMode::Off, greeting()),
    ]
}
