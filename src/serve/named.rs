//! Until when caches may still name a site: noted with every answer, told after the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};

use crate::answer::Tables;
use crate::model::{Mono, ServiceIx, SiteSet};
use crate::zone::Attribution;

/// How long after its moment an answer may leave that counts as of that moment, in milliseconds.
const NAMING: u64 = 10;

/// Drained-by times. They are written without a lock on the query path.
pub struct Named {
    epoch: Instant,
    /// By service and site name: they outlive a reload, positions do not.
    cells: Mutex<HashMap<(String, String), Arc<AtomicU64>>>,
    layout: ArcSwap<Layout>,
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

impl Named {
    /// Nothing named yet. `epoch` is the start of the node's monotonic clock ([`Mono::START`]).
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, cells: Mutex::default(), layout: ArcSwap::default() }
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
}
