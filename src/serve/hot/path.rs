//! From a datagram to the octets of its reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};

use super::super::Secrets;
use super::super::bounds::{BODY_OCTETS, BODY_OCTETS_OF_MEMO};
use super::super::cookies::Judged;
use super::super::counts::Limited;
use super::super::demand::Sheet;
use super::super::draw::draw;
use super::super::handler::Handler;
use super::super::kind::Kind;
use super::super::named::Naming;
use super::super::rate_limit::Verdict;
use super::super::usage::Tally;
use super::body::{Body, Options, Reach, is_movable};
use super::memo::{Key, Memo, Owner};
use super::query::{Query, Scratch};
use super::recent::Recent;
use super::shape::Misfit;
use crate::answer::{ApexIx, Client, GroupIx, Inside, NodeIx, Question, Relation, Spot, Suffixes, Tables, Transport};
use crate::model::Name;
use crate::steer::ViewIx;
use crate::zone::SteeredIx;

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hot {
    /// The reply of so many octets stands in the buffer.
    Reply(usize),
    /// It is not answered.
    Silence,
    /// It is not for the hot path.
    Pass,
}

/// What is kept for a key.
enum Entry {
    Body(Box<Body>),
    /// One of the steered answers of this set.
    Steered(SteeredIx),
    /// Each zone of the group has its own.
    PerZone,
    /// Nothing that holds for more than one question.
    General,
}

impl Entry {
    fn size(&self) -> usize {
        match self {
            Self::Body(body) => body.size(),
            _ => 0,
        }
    }
}

/// The hot path of one worker.
pub(crate) struct HotPath {
    handler: Arc<Handler>,
    shared: Cache<Arc<ArcSwap<Tables>>, Arc<Tables>>,
    /// As of the last tick.
    tables: Arc<Tables>,
    secrets: Arc<Secrets>,
    moment: u64,
    /// What holds as long as the zones do.
    lasting: Memo<Entry>,
    /// What holds as long as the plan does.
    steered: Memo<Entry>,
    tally: Arc<Tally>,
    scratch: Option<Box<Scratch>>,
    suffixes: Suffixes,
    /// Holds as long as the zones do.
    recent: Recent,
    naming: Naming,
    /// Laid out for the views of `tables`.
    demand: Sheet,
}

/// Which types are answered by the general path alone: DS is the parent's, the others are signatures and records of a
/// message.
const fn is_rare(rtype: u16) -> bool {
    matches!(rtype, 41 | 43 | 46 | 47 | 249..=254)
}

const TYPE_ANY: u16 = 255;
/// The most places that are read ahead at once.
const AHEAD: usize = 128;

/// The spot of all names that are in none of our zones.
const ELSEWHERE: Inside = Inside {
    apex: ApexIx(u32::MAX),
    group: GroupIx(u32::MAX),
    node: NodeIx(u32::MAX),
    relation: Relation::Itself,
    apex_at: 0,
    node_at: 0,
    labels_in_front: 0,
    is_signed: false,
    is_alone: true,
    is_apart: false,
};

/// A query with all that its answer hangs on.
struct Asked<'q, 'p> {
    query: &'q Query<'p>,
    spot: &'q Inside,
    client: &'q Client,
    draw: u16,
}

impl HotPath {
    /// The hot path of one more worker.
    pub(crate) fn new(handler: Arc<Handler>) -> Self {
        let mut shared = Cache::new(Arc::clone(&handler.setup().tables));
        let tables = Arc::clone(shared.load());
        // A part each for the generations of both memos of all workers.
        let workers = available_parallelism().map_or(1, usize::from) * handler.setup().listen.len().max(1);
        let octets = (BODY_OCTETS / workers / 4).min(BODY_OCTETS_OF_MEMO);
        Self {
            naming: handler.usage().named().naming(&tables),
            demand: handler.usage().demand().sheet(&tables),
            shared,
            tables,
            secrets: handler.setup().secrets.load_full(),
            moment: handler.usage().named().moment(),
            lasting: Memo::new(octets),
            steered: Memo::new(octets),
            tally: handler.usage().tally(),
            scratch: None,
            suffixes: Suffixes::default(),
            recent: Recent::new(ELSEWHERE),
            handler,
        }
    }

    /// Reads the clocks and takes the current tables: once for a batch of datagrams.
    pub(crate) fn tick(&mut self) {
        self.handler.tick();
        self.moment = self.handler.usage().named().moment();
        let tables = self.shared.load();
        if !Arc::ptr_eq(tables, &self.tables) {
            self.steered.clear();
            if !Arc::ptr_eq(tables.attribution(), self.tables.attribution()) {
                self.lasting.clear();
                self.recent.clear();
                self.naming = self.handler.usage().named().naming(tables);
            }
            if !self.demand.is_for(tables) {
                self.demand = self.handler.usage().demand().sheet(tables);
            }
            self.tables = Arc::clone(tables);
        }
        let secrets = self.handler.setup().secrets.load();
        if !Arc::ptr_eq(&secrets, &self.secrets) {
            self.secrets = Arc::clone(&secrets);
        }
    }

    /// How long one of the answers took.
    pub(crate) fn observe(&self, took: Duration) {
        self.tally.observe(took);
    }

    /// Forgets all bodies: what made one may have ended half-way.
    pub(crate) fn forget(&mut self) {
        self.lasting.clear();
        self.steered.clear();
        self.recent.clear();
    }

    /// Reads ahead for packets that will be answered next: among very many zones it is memory that answers wait for, and here
    /// they wait for it together.
    pub(crate) fn approach<'p>(&mut self, packets: impl Iterator<Item = &'p [u8]>) {
        let finder = self.tables.finder();
        if !finder.is_large() {
            return;
        }
        let scratch = self.scratch.get_or_insert_default();
        let mut hashes = [0; AHEAD];
        let mut places = hashes.iter_mut();
        for packet in packets {
            let Some(query) = Query::read(packet, scratch) else { continue };
            for (hash, place) in finder.hashes(query.name, query.labels, &mut self.suffixes).zip(&mut places) {
                *place = hash;
            }
        }
        let free = places.len();
        finder.approach(hashes.get_mut(..AHEAD - free).unwrap_or_default());
    }

    /// Answers `packet` from `source` into `out`, which has room for any datagram.
    pub(crate) fn respond(&mut self, packet: &[u8], source: SocketAddr, out: &mut [u8]) -> Hot {
        // Not there only where a panic kept it from coming back.
        let mut scratch = self.scratch.take().unwrap_or_default();
        let answered = self.respond_with(packet, &mut scratch, source, out);
        self.scratch = Some(scratch);
        answered
    }

    fn respond_with(&mut self, packet: &[u8], scratch: &mut Scratch, source: SocketAddr, out: &mut [u8]) -> Hot {
        let Some(query) = Query::read(packet, scratch) else { return Hot::Pass };
        let quarantine = self.handler.quarantine();
        let is_held = !quarantine.is_unused() && quarantine.holds(packet, Instant::now());
        if is_rare(query.rtype) || source.port() == 0 || is_held {
            return Hot::Pass;
        }
        let Some(spot) = self.spot(&query) else { return Hot::Pass };
        let dnssec_ok = query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        let is_derived = matches!(spot.relation, Relation::Wildcard | Relation::Encloser);
        // The proof is another for every name, and names of very many labels have replies of their own.
        if is_derived && (dnssec_ok && spot.is_signed || !is_movable(&spot)) {
            return Hot::Pass;
        }
        let subnet = query.edns.as_ref().and_then(|edns| edns.subnet);
        let client = Client { source: source.ip(), subnet, transport: Transport::Udp, dnssec_ok };
        let asked = Asked { query: &query, spot: &spot, client: &client, draw: draw() };
        self.send(&asked, source, out).unwrap_or(Hot::Pass)
    }

    /// Where the name belongs; `None` where the tree alone tells.
    fn spot(&mut self, query: &Query<'_>) -> Option<Inside> {
        if let Some(spot) = self.recent.find(query.name) {
            return Some(spot);
        }
        match self.tables.finder().find(query.name, query.labels, &mut self.suffixes) {
            Spot::Inside(spot) => {
                self.recent.insert(query.name, spot);
                Some(spot)
            }
            // Whoever asks for what is not ours asks for anything, and is not to displace what is.
            Spot::Elsewhere => Some(ELSEWHERE),
            Spot::Rare => None,
        }
    }

    /// `None` where it is not for the hot path.
    fn send(&mut self, asked: &Asked<'_, '_>, source: SocketAddr, out: &mut [u8]) -> Option<Hot> {
        let (body, chosen) = find((&mut self.lasting, &mut self.steered), (&self.tables, &self.handler), asked)?;
        let Asked { query, spot, client, .. } = asked;
        let cookie = query.edns.as_ref().and_then(|edns| edns.cookie.as_ref());
        let cookie = cookie.and_then(|cookie| self.handler.judge(cookie, source.ip(), &self.secrets));
        // Looked up for those alone who are told.
        let tells_scope = client.subnet.is_some_and(|subnet| subnet.source_prefix() > 0);
        let set = chosen.map(|(set, _)| set).filter(|_| tells_scope);
        let mut options = Options {
            node: &self.handler.setup().node,
            cookie: cookie.map(|cookie| cookie.reply),
            scope: Some(set.map_or(0, |set| self.tables.scope(set, client.location()))),
        };
        let mut written = body.write(query, spot, &options, out)?;
        if !written.is_empty {
            // Counted before the packet leaves, so that a site is never named without being counted as named.
            for (service, sites, ttl) in &body.named {
                self.naming.name(self.moment, *service, *sites, *ttl);
            }
        }
        let limiter = self.handler.limiter();
        if limiter.is_on() {
            let kind = body.kind(query, spot, limiter.key());
            match restrained(&self.handler, &self.tally, source, kind, cookie) {
                Verdict::Send => {}
                Verdict::Slip => {
                    options.scope = None;
                    written = body.write_limited(query, &options, out)?;
                }
                Verdict::Drop => return Some(Hot::Silence),
            }
        }
        if !written.is_empty
            && let Some((_, view)) = chosen
        {
            for (service, ..) in &body.named {
                self.demand.count(*service, view);
            }
        }
        self.tally.count_query(written.rcode, query.rtype, written.truncated);
        Some(Hot::Reply(written.length))
    }
}

/// What rate limiting makes of a response. Who proved to be there is not limited.
fn restrained(handler: &Handler, tally: &Tally, source: SocketAddr, kind: Kind, cookie: Option<Judged>) -> Verdict {
    if cookie.is_some_and(|cookie| cookie.proven) {
        tally.count_limit(Limited::Exempt);
        return Verdict::Send;
    }
    let verdict = handler.limiter().check(handler.monotonic(), source.ip(), kind);
    match verdict {
        Verdict::Send => {}
        Verdict::Slip if cookie.is_some() => tally.count_limit(Limited::Challenged),
        Verdict::Slip => tally.count_limit(Limited::Truncated),
        Verdict::Drop => tally.count_limit(Limited::Dropped),
    }
    verdict
}

/// Lookups that one query may take: of the group and of the zone, each for the set and for its steered answer, and each
/// twice, where it has to be made.
const LOOKUPS: usize = 8;

/// The body for a query, made if need be, and the steered set that it is an answer of with the client's view.
fn find<'m>(
    (lasting, steered): (&'m mut Memo<Entry>, &'m mut Memo<Entry>),
    (tables, handler): (&Arc<Tables>, &Handler),
    asked: &Asked<'_, '_>,
) -> Option<(&'m Body, Option<(SteeredIx, ViewIx)>)> {
    let Asked { query, spot, client, draw } = asked;
    let shares = !spot.is_alone && !spot.is_apart;
    let owner = if spot.is_alone || shares { Owner::Group(spot.group.0) } else { Owner::Zone(spot.apex.0) };
    let mut key = Key { owner, node: spot.node.0, question: question(asked, tables), variant: 0 };
    let mut chosen = None;
    for _ in 0..LOOKUPS {
        let memo = if key.variant == 0 { &mut *lasting } else { &mut *steered };
        let reach = if shares && matches!(key.owner, Owner::Group(_)) { Reach::Group } else { Reach::Zone };
        let slot = memo.find(&key, Entry::size);
        match slot.and_then(|slot| memo.get(slot)) {
            Some(Entry::Body(body)) if body.is_fresh(handler.unix()) => {
                let memo = if key.variant == 0 { lasting } else { steered };
                return match slot.and_then(|slot| memo.get(slot)) {
                    Some(Entry::Body(body)) if body.holds_for(query, spot) => Some((body, chosen)),
                    _ => None,
                };
            }
            Some(Entry::Steered(set)) => {
                let choice = tables.choose(*set, client.location(), *draw)?;
                key.variant = choice.number + 1;
                chosen = Some((*set, choice.view));
            }
            Some(Entry::PerZone) => key = Key { owner: Owner::Zone(spot.apex.0), variant: 0, ..key },
            Some(Entry::General) => return None,
            Some(Entry::Body(_)) | None => {
                let entry = make(tables, handler, asked, reach, key.variant != 0)?;
                let size = entry.size();
                memo.insert(key, entry, size);
            }
        }
    }
    None
}

/// What of the question the body hangs on.
fn question(asked: &Asked<'_, '_>, tables: &Tables) -> u32 {
    let Asked { query, spot, client, .. } = asked;
    let by_type = matches!(spot.relation, Relation::Itself | Relation::Wildcard);
    // All types that are not there have the same answer.
    let by_type = by_type
        && spot.apex != ELSEWHERE.apex
        && (query.rtype == TYPE_ANY || !tables.finder().lacks(spot, query.rtype));
    let rtype = if by_type { u32::from(query.rtype) } else { 0 };
    (rtype | (spot.relation as u32) << 16 | u32::from(client.dnssec_ok) << 18).min(Key::QUESTIONS - 1)
}

/// What is kept for a query, by the handler of all transports; `None` where nothing can be kept.
#[cold]
#[inline(never)]
fn make(tables: &Tables, handler: &Handler, asked: &Asked<'_, '_>, reach: Reach, is_steered: bool) -> Option<Entry> {
    let Asked { query, spot, client, draw } = asked;
    let question = Question::new(Name::from_wire(query.name).ok()?, query.rtype.into());
    let reply = tables.decide(&question, client, *draw);
    match reply.named.as_slice() {
        [] => {}
        [named] if !is_steered => return Some(Entry::Steered(named.set)),
        [_] => {}
        _ => return Some(Entry::General),
    }
    let terms = (handler.unix(), handler.limiter().key());
    match Body::new(query, spot, reach, &reply, tables, &|part| handler.sign(part), terms) {
        Ok(Ok(body)) => Some(Entry::Body(Box::new(body))),
        Ok(Err(Misfit::Reply)) if reach == Reach::Group => Some(Entry::PerZone),
        Ok(Err(Misfit::Reply)) => Some(Entry::General),
        Ok(Err(Misfit::Question)) => None,
        Err(error) => {
            tracing::debug!(%error, "a reply could not be made in advance");
            None
        }
    }
}
