//! Who asks, and whether they may.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::entrance_control::Count;
use super::failures::{Judgement, too_many};
use super::ledger::journal;
use super::oidc::granted;
use super::router::Shared;
use super::same_origin::{is_safe, proven};
use super::session::{Activity, Found, Origin};
use super::socket::user_name;
use super::tls::Shown;
use super::{Caller, Channel, Control, Problem, ProblemKind};
use super::{cookie, sign_in};
use crate::model::{Remit, Role, SignIn, User};

/// The other end of the connection that a request came on.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) channel: Channel,
    pub(super) line: Line,
    /// The certificate that it showed.
    pub(super) shown: Option<Arc<Shown>>,
}

/// Whether others can read along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// What is said is said in the clear.
    Plain,
    /// It is encrypted.
    Tls,
}

/// What a route asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing; who asks is asked for all the same.
    Anyone,
    /// Nothing of who comes from this machine, the role of others.
    LoopbackOr(Role),
    /// The same of a page: who has to sign in first is led to where that is done.
    Page(Role),
    /// The role of a page on which something is done, from this machine too; who has to sign in first is led as well.
    PageOf(Role),
    /// The role.
    Of(Role),
}

/// Tells whether a browser opens a page or a page fetches something.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What proxies say of whom they stand for. Behind one of this machine is anybody.
const FORWARDED: [HeaderName; 6] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-real-ip"),
];

/// The key in the query of an address that a page loads by itself.
const AUTO: &str = "auto";

/// Lets a request through whose caller may make it; handlers find the [`Caller`] among its extensions.
pub(super) async fn require(
    State((shared, access)): State<(Shared, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    let activity = activity(request.uri(), request.headers());
    let peer = request.extensions().get::<Peer>().cloned();
    let caller = match admit(&shared, access, peer.as_ref(), request.headers(), activity) {
        Ok(caller) => caller,
        Err(problem) if problem.kind == ProblemKind::Unauthenticated && is_led(access, request.headers()) => {
            return Redirect::to(&sign_in::path_back_to(request.uri())).into_response();
        }
        Err(problem) => return problem.into_response(),
    };
    if let Some(session) = caller.session.as_ref().filter(|_| !is_safe(request.method())) {
        request = match proven(request, session).await {
            Ok(request) => request,
            Err(problem) => {
                shared.control.tally().count(Count::Foreign);
                return problem.into_response();
            }
        };
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Whether it is a page that is opened, and not what a page fetches.
fn is_led(access: Access, headers: &HeaderMap) -> bool {
    matches!(access, Access::Page(_) | Access::PageOf(_)) && is_opened(headers)
}

/// Who follows a stream, where they still may.
pub(super) fn may_still(shared: &Shared, peer: &Peer, headers: &HeaderMap) -> Option<Caller> {
    admit(shared, Access::LoopbackOr(Role::Viewer), Some(peer), headers, Activity::Page).ok()
}

/// Says that somebody is there in whose session a request came: what a page sends for them looks like what it does by itself.
pub(super) fn somebody_is_there(shared: &Shared, peer: &Peer, headers: &HeaderMap) {
    if let Some(cookie) = cookie::value(headers, peer.line) {
        shared.sessions.find(cookie, Activity::Person, Instant::now());
    }
}

fn admit(
    shared: &Shared,
    access: Access,
    peer: Option<&Peer>,
    headers: &HeaderMap,
    activity: Activity,
) -> Result<Caller, Problem> {
    let Some(peer) = peer else {
        return Err(Problem::new(ProblemKind::Internal, "the connection of this request is not known"));
    };
    let caller = caller(shared, peer, headers, activity)?;
    let needed = match (access, peer.channel) {
        (Access::Anyone, _) => return Ok(caller),
        (Access::LoopbackOr(_) | Access::Page(_), Channel::Tcp { peer })
            if peer.is_loopback() && !is_forwarded(headers) =>
        {
            return Ok(caller);
        }
        (Access::LoopbackOr(role) | Access::Page(role) | Access::PageOf(role) | Access::Of(role), _) => role,
    };
    match caller.role {
        Some(role) if role >= needed => Ok(caller),
        Some(role) => Err(Problem::new(
            ProblemKind::Forbidden,
            format!("'{}' has the role {role}; this needs the role {needed}", caller.name),
        )
        .with_remedy("use a token of that role, or the admin socket as root or as the node's user")),
        None => Err(Problem::new(ProblemKind::Unauthenticated, "this needs a token").with_remedy(
            "send 'Authorization: Bearer TOKEN' (waypost --token-file FILE), sign in at /login, or use the admin socket as root",
        )),
    }
}

/// Who asks: by the system's word on the socket, by token or by session otherwise.
fn caller(shared: &Shared, peer: &Peer, headers: &HeaderMap, activity: Activity) -> Result<Caller, Problem> {
    let channel = peer.channel;
    if let Channel::Socket { uid } = channel
        && (uid == 0 || Some(uid) == shared.socket_owner)
    {
        let name = user_name(uid);
        return Ok(Caller { role: Some(Role::Admin), ..Caller::anonymous(channel) }.called(name));
    }
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let secret = value.to_str().ok().and_then(|text| text.split_once(' '));
        let secret = secret.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return match secret.and_then(|(_, secret)| shared.control.authenticate(secret.trim())) {
            Some(token) => {
                Ok(Caller { role: Some(token.role), remit: token.remit, ..Caller::anonymous(channel) }
                    .called(token.name))
            }
            None => Err(refused(shared, channel)),
        };
    }
    // Who signed in with a browser that also shows a certificate acts as whom they signed in as.
    let known = holder(shared, peer, headers, activity).or_else(|| certified(shared, peer));
    Ok(known.unwrap_or_else(|| Caller::anonymous(channel)))
}

/// Who showed a certificate that a name of is listed.
fn certified(shared: &Shared, peer: &Peer) -> Option<Caller> {
    let shown = peer.shown.as_ref()?;
    let entrance = shared.control.entrance();
    let client = entrance.clients.iter().find(|client| shown.names.contains(&client.name));
    match client {
        Some(client) if !shown.is_over(Timestamp::now()) => {
            let known = Caller::anonymous(peer.channel).called(client.name.clone());
            Some(Caller { role: Some(client.role), remit: client.remit.clone(), ..known })
        }
        found => {
            shared.control.tally().count(Count::CredentialRefused);
            let why = if found.is_some() { "it has expired" } else { "none of its names is in an [[admin.client]]" };
            tracing::warn!(channel = %peer.channel, names = ?shown.names, why, "a certificate that is not good");
            None
        }
    }
}

fn refused(shared: &Shared, channel: Channel) -> Problem {
    shared.control.tally().count(Count::CredentialRefused);
    if shared.failures.tokens.judge(channel, Instant::now()) == Judgement::TooMany {
        return too_many();
    }
    tracing::warn!(%channel, "a request with a token that is not good");
    Problem::new(ProblemKind::Unauthenticated, "the token is unknown, expired or revoked")
        .with_remedy("make one on the node: waypost token create NAME --role operator")
}

/// The holder of the session whose cookie came along. A cookie that is no longer good is like none.
fn holder(shared: &Shared, peer: &Peer, headers: &HeaderMap, activity: Activity) -> Option<Caller> {
    let cookie = cookie::value(headers, peer.line)?;
    let now = Instant::now();
    let ended = |origin: &Origin, why: &str| {
        shared.control.tally().stand(shared.sessions.count(now));
        journal(shared, peer.channel, SignIn::Ended, (origin.name().to_owned(), origin.means()), why);
    };
    let (origin, session) = match shared.sessions.find(cookie, activity, now) {
        Found::Standing(origin, session) => (origin, session),
        Found::Over(origin) => {
            ended(&origin, "its time was over");
            return None;
        }
        Found::None => return None,
    };
    let Some((role, remit)) = rights(&*shared.control, &origin) else {
        if shared.sessions.close(cookie).is_some() {
            ended(&origin, "what it was opened with is no longer good");
        }
        return None;
    };
    let caller = Caller { role: Some(role), remit, session: Some(session), ..Caller::anonymous(peer.channel) };
    Some(caller.called(origin.name().to_owned()))
}

/// What whoever came in by `origin` may do today; `None` where that is no longer good.
pub(super) fn rights(control: &dyn Control, origin: &Origin) -> Option<(Role, Remit)> {
    match origin {
        Origin::Token { name, made } => {
            let token = control.token(name).filter(|token| token.created == *made)?;
            Some((token.role, token.remit))
        }
        Origin::Password { name, hash } => {
            let entrance = control.entrance();
            let user = entrance.users.iter().find(|user| user.name == *name && password_mark(user) == *hash)?;
            Some((user.role, user.remit.clone()))
        }
        Origin::Provider(identity) => granted(control.entrance().oidc.as_ref()?, &identity.values),
    }
}

/// What tells one password of a user from the next.
pub(super) fn password_mark(user: &User) -> [u8; 32] {
    Sha256::digest(user.password.0.as_bytes()).into()
}

/// Whether a person is there: what pages fetch, post or load again by themselves tells nothing of it.
fn activity(uri: &Uri, headers: &HeaderMap) -> Activity {
    let mut keys = uri.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    if is_opened(headers) && !keys.any(|key| key == AUTO) { Activity::Person } else { Activity::Page }
}

/// Whether a page is opened, as far as the browser says; programs say nothing of it.
fn is_opened(headers: &HeaderMap) -> bool {
    headers.get(FETCH_MODE).is_none_or(|mode| mode == "navigate")
}

/// Whether a proxy says that it stands for somebody else.
fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDED.iter().any(|name| headers.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_does_by_itself_is_no_person() {
        let told = |uri: &'static str, mode: Option<&'static str>| {
            let mode = mode.map(|mode| (FETCH_MODE, mode.parse().unwrap()));
            activity(&Uri::from_static(uri), &mode.into_iter().collect())
        };
        for uri in ["/", "/sites/auto", "/?service=auto", "/?automatic", "/drain"] {
            assert_eq!(told(uri, Some("navigate")), Activity::Person, "{uri}");
            assert_eq!(told(uri, None), Activity::Person, "{uri}");
            assert_eq!(told(uri, Some("cors")), Activity::Page, "{uri}");
        }
        for uri in ["/?auto", "/?service=mx&auto", "/?auto=1&service=mx"] {
            assert_eq!(told(uri, Some("navigate")), Activity::Page, "{uri}");
        }
    }
}
