//! TCP monitors with words, and handshakes.

use proptest::prelude::*;

use super::servers::{Act, speaking};
use super::*;
use crate::model::{ExchangeCheck, HandshakeCheck, Refused};

fn expecting(send: Option<&str>, expect: Option<&str>) -> MonitorKind {
    exchange(send, expect, tls(TlsMode::Off, None))
}

fn exchange(send: Option<&str>, expect: Option<&str>, tls: TlsPolicy) -> MonitorKind {
    MonitorKind::Exchange(ExchangeCheck { send: send.map(str::to_owned), expect: expect.map(str::to_owned), tls })
}

fn say(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

#[tokio::test]
async fn what_is_expected_may_come_in_pieces() {
    let whole = speaking(vec![Act::Read, say("+PONG\r\n"), Act::Hang]).await;
    assert_ok(&probe(expecting(Some("PING\r\n"), Some("^\\+PONG")), whole).await);
    let pieces = speaking(vec![Act::Read, say("+P"), say("ON"), say("G\r\n"), Act::Hang]).await;
    assert_ok(&probe(expecting(Some("PING\r\n"), Some("^\\+PONG\r\n$")), pieces).await);
    let banner = speaking(vec![say("SSH-2.0-OpenSSH\r\n"), Act::Hang]).await;
    assert_ok(&probe(expecting(None, Some("^SSH-2")), banner).await);
}

#[tokio::test]
async fn nothing_expected_is_nothing_waited_for() {
    assert_ok(&probe(expecting(Some("hello\r\n"), None), speaking(vec![Act::Hang]).await).await);
}

#[tokio::test]
async fn another_answer_is_a_failure_with_the_words_in_the_transcript() {
    let report =
        probe(expecting(Some("PING\r\n"), Some("PONG")), speaking(vec![Act::Read, say("-ERR\r\n")]).await).await;
    assert_failed(&report, FailureKind::Protocol, "does not match 'PONG'");
    assert_eq!(report.transcript.unwrap().lines().next().unwrap(), "> PING\\r\\n");
    let report = probe(expecting(None, Some("PONG")), speaking(vec![]).await).await;
    assert_failed(&report, FailureKind::Reset, "without a word");
}

#[tokio::test]
async fn silence_and_drops_end_with_the_time() {
    let wait = Duration::from_millis(300);
    let report = probe_within(expecting(None, Some("PONG")), speaking(vec![Act::Hang]).await, wait).await;
    assert_failed(&report, FailureKind::Timeout, "first octet");
    let report =
        probe_within(expecting(None, Some("PONG")), speaking(vec![Act::Drip(b"x".to_vec())]).await, wait).await;
    assert_failed(&report, FailureKind::Timeout, "what matches 'PONG'");
}

#[tokio::test]
async fn a_flood_is_read_to_its_bound_and_no_further() {
    let report = probe(expecting(None, Some("PONG")), speaking(vec![Act::Flood(vec![b'x'; 4000])]).await).await;
    assert_failed(&report, FailureKind::Protocol, "does not match");
}

#[tokio::test]
async fn implicit_tls_is_spoken_first() {
    let (config, pem) = certificate("mx.example.org", -1, 90);
    let (_directory, ca) = ca_file(&pem);
    let address = server(vec![Step::Tls(config.clone()), Step::Say("* OK ready\r\n"), Step::Hang]).await;
    let policy = tls(TlsMode::Implicit, Some(ca));
    assert_ok(&probe(exchange(None, Some("^\\* OK"), policy.clone()), address).await);
    let report = probe_within(exchange(None, Some("^\\* BYE"), policy), address, Duration::from_millis(500)).await;
    assert_failed(&report, FailureKind::Timeout, "what matches");
    let absent = tls(TlsMode::Implicit, Some(PathBuf::from("/nonexistent/ca.pem")));
    assert_unchecked(&probe(exchange(None, Some("^\\* OK"), absent), address).await, "cannot read the CA file");
}

fn handshake(tls: TlsPolicy, refused: Refused, critical_days: Option<u32>) -> MonitorKind {
    let expiry_critical = critical_days.map(|days| days * DAY);
    MonitorKind::Handshake(HandshakeCheck { tls, expiry_critical, refused })
}

#[tokio::test]
async fn a_handshake_tells_the_certificate_from_the_service() {
    let trusting = |pem: &str| {
        let (directory, ca) = ca_file(pem);
        (directory, tls(TlsMode::Implicit, Some(ca)))
    };
    let (config, pem) = certificate("mx.example.org", -1, 90);
    let (_kept, policy) = trusting(&pem);
    let good = server(vec![Step::Tls(config), Step::Hang]).await;
    assert_ok(&probe(handshake(policy.clone(), Refused::Fails, Some(3)), good).await);
    // The warning is at 14 days.
    let (config, pem) = certificate("mx.example.org", -1, 5);
    let (_kept, policy) = trusting(&pem);
    let ending = server(vec![Step::Tls(config), Step::Hang]).await;
    assert_deferring(&probe(handshake(policy.clone(), Refused::Fails, Some(3)), ending).await, "certificate ends in");
    let report = probe(handshake(policy.clone(), Refused::Defers, Some(7)), ending).await;
    assert_failed(&report, FailureKind::Tls, "certificate ends in");
    let (config, pem) = certificate("mx.example.org", -90, -3);
    let (_kept, policy) = trusting(&pem);
    let expired = server(vec![Step::Tls(config), Step::Hang]).await;
    assert_deferring(&probe(handshake(policy.clone(), Refused::Defers, None), expired).await, "expired 3 days ago");
    for kind in [handshake(policy.clone(), Refused::Fails, None), handshake(policy.clone(), Refused::Defers, Some(1))] {
        assert_failed(&probe(kind, expired).await, FailureKind::Tls, "expired 3 days ago");
    }
    let (config, pem) = certificate("mail.example.net", -1, 90);
    let (_kept, policy) = trusting(&pem);
    let wrong = server(vec![Step::Tls(config), Step::Hang]).await;
    assert_deferring(
        &probe(handshake(policy.clone(), Refused::Defers, Some(3)), wrong).await,
        "not for mx.example.org",
    );
    let report = probe(handshake(policy.clone(), Refused::Fails, None), wrong).await;
    assert_failed(&report, FailureKind::Tls, "not for mx.example.org");
    let unchecked = TlsPolicy { verify: false, ..policy };
    assert_ok(&probe(handshake(unchecked, Refused::Fails, Some(90)), expired).await);
}

#[tokio::test]
async fn a_fault_of_ours_is_never_held_against_the_certificate() {
    let (config, _) = certificate("mx.example.org", -1, 90);
    let address = server(vec![Step::Tls(config), Step::Hang]).await;
    let policy = tls(TlsMode::Implicit, Some(PathBuf::from("/nonexistent/ca.pem")));
    assert_unchecked(&probe(handshake(policy, Refused::Fails, None), address).await, "cannot read the CA file");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_a_failure() {
    let kind = || handshake(TlsPolicy { verify: false, ..tls(TlsMode::Implicit, None) }, Refused::Defers, None);
    let report = probe_within(kind(), speaking(vec![Act::Hang]).await, Duration::from_millis(300)).await;
    assert_failed(&report, FailureKind::Timeout, "TLS handshake");
    let report =
        probe_within(kind(), speaking(vec![Act::Drip(b"\x16".to_vec())]).await, Duration::from_millis(300)).await;
    assert!(matches!(report.finding.outcome, Outcome::Failed { .. }), "{report:?}");
    assert_failed(&probe(kind(), speaking(vec![Act::Read]).await).await, FailureKind::Tls, "handshake failed");
    assert_failed(
        &probe(kind(), speaking(vec![say("220 mx ESMTP\r\n")]).await).await,
        FailureKind::Tls,
        "handshake failed",
    );
    assert_failed(&probe(kind(), nobody().await).await, FailureKind::Refused, "refused");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_octets_are_judged(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let address = speaking(vec![Act::Send(octets)]).await;
            let report = probe(expecting(None, Some("PONG")), address).await;
            assert!(report.finding.outcome.reason().is_some());
            let policy = TlsPolicy { verify: false, ..tls(TlsMode::Implicit, None) };
            let report = probe(handshake(policy, Refused::Defers, None), address).await;
            assert!(matches!(report.finding.outcome, Outcome::Failed { .. }), "{report:?}");
        });
    }
}
