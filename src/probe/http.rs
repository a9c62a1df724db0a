//! HTTP: one GET to the endpoint's address under the service's name; no proxy, no redirect, no reused connection.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use regex::bytes::Regex;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION};
use reqwest::{Response, redirect};
use tokio::time::timeout_at;

use super::Target;
use super::bounds::HTTP_BODY;
use super::check::{Conversation, Notes, Place};
use super::tcp::failure;
use super::tls::{Inspector, TlsClient, Trouble};
use super::transcript::{Speaker, Transcript};
use crate::health::{FailureKind, Outcome};
use crate::model::{HttpCheck, TlsMode, TlsPolicy};

/// An HTTP monitor applied to a target.
#[derive(Debug)]
pub(super) struct HttpProbe {
    address: SocketAddr,
    /// The Host header.
    host: String,
    path: String,
    /// Accepted status codes; empty is 200 to 299.
    status: Vec<u16>,
    /// What the body must match, or why it cannot be checked.
    body: Option<Result<Regex, String>>,
    secure: bool,
    tls: TlsClient,
    /// Made once: a client is costly. Made anew when the trust anchors change.
    client: Mutex<Option<Client>>,
}

/// An HTTP client, and who looks at the certificates that it is shown.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    inspector: Arc<Inspector>,
}

/// A page that was got.
pub(super) struct Answered {
    pub(super) response: Response,
    /// What is wrong with the certificate.
    pub(super) trouble: Option<Trouble>,
}

impl HttpProbe {
    pub(super) fn new(check: &HttpCheck, target: &Target) -> Self {
        let authority = match &check.host {
            Some(host) => host.clone(),
            None => SocketAddr::new(target.key.address, 0).to_string().trim_end_matches(":0").to_owned(),
        };
        let secure = check.tls.mode != TlsMode::Off;
        let policy = if secure {
            let name = check.tls.name.clone().or_else(|| check.host.as_deref().map(without_port));
            TlsPolicy { name, ..check.tls.clone() }
        } else {
            // Never used, but the HTTP client wants one, and would else read the system's trust anchors.
            TlsPolicy { name: Some(target.address.ip().to_string()), verify: false, ..check.tls.clone() }
        };
        Self {
            address: target.address,
            host: authority,
            path: check.path.clone(),
            status: check.status.clone(),
            body: check
                .body
                .as_deref()
                .map(|body| Regex::new(body).map_err(|error| format!("the body pattern cannot be used: {error}"))),
            secure,
            tls: TlsClient::new(&policy, &target.host, target.key.address),
            client: Mutex::default(),
        }
    }

    async fn converse(&self, client: &Client, transcript: &mut Transcript) -> Result<Outcome, Outcome> {
        let body_pattern = match &self.body {
            Some(Err(reason)) => return Err(Outcome::Deferring(reason.clone())),
            Some(Ok(pattern)) => Some(pattern),
            None => None,
        };
        let Answered { response, trouble } = self.get(None, client, transcript).await?;
        if let Some(pattern) = body_pattern {
            let body = read_body(response).await?;
            transcript.push(Speaker::Them, &body);
            if !pattern.is_match(&body) {
                let reason = format!("the body does not match '{}'", pattern.as_str());
                return Err(Outcome::failed(FailureKind::Protocol, reason));
            }
        }
        Ok(trouble.map_or(Outcome::Ok, Trouble::outcome))
    }

    /// Asks `client` for the page, as `accept` where it matters. The response has an accepted status; its body is still to be read.
    pub(super) async fn get(
        &self,
        accept: Option<&'static str>,
        client: &Client,
        transcript: &mut Transcript,
    ) -> Result<Answered, Outcome> {
        transcript.push(Speaker::Us, format!("GET {} HTTP/1.1, Host: {}", self.path, self.host).as_bytes());
        let mut request = client.http.get(self.url()?).header(HOST, &self.host);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        let response = request.send().await.map_err(|error| of_error(&error))?;
        note_head(&response, transcript);
        self.judge_status(&response)?;
        let trouble = if self.secure { client.inspector.trouble() } else { None };
        Ok(Answered { response, trouble })
    }

    fn judge_status(&self, response: &Response) -> Result<(), Outcome> {
        let status = response.status();
        let accepted =
            if self.status.is_empty() { status.is_success() } else { self.status.contains(&status.as_u16()) };
        if accepted {
            return Ok(());
        }
        let wanted = match self.status.as_slice() {
            [] => "200 to 299".to_owned(),
            codes => codes.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        };
        Err(Outcome::failed(FailureKind::Protocol, format!("HTTP {status}, expected {wanted}")))
    }

    /// The client for the trust anchors of now; by the deadline of `place`, which is not the endpoint's fault.
    pub(super) async fn client(&self, place: Place<'_>) -> Result<Client, Outcome> {
        let kept = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(client) = kept
            && (!self.secure || self.tls.is_current(&client.inspector, place.trust, place.deadline).await?)
        {
            return Ok(client);
        }
        let made = self.make_client(place).await?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    async fn make_client(&self, place: Place<'_>) -> Result<Client, Outcome> {
        let session = self.tls.prepare(place.trust, place.deadline).await?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*session.config).clone())
            .resolve(&session.name.to_str(), self.address)
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION"), " (health probe)"))
            .build()
            .map_err(|error| Outcome::Inconclusive(format!("no HTTP client: {error}")))?;
        Ok(Client { http, inspector: session.inspector() })
    }

    /// Under the name that TLS must see; it resolves to the endpoint's address and to nothing else. Without TLS, and where the
    /// name is an address, the endpoint's address itself.
    fn url(&self) -> Result<String, Outcome> {
        let (port, path) = (self.address.port(), &self.path);
        Ok(match self.tls.name()? {
            rustls_pki_types::ServerName::DnsName(name) if self.secure => {
                format!("https://{}:{port}{path}", name.as_ref())
            }
            _ if self.secure => format!("https://{}{path}", self.address),
            _ => format!("http://{}{path}", self.address),
        })
    }
}

#[async_trait]
impl Conversation for HttpProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let client = match self.client(place).await {
            Ok(client) => client,
            Err(ended) => return ended,
        };
        let outcome = timeout_at(place.deadline, self.converse(&client, &mut notes.transcript)).await;
        outcome.unwrap_or_else(|_| Err(out_of_time())).unwrap_or_else(|ended| ended)
    }
}

fn without_port(host: &str) -> String {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') && port.bytes().all(|octet| octet.is_ascii_digit()) => {
            name.to_owned()
        }
        _ => host.trim_start_matches('[').trim_end_matches(']').to_owned(),
    }
}

/// The first [`HTTP_BODY`] octets.
async fn read_body(mut response: Response) -> Result<Vec<u8>, Outcome> {
    let mut body = Vec::new();
    while body.len() < HTTP_BODY {
        match response.chunk().await.map_err(|error| of_error(&error))? {
            Some(chunk) => body.extend_from_slice(chunk.get(..HTTP_BODY - body.len()).unwrap_or(&chunk)),
            None => break,
        }
    }
    Ok(body)
}

fn note_head(response: &Response, transcript: &mut Transcript) {
    transcript.push(Speaker::Them, format!("{:?} {}", response.version(), response.status()).as_bytes());
    for header in [LOCATION, CONTENT_TYPE] {
        if let Some(value) = response.headers().get(&header) {
            transcript.push(Speaker::Them, &[header.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        }
    }
}

/// The deadline came first.
pub(super) fn out_of_time() -> Outcome {
    Outcome::failed(FailureKind::Timeout, "timed out waiting for the response")
}

/// What an error of the HTTP client says: the cause at the end of its chain decides.
pub(super) fn of_error(error: &reqwest::Error) -> Outcome {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(current) = cause {
        if current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return Outcome::failed(FailureKind::Reset, "connection closed before the response was complete");
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            return of_io_error(io);
        }
        last = current.to_string();
        cause = current.source();
    }
    if error.is_timeout() {
        return out_of_time();
    }
    Outcome::failed(FailureKind::Protocol, format!("no valid HTTP response: {last}"))
}

/// What an I/O error says; those of TLS come wrapped in one, or in several.
fn of_io_error(error: &io::Error) -> Outcome {
    let mut innermost = error;
    while let Some(inner) = innermost.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return Outcome::failed(FailureKind::Tls, format!("TLS handshake failed: {tls}"));
        }
        match inner.downcast_ref::<io::Error>() {
            Some(inner) => innermost = inner,
            None => break,
        }
    }
    failure(innermost, "waiting for the response")
}
