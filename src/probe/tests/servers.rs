//! Servers that speak in octets, for the monitors of infrastructure: each plays a script, up to any point of it.

use tokio::io::AsyncReadExt;
use tokio::net::UdpSocket;

use super::*;

/// One step of a server that speaks in octets.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Reads something, whatever it is.
    Read,
    /// Sends these octets.
    Send(Vec<u8>),
    /// Sends these octets again and again.
    Flood(Vec<u8>),
    /// Sends these octets again and again, slowly.
    Drip(Vec<u8>),
    /// Says nothing more, but stays.
    Hang,
}

/// A server on loopback that plays `script` to every connection and then closes it.
pub(super) async fn speaking(script: Vec<Act>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(act(script.clone(), stream));
        }
    });
    address
}

async fn act(script: Vec<Act>, mut stream: tokio::net::TcpStream) -> std::io::Result<()> {
    for step in script {
        match step {
            Act::Read if stream.read(&mut [0; 4096]).await? == 0 => return Ok(()),
            Act::Read => {}
            Act::Send(octets) => stream.write_all(&octets).await?,
            Act::Flood(octets) => loop {
                stream.write_all(&octets).await?;
            },
            Act::Drip(octets) => loop {
                stream.write_all(&octets).await?;
                tokio::time::sleep(Duration::from_millis(10)).await;
            },
            Act::Hang => std::future::pending().await,
        }
    }
    // What is still unread would turn the end into a reset.
    stream.shutdown().await?;
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

/// A server on loopback that answers each datagram with those that `answer` makes of it.
pub(super) async fn datagrams(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut octets = [0; 4096];
        loop {
            let (length, client) = socket.recv_from(&mut octets).await.unwrap();
            for datagram in answer(&octets[..length]) {
                let _ = socket.send_to(&datagram, client).await;
            }
        }
    });
    address
}

/// Plays every beginning of `script` to a probe of `kind`, first with silence behind it and then with the end of the
/// connection: each must be a failure of its own, within the probe's time.
pub(super) async fn break_everywhere(kind: &MonitorKind, script: &[Act]) {
    for length in 0..script.len() {
        let beginning = &script[..length];
        let silent = speaking([beginning, &[Act::Hang]].concat()).await;
        let report = probe_within(kind.clone(), silent, Duration::from_millis(250)).await;
        assert_failed(&report, FailureKind::Timeout, "timed out");
        let closing = speaking(beginning.to_vec()).await;
        let report = probe(kind.clone(), closing).await;
        assert!(
            matches!(&report.finding.outcome, Outcome::Failed { kind: FailureKind::Reset, .. }),
            "closed after {beginning:?}: {report:?}"
        );
        let garbage = speaking([beginning, &[Act::Flood(b"\x00\xffgarbage\x7f".to_vec())]].concat()).await;
        let report = probe(kind.clone(), garbage).await;
        assert!(
            matches!(&report.finding.outcome, Outcome::Failed { .. } | Outcome::Deferring(_)),
            "garbage after {beginning:?}: {report:?}"
        );
    }
}
