//! HTTP servers: status, body, names, certificates.

use super::Step::{Hang, Hear, Say, Tls};
use super::*;
use crate::model::HttpCheck;

fn check() -> HttpCheck {
    HttpCheck {
        host: Some("webmail.example.org".into()),
        path: "/healthz?deep=1".into(),
        status: vec![],
        body: None,
        tls: tls(TlsMode::Off, None),
    }
}

/// Reads the request's first two headers in the order that the client writes them, then answers.
fn answering(response: &'static str) -> Vec<Step> {
    vec![Hear("GET /healthz?deep=1 HTTP/1.1\r\n"), Say(response)]
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nqueue: ok";

async fn plain(check: HttpCheck, response: &'static str) -> Report {
    probe(MonitorKind::Http(check), server(answering(response)).await).await
}

#[tokio::test]
async fn a_good_response_is_ok() {
    assert_ok(&plain(check(), GOOD).await);
}

#[tokio::test]
async fn the_host_header_is_the_services_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            stream.read_line(&mut request).await.unwrap();
        }
        stream.write_all(GOOD.as_bytes()).await.unwrap();
        request.to_ascii_lowercase()
    });
    assert_ok(&probe(MonitorKind::Http(HttpCheck { host: None, ..check() }), address).await);
    let request = heard.await.unwrap();
    assert!(request.contains("\r\nhost: 192.0.2.10\r\n"), "{request}");
}

#[tokio::test]
async fn an_unwanted_status_is_a_failure() {
    let response = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    assert_failed(
        &plain(check(), response).await,
        FailureKind::Protocol,
        "HTTP 503 Service Unavailable, expected 200 to 299",
    );
    assert_ok(&plain(HttpCheck { status: vec![200, 503], ..check() }, response).await);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let response = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let report = plain(check(), response).await;
    assert_failed(&report, FailureKind::Protocol, "302");
    assert!(report.transcript.unwrap().contains("location: http://169.254.169.254/"));
}

#[tokio::test]
async fn the_body_must_match() {
    assert_ok(&plain(HttpCheck { body: Some("queue: ok$".into()), ..check() }, GOOD).await);
    let report = plain(HttpCheck { body: Some("queue: full".into()), ..check() }, GOOD).await;
    assert_failed(&report, FailureKind::Protocol, "does not match 'queue: full'");
    let report = plain(HttpCheck { body: Some("(".into()), ..check() }, GOOD).await;
    assert_deferring(&report, "the body pattern cannot be used");
}

#[tokio::test]
async fn only_the_beginning_of_a_body_is_read() {
    let body = format!("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n{}needle", "x".repeat(6000));
    let script = vec![Hear("GET"), Say(Box::leak(body.into_boxed_str())), Hang];
    let kind = MonitorKind::Http(HttpCheck { body: Some("needle".into()), ..check() });
    assert_failed(&probe(kind, server(script).await).await, FailureKind::Protocol, "does not match");
}

#[tokio::test]
async fn trouble_below_http_keeps_its_kind() {
    let http = || MonitorKind::Http(check());
    assert_failed(&probe(http(), nobody().await).await, FailureKind::Refused, "refused");
    assert_failed(&probe(http(), server(vec![Hear("GET")]).await).await, FailureKind::Reset, "");
    assert_failed(
        &probe(http(), server(vec![Hear("GET"), Say("220 mx ESMTP\r\n"), Hang]).await).await,
        FailureKind::Protocol,
        "",
    );
    let silent = server(vec![Hear("GET"), Hang]).await;
    assert_failed(&probe_within(http(), silent, Duration::from_millis(300)).await, FailureKind::Timeout, "timed out");
}

async fn https(certified: &str, days: i64, policy: impl FnOnce(TlsPolicy) -> TlsPolicy) -> Report {
    let (config, pem) = certificate(certified, -90, days);
    let (_directory, ca) = ca_file(&pem);
    let address = server([vec![Tls(config)], answering(GOOD)].concat()).await;
    let tls = policy(tls(TlsMode::Implicit, Some(ca)));
    probe(MonitorKind::Http(HttpCheck { tls, ..check() }), address).await
}

#[tokio::test]
async fn https_certificates_defer_and_do_not_hide_the_service() {
    assert_ok(&https("webmail.example.org", 90, |policy| policy).await);
    assert_deferring(&https("webmail.example.org", -2, |policy| policy).await, "expired 2 days ago");
    assert_deferring(&https("webmail.example.org", 3, |policy| policy).await, "ends in");
    assert_deferring(&https("other.example.org", 90, |policy| policy).await, "for other.example.org, not for webmail");
    let missing = |policy| TlsPolicy { ca: Some("/nonexistent/ca.pem".into()), ..policy };
    assert_unchecked(&https("webmail.example.org", 90, missing).await, "cannot read the CA file");
    assert_ok(&https("other.example.org", -2, |policy| TlsPolicy { verify: false, ..policy }).await);
}

#[tokio::test]
async fn a_server_without_tls_fails_https() {
    let address = server(vec![Say("HTTP/1.1 400 Bad Request\r\n\r\n"), Hang]).await;
    let kind = MonitorKind::Http(HttpCheck { tls: tls(TlsMode::Implicit, None), ..check() });
    assert_failed(&probe(kind, address).await, FailureKind::Tls, "handshake");
}
