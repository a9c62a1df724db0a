//! TCP: connecting, and what the errors of a connection say about an endpoint.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::health::{FailureKind, Outcome};

/// Errors of this host, not of the endpoint, that the standard library has no kind for (Linux): ENFILE, EMFILE, ENOBUFS,
/// EAFNOSUPPORT (no IPv6 here).
const OUR_ERRORS: [i32; 4] = [23, 24, 105, 97];

/// Connects to `address` until `deadline`.
pub(super) async fn connect(address: SocketAddr, deadline: Instant) -> Result<TcpStream, Outcome> {
    let connecting = timeout_at(deadline, TcpStream::connect(address)).await;
    let stream = connecting
        .map_err(|_| Outcome::failed(FailureKind::Timeout, "no answer to the connection attempt"))?
        .map_err(|error| failure(&error, "connecting"))?;
    // On one host, a connect to a closed port can be given that very port as its source, and then meets itself.
    if stream.local_addr().is_ok_and(|local| local == address) {
        return Err(Outcome::failed(FailureKind::Refused, "connection refused"));
    }
    // A probe is short lines that wait for answers. Where the option fails, it is only slower.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// What an error while `doing` says.
pub(super) fn failure(error: &io::Error, doing: &str) -> Outcome {
    use io::ErrorKind as Kind;
    if error.raw_os_error().is_some_and(|code| OUR_ERRORS.contains(&code))
        || matches!(error.kind(), Kind::AddrNotAvailable | Kind::OutOfMemory | Kind::PermissionDenied)
    {
        return Outcome::Inconclusive(format!("this host cannot probe: {error}"));
    }
    match error.kind() {
        Kind::ConnectionRefused => Outcome::failed(FailureKind::Refused, "connection refused"),
        Kind::HostUnreachable => Outcome::failed(FailureKind::Unreachable, "host unreachable"),
        Kind::NetworkUnreachable => Outcome::failed(FailureKind::Unreachable, "network unreachable"),
        Kind::TimedOut => Outcome::failed(FailureKind::Timeout, format!("no answer while {doing}")),
        Kind::UnexpectedEof => Outcome::failed(FailureKind::Reset, format!("connection closed while {doing}")),
        _ => Outcome::failed(FailureKind::Reset, format!("{error} while {doing}")),
    }
}
