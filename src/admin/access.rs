//! Who asks, and whether they may.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::bounds::{FAILURE_ADDRESSES, FAILURE_WINDOW, FAILURES};
use super::router::Shared;
use super::socket::user_name;
use super::{Caller, Channel, Problem, ProblemKind};
use crate::model::Role;

/// The other end of the connection that a request came on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) Channel);

/// What a route asks of its callers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    /// Nothing of who comes from this machine, the role of others.
    LoopbackOr(Role),
    /// The role.
    Of(Role),
}

/// Lets a request through whose caller may make it; handlers find the [`Caller`] among its extensions.
pub(super) async fn require(
    State((shared, access)): State<(Shared, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    match admit(&shared, access, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(shared: &Shared, access: Access, request: &Request) -> Result<Caller, Problem> {
    let Some(Peer(channel)) = request.extensions().get::<Peer>().copied() else {
        return Err(Problem::new(ProblemKind::Internal, "the connection of this request is not known"));
    };
    let caller = caller(shared, channel, request.headers())?;
    let needed = match (access, channel) {
        (Access::LoopbackOr(_), Channel::Tcp { peer }) if peer.is_loopback() => return Ok(caller),
        (Access::LoopbackOr(role) | Access::Of(role), _) => role,
    };
    match caller.role {
        Some(role) if role >= needed => Ok(caller),
        Some(role) => Err(Problem::new(
            ProblemKind::Forbidden,
            format!("'{}' has the role {role}; this needs the role {needed}", caller.name),
        )
        .with_remedy("use a token of that role, or the admin socket as root or as the node's user")),
        None => Err(Problem::new(ProblemKind::Unauthenticated, "this needs a token").with_remedy(
            "send 'Authorization: Bearer TOKEN' (waypost --token-file FILE), or use the admin socket as root",
        )),
    }
}

/// Who asks: by the system's word on the socket, by token otherwise.
fn caller(shared: &Shared, channel: Channel, headers: &HeaderMap) -> Result<Caller, Problem> {
    if let Channel::Socket { uid } = channel
        && (uid == 0 || Some(uid) == shared.socket_owner)
    {
        return Ok(Caller { name: user_name(uid), role: Some(Role::Admin), channel });
    }
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(Caller { name: "anonymous".to_owned(), role: None, channel });
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, secret)| shared.control.authenticate(secret.trim()));
    match token {
        Some(token) => Ok(Caller { name: token.name, role: Some(token.role), channel }),
        None => Err(shared.failures.judge(channel, Instant::now())),
    }
}

/// Failed authentications by address.
///
/// A good token is good whatever went before it: its 256 bits cannot be guessed at any rate, and on a listener whose
/// callers all share the loopback address a lock-out would be a weapon against the operator.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>);

impl Failures {
    /// Counts a failure, and says what to answer.
    fn judge(&self, channel: Channel, now: Instant) -> Problem {
        let peer = match channel {
            Channel::Tcp { peer } => Some(peer),
            Channel::Socket { .. } => None,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= FAILURE_ADDRESSES {
            counts.retain(|_, (since, _)| now.saturating_duration_since(*since) < FAILURE_WINDOW);
        }
        if counts.len() >= FAILURE_ADDRESSES && !counts.contains_key(&peer) {
            return too_many();
        }
        let (since, count) = counts.entry(peer).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FAILURE_WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count > FAILURES {
            return too_many();
        }
        tracing::warn!(%channel, "a request with a token that is not good");
        Problem::new(ProblemKind::Unauthenticated, "the token is unknown, expired or revoked")
            .with_remedy("make one on the node: waypost token create NAME --role operator")
    }
}

fn too_many() -> Problem {
    Problem::new(ProblemKind::TooMany, "too many requests with a token that is not good")
        .with_remedy("wait a minute and use a good token")
}

/// Refuses requests that a foreign web page makes a browser send: by another name (DNS rebinding) or from another
/// origin.
pub(super) async fn same_origin(request: Request, next: Next) -> Response {
    match foreign(&request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn foreign(request: &Request) -> Option<Problem> {
    let Some(Peer(Channel::Tcp { .. })) = request.extensions().get::<Peer>() else { return None };
    let text = |name| request.headers().get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    if !is_own_name(host) {
        return Some(
            Problem::new(ProblemKind::Misdirected, "the admin API does not go by that name")
                .with_remedy("address it as localhost or by its IP address"),
        );
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let origin = text(header::ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, host)| host));
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let same = origin.is_none_or(|origin| origin == host) && !matches!(site, Some("cross-site" | "same-site"));
    (!same).then(|| Problem::new(ProblemKind::Forbidden, "the request comes from a foreign web page"))
}

/// Whether `host` (with or without port) is an address or `localhost`: names that no foreign zone can point here.
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_rebound_are_ours() {
        for host in ["localhost", "LOCALHOST:8053", "127.0.0.1:8053", "[::1]:8053", "10.0.0.1"] {
            assert!(is_own_name(host), "{host}");
        }
        for host in ["", "evil.example", "evil.example:8053", "127.0.0.1.evil.example", "[evil]"] {
            assert!(!is_own_name(host), "{host}");
        }
    }

    #[test]
    fn the_sixth_failure_in_a_minute_is_told_so() {
        let failures = Failures::default();
        let channel = Channel::Tcp { peer: "192.0.2.1".parse().unwrap() };
        let other = Channel::Tcp { peer: "192.0.2.2".parse().unwrap() };
        let start = Instant::now();
        for _ in 0..FAILURES {
            assert_eq!(failures.judge(channel, start).kind, ProblemKind::Unauthenticated);
        }
        assert_eq!(failures.judge(channel, start).kind, ProblemKind::TooMany);
        assert_eq!(failures.judge(other, start).kind, ProblemKind::Unauthenticated);
        assert_eq!(failures.judge(channel, start + FAILURE_WINDOW).kind, ProblemKind::Unauthenticated);
    }

    #[test]
    fn failures_of_many_addresses_take_bounded_memory() {
        let failures = Failures::default();
        let start = Instant::now();
        for address in 0..(FAILURE_ADDRESSES as u32 + 100) {
            failures.judge(Channel::Tcp { peer: std::net::Ipv4Addr::from(address).into() }, start);
        }
        assert_eq!(failures.0.lock().unwrap().len(), FAILURE_ADDRESSES);
    }
}
