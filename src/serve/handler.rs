//! The one request handler: the queries of every transport are answered here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::ProtoError;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Record, RecordType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::WAITING_DATAGRAMS;
use super::clock::Clock;
use super::cookies::{ClientCookie, Judged};
use super::counts::Limited;
use super::draw::{draw, secret};
use super::inquiry::Inquiry;
use super::kind::Kind;
use super::options::Terms;
use super::quarantine::Quarantine;
use super::rate_limit::{RateLimiter, Verdict};
use super::response::Response;
use super::signatures::Signatures;
use super::{Backstage, Secrets, Setup, Usage};
use crate::answer::{Client, Part, Reply, Transport};
use crate::dnssec::SigningFault;
use crate::model::Limits;

/// What a signature does for a reply.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// Octets that the signature of the reply takes.
    pub(super) reserved: u16,
    /// Whether the client proved who it is, so that its rate is not limited.
    pub(super) proven: bool,
}

/// Answers queries from the current tables.
pub(super) struct Handler {
    setup: Setup,
    signatures: Arc<Signatures>,
    quarantine: Quarantine,
    clock: Clock,
    limiter: RateLimiter,
    /// What server cookies are made with where no secret is configured.
    own_cookie_secret: [u8; 16],
    /// Places for transfers out.
    transfers: Arc<Semaphore>,
    /// Places for datagrams whose reply waits for the node.
    waiting: Arc<Semaphore>,
}

impl Handler {
    /// A handler for what `setup` says.
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            transfers: Arc::new(Semaphore::new(setup.limits.transfers)),
            waiting: Arc::new(Semaphore::new(WAITING_DATAGRAMS)),
            limiter: RateLimiter::new(setup.rate_limit.clone(), secret()),
            setup,
            signatures: Arc::new(Signatures::new()),
            quarantine: Quarantine::default(),
            clock: Clock::start(),
            own_cookie_secret: secret(),
        }
    }

    /// What the server was started with.
    pub(super) const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The counters.
    pub(super) fn usage(&self) -> &Usage {
        &self.setup.usage
    }

    /// The wall clock in seconds since 1970, at the last tick.
    pub(super) fn unix(&self) -> u64 {
        self.clock.unix()
    }

    /// A place for one more transfer out, `None` where there is none left.
    pub(super) fn transfer_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.transfers).try_acquire_owned().ok()
    }

    /// A place for one more datagram whose reply waits for the node, `None` where there is none left.
    pub(super) fn waiting_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waiting).try_acquire_owned().ok()
    }

    /// The bounds.
    pub(super) const fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// The rate limiter.
    pub(super) const fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    /// The time since the start, at the last tick.
    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// What a cookie is worth under `secrets`.
    pub(super) fn judge(&self, cookie: &ClientCookie, source: IpAddr, secrets: &Secrets) -> Option<Judged> {
        let own = std::slice::from_ref(&self.own_cookie_secret);
        let secrets = if secrets.cookies.is_empty() { own } else { &secrets.cookies };
        cookie.judge(source, secrets, self.clock.serial())
    }

    /// The signatures of a part of an answer.
    pub(super) fn sign(&self, part: &Part<'_>) -> Result<Vec<Record>, SigningFault> {
        self.signatures.of(part, self.clock.unix(), self.usage())
    }

    /// The signatures of signed zones.
    pub(super) fn signatures(&self) -> Arc<Signatures> {
        Arc::clone(&self.signatures)
    }

    /// The messages that are not handled for a while.
    pub(super) const fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// Reads the clocks: once for a batch of packets.
    pub(super) fn tick(&self) {
        self.clock.tick();
    }

    /// What people should know of rate limiting since the last call. Called every second.
    pub(super) fn rate_limit_news(&self) -> Option<Result<String, String>> {
        self.tick();
        self.quarantine.tidy(Instant::now());
        self.limiter.news(self.clock.monotonic())
    }

    /// Who hears of it.
    pub(super) fn backstage(&self) -> &Arc<dyn Backstage> {
        &self.setup.backstage
    }

    /// The reply to a packet, `None` for one that must not be answered.
    pub(super) fn respond(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Response> {
        self.respond_to(packet, self.read(packet, transport)?, source, transport)
    }

    /// The same for a packet that the server library cannot read: an error, whatever we can read of it.
    pub(super) fn respond_unread(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Response> {
        let mut inquiry = self.read(packet, transport)?;
        if !inquiry.is_for_cookie() {
            inquiry.fault = inquiry.fault.or(Some(ResponseCode::FormErr));
        }
        self.respond_to(packet, inquiry, source, transport)
    }

    fn read(&self, packet: &[u8], transport: Transport) -> Option<Inquiry> {
        let mut inquiry = Inquiry::read(packet, transport);
        match &mut inquiry {
            Some(inquiry) => inquiry.refuse_more(),
            None => self.usage().count_discarded(),
        }
        inquiry
    }

    fn respond_to(
        &self,
        packet: &[u8],
        inquiry: Inquiry,
        source: SocketAddr,
        transport: Transport,
    ) -> Option<Response> {
        self.respond_with(packet, &inquiry, source, transport, Standing::default(), |terms| {
            self.answer(packet, &inquiry, source, terms)
        })
    }

    /// The reply that `make` makes, under cookies and rate limiting.
    pub(super) fn respond_with(
        &self,
        packet: &[u8],
        inquiry: &Inquiry,
        source: SocketAddr,
        transport: Transport,
        standing: Standing,
        make: impl FnOnce(&Terms<'_>) -> Result<(Response, Kind), ProtoError>,
    ) -> Option<Response> {
        let cookie = inquiry.edns.and_then(|edns| edns.cookie);
        let cookie = cookie.and_then(|cookie| self.judge(&cookie, source.ip(), &self.setup.secrets.load()));
        let terms = Terms {
            node: &self.setup.node,
            transport,
            cookie: cookie.map(|cookie| cookie.reply),
            idle: self.setup.limits.idle,
            reserved: standing.reserved,
        };
        let made = make(&terms).or_else(|error| {
            tracing::error!(%error, "a reply could not be made; answered SERVFAIL");
            Response::error(packet, inquiry, &terms, ResponseCode::ServFail)
                .map(|response| (response, self.limiter.error()))
        });
        let (mut response, kind) = made.ok()?;
        if transport.is_datagram() {
            let proven = standing.proven || cookie.is_some_and(|cookie| cookie.proven);
            response = self.restrain(response, kind, inquiry, source, &terms, proven)?;
        }
        // Not what rate limiting left out: a client that exists comes again.
        if !response.answers.is_empty() {
            std::mem::take(&mut response.asked).count();
        }
        let rtype = inquiry.question.as_ref().map_or(RecordType::ZERO, |question| question.rtype);
        let metadata = &response.metadata;
        self.usage().count_query(transport, metadata.response_code, rtype, metadata.truncation);
        Some(response)
    }

    /// The response as far as rate limiting lets it through. Who proved to be there is not limited.
    fn restrain(
        &self,
        mut response: Response,
        kind: Kind,
        inquiry: &Inquiry,
        source: SocketAddr,
        terms: &Terms<'_>,
        proven: bool,
    ) -> Option<Response> {
        if !self.limiter.is_on() {
            return Some(response);
        }
        if proven {
            self.usage().count_limit(Limited::Exempt);
            return Some(response);
        }
        match self.limiter.check(self.clock.monotonic(), source.ip(), kind) {
            Verdict::Send => {}
            Verdict::Slip if terms.cookie.is_some() => {
                self.usage().count_limit(Limited::Challenged);
                response.challenge(inquiry, terms);
            }
            Verdict::Slip => {
                self.usage().count_limit(Limited::Truncated);
                response.truncate(inquiry, terms);
            }
            Verdict::Drop => {
                self.usage().count_limit(Limited::Dropped);
                return None;
            }
        }
        Some(response)
    }

    /// The answer to a query, or the error that it is.
    pub(super) fn answer(
        &self,
        packet: &[u8],
        inquiry: &Inquiry,
        source: SocketAddr,
        terms: &Terms<'_>,
    ) -> Result<(Response, Kind), ProtoError> {
        let question = match (&inquiry.question, inquiry.fault) {
            (Some(question), None) => question,
            // A query for a cookie alone.
            (None, None) => {
                let response = Response::error(packet, inquiry, terms, ResponseCode::NoError)?;
                return Ok((response, self.limiter.error()));
            }
            (_, Some(fault)) => {
                return Ok((Response::error(packet, inquiry, terms, fault)?, self.limiter.error()));
            }
        };
        let client = Client {
            source: source.ip(),
            subnet: inquiry.edns.and_then(|edns| edns.subnet),
            transport: terms.transport,
            dnssec_ok: inquiry.edns.is_some_and(|edns| edns.dnssec_ok),
        };
        let tables = self.setup.tables.load();
        let reply = tables.decide(question, &client, draw());
        let sign = |part: &Part<'_>| self.sign(part);
        let mut response = Response::new(packet, inquiry, terms, &reply, &sign)?;
        // Counted before the packet leaves, so that a site is never named without being counted as named.
        let named = || reply.named.iter().filter(|named| !tables.is_host(named.set));
        for named in named().filter(|_| !response.answers.is_empty()) {
            self.usage().named().name_sites(&tables, named.service, named.sites, named.ttl);
        }
        response.asked = self.usage().demand().asked(&tables, named().map(|named| (named.service, named.view)));
        Ok((response, self.limiter.kind(&reply)))
    }

    /// A reply that says what `reply` says.
    pub(super) fn express(
        &self,
        packet: &[u8],
        inquiry: &Inquiry,
        terms: &Terms<'_>,
        reply: &Reply<'_>,
    ) -> Result<(Response, Kind), ProtoError> {
        let sign = |part: &Part<'_>| self.sign(part);
        Ok((Response::new(packet, inquiry, terms, reply, &sign)?, self.limiter.kind(reply)))
    }
}
