//! Groups: the endpoints of one service at one site stand or fall together.

use crate::model::{ServiceIx, SiteIx, State, Topology};

/// The endpoints of one service at one site.
#[derive(Clone, Copy, Debug)]
struct Group {
    service: ServiceIx,
    site: SiteIx,
    /// The healthy part under which the site is down for the service.
    floor: f64,
    size: u32,
}

/// The endpoints of a topology by service and site.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// The group of each endpoint.
    group_of: Vec<usize>,
}

impl Groups {
    /// Those of `topology`.
    pub(super) fn of(topology: &Topology) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = Vec::with_capacity(topology.endpoints.len());
        for endpoint in &topology.endpoints {
            let known =
                groups.iter().position(|group| (group.service, group.site) == (endpoint.service, endpoint.site));
            let position = known.unwrap_or(groups.len());
            if known.is_none() {
                let floor = topology.service(endpoint.service).map_or(0.0, |service| service.site_floor);
                groups.push(Group { service: endpoint.service, site: endpoint.site, floor, size: 0 });
            }
            if let Some(group) = groups.get_mut(position) {
                group.size += 1;
            }
            group_of.push(position);
        }
        Self { groups, group_of }
    }

    /// How many endpoints there are.
    pub(super) const fn endpoints(&self) -> usize {
        self.group_of.len()
    }

    /// Service and site of each endpoint.
    pub(super) fn places(&self) -> impl Iterator<Item = (ServiceIx, SiteIx)> {
        self.group_of.iter().filter_map(|group| self.groups.get(*group)).map(|group| (group.service, group.site))
    }

    /// The sites of each service.
    pub(super) fn declared(&self) -> Vec<u64> {
        self.by_service(self.groups.iter())
    }

    /// The sites of each service at which so few endpoints are healthy that a plan would take them out.
    pub(super) fn failing(&self, states: &[State]) -> Vec<u64> {
        let mut healthy = vec![0_u32; self.groups.len()];
        for (group, state) in self.group_of.iter().zip(states) {
            if let (Some(count), true) = (healthy.get_mut(*group), *state != State::Down) {
                *count += 1;
            }
        }
        let fails = |(group, healthy): &(&Group, u32)| {
            *healthy == 0 || f64::from(*healthy) < group.floor * f64::from(group.size)
        };
        self.by_service(self.groups.iter().zip(healthy).filter(fails).map(|(group, _)| group))
    }

    /// The sites of some groups, by service.
    fn by_service<'a>(&self, groups: impl Iterator<Item = &'a Group>) -> Vec<u64> {
        let services = self.groups.iter().map(|group| group.service.get() + 1).max().unwrap_or_default();
        let mut sites = vec![0; services];
        for group in groups {
            if let Some(of_service) = sites.get_mut(group.service.get()) {
                *of_service |= bit(group.site);
            }
        }
        sites
    }
}

/// A site in a set of 64; positions beyond it do not occur ([`crate::model::SiteSet::CAPACITY`]).
pub(super) const fn bit(site: SiteIx) -> u64 {
    1_u64.wrapping_shl(site.0 as u32)
}
