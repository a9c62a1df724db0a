//! The topology: what the configuration and the zones together declare.

use std::net::IpAddr;

use super::{Assertion, Endpoint, EndpointIx, EndpointKey, Monitor, MonitorIx, Service, ServiceIx, Site, SiteIx};

/// Sites, services and monitors of the configuration with the endpoints that attribution found in the zones.
///
/// Positions (`SiteIx`, `ServiceIx`, …) are only meaningful together with the topology they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// In file order.
    pub sites: Vec<Site>,
    /// In file order.
    pub services: Vec<Service>,
    /// In name order.
    pub monitors: Vec<Monitor>,
    /// Grouped by service, then by site.
    pub endpoints: Vec<Endpoint>,
    /// In file order.
    pub assertions: Vec<Assertion>,
}

impl Topology {
    /// The site at `ix`.
    #[must_use]
    pub fn site(&self, ix: SiteIx) -> Option<&Site> {
        self.sites.get(ix.get())
    }

    /// The name of the site at `ix`; `?` for a position from elsewhere.
    #[must_use]
    pub fn site_name(&self, ix: SiteIx) -> &str {
        self.site(ix).map_or("?", |site| site.name.as_str())
    }

    /// The site called `name`.
    #[must_use]
    pub fn site_named(&self, name: &str) -> Option<SiteIx> {
        self.sites.iter().position(|site| site.name == name).and_then(|ix| u8::try_from(ix).ok()).map(SiteIx)
    }

    /// The site whose networks hold `address`.
    #[must_use]
    pub fn site_of(&self, address: IpAddr) -> Option<SiteIx> {
        self.sites.iter().position(|site| site.contains(address)).and_then(|ix| u8::try_from(ix).ok()).map(SiteIx)
    }

    /// The service at `ix`.
    #[must_use]
    pub fn service(&self, ix: ServiceIx) -> Option<&Service> {
        self.services.get(ix.get())
    }

    /// The service called `name`.
    #[must_use]
    pub fn service_named(&self, name: &str) -> Option<ServiceIx> {
        self.services
            .iter()
            .position(|service| service.name == name)
            .and_then(|ix| u16::try_from(ix).ok())
            .map(ServiceIx)
    }

    /// The monitor at `ix`.
    #[must_use]
    pub fn monitor(&self, ix: MonitorIx) -> Option<&Monitor> {
        self.monitors.get(ix.get())
    }

    /// The endpoint at `ix`.
    #[must_use]
    pub fn endpoint(&self, ix: EndpointIx) -> Option<&Endpoint> {
        self.endpoints.get(ix.get())
    }

    /// All endpoints with their positions.
    pub fn endpoints(&self) -> impl Iterator<Item = (EndpointIx, &Endpoint)> {
        (0_u32..).map(EndpointIx).zip(&self.endpoints)
    }

    /// All services with their positions.
    pub fn services(&self) -> impl Iterator<Item = (ServiceIx, &Service)> {
        (0_u16..).map(ServiceIx).zip(&self.services)
    }

    /// All sites with their positions.
    pub fn sites(&self) -> impl Iterator<Item = (SiteIx, &Site)> {
        (0_u8..).map(SiteIx).zip(&self.sites)
    }

    /// What names `endpoint` across reloads.
    #[must_use]
    pub fn key(&self, endpoint: &Endpoint) -> EndpointKey {
        let service = self.service(endpoint.service).map_or_else(String::new, |service| service.name.clone());
        EndpointKey { service, address: endpoint.address }
    }
}
