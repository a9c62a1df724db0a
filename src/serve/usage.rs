//! What was answered: counters for metrics, and how long caches may still name a site.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::demand::Sheets;
use super::durations::{DurationCounts, Durations};
use crate::answer::{Tables, Transport};
use crate::model::{Mono, ServiceIx, SiteSet};
use crate::plan::ViewKey;
use crate::zone::Attribution;

/// RCODEs that are counted by themselves, with their names (IANA); the last stands for all others.
const RCODES: [(u16, &str); 14] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
    (u16::MAX, "other"),
];

/// Question types that are counted by themselves; the last stands for all others, so that nobody can make metrics
/// grow by asking.
const QTYPES: [(u16, &str); 13] = [
    (1, "A"),
    (28, "AAAA"),
    (15, "MX"),
    (16, "TXT"),
    (2, "NS"),
    (6, "SOA"),
    (5, "CNAME"),
    (12, "PTR"),
    (33, "SRV"),
    (43, "DS"),
    (52, "TLSA"),
    (255, "ANY"),
    (0, "other"),
];

/// How long after its moment an answer may leave that counts as of that moment, in milliseconds.
const NAMING: u64 = 10;

/// Counters and drained-by times. All of it is written without a lock on the query path.
pub struct Usage {
    epoch: Instant,
    queries: Vec<AtomicU64>,
    truncated: AtomicU64,
    panics: AtomicU64,
    discarded: AtomicU64,
    unsent: AtomicU64,
    turned_away: AtomicU64,
    signatures: AtomicU64,
    connections: [AtomicU64; Transport::ALL.len()],
    open_connections: AtomicU64,
    evicted: AtomicU64,
    failed_handshakes: AtomicU64,
    certificate_expires: AtomicI64,
    quarantined: AtomicU64,
    limited: [AtomicU64; Limited::ALL.len()],
    transfers: [AtomicU64; TransferEnd::ALL.len()],
    /// Parallel to [`RCODES`].
    updates: [AtomicU64; RCODES.len()],
    /// By service and site name: they outlive a reload, positions do not.
    cells: Mutex<HashMap<(String, String), Arc<AtomicU64>>>,
    layout: ArcSwap<Layout>,
    /// What workers count by themselves.
    tallies: Mutex<Vec<Arc<Tally>>>,
    demand: Sheets,
    /// Of the general path; the workers have their own.
    durations: Durations,
}

/// The counters of one worker of datagrams: nobody else writes them, so that no two ever wait for a cache line.
pub(super) struct Tally {
    /// By RCODE and question type.
    queries: Box<[AtomicU64]>,
    truncated: AtomicU64,
    limited: [AtomicU64; Limited::ALL.len()],
    durations: Durations,
}

impl Tally {
    fn new() -> Self {
        Self {
            queries: (0..RCODES.len() * QTYPES.len()).map(|_| AtomicU64::new(0)).collect(),
            truncated: AtomicU64::new(0),
            limited: Default::default(),
            durations: Durations::default(),
        }
    }

    /// How long one of the replies took.
    pub(super) fn observe(&self, took: Duration) {
        self.durations.observe(took);
    }

    /// One more reply.
    pub(super) fn count_query(&self, rcode: u16, rtype: u16, truncated: bool) {
        if let Some(count) =
            self.queries.get(class(&RCODE_CLASSES, rcode) * QTYPES.len() + class(&QTYPE_CLASSES, rtype))
        {
            bump(count);
        }
        if truncated {
            bump(&self.truncated);
        }
    }

    /// One more reply that rate limiting had a say in.
    pub(super) fn count_limit(&self, limited: Limited) {
        if let Some(count) = self.limited.get(limited as usize) {
            bump(count);
        }
    }
}

/// Adds one to a counter that nobody else writes.
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// The cells of one loaded configuration, by position.
#[derive(Default)]
struct Layout {
    /// Weak: counting must not keep the zones of an earlier load.
    of: Weak<Attribution>,
    sites: usize,
    cells: Vec<Arc<AtomicU64>>,
}

impl Layout {
    fn name(&self, moment: u64, service: ServiceIx, sites: SiteSet, ttl: u32) {
        let expiry = moment.saturating_add(u64::from(ttl) * 1000 + NAMING);
        for site in sites.iter() {
            if let Some(cell) = self.cells.get(service.get() * self.sites + site.get())
                // Mostly written in this millisecond already, and reading disturbs no other worker.
                && cell.load(Ordering::Acquire) < expiry
            {
                cell.fetch_max(expiry, Ordering::Release);
            }
        }
    }
}

/// Notes which sites are named; see [`Usage::naming`].
pub(super) struct Naming(Arc<Layout>);

impl Naming {
    /// An answer that lives for `ttl` seconds and leaves within [`NAMING`] after `moment` named `sites` for `service`.
    pub(super) fn name(&self, moment: u64, service: ServiceIx, sites: SiteSet, ttl: u32) {
        self.0.name(moment, service, sites, ttl);
    }
}

/// How often a kind of query was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryCount {
    /// See [`Transport::as_str`].
    pub transport: &'static str,
    /// RCODE by name.
    pub rcode: &'static str,
    /// Question type by name, `other` for rare ones.
    pub qtype: &'static str,
    /// How often since the node started.
    pub count: u64,
}

/// What one of the two paths did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCount {
    /// `hot`, or `general`.
    pub path: &'static str,
    /// Replies since the node started.
    pub answers: u64,
    /// How long they took: of the hot path a sample, of the general path all.
    pub durations: DurationCounts,
}

/// All counters at one moment, since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageCounts {
    /// Answered queries; combinations that never occurred are left out.
    pub queries: Vec<QueryCount>,
    /// The same by the path that they took.
    pub paths: Vec<PathCount>,
    /// Replies with TC set.
    pub truncated: u64,
    /// Queries whose handling panicked; each was answered SERVFAIL.
    pub panics: u64,
    /// Packets that must not be answered: responses and fragments of a header.
    pub discarded: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
    /// Stream connections beyond the bounds, closed at once.
    pub turned_away: u64,
    /// Connections accepted, by transport.
    pub connections: Vec<(&'static str, u64)>,
    /// Connections open now.
    pub open_connections: u64,
    /// Resting connections that made room for others.
    pub evicted: u64,
    /// TLS and QUIC handshakes that failed, took too long or found no place.
    pub failed_handshakes: u64,
    /// When the certificate in use ends, in seconds since 1970; `None` without one.
    pub certificate_expires: Option<i64>,
    /// Signatures made; those that were found in the cache are not counted.
    pub signatures: u64,
    /// Messages answered SERVFAIL without being handled, because one like them panicked lately.
    pub quarantined: u64,
    /// Replies by what rate limiting made of them: `dropped`, `truncated` (one in so many, so that a client that exists
    /// comes back over TCP), `challenged` (the same with BADCOOKIE), `exempt` (sent because the client showed a cookie
    /// of ours).
    pub limited: Vec<(&'static str, u64)>,
    /// Requests for transfers by how they ended: `complete`, `soa` (the client has the zone already, or asked over UDP),
    /// `refused`, `busy` (too many at once), `abandoned` (by the client), `failed` (a fault of ours).
    pub transfers: Vec<(&'static str, u64)>,
    /// Updates by the RCODE of their reply, those left out that were not signed right.
    pub updates: Vec<(&'static str, u64)>,
}

/// What rate limiting made of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Limited {
    /// Not sent.
    Dropped,
    /// Sent without records, with TC.
    Truncated,
    /// Sent as BADCOOKIE.
    Challenged,
    /// Sent, because the client showed a cookie of ours.
    Exempt,
}

impl Limited {
    const ALL: [Self; 4] = [Self::Dropped, Self::Truncated, Self::Challenged, Self::Exempt];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Truncated => "truncated",
            Self::Challenged => "challenged",
            Self::Exempt => "exempt",
        }
    }
}

/// How a request for a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferEnd {
    /// The whole zone was sent.
    Complete,
    /// The client has the zone already, or asked over UDP: it got the SOA.
    SoaOnly,
    /// The client may not have the zone, or there is none.
    Refused,
    /// Too many transfers were under way.
    Busy,
    /// The client went away.
    Abandoned,
    /// A fault of ours.
    Failed,
}

impl TransferEnd {
    const ALL: [Self; 6] = [Self::Complete, Self::SoaOnly, Self::Refused, Self::Busy, Self::Abandoned, Self::Failed];

    /// The word used in metrics and logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::SoaOnly => "soa",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Abandoned => "abandoned",
            Self::Failed => "failed",
        }
    }
}

impl Usage {
    /// Nothing used yet. `epoch` is the start of the node's monotonic clock ([`Mono::START`]).
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        let kinds = Transport::ALL.len() * RCODES.len() * QTYPES.len();
        Self {
            epoch,
            queries: (0..kinds).map(|_| AtomicU64::new(0)).collect(),
            truncated: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            signatures: AtomicU64::new(0),
            connections: std::array::from_fn(|_| AtomicU64::new(0)),
            open_connections: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            failed_handshakes: AtomicU64::new(0),
            certificate_expires: AtomicI64::new(0),
            quarantined: AtomicU64::new(0),
            limited: Default::default(),
            transfers: Default::default(),
            updates: Default::default(),
            cells: Mutex::default(),
            layout: ArcSwap::default(),
            tallies: Mutex::default(),
            demand: Sheets::default(),
            durations: Durations::default(),
        }
    }

    /// Counters for one more worker of datagrams.
    pub(super) fn tally(&self) -> Arc<Tally> {
        let tally = Arc::new(Tally::new());
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&tally));
        tally
    }

    /// Until when caches may hold an answer of this node that names the site for the service: the moment after which
    /// no well-behaved cache sends anyone there. `None` if no answer ever named it.
    #[must_use]
    pub fn drained_by(&self, service: &str, site: &str) -> Option<Mono> {
        let cells = self.cells();
        let millis = cells.get(&(service.to_owned(), site.to_owned()))?.load(Ordering::Acquire);
        (millis > 0).then(|| Mono::from_millis(millis))
    }

    /// Takes it that caches may hold answers naming the site for the service until `until`, unless answers were counted
    /// since the start: what was answered before it is not known.
    pub fn presume(&self, service: &str, site: &str, until: Mono) {
        let millis = u64::try_from(until.0.as_millis()).unwrap_or(u64::MAX).max(1);
        self.cells().entry((service.to_owned(), site.to_owned())).or_insert_with(|| Arc::new(AtomicU64::new(millis)));
    }

    /// Takes it that caches may hold answers naming the site for the service until `until`, whatever was answered here: other
    /// nodes answer too.
    pub fn presume_elsewhere(&self, service: &str, site: &str, until: Mono) {
        let millis = u64::try_from(until.0.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut cells = self.cells();
        let cell = cells.entry((service.to_owned(), site.to_owned())).or_default();
        cell.fetch_max(millis, Ordering::AcqRel);
    }

    /// Where steered answers are counted by view.
    pub(super) const fn demand(&self) -> &Sheets {
        &self.demand
    }

    /// How many steered answers each view got since the last call. Those for hosts of one site do not count: nobody asks
    /// for them who was not sent to the site.
    #[must_use]
    pub fn take_demand(&self) -> BTreeMap<ViewKey, u64> {
        self.demand.take()
    }

    /// The counters.
    #[must_use]
    pub fn counts(&self) -> UsageCounts {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tallied = |count: &dyn Fn(&Tally) -> Option<&AtomicU64>| -> u64 {
            tallies.iter().filter_map(|tally| Some(count(tally)?.load(Ordering::Relaxed))).sum()
        };
        let kinds = Transport::ALL.iter().flat_map(|transport| {
            RCODES.iter().flat_map(move |rcode| QTYPES.iter().map(move |qtype| (transport, rcode, qtype)))
        });
        let queries = kinds
            .zip(&self.queries)
            .enumerate()
            .map(|(kind, ((transport, (_, rcode), (_, qtype)), count))| QueryCount {
                transport: transport.as_str(),
                rcode,
                qtype,
                // Datagrams are the first kind of transport.
                count: count.load(Ordering::Relaxed) + tallied(&|tally: &Tally| tally.queries.get(kind)),
            })
            .filter(|kind| kind.count > 0)
            .collect();
        UsageCounts {
            queries,
            paths: self.paths(&tallies),
            truncated: self.truncated.load(Ordering::Relaxed) + tallied(&|tally: &Tally| Some(&tally.truncated)),
            panics: self.panics.load(Ordering::Relaxed),
            discarded: self.discarded.load(Ordering::Relaxed),
            unsent: self.unsent.load(Ordering::Relaxed),
            turned_away: self.turned_away.load(Ordering::Relaxed),
            signatures: self.signatures.load(Ordering::Relaxed),
            connections: Transport::ALL
                .iter()
                .zip(&self.connections)
                .map(|(transport, count)| (transport.as_str(), count.load(Ordering::Relaxed)))
                .collect(),
            open_connections: self.open_connections.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            failed_handshakes: self.failed_handshakes.load(Ordering::Relaxed),
            certificate_expires: Some(self.certificate_expires.load(Ordering::Relaxed)).filter(|end| *end != 0),
            quarantined: self.quarantined.load(Ordering::Relaxed),
            transfers: TransferEnd::ALL
                .iter()
                .zip(&self.transfers)
                .map(|(end, count)| (end.as_str(), count.load(Ordering::Relaxed)))
                .collect(),
            updates: RCODES
                .iter()
                .zip(&self.updates)
                .map(|((_, rcode), count)| (*rcode, count.load(Ordering::Relaxed)))
                .collect(),
            limited: Limited::ALL
                .iter()
                .zip(&self.limited)
                .map(|(limited, count)| {
                    let tallied = tallied(&|tally: &Tally| tally.limited.get(*limited as usize));
                    (limited.as_str(), count.load(Ordering::Relaxed) + tallied)
                })
                .collect(),
        }
    }

    fn paths(&self, tallies: &[Arc<Tally>]) -> Vec<PathCount> {
        let sum = |counts: &[AtomicU64]| -> u64 { counts.iter().map(|count| count.load(Ordering::Relaxed)).sum() };
        let (mut hot, mut general) = (DurationCounts::default(), DurationCounts::default());
        Durations::default().add_to(&mut hot);
        tallies.iter().for_each(|tally| tally.durations.add_to(&mut hot));
        self.durations.add_to(&mut general);
        let answers = tallies.iter().map(|tally| sum(&tally.queries)).sum();
        vec![
            PathCount { path: "hot", answers, durations: hot },
            PathCount { path: "general", answers: sum(&self.queries), durations: general },
        ]
    }

    /// An answer that lives for `ttl` seconds named `sites` for `service`.
    pub(super) fn name_sites(&self, tables: &Tables, service: ServiceIx, sites: SiteSet, ttl: u32) {
        self.layout(tables).name(self.moment(), service, sites, ttl);
    }

    /// This moment in milliseconds, as [`Naming::name`] takes it.
    pub(super) fn moment(&self) -> u64 {
        // 500 million years of them.
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// For naming sites of `tables` often, for as long as their zones are those in force.
    pub(super) fn naming(&self, tables: &Tables) -> Naming {
        Naming(Guard::into_inner(self.layout(tables)))
    }

    /// The cells for the positions of `tables`, found anew when they come from another load.
    fn layout(&self, tables: &Tables) -> Guard<Arc<Layout>> {
        let layout = self.layout.load();
        if std::ptr::eq(layout.of.as_ptr(), Arc::as_ptr(tables.attribution())) {
            return layout;
        }
        // Once a reload.
        let layout = Arc::new(self.lay_out(tables));
        self.layout.store(Arc::clone(&layout));
        Guard::from_inner(layout)
    }

    fn lay_out(&self, tables: &Tables) -> Layout {
        let topology = tables.topology();
        let mut known = self.cells();
        let cells = topology
            .services
            .iter()
            .flat_map(|service| topology.sites.iter().map(move |site| (service.name.clone(), site.name.clone())))
            .map(|names| Arc::clone(known.entry(names).or_default()))
            .collect();
        Layout { of: Arc::downgrade(tables.attribution()), sites: topology.sites.len(), cells }
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<(String, String), Arc<AtomicU64>>> {
        // Entries are only ever added.
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count_query(&self, transport: Transport, rcode: ResponseCode, rtype: RecordType, truncated: bool) {
        let transport = Transport::ALL.iter().position(|known| *known == transport).unwrap_or_default();
        let kind = (transport * RCODES.len() + class(&RCODE_CLASSES, u16::from(rcode))) * QTYPES.len()
            + class(&QTYPE_CLASSES, u16::from(rtype));
        if let Some(count) = self.queries.get(kind) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if truncated {
            self.truncated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long the general path took for a query.
    pub(super) fn observe(&self, took: Duration) {
        self.durations.observe(took);
    }

    pub(super) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_discarded(&self) {
        self.discarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_unsent(&self) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_quarantined(&self) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_transfer(&self, end: TransferEnd) {
        for (_, count) in TransferEnd::ALL.iter().zip(&self.transfers).filter(|(known, _)| **known == end) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_update(&self, rcode: ResponseCode) {
        if let Some(count) = self.updates.get(class(&RCODE_CLASSES, u16::from(rcode))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_limit(&self, limited: Limited) {
        for (_, count) in Limited::ALL.iter().zip(&self.limited).filter(|(known, _)| **known == limited) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_connection(&self, transport: Transport) {
        let position = Transport::ALL.iter().position(|known| *known == transport);
        if let Some(count) = position.and_then(|position| self.connections.get(position)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn note_open_connections(&self, count: usize) {
        self.open_connections.store(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn count_evicted(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failed_handshake(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_certificate(&self, expires: i64) {
        self.certificate_expires.store(expires, Ordering::Relaxed);
    }

    pub(super) fn count_signature(&self) {
        self.signatures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }
}

/// The class of `value`: its position among those that are told apart.
fn class(classes: &Classes, value: u16) -> usize {
    classes.get(usize::from(value)).or(classes.last()).copied().unwrap_or_default().into()
}

/// By value, where it stands among those that are told apart; the last stands for all others.
type Classes = [u8; 257];
static RCODE_CLASSES: Classes = classes(&RCODES);
static QTYPE_CLASSES: Classes = classes(&QTYPES);

#[allow(clippy::indexing_slicing, reason = "const: whatever were wrong would not compile")]
const fn classes(known: &[(u16, &str)]) -> Classes {
    let others = known.len() - 1;
    let mut classes = [others as u8; 257];
    let mut class = 0;
    while class < others {
        classes[known[class].0 as usize] = class as u8;
        class += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_in_its_class() {
        for (known, classes) in [(&RCODES[..], &RCODE_CLASSES), (&QTYPES[..], &QTYPE_CLASSES)] {
            for value in 0..=u16::MAX {
                let others = known.len() - 1;
                let expected = known[..others].iter().position(|(code, _)| *code == value).unwrap_or(others);
                assert_eq!(class(classes, value), expected, "{value}");
            }
        }
    }
}
