//! The prober: opinions as servers come and go, reloads, stopping.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Step::{Hang, Hear, Say};
use super::*;
use crate::health::Change;
use crate::model::{State, Verdict};
use crate::probe::{Opinion, Prober};

/// Far longer than anything here takes; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(60);

fn prober() -> (Prober, mpsc::Receiver<Opinion>) {
    let (sender, receiver) = mpsc::channel(64);
    (Prober::start("fra-ns1", Instant::now(), sender), receiver)
}

async fn next_verdict(opinions: &mut mpsc::Receiver<Opinion>) -> Opinion {
    loop {
        let opinion = timeout(LONG, opinions.recv()).await.unwrap().unwrap();
        if matches!(opinion.change, Change::Verdict { .. }) {
            return opinion;
        }
    }
}

fn restored(state: State) -> Option<Verdict> {
    Some(Verdict { state, reason: "from before".into(), since: jiff::Timestamp::UNIX_EPOCH })
}

#[tokio::test]
async fn a_server_that_dies_is_noticed_with_its_transcript() {
    let (prober, mut opinions) = prober();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = vec![Say("220 hi\r\n"), Hear("EHLO"), Say("250 mx\r\n"), Hear("QUIT")];
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(play(script.clone(), Box::new(stream)));
        }
    });
    prober.replace(vec![target(smtp_check(tls(TlsMode::Off, None), None), address, LONG)]);
    let up = next_verdict(&mut opinions).await;
    assert_eq!((up.verdict.state, up.change), (State::Up, Change::Verdict { from: State::Unknown }));
    assert!(up.latency.is_some() && up.transcript.is_none());

    serving.abort();
    let down = next_verdict(&mut opinions).await;
    assert_eq!((down.verdict.state, down.verdict.reason.as_str()), (State::Down, "connection refused"));
    assert_eq!(down.transcript.as_deref(), Some("* connection refused\n"));
    let status = prober.snapshot();
    assert_eq!((status.len(), status[0].verdict.state), (1, State::Down));
    let stats = prober.stats();
    assert!(stats.probes.iter().any(|probe| probe.result == "refused" && probe.count >= 3), "{stats:?}");
    prober.stop().await;
    assert_eq!((prober.stats().targets, prober.stats().in_flight), (0, 0));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_down() {
    let (prober, mut opinions) = prober();
    prober.replace(vec![target(
        smtp_check(tls(TlsMode::Off, None), None),
        server(vec![Hang]).await,
        Duration::from_millis(200),
    )]);
    let down = next_verdict(&mut opinions).await;
    assert_eq!(down.verdict.state, State::Down);
    assert!(down.verdict.reason.contains("the banner"), "{}", down.verdict.reason);
}

#[tokio::test]
async fn a_reload_keeps_what_is_unchanged_and_carries_verdicts_over() {
    let (prober, mut opinions) = prober();
    let address = nobody().await;
    let first = target(MonitorKind::Tcp, address, LONG);
    prober.replace(vec![first.clone()]);
    assert_eq!(next_verdict(&mut opinions).await.verdict.state, State::Down);

    // Unchanged: nothing starts over, so nothing is said anew.
    prober.replace(vec![first.clone()]);
    // Probed differently: starts anew, but not from nothing.
    let mut changed = first.clone();
    changed.monitor.rise = 2;
    changed.restored = restored(State::Up);
    prober.replace(vec![changed]);
    assert_eq!(prober.snapshot()[0].verdict.state, State::Down);

    prober.replace(vec![]);
    assert!(prober.snapshot().is_empty());
}

#[tokio::test]
async fn a_restored_verdict_is_confirmed_not_announced() {
    let (prober, mut opinions) = prober();
    let mut remembered = target(MonitorKind::Tcp, server(vec![Hang]).await, LONG);
    remembered.restored = restored(State::Up);
    prober.replace(vec![remembered]);
    let opinion = timeout(LONG, opinions.recv()).await.unwrap().unwrap();
    assert_eq!((opinion.change, opinion.verdict.reason.as_str()), (Change::Confirmed, "from before"));
}

#[tokio::test]
async fn a_receiver_that_is_slow_does_not_hold_up_probing() {
    let (sender, mut opinions) = mpsc::channel(1);
    let prober = Prober::start("fra-ns1", Instant::now(), sender);
    let targets: Vec<_> = (0..50_u8)
        .map(|host| {
            let mut target = target(MonitorKind::Tcp, ([127, 0, 0, 1], 1).into(), LONG);
            target.key.address = [192, 0, 2, host].into();
            target
        })
        .collect();
    prober.replace(targets);
    timeout(LONG, async {
        while !prober.snapshot().iter().all(|status| status.verdict.state == State::Down) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    // All of it arrives once somebody listens.
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 50 {
        told.insert(next_verdict(&mut opinions).await.key);
    }
}

#[tokio::test]
async fn thousands_of_targets_are_probed_within_bounds() {
    let (prober, mut opinions) = prober();
    let address = server(vec![Hang]).await;
    let targets: Vec<_> = (0..2000_u32)
        .map(|host| {
            let mut target = target(MonitorKind::Tcp, address, LONG);
            target.key.address = std::net::Ipv4Addr::from(0x0a00_0000 + host).into();
            target.monitor.interval = Duration::from_secs(2);
            target
        })
        .collect();
    prober.replace(targets);
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 2000 {
        let opinion = next_verdict(&mut opinions).await;
        assert!(prober.stats().in_flight <= super::super::bounds::IN_FLIGHT + super::super::bounds::IN_FLIGHT_DOWN);
        told.insert(opinion.key);
    }
    prober.stop().await;
}

#[tokio::test]
async fn a_hint_brings_a_probe_at_once() {
    let (prober, mut opinions) = prober();
    let mut slow = target(MonitorKind::Tcp, server(vec![Hang]).await, LONG);
    slow.monitor.interval = Duration::from_secs(3600);
    let key = slow.key.clone();
    prober.replace(vec![slow]);
    next_verdict(&mut opinions).await;
    let before = prober.snapshot()[0].last_probe;
    prober.hint(&key);
    timeout(LONG, async {
        while prober.snapshot()[0].last_probe == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}
