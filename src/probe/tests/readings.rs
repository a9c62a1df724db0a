//! Exporters, documents and agents on loopback: what is read of them, and what of them is not.

use super::Step::{Flood, Hang, Hear, Say, Tls};
use super::*;
use crate::model::{AgentCheck, Combine, Expected, HttpCheck, JsonCheck, Levels, Missing, PrometheusCheck};
use crate::probe::bounds::{AGENT_LINE, JSON_BODY, METRICS_BODY};

fn page(tls: TlsPolicy) -> HttpCheck {
    HttpCheck { host: Some("mx1.example.org".into()), path: "/metrics".into(), status: vec![], body: None, tls }
}

fn levels(warn: &str, fail: &str) -> Levels {
    Levels { warn: warn.parse().ok(), fail: fail.parse().ok() }
}

fn queue(missing: Missing) -> MonitorKind {
    MonitorKind::Prometheus(PrometheusCheck {
        page: page(tls(TlsMode::Off, None)),
        series: "queue{name=\"deferred\"}".parse().unwrap(),
        combine: Combine::Max,
        divide_by: None,
        levels: levels("> 500", "> 5000"),
        missing,
    })
}

fn document(pointer: &str, expected: Expected) -> MonitorKind {
    let pointer = pointer.parse().unwrap();
    MonitorKind::Json(JsonCheck { page: page(tls(TlsMode::Off, None)), pointer, expected, missing: Missing::Defer })
}

fn agent(send: Option<&str>) -> MonitorKind {
    MonitorKind::Agent(AgentCheck { send: send.map(str::to_owned) })
}

/// A server that answers a GET with `body`.
async fn web(body: &str) -> SocketAddr {
    let response = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}");
    server(vec![Hear("GET /metrics HTTP/1.1\r\n"), Say(Box::leak(response.into_boxed_str()))]).await
}

#[tokio::test]
async fn a_series_is_held_against_its_thresholds() {
    let with =
        |value: &str| format!("# TYPE queue gauge\nqueue{{name=\"active\"}} 9e9\nqueue{{name=\"deferred\"}} {value}\n");
    let probed = async |value: &str| probe(queue(Missing::Defer), web(&with(value)).await).await;
    assert_ok(&probed("500").await);
    assert_deferring(&probed("812").await, "queue{name=\"deferred\"} is 812, warn is > 500");
    assert_failed(&probed("+Inf").await, FailureKind::Protocol, "queue{name=\"deferred\"} is inf, fail is > 5000");
    assert_deferring(&probed("NaN").await, "is not a number");
}

#[tokio::test]
async fn a_series_that_is_missing_means_what_the_configuration_says() {
    let why = "there is no queue{name=\"deferred\"} on the page";
    assert_deferring(&probe(queue(Missing::Defer), web("up 1\n").await).await, why);
    assert_failed(&probe(queue(Missing::Fail), web("up 1\n").await).await, FailureKind::Protocol, why);
    assert_ok(&probe(queue(Missing::Ok), web("").await).await);
}

#[tokio::test]
async fn a_page_without_end_is_read_up_to_its_bound() {
    let body = "x".repeat(METRICS_BODY + 1);
    assert_deferring(&probe(queue(Missing::Ok), web(&body).await).await, "more than 4194304 octets");
    let body = format!("\"{}\"", "x".repeat(JSON_BODY));
    let kind = document("", Expected::Boolean(true));
    assert_deferring(&probe(kind, web(&body).await).await, "more than 262144 octets");
}

#[tokio::test]
async fn a_document_is_held_against_thresholds_and_words() {
    let body = r#"{"queue":{"deferred":812},"state":"ok","mode":{"readonly":true}}"#;
    let probed = async |pointer: &str, expected: Expected| probe(document(pointer, expected), web(body).await).await;
    let number = |warn, fail| Expected::Number(levels(warn, fail));
    assert_ok(&probed("/queue/deferred", number("> 900", "> 5000")).await);
    assert_deferring(&probed("/queue/deferred", number("> 500", "")).await, "/queue/deferred is 812, warn is > 500");
    let report = probed("/queue/deferred", number("", ">= 812")).await;
    assert_failed(&report, FailureKind::Protocol, "/queue/deferred is 812, fail is >= 812");
    assert_ok(&probed("/state", Expected::Text("ok".into())).await);
    let report = probed("/state", Expected::Text("well".into())).await;
    assert_failed(&report, FailureKind::Protocol, "/state is \"ok\", expected \"well\"");
    assert_failed(
        &probed("/mode/readonly", Expected::Boolean(false)).await,
        FailureKind::Protocol,
        "is true, expected false",
    );
    assert_deferring(&probed("/state", number("> 1", "")).await, "/state is \"ok\", which is no number");
    assert_deferring(&probed("/queue/active", number("> 1", "")).await, "there is no /queue/active in the document");
    let report = probe(document("", Expected::Boolean(true)), web("<html>").await).await;
    assert_failed(&report, FailureKind::Protocol, "the body is not JSON");
    assert!(report.transcript.unwrap().contains("< <html>"));
}

#[tokio::test]
async fn certificates_of_exporters_defer() {
    let (config, pem) = certificate("mx1.example.org", -90, 3);
    let (_directory, ca) = ca_file(&pem);
    let response = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nqueue{name=\"deferred\"} 5\n";
    let address = server(vec![Tls(config), Hear("GET"), Say(response)]).await;
    let MonitorKind::Prometheus(check) = queue(Missing::Defer) else { panic!() };
    let kind = MonitorKind::Prometheus(PrometheusCheck { page: page(tls(TlsMode::Implicit, Some(ca))), ..check });
    assert_deferring(&probe(kind, address).await, "ends in");
}

#[tokio::test]
async fn trouble_below_the_page_keeps_its_kind() {
    for kind in [queue(Missing::Ok), document("", Expected::Boolean(true))] {
        assert_failed(&probe(kind.clone(), nobody().await).await, FailureKind::Refused, "refused");
        let silent = server(vec![Hear("GET"), Hang]).await;
        let report = probe_within(kind.clone(), silent, Duration::from_millis(300)).await;
        assert_failed(&report, FailureKind::Timeout, "timed out");
        let broken =
            server(vec![Hear("GET"), Say("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")]).await;
        assert_failed(&probe(kind, broken).await, FailureKind::Protocol, "HTTP 503");
    }
}

#[tokio::test]
async fn agents_are_heard() {
    assert_ok(&probe(agent(None), server(vec![Say("\r\nup 75%\r\nnever read")]).await).await);
    // The end of the connection ends the line.
    assert_deferring(&probe(agent(None), server(vec![Say("drain")]).await).await, "the agent says drain");
    let asked = server(vec![Hear("mx1 status\n"), Say("down#disk full\n"), Hang]).await;
    assert_failed(
        &probe(agent(Some("mx1 status")), asked).await,
        FailureKind::Protocol,
        "the agent says down: disk full",
    );
    assert_failed(
        &probe(agent(None), server(vec![]).await).await,
        FailureKind::Reset,
        "before the agent said anything",
    );
    assert_failed(&probe(agent(None), nobody().await).await, FailureKind::Refused, "refused");
    let silent = server(vec![Hang]).await;
    let report = probe_within(agent(None), silent, Duration::from_millis(200)).await;
    assert_failed(&report, FailureKind::Timeout, "agent's line");
    let long: &str = Box::leak("x".repeat(AGENT_LINE + 1).into_boxed_str());
    assert_failed(
        &probe(agent(None), server(vec![Say(long), Hang]).await).await,
        FailureKind::Protocol,
        "more than 1024",
    );
    let empty = server(vec![Flood("\r\n")]).await;
    assert_failed(&probe(agent(None), empty).await, FailureKind::Protocol, "more than 1024");
}
