//! HTTP as all targets speak it: one POST, no redirect, no proxy, and an answer of which little is read.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};

use super::bounds::{ANSWER, DELIVERY, REASON};

/// Why a delivery failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// For operators.
    pub reason: String,
    /// Whether to try again.
    pub outlook: Outlook,
}

/// Whether a delivery that failed can succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It can.
    TryAgain,
    /// The target refuses what it was told.
    Hopeless,
}

impl Failure {
    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: plain(&reason.into()), outlook: Outlook::TryAgain }
    }

    pub(super) fn hopeless(reason: impl Into<String>) -> Self {
        Self { reason: plain(&reason.into()), outlook: Outlook::Hopeless }
    }
}

/// The client of one target.
pub(super) fn client() -> Result<Client, Failure> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .timeout(DELIVERY)
        .connect_timeout(DELIVERY)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::passing(told(&error)))
}

/// Sends a request, and judges its answer.
pub(super) async fn send(request: RequestBuilder) -> Result<(), Failure> {
    // The URL may be a secret.
    let mut answer = request.send().await.map_err(|error| Failure::passing(told(&error.without_url())))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let mut said = Vec::new();
    while said.len() < ANSWER {
        match answer.chunk().await {
            Ok(Some(piece)) => said.extend(piece.iter().take(ANSWER.saturating_sub(said.len()))),
            Ok(None) | Err(_) => break,
        }
    }
    let said = String::from_utf8_lossy(&said);
    let reason = match said.trim() {
        "" => format!("it answers {status}"),
        said => format!("it answers {status}: {said}"),
    };
    Err(match status {
        StatusCode::BAD_REQUEST
        | StatusCode::GONE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => Failure::hopeless(reason),
        status if status.is_redirection() => {
            Failure::passing(format!("it answers {status}: redirects are not followed; configure where it leads"))
        }
        _ => Failure::passing(reason),
    })
}

/// An error with what caused it.
fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What others say, as one bounded line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(REASON).collect()
}
