//! The way to a node: its admin socket, or its URL with a token.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::arguments::Global;
use super::configured::{configuration, socket_of};
use super::exit::Failure;
use super::retyped::Way;
use super::tls::Tls;
use crate::admin::api::words::span;
use crate::admin::api::{ProblemDocument, ProblemKind};

/// Until a connection stands.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Until what a node has at hand is there: one that hangs is told of before a supervisor that asked loses patience.
const READING_TIME: Duration = Duration::from_secs(5);
/// Until a node has done something, or read much; above what it allows itself.
const WORKING_TIME: Duration = Duration::from_secs(65);

/// A node that commands are sent to.
pub(super) struct Node {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
    /// How a person calls it.
    label: String,
    /// How long it may take to answer, where the command line says.
    patience: Option<Duration>,
    way: Way,
}

impl Node {
    /// The node that the options name.
    pub(super) fn find(global: &Global) -> Result<Self, Failure> {
        let node = match &global.node {
            Some(url) => Self::at_url(url, global.token_file.as_deref(), &global.tls),
            None => Self::at_socket(&socket_of(&configuration(global)?)?),
        };
        Ok(Self { patience: global.answer_within, way: Way::of(global), ..node? })
    }

    fn at_url(url: &str, token_file: Option<&Path>, tls: &Tls) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("--node '{url}': {why}"));
        let shape = |why: &str| wrong(&format!("{why}; expected as in http://127.0.0.1:8053"));
        let parsed = Url::parse(url).map_err(|error| shape(&error.to_string()))?;
        let is_open = match parsed.scheme() {
            "https" => false,
            "http" if is_loopback(&parsed) => true,
            "http" => return Err(wrong("http would show the token to the network; use https or an SSH tunnel")),
            _ => return Err(shape("neither http nor https")),
        };
        // On loopback anybody may read; whether that is enough is the node's to say.
        if token_file.is_none() && tls.cert.is_none() && !is_open {
            return Err(wrong("nothing shows the node who asks; add --token-file FILE, or --cert FILE and --key FILE"));
        }
        let token = token_file.map(read_token).transpose()?;
        let client = tls.applied(builder())?.build().map_err(|error| Failure::Fault(error.to_string()))?;
        let base = parsed.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, base, token, label: url.to_owned(), patience: None, way: Way::default() })
    }

    fn at_socket(socket: &Path) -> Result<Self, Failure> {
        let client =
            builder().unix_socket(socket.to_path_buf()).build().map_err(|error| Failure::Fault(error.to_string()))?;
        let (base, label) = ("http://localhost".to_owned(), socket.display().to_string());
        Ok(Self { client, base, token: None, label, patience: None, way: Way::default() })
    }

    /// `command` of this program, so that it leads to this node when it is typed.
    pub(super) fn typed(&self, command: &str) -> String {
        self.way.typed(command)
    }

    fn reading(&self) -> Duration {
        self.patience.unwrap_or(READING_TIME)
    }

    fn working(&self) -> Duration {
        self.patience.unwrap_or(WORKING_TIME)
    }

    /// `GET path`, with `query` where its values are given, for what the node has at hand.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let patience = self.reading();
        self.read(self.send(request, patience).await?, patience).await
    }

    /// The same for what it has to look up in files or at others.
    pub(super) async fn look_up<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let patience = self.working();
        self.read(self.send(request, patience).await?, patience).await
    }

    /// `GET path` for a document that is text.
    pub(super) async fn text(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<String, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let patience = self.reading();
        let response = self.send(request, patience).await?;
        response.text().await.map_err(|error| self.failure(&error, patience))
    }

    /// `POST path` with a JSON body.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = self.request(Method::POST, path, &[])?.json(body);
        let patience = self.working();
        let done = async { self.read(self.send(request, patience).await?, patience).await };
        // A prompt before it may have taken Ctrl-C from the system.
        tokio::select! {
            done = done => done,
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::Interrupted("the node may have done it all the same; see: waypost status".to_owned()))
            }
        }
    }

    /// `DELETE path/name`.
    pub(super) async fn delete(&self, path: &str, name: &str) -> Result<(), Failure> {
        let mut request = self.url(path)?;
        if let Ok(mut segments) = request.path_segments_mut() {
            segments.push(name);
        }
        let request = self.authorised(self.client.delete(request));
        self.send(request, self.working()).await.map(drop)
    }

    /// `GET path` for a response that never ends.
    pub(super) async fn stream(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let patience = self.reading();
        match tokio::time::timeout(patience, self.sent(request, patience)).await {
            Ok(response) => response,
            Err(_) => Err(self.unreachable(&silent(patience))),
        }
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        Url::parse(&format!("{}{path}", self.base)).map_err(|error| Failure::Fault(error.to_string()))
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, Option<&str>)]) -> Result<RequestBuilder, Failure> {
        let mut url = self.url(path)?;
        let given: Vec<_> = query.iter().filter_map(|(key, value)| value.map(|value| (*key, value))).collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        Ok(self.authorised(self.client.request(method, url)))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder, patience: Duration) -> Result<Response, Failure> {
        self.sent(request.timeout(patience), patience).await
    }

    async fn sent(&self, request: RequestBuilder, patience: Duration) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.failure(&error, patience))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<ProblemDocument>().await {
            Ok(problem) => Err(Failure::Problem(Box::new(problem))),
            Err(_) => Err(self.unreachable(&format!("it answers {status} and is no Waypost node"))),
        }
    }

    /// The body of a response that is a success.
    async fn read<T: DeserializeOwned>(&self, response: Response, patience: Duration) -> Result<T, Failure> {
        response.json().await.map_err(|error| {
            if error.is_timeout() {
                return self.failure(&error, patience);
            }
            Failure::Fault(format!(
                "the node's answer cannot be read ({error}); is it of another version than this command?"
            ))
        })
    }

    fn failure(&self, error: &reqwest::Error, patience: Duration) -> Failure {
        let cause = io_cause(error);
        if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied) {
            return Failure::NotAuthorised(format!(
                "this user may not open '{}'; become root or the node's user, or use --node URL --token-file FILE",
                self.label
            ));
        }
        if let Some(mixed) = self.mixed_up(error) {
            return mixed;
        }
        let why = match cause {
            _ if error.is_timeout() && error.is_connect() => silent(patience.min(CONNECT_TIME)),
            _ if error.is_timeout() => silent(patience),
            Some(cause) => cause.to_string(),
            None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        };
        self.unreachable(&why)
    }

    /// What is said where one side speaks TLS and the other does not.
    fn mixed_up(&self, error: &reqwest::Error) -> Option<Failure> {
        let says = |part: &str| causes(error).any(|cause| cause.to_string().contains(part));
        let (what, remedy) = if says("InvalidContentType") {
            let url = self.label.replacen("https:", "http:", 1);
            let plain = Url::parse(&url).is_ok_and(|url| is_loopback(&url));
            let remedy = if plain {
                format!("say --node {url}")
            } else {
                "see that the node has a certificate ([admin] in its configuration), or ask on its machine".to_owned()
            };
            ("what answers there speaks plain HTTP, not TLS", remedy)
        } else if says("invalid HTTP version") && self.base.starts_with("http:") {
            let url = self.label.replacen("http:", "https:", 1);
            ("what answers there does not speak plain HTTP", format!("if it speaks TLS, say --node {url}"))
        } else {
            return None;
        };
        Some(Failure::Unreachable { detail: format!("no node answers at '{}': {what}", self.label), remedy })
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::Unreachable {
            detail: format!("no node answers at '{}': {why}", self.label),
            remedy:
                "see that 'waypost serve' runs with this configuration (systemctl status waypost), or name another \
                     with --config FILE or --node URL --token-file FILE"
                    .to_owned(),
        }
    }
}

/// What is said of a node that lets its time pass.
fn silent(patience: Duration) -> String {
    format!("it did not answer within {}", span(patience))
}

/// The token in `file`.
fn read_token(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("the token file '{}' cannot be read: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Failure::Usage(format!(
            "the token file '{}' is empty; expected what 'waypost token create NAME --role operator' printed on the node",
            file.display()
        ))),
        token => Ok(token.to_owned()),
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIME)
        .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// `error` and what is below it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last()
}

impl Failure {
    /// Whether trying again may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => {
                matches!(problem.known_kind(), Some(ProblemKind::Unavailable | ProblemKind::Timeout))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_sent_in_the_clear() {
        for url in ["http://ns1.example:8053", "http://192.0.2.1", "ftp://127.0.0.1", "nonsense"] {
            assert!(
                matches!(Node::at_url(url, Some(Path::new("/dev/null")), &Tls::default()), Err(Failure::Usage(_))),
                "{url}"
            );
        }
        for url in ["http://127.0.0.1:8053", "http://[::1]:8053", "http://localhost", "https://ns1.example"] {
            assert!(is_loopback(&Url::parse(url).unwrap()) || url.starts_with("https"), "{url}");
        }
    }

    fn said(url: &str, token_file: Option<&Path>) -> String {
        Node::at_url(url, token_file, &Tls::default()).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn on_loopback_nobody_has_to_say_who_he_is_and_elsewhere_he_hears_of_it() {
        for url in ["http://127.0.0.1:8053", "http://[::1]:8053", "http://localhost:8053"] {
            assert!(Node::at_url(url, None, &Tls::default()).is_ok(), "{url}");
        }
        let said_elsewhere = said("https://ns1.example", None);
        assert!(said_elsewhere.contains("add --token-file FILE") && !said_elsewhere.contains("expected as in"));
        for url in ["nonsense", "ftp://127.0.0.1"] {
            assert!(said(url, None).ends_with("; expected as in http://127.0.0.1:8053"), "{url}");
        }
    }

    #[test]
    fn an_empty_token_file_is_said_to_be_empty() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "\n").unwrap();
        assert!(said("http://127.0.0.1:1", Some(file.path())).contains("is empty"));
    }
}
