//! Made statuses for tests of what is shown of them.

use super::api::{EndpointStatus, GeoStatus, ServiceStatus, SiteStatus, Status};
use super::tests::now;
use crate::model::{Generation, Share, Standing, State, Tier};

pub(crate) fn endpoint(state: State) -> EndpointStatus {
    EndpointStatus {
        address: "192.0.2.1".parse().unwrap(),
        host: "mx-fra.example.org.".into(),
        state,
        suspect: false,
        reason: "connection refused".into(),
        since: now(),
        latency_ms: None,
        monitors: vec![],
    }
}

pub(crate) fn site(name: &str, standing: Standing, endpoints: Vec<EndpointStatus>) -> SiteStatus {
    SiteStatus {
        name: name.into(),
        standing,
        // Some of its addresses may be down.
        health: match endpoints.iter().map(|endpoint| endpoint.state) {
            mut states if states.clone().any(|state| state == State::Up) || states.len() == 0 => {
                states.find(|state| *state == State::Up).unwrap_or(State::Unknown)
            }
            states => states.max().unwrap_or(State::Unknown),
        },
        intent: None,
        drained: Share::NONE,
        reason: "connection refused".into(),
        drained_by: None,
        endpoints,
    }
}

pub(crate) fn service(name: &str, sites: Vec<SiteStatus>) -> ServiceStatus {
    ServiceStatus {
        name: name.into(),
        policy: "nearest".into(),
        tier: Tier::Serving,
        ttl: 30,
        min_sites: 1,
        requires: vec![],
        sites,
    }
}

pub(crate) fn status(services: Vec<ServiceStatus>) -> Status {
    Status {
        schema: Status::SCHEMA.into(),
        node: "fra-ns1".into(),
        version: "0.0.0".into(),
        site: None,
        started: now(),
        time: now(),
        generation: Generation { epoch: 1, sequence: 2 },
        ready: true,
        verdict: "All sites of all services work.".into(),
        services,
        orders: vec![],
        revision: 0,
        zones: vec![],
        zone_count: 0,
        degradations: vec![],
        loads: vec![],
        geo: GeoStatus { source: "embedded".into(), detail: String::new() },
        last_event: 0,
        cluster: None,
    }
}
