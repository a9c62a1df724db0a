//! Views: for each service the few site orders there are, and which clients see which.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::model::{GeoRule, GeoSettings, ServiceIx, SiteIx, Topology};

use super::atlas::{Atlas, LocaleIx};
use super::bounds::{COORDINATE_GRIDS, MAX_VIEWS};
use super::locale::{Geography, Locale};
use super::policy::{RuleIx, Steered};
use super::ranges::{Bits, Indexed, Ranges, Run, flattened, run_v6};

/// A view's position among those of a service; clients with the same site order share one. The first is that of clients
/// whose place is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewIx(pub u16);

impl ViewIx {
    /// Clients whose place is not known: the service's `default` rule, or file order.
    pub const UNLOCATED: Self = Self(0);

    /// The position as an index into a slice of views.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Which client sees the sites of which service in which order. Built once for a configuration and a database; health and
/// orders do not change it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Steering {
    pub(super) geography: Arc<Geography>,
    /// Parallel to [`Topology::services`]; services with the same policy and sites share one.
    maps: Vec<Arc<ViewMap>>,
}

/// The views of services with the same policy and sites.
#[derive(Debug)]
pub(super) struct ViewMap {
    pub(super) steered: Steered,
    /// What [`ViewIx`] points into.
    orders: Vec<Vec<SiteIx>>,
    v4: Indexed<u32, ViewIx>,
    v6: Indexed<u128, ViewIx>,
}

impl Steering {
    /// Finds the views of every service of `topology` for clients all over the address space.
    #[must_use]
    pub fn build(topology: &Topology, geo: &GeoSettings, atlas: &Atlas) -> Self {
        let geography = Geography::new(topology, geo, atlas);
        let mut maps: Vec<Arc<ViewMap>> = Vec::with_capacity(topology.services.len());
        for service in &topology.services {
            let steered = Steered { policy: service.policy.clone(), sites: service.sites.clone() };
            let shared = maps.iter().find(|map| map.steered == steered).cloned();
            maps.push(shared.unwrap_or_else(|| Arc::new(ViewMap::build(steered, &geography))));
        }
        Self { geography: Arc::new(geography), maps }
    }

    /// The view of `client` and the prefix length of the widest block around it that sees the same: the scope of the
    /// answer (RFC 7871 section 7.2.1). IPv4-mapped IPv6 addresses see what their IPv4 address sees.
    #[must_use]
    pub fn view(&self, service: ServiceIx, client: IpAddr) -> (ViewIx, u8) {
        let Some(map) = self.map(service) else { return (ViewIx::UNLOCATED, 0) };
        match (client.to_canonical(), client) {
            (IpAddr::V4(address), IpAddr::V4(_)) => seen(&map.v4, address.to_bits()),
            (IpAddr::V4(address), IpAddr::V6(_)) => {
                let (view, scope) = seen(&map.v4, address.to_bits());
                (view, scope.saturating_add(MAPPED_LENGTH))
            }
            (IpAddr::V6(address), _) => seen(&map.v6, address.to_bits()),
        }
    }

    /// The view of `client` alone: for most, one look into a table.
    #[must_use]
    pub fn view_only(&self, service: ServiceIx, client: IpAddr) -> ViewIx {
        let seen = self.map(service).and_then(|map| match client.to_canonical() {
            IpAddr::V4(address) => map.v4.value(address.to_bits()),
            IpAddr::V6(address) => map.v6.value(address.to_bits()),
        });
        seen.unwrap_or(ViewIx::UNLOCATED)
    }

    /// All views of `service` with their site orders.
    pub fn views(&self, service: ServiceIx) -> impl Iterator<Item = (ViewIx, &[SiteIx])> {
        let orders = self.map(service).map(|map| map.orders.as_slice()).unwrap_or_default();
        (0_u16..).map(ViewIx).zip(orders.iter().map(Vec::as_slice))
    }

    /// The sites of `service` in the order of `view`, best first; none for a view of another service.
    #[must_use]
    pub fn order(&self, service: ServiceIx, view: ViewIx) -> &[SiteIx] {
        self.map(service).and_then(|map| map.orders.get(view.get())).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first address of every block of clients that `service` gives one view, of both families: each view has one.
    pub fn borders(&self, service: ServiceIx) -> impl Iterator<Item = IpAddr> {
        let map = self.map(service);
        let v4 = map.map(|map| map.v4.firsts().map(|first| IpAddr::from(Ipv4Addr::from_bits(first))));
        let v6 = map.map(|map| map.v6.firsts().map(|first| IpAddr::from(Ipv6Addr::from_bits(first))));
        v4.into_iter().flatten().chain(v6.into_iter().flatten())
    }

    pub(super) fn map(&self, service: ServiceIx) -> Option<&ViewMap> {
        self.maps.get(service.get()).map(Arc::as_ref)
    }
}

/// Where IPv4-mapped addresses are (RFC 4291 section 2.5.5.2). They see what IPv4 sees, so a block of IPv6 that shares a
/// view never reaches over them.
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), MAPPED_LENGTH);
const MAPPED_LENGTH: u8 = 96;

/// What no client of IPv6 sees: keeps [`MAPPED`] apart from its neighbours.
const NO_VIEW: ViewIx = ViewIx(u16::MAX);

fn seen<B: Bits>(ranges: &Indexed<B, ViewIx>, address: B) -> (ViewIx, u8) {
    let run = ranges.find(address).unwrap_or(Run { first: B::FIRST, next: None, value: ViewIx::UNLOCATED });
    (run.value, run.block_around(address))
}

/// What located an address: an entry of the atlas, or one of the operator's networks by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Atlas(LocaleIx),
    Override(usize),
}

impl ViewMap {
    fn build(steered: Steered, geography: &Geography) -> Self {
        if !steered.by_client() {
            let orders = vec![steered.sites.clone()];
            let (v4, v6) = (Ranges::all(ViewIx::UNLOCATED), Ranges::all(ViewIx::UNLOCATED));
            return Self { steered, orders, v4: Indexed::new(v4), v6: Indexed::new(v6) };
        }
        let overrides = geography.overrides().iter().enumerate().map(|(position, (network, _))| (*network, position));
        // The longest prefix wins.
        let overrides = flattened(&overrides.collect::<Vec<_>>(), |_outer, inner| inner);
        let rules = steered.rules().iter().enumerate().filter_map(|(position, rule)| match rule {
            GeoRule::Network(network, _) => Some((network.trunc(), position)),
            GeoRule::Country(..) | GeoRule::Continent(..) | GeoRule::Default(_) => None,
        });
        // The first rule wins, however long its prefix.
        let rules = flattened(&rules.collect::<Vec<(IpNet, RuleIx)>>(), usize::min);
        let mapped = [run_v6(MAPPED, ())];

        let mut orders = Orders::new(&steered, geography);
        let atlas = &geography.atlas;
        let v4 = overlaid(atlas.v4(), &overrides.v4, &rules.v4, &mut orders);
        let v6 = overlaid(atlas.v6(), &overrides.v6, &rules.v6, &mut orders);
        let v6 = v6.overlaid(&mapped, |view, mapped| if mapped.is_some() { NO_VIEW } else { view });
        let orders = orders.distinct;
        Self { steered, orders, v4: Indexed::new(v4), v6: Indexed::new(v6) }
    }
}

/// The views of all addresses of one family.
fn overlaid<B: Bits>(
    atlas: &Ranges<B, LocaleIx>,
    overrides: &[Run<B, usize>],
    rules: &[Run<B, RuleIx>],
    orders: &mut Orders<'_>,
) -> Ranges<B, ViewIx> {
    if overrides.is_empty() && rules.is_empty() {
        return atlas.mapped(|locale| orders.view(Origin::Atlas(locale), None));
    }
    let origins = atlas.overlaid(overrides, |locale, place| place.map_or(Origin::Atlas(locale), Origin::Override));
    origins.overlaid(rules, |origin, rule| orders.view(origin, rule))
}

/// The distinct orders met so far.
#[derive(Debug)]
struct Orders<'a> {
    steered: &'a Steered,
    geography: &'a Geography,
    /// Degrees that the atlas' coordinates are rounded to, so that there are not too many orders.
    grid: f64,
    distinct: Vec<Vec<SiteIx>>,
    known: HashMap<Vec<SiteIx>, ViewIx>,
    /// The view of each locale of the atlas, for clients in no network of a rule: nearly all.
    by_locale: Vec<ViewIx>,
    /// The views of all others.
    others: HashMap<(Origin, Option<RuleIx>), ViewIx>,
}

impl<'a> Orders<'a> {
    fn new(steered: &'a Steered, geography: &'a Geography) -> Self {
        let [mut grid, coarser @ ..] = COORDINATE_GRIDS;
        let mut orders = Self::on_grid(steered, geography, grid);
        for next in coarser {
            if orders.distinct.len() < MAX_VIEWS {
                break;
            }
            grid = next;
            orders = Self::on_grid(steered, geography, grid);
        }
        orders
    }

    /// With the orders of all the atlas' locales, as far as there is room for them.
    fn on_grid(steered: &'a Steered, geography: &'a Geography, grid: f64) -> Self {
        let mut orders = Self {
            steered,
            geography,
            grid,
            distinct: Vec::new(),
            known: HashMap::new(),
            by_locale: Vec::new(),
            others: HashMap::new(),
        };
        // Nowhere is the atlas' first locale, so that its view is the first.
        for location in geography.atlas.locales() {
            let view = orders.insert(steered.order(geography, Locale::of(*location, grid), None));
            orders.by_locale.push(view);
        }
        orders
    }

    fn view(&mut self, origin: Origin, rule: Option<RuleIx>) -> ViewIx {
        if let (Origin::Atlas(locale), None) = (origin, rule) {
            return self.by_locale.get(locale.get()).copied().unwrap_or(ViewIx::UNLOCATED);
        }
        if let Some(known) = self.others.get(&(origin, rule)) {
            return *known;
        }
        let locale = match origin {
            Origin::Atlas(locale) => Locale::of(self.geography.atlas.location(locale), self.grid),
            Origin::Override(position) => {
                let place = self.geography.overrides().get(position);
                place.map(|(_, place)| self.geography.locale_of(*place)).unwrap_or_default()
            }
        };
        let view = self.insert(self.steered.order(self.geography, locale, rule));
        self.others.insert((origin, rule), view);
        view
    }

    /// The view with this order; the first view where there is no room for another.
    fn insert(&mut self, order: Vec<SiteIx>) -> ViewIx {
        if let Some(known) = self.known.get(&order) {
            return *known;
        }
        let next = u16::try_from(self.distinct.len()).ok().filter(|next| usize::from(*next) < MAX_VIEWS);
        let Some(view) = next.map(ViewIx) else { return ViewIx::UNLOCATED };
        self.distinct.push(order.clone());
        self.known.insert(order, view);
        view
    }
}
