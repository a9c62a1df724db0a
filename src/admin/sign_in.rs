//! Signing in to the dashboard and out of it: pages that work without scripts.

use std::time::Instant;

use axum::Json;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::access::{Line, Peer, password_mark};
use super::api::SessionStatus;
use super::bounds::{CREDENTIAL_CHARACTERS, FAILURE_WINDOW, NEXT_CHARACTERS};
use super::cookie::{self, Reach};
use super::entrance_control::Count;
use super::failures::Judgement;
use super::ledger::journal;
use super::pages::{Login, Ways, login};
use super::password::Checked;
use super::router::Shared;
use super::same_origin::{comes_from_own_page, is_encrypted};
use super::session::{Origin, Spans};
use super::words::moment;
use super::{Caller, Channel, Problem, ProblemKind};
use crate::model::{Means, SignIn};

/// Where one signs in.
const LOGIN: &str = "/login";

/// The path that leads back to `uri` after signing in.
pub(super) fn path_back_to(uri: &Uri) -> String {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut query = String::new();
    for octet in back.bytes().take(NEXT_CHARACTERS) {
        if octet.is_ascii_alphanumeric() || b"-_.~/".contains(&octet) {
            query.push(char::from(octet));
        } else {
            query.push_str(&format!("%{octet:02X}"));
        }
    }
    format!("{LOGIN}?next={query}")
}

/// `next`, where it is a path of this node and not the beginning of another's address.
pub(super) fn local(next: &str) -> &str {
    let plain = next.len() <= NEXT_CHARACTERS && next.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
    let is_path = next.starts_with('/') && !next.starts_with("//");
    if plain && is_path && !next.starts_with(LOGIN) { next } else { "/" }
}

#[derive(Default, Deserialize)]
pub(super) struct LoginQuery {
    #[serde(default)]
    pub(super) next: String,
}

/// What the form holds. It has no `Debug`: it holds secrets.
#[derive(Default, Deserialize)]
pub(super) struct LoginForm {
    #[serde(default)]
    pub(super) token: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) password: String,
    #[serde(default)]
    pub(super) next: String,
}

/// `GET /login`
pub(super) async fn page(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<LoginQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let next = query.map_or_else(|_| String::new(), |Query(query)| query.next);
    let signed_in = caller
        .session
        .as_ref()
        .map(|session| (caller.name.clone(), moment(session.expires), session.csrf().to_owned()));
    shown(&shared, StatusCode::OK, local(&next), None, signed_in)
}

fn shown(
    shared: &Shared,
    status: StatusCode,
    next: &str,
    trouble: Option<&'static str>,
    signed_in: Option<(String, String, String)>,
) -> Result<Response, Problem> {
    let entrance = shared.control.entrance();
    let ways = Ways { passwords: !entrance.users.is_empty(), provider: entrance.oidc.is_some() };
    let mut response = (status, login(Login { next, trouble, ways, signed_in })?).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(FAILURE_WINDOW.as_secs()));
    }
    Ok(response)
}

/// Why nobody was signed in.
pub(super) enum Refusal {
    /// What was presented is not good. Journalled under the name of the user, where there is one.
    Wrong { means: Means, name: String },
    /// It was not looked at.
    TooMany,
    /// Too many passwords are being checked.
    Busy,
}

/// `POST /login`
pub(super) async fn sign_in(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form: Result<Form<LoginForm>, FormRejection>,
) -> Result<Response, Problem> {
    // A foreign page that signs somebody in as somebody else makes them act under another name.
    if !comes_from_own_page(&headers, peer.line) {
        shared.control.tally().count(Count::Foreign);
        return Err(Problem::new(ProblemKind::Forbidden, "the form was not sent by a page of this node")
            .with_remedy("open /login in the browser; scripts send a token as 'Authorization: Bearer TOKEN' instead"));
    }
    let Form(form) = form.map_err(|rejection| Problem::new(ProblemKind::Invalid, rejection.body_text()))?;
    let next = local(&form.next).to_owned();
    let too_long = |text: &str| text.len() > CREDENTIAL_CHARACTERS;
    if [&form.token, &form.name, &form.password].into_iter().any(|text| too_long(text)) {
        return Err(Problem::new(ProblemKind::Invalid, "a name, password or token is too long"));
    }
    let now = Instant::now();
    match origin(&shared, peer.channel, form, now).await {
        Ok(origin) => {
            let mut response = Redirect::to(&next).into_response();
            response.headers_mut().insert(header::SET_COOKIE, opened(&shared, &peer, &headers, origin)?);
            Ok(response)
        }
        Err(Refusal::Busy) => {
            let trouble = "Too many people sign in at this moment. Try again in a few seconds.";
            shown(&shared, StatusCode::SERVICE_UNAVAILABLE, &next, Some(trouble), None)
        }
        Err(Refusal::TooMany) => limited_page(&shared, &next),
        Err(Refusal::Wrong { means, name }) => {
            shared.control.tally().count(Count::Refused);
            journal(&shared, peer.channel, SignIn::Refused, (name, means), "what was presented is not good");
            let trouble = match means {
                Means::Token => "That token is unknown, expired or revoked.",
                _ => "Name or password is wrong.",
            };
            shown(&shared, StatusCode::UNAUTHORIZED, &next, Some(trouble), None)
        }
    }
}

/// Who the form shows somebody to be.
pub(super) async fn origin(
    shared: &Shared,
    channel: Channel,
    form: LoginForm,
    now: Instant,
) -> Result<Origin, Refusal> {
    if !form.token.trim().is_empty() {
        // A good one is good whatever went before it.
        let token = shared.control.authenticate(form.token.trim());
        return match token {
            Some(token) => Ok(Origin::Token { name: token.name, made: token.created }),
            None => Err(match shared.failures.tokens.judge(channel, now) {
                Judgement::Told => Refusal::Wrong { means: Means::Token, name: "somebody".to_owned() },
                Judgement::TooMany => Refusal::TooMany,
            }),
        };
    }
    // Counted before it is looked at: who goes away meanwhile has made the node work all the same.
    let attempt = shared.failures.passwords.attempt(channel, now).ok_or(Refusal::TooMany)?;
    let wrong = |name: &str| Refusal::Wrong { means: Means::Password, name: name.to_owned() };
    let entrance = shared.control.entrance();
    let user = entrance.users.iter().find(|user| user.name == form.name);
    match (shared.passwords.check(channel, &entrance.users, &form.name, form.password).await, user) {
        (Checked::Good, Some(user)) => {
            attempt.take_back();
            Ok(Origin::Password { name: user.name.clone(), hash: password_mark(user) })
        }
        // People type passwords into the field for names: what is no user's name is not kept.
        (Checked::Good | Checked::Wrong, user) => Err(wrong(user.map_or("somebody", |user| &user.name))),
        (Checked::Busy, _) => {
            attempt.take_back();
            Err(Refusal::Busy)
        }
    }
}

/// The page again, with why nobody was signed in.
pub(super) fn refused_page(shared: &Shared, next: &str, trouble: &'static str) -> Result<Response, Problem> {
    shown(shared, StatusCode::UNAUTHORIZED, next, Some(trouble), None)
}

/// The page again where too many failed before from that address.
pub(super) fn limited_page(shared: &Shared, next: &str) -> Result<Response, Problem> {
    shared.control.tally().count(Count::Limited);
    let trouble = "Too many failed sign-ins from your address. Wait a minute, or sign in with a token.";
    shown(shared, StatusCode::TOO_MANY_REQUESTS, next, Some(trouble), None)
}

/// Opens a session; its cookie.
pub(super) fn opened(
    shared: &Shared,
    peer: &Peer,
    headers: &HeaderMap,
    origin: Origin,
) -> Result<HeaderValue, Problem> {
    let entrance = shared.control.entrance();
    let spans = Spans { idle: entrance.idle, longest: entrance.longest };
    // Whoever signs in anew leaves the session before; the new one has a cookie that nobody can have known.
    if let Some(before) = cookie::value(headers, peer.line) {
        shared.sessions.close(before);
    }
    let who = (origin.name().to_owned(), origin.means());
    let now = Instant::now();
    let (value, _) = shared
        .sessions
        .open(origin, spans, (now, Timestamp::now()))
        .map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
    shared.control.tally().count(Count::SignedIn);
    shared.control.tally().stand(shared.sessions.count(now));
    journal(shared, peer.channel, SignIn::SignedIn, who, "");
    let reach = if is_encrypted(headers, peer.line) { Reach::TlsOnly } else { Reach::Loopback };
    cookie::set(&value, reach).ok_or_else(|| Problem::new(ProblemKind::Internal, "the cookie cannot be written"))
}

/// `POST /logout`
pub(super) async fn sign_out(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Some(origin) = cookie::value(&headers, peer.line).and_then(|cookie| shared.sessions.close(cookie)) {
        shared.control.tally().stand(shared.sessions.count(Instant::now()));
        journal(&shared, peer.channel, SignIn::SignedOut, (origin.name().to_owned(), origin.means()), "");
    }
    let mut response = Redirect::to(LOGIN).into_response();
    for gone in cookie::taken_away() {
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response
}

/// `GET /api/v1/session`
pub(super) async fn status(
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
) -> Json<SessionStatus> {
    Json(SessionStatus {
        schema: SessionStatus::SCHEMA.to_owned(),
        name: caller.name,
        role: caller.role,
        remit: caller.remit,
        from: peer.channel.to_string(),
        encrypted: peer.line == Line::Tls,
        means: caller.session.as_ref().map(|session| session.means),
        expires: caller.session.as_ref().map(|session| session.expires),
        idle_seconds: caller.session.as_ref().map(|session| session.idle.as_secs()),
        csrf: caller.session.as_ref().map(|session| session.csrf().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_paths_of_this_node_only() {
        for next in ["/", "/sites/fra?still=1", "/explain?name=example.org&type=MX"] {
            assert_eq!(local(next), next);
        }
        for next in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "/\n/evil.example",
            "/login?next=/login",
        ] {
            assert_eq!(local(next), "/", "{next}");
        }
        assert_eq!(local(&format!("/{}", "x".repeat(NEXT_CHARACTERS))), "/");
    }

    #[test]
    fn the_way_back_survives_the_query() {
        let uri: Uri = "/explain?name=a%20b&type=MX".parse().unwrap();
        let path = path_back_to(&uri);
        assert_eq!(path, "/login?next=/explain%3Fname%3Da%2520b%26type%3DMX");
        let query: Query<LoginQuery> = Query::try_from_uri(&path.parse().unwrap()).unwrap();
        assert_eq!(query.next, "/explain?name=a%20b&type=MX");
    }
}
