//! Probes by hand: what the monitors of an endpoint find now. No verdict follows, and the schedule does not notice.
//!
//! Only what the configuration declares is probed, a bounded number at a time: whoever may ask is given no tool against others.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::desk::Desk;
use super::loading::{self, Fallback};
use crate::admin::api::{ProbeReport, ProbeRequest, ProbeResult, ProblemDocument};
use crate::admin::{Caller, Problem, ProblemKind};
use crate::config::Report;
use crate::model::{EndpointKey, Topology};
use crate::probe::{Target, once};

/// Requests that run at once.
const REQUESTS: usize = 2;
/// How long a request waits for its place.
const PATIENCE: Duration = Duration::from_secs(5);
/// A request keeps its place at least so long, however soon its probes end.
const REQUEST_TIME: Duration = Duration::from_millis(500);
/// Probes of one request.
const PROBES: usize = 64;
/// Probes of one request that run at once.
const TOGETHER: usize = 16;
/// Endpoints that an answer lists for whoever named none of them.
const LISTED: usize = 20;

/// Places for requests.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(REQUESTS))
}

impl Desk {
    /// Probes what `request` names.
    pub(super) async fn probe_by_hand(&self, request: ProbeRequest, caller: Caller) -> Result<ProbeReport, Problem> {
        let Ok(Ok(place)) = timeout(PATIENCE, Arc::clone(&self.by_hand).acquire_owned()).await else {
            let busy = Problem::new(ProblemKind::Unavailable, "other probes by hand are under way");
            return Err(busy.with_remedy("try again in a moment"));
        };
        // However the request ends, also with the caller gone.
        let _place = Place { place: Some(place), until: Instant::now() + REQUEST_TIME };
        let picture = self.picture.load_full();
        info!(by = caller.name, endpoint = request.endpoint, "probing by hand");
        probe(&picture.settings.node.name, &picture.topology, &request).await
    }
}

/// The place of a request, given back when its time is over.
struct Place {
    place: Option<OwnedSemaphorePermit>,
    until: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        let (place, until) = (self.place.take(), self.until);
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep_until(until).await;
                drop(place);
            });
        }
    }
}

/// Why nothing was probed from here.
#[derive(Debug)]
pub enum ProbeHere {
    /// The files have errors.
    Configuration(Box<Report>),
    /// The request names nothing that can be probed.
    Problem(Box<ProblemDocument>),
}

/// Probes what `request` names from this process, by the configuration at `path`; starts nothing else.
///
/// # Errors
/// If the files have errors or do not declare what `request` names.
pub async fn probe_here(path: &Path, request: &ProbeRequest) -> Result<ProbeReport, ProbeHere> {
    let owned = path.to_path_buf();
    let read = tokio::task::spawn_blocking(move || loading::load(&owned, Fallback::Start, None, None)).await;
    let fault = |error: tokio::task::JoinError| Problem::new(ProblemKind::Internal, error.to_string());
    let problem = |problem: Problem| ProbeHere::Problem(Box::new(problem.document()));
    let loaded = read.map_err(fault).map_err(problem)?;
    let loaded = loaded.map_err(|report| ProbeHere::Configuration(Box::new(report)))?;
    probe(&loaded.settings.node.name, &loaded.attribution.topology, request).await.map_err(problem)
}

async fn probe(node: &str, topology: &Topology, request: &ProbeRequest) -> Result<ProbeReport, Problem> {
    let chosen = choose(topology, request)?;
    let results = stream::iter(chosen).map(|(site, target)| async move {
        // In a task of its own, so that a fault of ours in one probe leaves the others be.
        let probed = tokio::spawn({
            let target = target.clone();
            async move { once(&target).await }
        });
        let probed = AbortOnDrop(probed).ended().await?;
        Ok(ProbeResult {
            service: target.key.service,
            site,
            address: target.key.address,
            monitor: target.monitor.name,
            target: match target.address.port() {
                0 => target.address.ip().to_string(),
                _ => target.address.to_string(),
            },
            outcome: probed.outcome.as_str().to_owned(),
            reason: probed.outcome.reason().map(str::to_owned),
            latency_ms: probed.latency.as_secs_f64() * 1000.0,
            transcript: probed.transcript,
        })
    });
    let results: Vec<Result<ProbeResult, Problem>> = results.buffered(TOGETHER).collect().await;
    let probes = results.into_iter().collect::<Result<_, _>>()?;
    Ok(ProbeReport { schema: ProbeReport::SCHEMA.to_owned(), node: node.to_owned(), probes })
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn ended(mut self) -> Result<T, Problem> {
        (&mut self.0).await.map_err(|error| {
            Problem::new(ProblemKind::Internal, format!("a probe failed by a fault of its own: {error}"))
        })
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the text of a request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named<'a> {
    /// `ADDRESS`, of one service or of all.
    Address(Option<&'a str>, IpAddr),
    /// `SERVICE/SITE`.
    Site(&'a str, &'a str),
    /// The name of a site or of a service.
    Either(&'a str),
}

impl<'a> Named<'a> {
    fn read(text: &'a str) -> Self {
        let (service, place) = text.split_once('/').map_or((None, text), |(service, place)| (Some(service), place));
        match (service, place.parse()) {
            (service, Ok(address)) => Self::Address(service, address),
            (Some(service), Err(_)) => Self::Site(service, place),
            (None, Err(_)) => Self::Either(place),
        }
    }

    fn matches(self, key: &EndpointKey, site: &str) -> bool {
        match self {
            Self::Address(service, address) => {
                key.address == address && service.is_none_or(|service| service == key.service)
            }
            Self::Site(service, place) => service == key.service && place == site,
            Self::Either(name) => name == key.service || name == site,
        }
    }
}

/// The targets that `request` names, each with the site of its endpoint.
fn choose(topology: &Topology, request: &ProbeRequest) -> Result<Vec<(String, Target)>, Problem> {
    let all = topology.endpoints.iter().map(|endpoint| (topology.key(endpoint), topology.site_name(endpoint.site)));
    let named = Named::read(request.endpoint.trim());
    let sites: BTreeMap<EndpointKey, &str> = all.clone().filter(|(key, site)| named.matches(key, site)).collect();
    let not_found = |what: String| Problem::new(ProblemKind::NotFound, what);
    if sites.is_empty() {
        let known = listed(all.map(|(key, site)| format!("{key} ({site})")));
        let remedy = match known.as_str() {
            "" => {
                "no service has an endpoint: see that its names are in a zone and their addresses at a site".to_owned()
            }
            known => format!("the endpoints are {known}"),
        };
        return Err(not_found(format!("there is no endpoint '{}'", request.endpoint)).with_remedy(remedy));
    }
    let targets = Target::all(topology, |_, _| None);
    let of_endpoints = targets.into_iter().filter_map(|target| Some(((*sites.get(&target.key)?).to_owned(), target)));
    let (chosen, others): (Vec<_>, Vec<_>) = of_endpoints
        .partition(|(_, target)| request.monitor.as_ref().is_none_or(|monitor| *monitor == target.monitor.name));
    if chosen.is_empty() {
        let mut names: Vec<String> = others.into_iter().map(|(_, target)| target.monitor.name).collect();
        names.sort_unstable();
        names.dedup();
        return Err(match &request.monitor {
            Some(monitor) if !names.is_empty() => {
                not_found(format!("no monitor '{monitor}' probes '{}'", request.endpoint))
                    .with_remedy(format!("the monitors are {}", listed(names.into_iter())))
            }
            _ => not_found(format!("no monitor probes '{}'", request.endpoint))
                .with_remedy("name monitors in its [[service]]"),
        });
    }
    if chosen.len() > PROBES {
        let what =
            format!("'{}' means {} probes, and at most {PROBES} run at a request", request.endpoint, chosen.len());
        return Err(Problem::new(ProblemKind::Invalid, what).with_remedy("name a site, an address or a monitor of it"));
    }
    Ok(chosen)
}

/// The first of `names`, and how many more there are.
fn listed(names: impl Iterator<Item = impl fmt::Display>) -> String {
    let all: Vec<String> = names.map(|name| name.to_string()).collect();
    let shown = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > LISTED { format!("{shown} and {} more", all.len() - LISTED) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_named_as_the_status_shows_them() {
        let key =
            |service: &str, address: &str| EndpointKey { service: service.into(), address: address.parse().unwrap() };
        let (mx, imap) = (key("mx", "192.0.2.1"), key("imap", "2001:db8::1"));
        for (text, of_mx, of_imap) in [
            ("mx/192.0.2.1", true, false),
            ("192.0.2.1", true, false),
            ("imap/2001:DB8:0::1", false, true),
            ("mx/fra", true, false),
            ("fra", true, true),
            ("imap", false, true),
            ("mx/2001:db8::1", false, false),
            ("mx/iad", false, false),
            ("127.0.0.1", false, false),
            ("", false, false),
        ] {
            let named = Named::read(text);
            assert_eq!((named.matches(&mx, "fra"), named.matches(&imap, "fra")), (of_mx, of_imap), "{text}");
        }
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(listed(["a", "b"].iter()), "a, b");
        assert!(listed(0..1000).ends_with("19 and 980 more"));
    }
}
