//! Steering: from a client's address to its view, by one range table a service and family.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::atlas::{Atlas, LocaleIx};
use super::ranges::{Number, Ranges, painted};
use super::views::{Place, ViewIx, site_order};
use crate::model::{GeoRule, GeoSettings, NetworkPlace, Policy, Service, ServiceIx, SiteIx, Topology};

/// Where clients are and which site order follows, for every service.
#[derive(Clone, Debug)]
pub struct Steering {
    pub(super) places: Places,
    services: Vec<ServiceViews>,
    pub(super) topology: Arc<Topology>,
}

/// Who is where: the operator's networks over the database.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) all: Vec<Place>,
    pub(super) v4: Ranges<u32, PlaceIx>,
    pub(super) v6: Ranges<u128, PlaceIx>,
    /// The operator's networks, for explanations.
    pub(super) overrides: Vec<(IpNet, NetworkPlace)>,
}

/// A place's position in [`Places::all`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PlaceIx(u32);

/// The views of one service. Services of the same policy and sites share the tables.
#[derive(Clone, Debug)]
struct ServiceViews {
    orders: Vec<Vec<SiteIx>>,
    v4: Arc<Ranges<u32, ViewIx>>,
    v6: Arc<Ranges<u128, ViewIx>>,
}

impl Steering {
    /// The tables for `topology`.
    #[must_use]
    pub fn build(topology: &Topology, geo: &GeoSettings, atlas: &Atlas) -> Self {
        let places = Places::build(geo, atlas);
        let mut services: Vec<ServiceViews> = Vec::with_capacity(topology.services.len());
        for (position, service) in topology.services.iter().enumerate() {
            let twin = topology
                .services
                .iter()
                .take(position)
                .position(|other| other.policy == service.policy && other.sites == service.sites);
            let views = twin.and_then(|twin| services.get(twin)).cloned();
            services.push(views.unwrap_or_else(|| ServiceViews::build(service, topology, &places)));
        }
        Self { places, services, topology: Arc::new(topology.clone()) }
    }

    /// The view of `client`, and the length of the widest prefix around it whose addresses all share that view: the
    /// scope of an EDNS Client Subnet answer (RFC 7871 section 7.2.1).
    #[must_use]
    pub fn view(&self, service: ServiceIx, client: IpAddr) -> (ViewIx, u8) {
        let Some(views) = self.services.get(service.get()) else { return (ViewIx(0), 0) };
        match client.to_canonical() {
            IpAddr::V4(address) => views.v4.scope(address.to_bits()),
            IpAddr::V6(address) => views.v6.scope(address.to_bits()),
        }
    }

    /// All views of a service with their site orders.
    pub fn views(&self, service: ServiceIx) -> impl Iterator<Item = (ViewIx, &[SiteIx])> {
        let orders = self.services.get(service.get()).map_or(&[][..], |views| &views.orders);
        (0_u32..).map(ViewIx).zip(orders.iter().map(Vec::as_slice))
    }

    /// The site order of a view, best first.
    #[must_use]
    pub fn order(&self, service: ServiceIx, view: ViewIx) -> &[SiteIx] {
        let views = self.services.get(service.get());
        views.and_then(|views| views.orders.get(view.get())).map_or(&[], Vec::as_slice)
    }
}

impl Places {
    fn build(geo: &GeoSettings, atlas: &Atlas) -> Self {
        let located = atlas.locales.iter().map(|locale| match (locale.country, locale.coordinates) {
            (None, None) => Place::Unknown,
            (country, coordinates) => Place::Located { country, coordinates },
        });
        let mut all: Vec<Place> = located.collect();
        // The longest prefix wins, so it is painted last.
        let mut overrides = geo.networks.clone();
        overrides.sort_by_key(|(net, _)| net.prefix_len());
        let (mut over_v4, mut over_v6) = (Vec::new(), Vec::new());
        for (net, place) in &overrides {
            let ix = PlaceIx(u32::try_from(all.len()).unwrap_or(u32::MAX));
            all.push(match place {
                NetworkPlace::Site(site) => Place::Site(*site),
                NetworkPlace::Country(country) => Place::Located { country: Some(*country), coordinates: None },
                NetworkPlace::Coordinates(at) => Place::Located { country: None, coordinates: Some(*at) },
            });
            push_block(&mut over_v4, &mut over_v6, *net, ix);
        }
        let over = |LocaleIx(ix): LocaleIx, over: Option<PlaceIx>| over.unwrap_or(PlaceIx(ix));
        Self { v4: atlas.v4.zip(&painted(&over_v4), over), v6: atlas.v6.zip(&painted(&over_v6), over), all, overrides }
    }

    /// The place of `client`.
    pub(super) fn of(&self, client: IpAddr) -> Place {
        let PlaceIx(ix) = match client.to_canonical() {
            IpAddr::V4(address) => self.v4.get(address.to_bits()).0,
            IpAddr::V6(address) => self.v6.get(address.to_bits()).0,
        };
        self.get(PlaceIx(ix))
    }

    fn get(&self, PlaceIx(ix): PlaceIx) -> Place {
        usize::try_from(ix).ok().and_then(|ix| self.all.get(ix)).copied().unwrap_or(Place::Unknown)
    }
}

impl ServiceViews {
    fn build(service: &Service, topology: &Topology, places: &Places) -> Self {
        let mut interned =
            Interned { service, topology, places, known: HashMap::new(), orders: Vec::new(), by_order: HashMap::new() };
        if matches!(service.policy, Policy::Failover | Policy::Weighted(_) | Policy::Spread) {
            return Self {
                orders: vec![service.sites.clone()],
                v4: Arc::new(Ranges::all(ViewIx(0))),
                v6: Arc::new(Ranges::all(ViewIx(0))),
            };
        }
        let (rules_v4, rules_v6) = network_rules(&service.policy);
        let v4 = places.v4.zip(&painted(&rules_v4), |place, rule| interned.view(place, rule));
        let v6 = places.v6.zip(&painted(&rules_v6), |place, rule| interned.view(place, rule));
        Self { orders: interned.orders, v4: Arc::new(v4), v6: Arc::new(v6) }
    }
}

/// Views by what they follow from and by what they are.
struct Interned<'a> {
    service: &'a Service,
    topology: &'a Topology,
    places: &'a Places,
    known: HashMap<(PlaceIx, Option<usize>), ViewIx>,
    orders: Vec<Vec<SiteIx>>,
    by_order: HashMap<Vec<SiteIx>, ViewIx>,
}

impl Interned<'_> {
    fn view(&mut self, place: PlaceIx, rule: Option<usize>) -> ViewIx {
        if let Some(view) = self.known.get(&(place, rule)) {
            return *view;
        }
        let order = site_order(self.service, &self.topology.sites, self.places.get(place), rule);
        let orders = &mut self.orders;
        let view = *self.by_order.entry(order).or_insert_with_key(|order| {
            orders.push(order.clone());
            ViewIx(u32::try_from(orders.len() - 1).unwrap_or(0))
        });
        self.known.insert((place, rule), view);
        view
    }
}

type Blocks<N, V> = Vec<(N, N, V)>;

/// The networks of geo rules with their rules' positions; of overlapping ones the first rule is painted last.
fn network_rules(policy: &Policy) -> (Blocks<u32, usize>, Blocks<u128, usize>) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    if let Policy::Geo(rules) = policy {
        for (position, rule) in rules.iter().enumerate().rev() {
            if let GeoRule::Network(net, _) = rule {
                push_block(&mut v4, &mut v6, *net, position);
            }
        }
    }
    (v4, v6)
}

fn push_block<V>(v4: &mut Blocks<u32, V>, v6: &mut Blocks<u128, V>, net: IpNet, value: V) {
    match net {
        IpNet::V4(net) => {
            let (low, high) = net.network().to_bits().block(net.prefix_len());
            v4.push((low, high, value));
        }
        IpNet::V6(net) => {
            let (low, high) = net.network().to_bits().block(net.prefix_len());
            v6.push((low, high, value));
        }
    }
}
