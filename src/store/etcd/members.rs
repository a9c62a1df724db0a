//! The members of etcd: a request goes to the one that answered last, and from one that does not answer to the next.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::Counts;
use super::access::{self, Login};
use super::bounds::{CALL, CONNECT, ELECTION_PAUSE, IDLE, IDLE_CONNECTIONS, REPLY_OCTETS, REQUEST};
use super::failure::{Cause, Failure, Outcome};
use super::wire::{Damaged, Fault, LoginReply, LoginRequest};
use crate::model::EtcdSettings;
use crate::store::StoreError;

/// A member that has no leader refuses a request with this header at once, and ends a watch. Without it such a member
/// would let us wait.
const WANTS_LEADER: (&str, &str) = ("grpc-metadata-hasleader", "true");

/// All members, and how they are spoken to.
#[derive(Debug)]
pub(super) struct Members {
    http: reqwest::Client,
    /// Their URLs, without a slash at the end; one at least.
    urls: Vec<String>,
    /// Which one answered last.
    first: AtomicUsize,
    login: Option<Login>,
    /// Got when a member asks for one; it expires, and a member that was restarted knows it no more.
    token: Mutex<Option<Token>>,
    /// Held by whoever gets a new token, so that a new one is not got twice.
    renewing: tokio::sync::Mutex<()>,
    pub(super) tally: Tally,
}

/// What a user's requests carry. Debug does not show it: the value is marked as sensitive.
type Token = HeaderValue;

/// What is asked of a member. Not to be shown: it may hold a password.
pub(super) struct Request {
    path: &'static str,
    body: Bytes,
    care: Care,
    kind: Kind,
}

/// What is done after a member may have done what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// The next one is asked: twice is as good as once.
    Repeat,
    /// None is asked: doing it twice is another thing than doing it once.
    Once,
}

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    /// With the octets of key and value.
    Write(usize),
    Login,
    Watch,
}

impl Request {
    pub(super) fn new(path: &'static str, body: &impl Serialize, care: Care, kind: Kind) -> Result<Self, StoreError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| StoreError::Unreadable { detail: format!("a request for {path} has no JSON: {error}") })?;
        Ok(Self { path, body: body.into(), care, kind })
    }
}

impl Members {
    pub(super) fn new(settings: &EtcdSettings) -> Result<Self, StoreError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(access::tls(settings)?)
            // One connection for each request that is under way: what holds one up holds up no other.
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .user_agent(concat!("waypost/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| StoreError::Unreachable { detail: format!("no HTTP client: {error}") })?;
        Ok(Self {
            http,
            urls: settings.endpoints.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            first: AtomicUsize::new(0),
            login: settings.login.as_ref().map(Login::read).transpose()?,
            token: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            tally: Tally::default(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.urls.len()
    }

    /// The member that is asked first.
    pub(super) fn first(&self) -> usize {
        self.first.load(Ordering::Relaxed)
    }

    /// Another member is asked first from now on.
    pub(super) fn turn(&self) {
        self.prefer(self.first() + 1);
    }

    fn prefer(&self, member: usize) {
        self.first.store(member % self.count().max(1), Ordering::Relaxed);
    }

    fn url(&self, member: usize) -> &str {
        self.urls.get(member % self.count().max(1)).map_or("", String::as_str)
    }

    /// The reply of the first member that answers. All are asked once, and again as long as they elect a leader.
    pub(super) async fn ask<R: DeserializeOwned>(&self, request: Request) -> Result<R, StoreError> {
        let deadline = Instant::now() + CALL;
        let mut failures: Vec<Option<Failure>> = vec![None; self.count()];
        loop {
            let start = self.first();
            for member in start..start + self.count() {
                match self.ask_member(member, &request, deadline).await {
                    Ok(reply) => {
                        self.prefer(member);
                        return Ok(reply);
                    }
                    Err(failure) => {
                        self.prefer(member + 1);
                        let is_last = request.care == Care::Once && failure.outcome == Outcome::Unsure;
                        if let Some(place) = failures.get_mut(member % self.count()) {
                            *place = Some(failure);
                        }
                        if is_last || Instant::now() >= deadline {
                            return Err(self.all_failed(&failures));
                        }
                    }
                }
            }
            let elects = failures.iter().flatten().any(|failure| failure.cause == Cause::Election);
            if !elects || Instant::now() + ELECTION_PAUSE >= deadline {
                return Err(self.all_failed(&failures));
            }
            sleep(ELECTION_PAUSE).await;
        }
    }

    /// What all members tried said. Refused access is what an operator can do something about, so it goes first.
    fn all_failed(&self, failures: &[Option<Failure>]) -> StoreError {
        let tried = || self.urls.iter().zip(failures).filter_map(|(url, failure)| Some((url, failure.as_ref()?)));
        let detail = tried().map(|(url, failure)| format!("{url}: {}", failure.said)).collect::<Vec<_>>().join("; ");
        match tried().any(|(_, failure)| matches!(failure.cause, Cause::Access | Cause::Login)) {
            true => StoreError::Unauthorised { detail },
            false => StoreError::Unreachable { detail },
        }
    }

    /// What one failure on `member` makes of a call that asks no other.
    pub(super) fn failed(&self, member: usize, failure: &Failure) -> StoreError {
        let detail = format!("{}: {}", self.url(member), failure.said);
        match failure.cause {
            Cause::Access => StoreError::Unauthorised { detail },
            _ => StoreError::Unreachable { detail },
        }
    }

    async fn ask_member<R: DeserializeOwned>(
        &self,
        member: usize,
        request: &Request,
        deadline: Instant,
    ) -> Result<R, Failure> {
        let token = self.token();
        let failure = match self.post(member, request, token.as_ref(), deadline).await {
            Err(failure) if failure.cause == Cause::Login => failure,
            outcome => return outcome,
        };
        let Some(login) = &self.login else { return Err(failure) };
        let token = self.renew(member, login, token, deadline).await?;
        self.post(member, request, Some(&token), deadline).await
    }

    /// A token in place of `old`, which `member` does not take.
    async fn renew(
        &self,
        member: usize,
        login: &Login,
        old: Option<Token>,
        deadline: Instant,
    ) -> Result<Token, Failure> {
        let not_done = |failure: Failure| Failure { outcome: Outcome::NotDone, ..failure };
        let _alone = timeout_at(deadline, self.renewing.lock()).await.map_err(|_| not_done(Failure::timed_out()))?;
        if let Some(token) = self.token().filter(|token| old.as_ref() != Some(token)) {
            return Ok(token);
        }
        let body = LoginRequest { name: &login.user, password: login.reveal() };
        let request = Request::new("/v3/auth/authenticate", &body, Care::Repeat, Kind::Login);
        let request = request.map_err(|error| Failure::new(&error.to_string(), Outcome::NotDone, Cause::Member))?;
        let reply: Result<LoginReply, _> = self.post(member, &request, None, deadline).await;
        // Whatever became of the login, what it was for was not done.
        let reply = reply.map_err(|failure| {
            let said = failure.said.replace(login.reveal(), "***");
            Failure { said: format!("user '{}': {said}", login.user), outcome: Outcome::NotDone, ..failure }
        })?;
        let mut token = Token::try_from(reply.token)
            .map_err(|_| Failure::new("a token that no header can carry", Outcome::NotDone, Cause::Member))?;
        token.set_sensitive(true);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    fn token(&self) -> Option<Token> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One request to one member.
    async fn post<R: DeserializeOwned>(
        &self,
        member: usize,
        request: &Request,
        token: Option<&Token>,
        deadline: Instant,
    ) -> Result<R, Failure> {
        let deadline = deadline.min(Instant::now() + REQUEST);
        let conversation = async {
            let response = self.send(member, request, token).await?;
            let body = read(response).await?;
            serde_json::from_slice(&body).map_err(|error| Damaged::Json(error.to_string()).into())
        };
        let outcome = timeout_at(deadline, conversation).await.unwrap_or_else(|_| {
            // A token names a revision of the members' history. Where that was restored from before it they wait, and say
            // nothing, until they get there.
            self.forget_token();
            Err(Failure::timed_out())
        });
        outcome.inspect_err(|_| self.tally.failed())
    }

    /// Opens a stream at one member. Nothing but its head is there yet.
    pub(super) async fn open(&self, member: usize, request: &Request) -> Result<Response, Failure> {
        let token = self.token();
        let opening = self.send(member, request, token.as_ref());
        let outcome = timeout_at(Instant::now() + REQUEST, opening).await.unwrap_or_else(|_| {
            self.forget_token();
            Err(Failure::timed_out())
        });
        outcome.inspect_err(|_| self.tally.failed())
    }

    /// The token is not taken by everyone: the next request gets another.
    pub(super) fn forget_token(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Sends a request; the response has a status of success.
    async fn send(&self, member: usize, request: &Request, token: Option<&Token>) -> Result<Response, Failure> {
        self.tally.sent(request.kind);
        let (name, value) = WANTS_LEADER;
        let mut post = self.http.post(self.url(member).to_owned() + request.path).header(name, value);
        if let Some(token) = token {
            post = post.header(AUTHORIZATION, token);
        }
        let response = post.body(request.body.clone()).send().await.map_err(|error| Failure::of_http(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::NOT_FOUND {
            // What a member says whose gateway is off, as it is where it has a configuration file; so does any other server.
            let said = "HTTP 404 Not Found: no etcd, or its gateway is off (enable-grpc-gateway: true in its configuration file)";
            return Err(Failure::new(said, Outcome::NotDone, Cause::Member));
        }
        let body = read(response).await?;
        Err(Fault::of(&status.to_string(), &body).into())
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::of_http(&error))? {
        if body.len() + chunk.len() > REPLY_OCTETS {
            return Err(Damaged::TooLong(REPLY_OCTETS).into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Counts of a client.
#[derive(Debug, Default)]
pub(super) struct Tally {
    writes: AtomicU64,
    written_octets: AtomicU64,
    reads: AtomicU64,
    failures: AtomicU64,
    reconnections: AtomicU64,
    relistings: AtomicU64,
}

impl Tally {
    fn sent(&self, kind: Kind) {
        match kind {
            Kind::Read => add(&self.reads, 1),
            Kind::Write(octets) => {
                add(&self.writes, 1);
                add(&self.written_octets, u64::try_from(octets).unwrap_or(u64::MAX));
            }
            Kind::Login | Kind::Watch => {}
        }
    }

    fn failed(&self) {
        add(&self.failures, 1);
    }

    pub(super) fn reconnects(&self) {
        add(&self.reconnections, 1);
    }

    pub(super) fn listed(&self) {
        add(&self.relistings, 1);
    }

    pub(super) fn counts(&self) -> Counts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            writes: of(&self.writes),
            written_octets: of(&self.written_octets),
            reads: of(&self.reads),
            failures: of(&self.failures),
            reconnections: of(&self.reconnections),
            relistings: of(&self.relistings),
        }
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}
