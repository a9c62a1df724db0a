//! What was answered: counters for metrics, and how long caches may still name a site.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::classes::{QTYPE_CLASSES, QTYPES, RCODE_CLASSES, RCODES, class};
use super::counts::{Limited, PathCount, QueryCount, TransferEnd, UsageCounts};
use super::demand::Sheets;
use super::durations::{DurationCounts, Durations};
use super::named::Named;
use crate::answer::Transport;
use crate::model::Mono;
use crate::plan::ViewKey;

/// Counters and drained-by times. All of it is written without a lock on the query path.
pub struct Usage {
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
    named: Named,
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

impl Usage {
    /// Nothing used yet. `epoch` is the start of the node's monotonic clock ([`Mono::START`]).
    #[must_use]
    pub fn new(epoch: Instant) -> Self {
        let kinds = Transport::ALL.len() * RCODES.len() * QTYPES.len();
        Self {
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
            named: Named::new(epoch),
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

    /// See [`Named::drained_by`].
    #[must_use]
    pub fn drained_by(&self, service: &str, site: &str) -> Option<Mono> {
        self.named.drained_by(service, site)
    }

    /// See [`Named::presume`].
    pub fn presume(&self, service: &str, site: &str, until: Mono) {
        self.named.presume(service, site, until);
    }

    /// See [`Named::presume_elsewhere`].
    pub fn presume_elsewhere(&self, service: &str, site: &str, until: Mono) {
        self.named.presume_elsewhere(service, site, until);
    }

    /// How long caches may name which site.
    pub(super) const fn named(&self) -> &Named {
        &self.named
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
