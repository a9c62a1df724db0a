//! The browser's visit to the provider of identities, and its way back.

use std::time::Instant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use super::access::{Peer, rights};
use super::bounds::{CREDENTIAL_CHARACTERS, PROVIDER_VISIT_SECONDS};
use super::cookie;
use super::entrance_control::Count;
use super::failures::Attempt;
use super::ledger::journal;
use super::oidc::{Begun, Identity, OidcError};
use super::pages::welcome;
use super::router::Shared;
use super::session::Origin;
use super::sign_in::{LoginQuery, limited_page, local, opened, refused_page};
use super::{Problem, ProblemKind};
use crate::model::{Means, Oidc, SignIn};

/// What the provider sends a browser back with.
#[derive(Deserialize)]
pub(super) struct BackQuery {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// `GET /login/provider`
pub(super) async fn there(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    query: Result<Query<LoginQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = configured(&shared)?;
    let next = query.map_or_else(|_| String::new(), |Query(query)| query.next);
    // Each way may have the node ask the provider: a stranger must not have it do so at will.
    let Some(attempt) = shared.failures.visits.attempt(peer.channel, Instant::now()) else {
        return limited_page(&shared, local(&next));
    };
    let begun = Begun::new().map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
    match shared.provider.way_there(&oidc, &begun).await {
        Ok(url) => {
            attempt.take_back();
            let kept = format!("{}.{}", begun.secret(), BASE64URL_NOPAD.encode(local(&next).as_bytes()));
            let mut response = Redirect::to(url.as_str()).into_response();
            if let Some(set) = cookie::set_visit(&kept, peer.line, PROVIDER_VISIT_SECONDS) {
                response.headers_mut().insert(header::SET_COOKIE, set);
            }
            Ok(response)
        }
        Err(error) => {
            forgive(attempt, &error);
            failed(&shared, &peer, local(&next), &error)
        }
    }
}

/// Takes back what did not come to the provider: a foreign page that leads browsers here locks nobody out.
fn forgive(attempt: Attempt<'_>, error: &OidcError) {
    if matches!(error, OidcError::Unbegun | OidcError::Busy) {
        attempt.take_back();
    }
}

/// `GET /login/callback`
pub(super) async fn back(
    State(shared): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    query: Result<Query<BackQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = configured(&shared)?;
    let Query(BackQuery { code, state, error }) = query?;
    if [&code, &state, &error].into_iter().any(|text| text.len() > CREDENTIAL_CHARACTERS) {
        return Err(Problem::new(ProblemKind::Invalid, "a code or state is too long"));
    }
    let kept = cookie::visit(&headers, peer.line).and_then(|kept| kept.split_once('.'));
    let Some((secret, next)) = kept else { return failed(&shared, &peer, "/", &OidcError::Unbegun) };
    let next = BASE64URL_NOPAD.decode(next.as_bytes()).ok().and_then(|next| String::from_utf8(next).ok());
    let next = local(next.as_deref().unwrap_or_default()).to_owned();
    if !error.is_empty() {
        return failed(&shared, &peer, &next, &OidcError::Refused(super::words::plain(&error)));
    }
    let Some(attempt) = shared.failures.visits.attempt(peer.channel, Instant::now()) else {
        return limited_page(&shared, &next);
    };
    let identity = match shared.provider.way_back(&oidc, &Begun::again(secret), &code, &state).await {
        Ok(identity) => identity,
        Err(error) => {
            forgive(attempt, &error);
            return failed(&shared, &peer, &next, &error);
        }
    };
    attempt.take_back();
    welcomed(&shared, &peer, &headers, identity, &next)
}

/// Opens a session for whom the provider knows, if they may do anything here.
fn welcomed(
    shared: &Shared,
    peer: &Peer,
    headers: &HeaderMap,
    identity: Identity,
    next: &str,
) -> Result<Response, Problem> {
    let name = identity.name.clone();
    let origin = Origin::Provider(identity);
    if rights(&*shared.control, &origin).is_none() {
        shared.control.tally().count(Count::Refused);
        let who = (name, Means::Provider);
        journal(shared, peer.channel, SignIn::Refused, who, "the provider grants no role here");
        let trouble = "The provider knows you, but nothing that it says of you grants a role here.";
        return refused_page(shared, next, trouble);
    }
    let set = opened(shared, peer, headers, origin)?;
    // The cookie is not sent with what another site leads to: the way on begins on a page of this node.
    let mut response = Html(welcome(next)?).into_response();
    let headers = response.headers_mut();
    headers.append(header::SET_COOKIE, set);
    let gone: Option<HeaderValue> = cookie::set_visit("", peer.line, 0);
    headers.extend(gone.map(|gone| (header::SET_COOKIE, gone)));
    Ok(response)
}

fn configured(shared: &Shared) -> Result<Oidc, Problem> {
    shared.control.entrance().oidc.clone().ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, "no provider of identities is configured")
            .with_remedy("sign in with a token, or add [admin.oidc] to the configuration")
    })
}

/// Says on the page what came in between, and in log and journal.
fn failed(shared: &Shared, peer: &Peer, next: &str, error: &OidcError) -> Result<Response, Problem> {
    shared.control.tally().count(Count::Refused);
    let who = ("somebody".to_owned(), Means::Provider);
    if journal(shared, peer.channel, SignIn::Refused, who, &error.to_string()) {
        tracing::warn!(channel = %peer.channel, %error, "nobody was signed in through the provider");
    }
    let trouble = match error {
        OidcError::Unreachable(_) => "The provider of identities cannot be reached. Sign in with a token instead.",
        OidcError::Wrong(_) | OidcError::Configured(_) => {
            "The provider of identities and this node do not agree; the journal says why. Sign in with a token instead."
        }
        OidcError::Refused(_) => "The provider of identities refused.",
        OidcError::Unbegun => "This sign-in was not begun in this browser, or too long ago. Sign in again.",
        OidcError::Busy => "Too many people sign in at this moment. Try again in a few seconds.",
    };
    refused_page(shared, next, trouble)
}
