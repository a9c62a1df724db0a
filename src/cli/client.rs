//! The way to a node: its admin socket, or its URL with a token.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::arguments::Global;
use super::exit::Failure;
use super::tls::Tls;
use crate::admin::api::{ProblemDocument, ProblemKind};
use crate::config;

/// Where the configuration is looked for.
pub(super) const CONFIGURATIONS: [&str; 2] = ["waypost.toml", "/etc/waypost/waypost.toml"];
/// The admin socket of a configuration that does not say.
const SOCKET: &str = "/run/waypost/admin.sock";
/// What a configuration without a socket says instead.
const OFF: &str = "none";
/// Until a connection stands.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Until a response has begun; above what the node allows itself.
const RESPONSE_TIME: Duration = Duration::from_secs(65);

/// A node that commands are sent to.
pub(super) struct Node {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
    /// How a person calls it.
    label: String,
}

impl Node {
    /// The node that the options name.
    pub(super) fn find(global: &Global) -> Result<Self, Failure> {
        match &global.node {
            Some(url) => Self::at_url(url, global.token_file.as_deref(), &global.tls),
            None => Self::at_socket(&socket_of(&configuration(global)?)?),
        }
    }

    fn at_url(url: &str, token_file: Option<&Path>, tls: &Tls) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("--node '{url}': {why}; expected as in http://127.0.0.1:8053"));
        let parsed = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        match parsed.scheme() {
            "https" => {}
            "http" if is_loopback(&parsed) => {}
            "http" => return Err(wrong("http would show the token to the network; use https or an SSH tunnel")),
            _ => return Err(wrong("neither http nor https")),
        }
        if token_file.is_none() && tls.cert.is_none() {
            return Err(wrong("nothing shows the node who asks; add --token-file FILE, or --cert FILE and --key FILE"));
        }
        let token = token_file
            .map(|file| {
                fs::read_to_string(file).map_err(|error| {
                    Failure::Usage(format!("the token file '{}' cannot be read: {error}", file.display()))
                })
            })
            .transpose()?;
        let client = tls.applied(builder())?.build().map_err(|error| Failure::Fault(error.to_string()))?;
        let base = parsed.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, base, token: token.map(|token| token.trim().to_owned()), label: url.to_owned() })
    }

    fn at_socket(socket: &Path) -> Result<Self, Failure> {
        let client =
            builder().unix_socket(socket.to_path_buf()).build().map_err(|error| Failure::Fault(error.to_string()))?;
        Ok(Self { client, base: "http://localhost".to_owned(), token: None, label: socket.display().to_string() })
    }

    /// `GET path`, with `query` where its values are given.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path, query)?;
        read(self.send(request.timeout(RESPONSE_TIME)).await?).await
    }

    /// `GET path` for a document that is text.
    pub(super) async fn text(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<String, Failure> {
        let request = self.request(Method::GET, path, query)?;
        let response = self.send(request.timeout(RESPONSE_TIME)).await?;
        response.text().await.map_err(|error| self.failure(&error))
    }

    /// `POST path` with a JSON body.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = self.request(Method::POST, path, &[])?.json(body);
        read(self.send(request.timeout(RESPONSE_TIME)).await?).await
    }

    /// `DELETE path/name`.
    pub(super) async fn delete(&self, path: &str, name: &str) -> Result<(), Failure> {
        let mut request = self.url(path)?;
        if let Ok(mut segments) = request.path_segments_mut() {
            segments.push(name);
        }
        let request = self.authorised(self.client.delete(request));
        self.send(request.timeout(RESPONSE_TIME)).await.map(drop)
    }

    /// `GET path` for a response that never ends.
    pub(super) async fn stream(&self, path: &str, query: &[(&str, Option<&str>)]) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, query)?;
        match tokio::time::timeout(RESPONSE_TIME, self.send(request)).await {
            Ok(response) => response,
            Err(_) => Err(self.unreachable("it does not answer")),
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

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        match response.json::<ProblemDocument>().await {
            Ok(problem) => Err(Failure::Problem(Box::new(problem))),
            Err(_) => Err(self.unreachable(&format!("it answers {status} and is no Waypost node"))),
        }
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let cause = io_cause(error);
        if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied) {
            return Failure::NotAuthorised(format!(
                "this user may not open '{}'; become root or the node's user, or use --node URL --token-file FILE",
                self.label
            ));
        }
        let why = match cause {
            Some(cause) => cause.to_string(),
            None if error.is_timeout() => "it does not answer in time".to_owned(),
            None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
        };
        self.unreachable(&why)
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

/// The body of a response that is a success.
async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    response.json().await.map_err(|error| {
        Failure::Fault(format!(
            "the node's answer cannot be read ({error}); is it of another version than this command?"
        ))
    })
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

fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut next = Some(error);
    let mut found = None;
    while let Some(error) = next {
        found = error.downcast_ref::<io::Error>().or(found);
        next = error.source();
    }
    found
}

/// The configuration file that the options name, or the first that exists.
pub(super) fn configuration(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(file) = &global.config {
        return Ok(file.clone());
    }
    CONFIGURATIONS.iter().map(PathBuf::from).find(|file| file.exists()).ok_or_else(|| {
        Failure::Usage(format!(
            "there is neither {}; name the node's configuration with --config FILE, or the node with --node URL \
             --token-file FILE",
            CONFIGURATIONS.join(" nor ")
        ))
    })
}

/// The admin socket that a configuration names.
///
/// A configuration that is being edited may have errors; the node that still runs with the old one must be reachable
/// all the same, so the socket is then read from what can be read.
fn socket_of(file: &Path) -> Result<PathBuf, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("the configuration '{}' cannot be read: {error}", file.display())))?;
    let off =
        || Failure::Usage(format!("'{}' turns the admin socket off; use --node URL --token-file FILE", file.display()));
    if let (Some(settings), _) = config::read(file, &text) {
        return settings.admin.socket.ok_or_else(off);
    }
    let document: toml::Table = text.parse().map_err(|_| {
        Failure::Usage(format!("'{0}' cannot be read; see: waypost check --config {0}", file.display()))
    })?;
    let named = document.get("admin").and_then(|admin| admin.get("socket")?.as_str()).unwrap_or(SOCKET);
    if named == OFF {
        return Err(off());
    }
    Ok(file.parent().unwrap_or(Path::new("")).join(named))
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

    fn socket(text: &str) -> PathBuf {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("waypost.toml");
        fs::write(&file, text).unwrap();
        let socket = socket_of(&file).unwrap();
        socket.strip_prefix(directory.path()).map(Path::to_path_buf).unwrap_or(socket)
    }

    #[test]
    fn a_configuration_with_errors_still_leads_to_the_node() {
        assert_eq!(socket("[admin]\nsocket = \"run/admin.sock\"\n[nonsense]"), Path::new("run/admin.sock"));
        assert_eq!(socket("[admin]\nsocket = \"/run/other.sock\"\n[nonsense]"), Path::new("/run/other.sock"));
        assert_eq!(socket("[nonsense]"), Path::new(SOCKET));
    }

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
}
