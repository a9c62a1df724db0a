//! Demand: how much the clients of each view ask for, as it was measured and in the operator's unit.
//!
//! Queries stand for load only in proportion, for resolvers cache: what is measured are the shares of the views. The level
//! comes from the service's `demand`, or for want of it from the queries themselves, per second.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Mono, Service, ServiceIx, SiteIx, Topology};

use super::bounds::{DEMAND_HALF_LIFE, DEMAND_HOURS, DEMAND_VIEWS, KNOWN_WELL};

/// What names a view across reloads: its service and the order in which its clients see the sites.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewKey {
    /// The service.
    pub service: String,
    /// The names of its sites, best first.
    pub order: Vec<String>,
}

/// How often the clients of a view ask.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewRate {
    /// Which view.
    pub view: ViewKey,
    /// Queries a second, of late: what is [`DEMAND_HALF_LIFE`] old counts half.
    pub now: f64,
    /// Queries a second in the busiest minute of the last [`DEMAND_HOURS`] hours.
    pub peak: f64,
    /// The queries that `now` is known from, older ones counting less.
    pub queries: f64,
}

/// The busiest minutes of a view, for the next start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewPeaks {
    /// Which view.
    pub view: ViewKey,
    /// Queries a second in the busiest minute of each hour, the present hour first.
    pub hours: [f64; DEMAND_HOURS],
}

/// The rates of those services that are known from enough queries to steer by them.
#[must_use]
pub fn known_well(rates: &[ViewRate]) -> Vec<ViewRate> {
    let queries = |service: &str| -> f64 {
        rates.iter().filter(|rate| rate.view.service == service).map(|rate| rate.queries).sum()
    };
    rates.iter().filter(|rate| queries(&rate.view.service) >= KNOWN_WELL).cloned().collect()
}

/// What one view is to carry, in the operator's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Of which service.
    pub service: ServiceIx,
    /// The sites of the service, all of them, in the order of the view.
    pub order: Vec<SiteIx>,
    /// How much.
    pub amount: f64,
}

/// Which demand is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As of late.
    Now,
    /// Every view at its own peak of the day, on the safe side: the peaks of continents lie hours apart.
    Peak,
}

/// Where the demand of a service comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Queries a second, as measured.
    Queries,
    /// Configured, divided as queries were measured.
    Measured,
    /// Configured, and divided evenly among the views: no query was measured yet.
    Even,
}

impl Basis {
    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Measured => "configured",
            Self::Even => "assumed",
        }
    }
}

/// What the demand of `service` is based on.
#[must_use]
pub fn basis(service: &Service, rates: &[ViewRate]) -> Basis {
    match service.demand {
        None => Basis::Queries,
        Some(_) if rates.iter().any(|rate| rate.view.service == service.name && rate.peak > 0.0) => Basis::Measured,
        Some(_) => Basis::Even,
    }
}

/// The demand of all views of all services at `moment`. `views` are the orders that a service's clients see; they count
/// where nothing was measured.
///
/// A configured demand is that of the peak: at other times it is scaled as the queries are fewer.
#[must_use]
pub fn demands<'v>(
    topology: &Topology,
    rates: &[ViewRate],
    moment: Moment,
    views: impl Fn(ServiceIx) -> Vec<&'v [SiteIx]>,
) -> Vec<Demand> {
    let mut demands = Vec::new();
    for (ix, service) in topology.services() {
        let seen = by_order(topology, service, rates);
        let peak: f64 = seen.values().map(|(_, peak)| peak).sum();
        let of = |order: Vec<SiteIx>, amount: f64| Demand { service: ix, order, amount };
        match service.demand {
            Some(total) if peak <= 0.0 => {
                let views = views(ix);
                let each = float(total) / float(views.len().max(1));
                demands.extend(views.into_iter().map(|order| of(order.to_vec(), each)));
            }
            configured => {
                let unit = configured.map_or(1.0, |total| float(total) / peak);
                let at = |(now, peak): (f64, f64)| unit * if moment == Moment::Peak { peak } else { now };
                demands.extend(seen.into_iter().map(|(order, rates)| of(order, at(rates))));
            }
        }
    }
    demands
}

/// The rates (now and peak) of a service by site order, as positions of `topology`: sites that are not the service's any more
/// are left out, new ones come last.
fn by_order(topology: &Topology, service: &Service, rates: &[ViewRate]) -> BTreeMap<Vec<SiteIx>, (f64, f64)> {
    let mut seen: BTreeMap<Vec<SiteIx>, (f64, f64)> = BTreeMap::new();
    for rate in rates.iter().filter(|rate| rate.view.service == service.name) {
        let known = rate.view.order.iter().filter_map(|name| topology.site_named(name));
        let mut order: Vec<SiteIx> = known.filter(|site| service.sites.contains(site)).collect();
        let new: Vec<SiteIx> = service.sites.iter().copied().filter(|site| !order.contains(site)).collect();
        order.extend(new);
        let (now, peak) = seen.entry(order).or_default();
        *now += rate.now;
        *peak += rate.peak;
    }
    seen
}

/// What was measured, for all views that anybody asked of lately.
#[derive(Clone, Debug)]
pub struct Meters {
    since: Mono,
    views: BTreeMap<ViewKey, Meter>,
}

impl Meters {
    /// Nothing yet.
    #[must_use]
    pub const fn new(since: Mono) -> Self {
        Self { since, views: BTreeMap::new() }
    }

    /// So many queries more came from a view, in the second before `now`.
    pub fn count(&mut self, view: &ViewKey, queries: u64, now: Mono) {
        if let Some(meter) = self.views.get_mut(view) {
            return meter.count(queries, now);
        }
        if self.views.len() >= DEMAND_VIEWS {
            self.forget_quietest(now);
        }
        let mut meter = Meter::new(now);
        meter.count(queries, now);
        self.views.insert(view.clone(), meter);
    }

    /// The rates of all views, in the order of their keys.
    #[must_use]
    pub fn rates(&self, now: Mono) -> Vec<ViewRate> {
        let age = now.since(self.since);
        let rate = |(view, meter): (&ViewKey, &Meter)| {
            let mut meter = meter.clone();
            meter.advance(now);
            let current = meter.rate(age);
            let peak = meter.peak().max(current);
            ViewRate { view: view.clone(), now: current, peak, queries: meter.decayed }
        };
        self.views.iter().map(rate).collect()
    }

    /// The peaks of all views, for the next start.
    #[must_use]
    pub fn peaks(&self, now: Mono) -> Vec<ViewPeaks> {
        let peaks = |(view, meter): (&ViewKey, &Meter)| {
            let mut meter = meter.clone();
            meter.advance(now);
            let mut hours = [0.0; DEMAND_HOURS];
            for (ago, hour) in (0..).zip(&mut hours) {
                *hour = meter.slot_of(minute(now) / 60, ago).map_or(0.0, |peak| *peak);
            }
            ViewPeaks { view: view.clone(), hours }
        };
        self.views.iter().map(peaks).collect()
    }

    /// Takes over the peaks of an earlier run that ended `hours` ago.
    pub fn restore(&mut self, peaks: Vec<ViewPeaks>, hours: u64, now: Mono) {
        for ViewPeaks { view, hours: kept } in peaks.into_iter().take(DEMAND_VIEWS) {
            let mut meter = Meter::new(now);
            for (ago, peak) in (hours..day()).zip(kept) {
                if let Some(slot) = meter.slot_of(minute(now) / 60, ago) {
                    // Of a file that anybody may have changed.
                    *slot = if peak.is_finite() { peak.max(0.0) } else { 0.0 };
                }
            }
            self.views.insert(view, meter);
        }
    }

    /// Forgets the views that nobody asked of for a day. Called now and then.
    pub fn tidy(&mut self, now: Mono) {
        self.views.retain(|_, meter| {
            meter.advance(now);
            !meter.is_silent()
        });
    }

    /// Makes room: reloads with ever other sites must not fill the memory.
    fn forget_quietest(&mut self, now: Mono) {
        let age = now.since(self.since);
        let mut by_peak: Vec<(f64, ViewKey)> =
            self.views.iter().map(|(view, meter)| (meter.peak().max(meter.rate(age)), view.clone())).collect();
        by_peak.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (_, view) in by_peak.iter().take(DEMAND_VIEWS / 4) {
            self.views.remove(view);
        }
    }
}

/// The queries of one view.
#[derive(Clone, Debug)]
struct Meter {
    /// Queries, halved every half-life.
    decayed: f64,
    /// When `decayed` was brought up to date.
    at: Mono,
    /// The minute that is counted, since the start of the clock.
    minute: u64,
    /// Queries in it.
    in_minute: u64,
    /// The busiest minute of each hour in queries a second, the present hour at `hour % DEMAND_HOURS`.
    hours: [f64; DEMAND_HOURS],
}

impl Meter {
    const fn new(now: Mono) -> Self {
        Self { decayed: 0.0, at: now, minute: minute(now), in_minute: 0, hours: [0.0; DEMAND_HOURS] }
    }

    fn count(&mut self, queries: u64, now: Mono) {
        self.advance(now);
        self.decayed += float(queries);
        self.in_minute = self.in_minute.saturating_add(queries);
    }

    /// Lets time pass.
    fn advance(&mut self, now: Mono) {
        self.decayed *= (-now.since(self.at).as_secs_f64() / DEMAND_HALF_LIFE.as_secs_f64()).exp2();
        self.at = self.at.max(now);
        let present = minute(now);
        if present <= self.minute {
            return;
        }
        let busiest = float(self.in_minute) / 60.0;
        let (last, hour) = (self.minute / 60, present / 60);
        if let Some(slot) = self.slot(last) {
            *slot = slot.max(busiest);
        }
        for begun in (last + 1..=hour).take(DEMAND_HOURS) {
            if let Some(slot) = self.slot(begun) {
                *slot = 0.0;
            }
        }
        (self.minute, self.in_minute) = (present, 0);
    }

    /// The slot of so many hours before `hour`, which may lie before the start of the clock.
    fn slot_of(&mut self, hour: u64, ago: u64) -> Option<&mut f64> {
        self.slot((hour % day() + day()).checked_sub(ago)?)
    }

    fn slot(&mut self, hour: u64) -> Option<&mut f64> {
        self.hours.get_mut(usize::try_from(hour % day()).unwrap_or_default())
    }

    /// Queries a second of late, where measuring began `age` ago: what could not be counted before then is not missed.
    fn rate(&self, age: Duration) -> f64 {
        let half_life = DEMAND_HALF_LIFE.as_secs_f64();
        let seen = 1.0 - (-age.max(Duration::from_secs(1)).as_secs_f64() / half_life).exp2();
        self.decayed * std::f64::consts::LN_2 / half_life / seen
    }

    /// Queries a second in the busiest minute that is over.
    fn peak(&self) -> f64 {
        self.hours.iter().copied().fold(0.0, f64::max)
    }

    /// Less than one query is left of it.
    fn is_silent(&self) -> bool {
        self.in_minute == 0 && self.decayed < 0.5 && self.peak() <= 0.0
    }
}

const fn minute(now: Mono) -> u64 {
    now.0.as_secs() / 60
}

/// Hours that are remembered.
const fn day() -> u64 {
    DEMAND_HOURS as u64
}

/// A count to reckon with; exact below 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}
