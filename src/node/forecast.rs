//! Documents about load: what sites carry, and what they would if some failed or an order stood.

use jiff::Timestamp;

use super::picture::Picture;
use crate::admin::api::{
    Finding, ServiceForecast, ServicePart, SiteForecast, SiteLoadStatus, SiteNow, ViewForecast, WhatIf, WhatIfQuery,
};
use crate::admin::{Problem, ProblemKind};
use crate::model::{Plan, Service, ServiceIx, Site, SiteIx, SiteSet, Standing, State, Topology};
use crate::plan::{self, Demand, Forecast, SiteLoad, ViewLoad, ViewRate, amount, forecast};

/// Views of a service that a document lists.
const VIEWS: usize = 100;

/// Whether any site has a bound, so that load matters.
#[must_use]
pub fn is_bounded(topology: &Topology) -> bool {
    topology.sites.iter().any(|site| site.capacity.is_some())
}

/// The sites that `query` lets fail.
///
/// # Errors
/// If one of them is not declared, or none is named.
pub fn failing(topology: &Topology, query: &WhatIfQuery) -> Result<SiteSet, Problem> {
    let known = || topology.sites.iter().map(|site| site.name.as_str()).collect::<Vec<_>>().join(", ");
    if query.fail.is_empty() {
        return Err(Problem::new(ProblemKind::Invalid, "no site is named that fails")
            .with_remedy(format!("name one with fail; the sites are {}", known())));
    }
    let find = |name: &String| {
        topology.site_named(name).ok_or_else(|| {
            Problem::new(ProblemKind::NotFound, format!("there is no site '{name}'"))
                .with_remedy(format!("the sites are {}", known()))
        })
    };
    query.fail.iter().map(find).collect()
}

/// What the sites would carry if those of `query` failed.
///
/// # Errors
/// As [`failing`].
pub fn whatif(
    picture: &Picture,
    query: &WhatIfQuery,
    rates: &[ViewRate],
    demands: &[Demand],
    time: Timestamp,
) -> Result<WhatIf, Problem> {
    let topology = &picture.topology;
    let failed = failing(topology, query)?;
    let now = forecast(topology, &picture.plan, demands, SiteSet::EMPTY);
    let then = forecast(topology, &picture.plan, demands, failed);
    let fail: Vec<String> = failed.iter().map(|site| topology.site_name(site).to_owned()).collect();
    Ok(WhatIf {
        schema: WhatIf::SCHEMA.to_owned(),
        node: picture.settings.node.name.clone(),
        time,
        generation: picture.plan.generation,
        peak: query.peak,
        fits: then.fits(),
        finding: Some(finding(topology, &then)),
        verdict: verdict(topology, &fail, &now, &then),
        sites: sites(topology, &picture.plan, &now, &then, failed),
        services: services(topology, rates, demands, &then),
        fail,
    })
}

/// What each site carries under `before` and would under `after`; empty where no site has a bound.
#[must_use]
pub fn preview(topology: &Topology, before: &Plan, after: &Plan, demands: &[Demand]) -> Vec<SiteForecast> {
    // A plan of another topology is none that can be compared.
    if !is_bounded(topology) || before.services.len() != after.services.len() {
        return Vec::new();
    }
    let now = forecast(topology, before, demands, SiteSet::EMPTY);
    let then = forecast(topology, after, demands, SiteSet::EMPTY);
    sites(topology, before, &now, &then, SiteSet::EMPTY)
}

/// What each site carries; empty where no site has a bound.
#[must_use]
pub fn loads(picture: &Picture, now: &[Demand], peak: &[Demand]) -> Vec<SiteLoadStatus> {
    let topology = &picture.topology;
    if !is_bounded(topology) {
        return Vec::new();
    }
    let now = forecast(topology, &picture.plan, now, SiteSet::EMPTY);
    let peak = forecast(topology, &picture.plan, peak, SiteSet::EMPTY);
    let load = |((site, now), peak): ((&Site, &SiteLoad), &SiteLoad)| SiteLoadStatus {
        site: site.name.clone(),
        capacity: site.capacity,
        load: shown(now.load),
        peak: shown(peak.load),
    };
    topology.sites.iter().zip(&now.sites).zip(&peak.sites).map(load).collect()
}

fn sites(topology: &Topology, plan: &Plan, now: &Forecast, then: &Forecast, failed: SiteSet) -> Vec<SiteForecast> {
    let site = |(((ix, site), now), then): (((SiteIx, &Site), &SiteLoad), &SiteLoad)| {
        let fails = failed.contains(ix);
        SiteForecast {
            site: site.name.clone(),
            fails,
            capacity: site.capacity,
            load: shown(now.load),
            predicted: shown(then.load),
            sent: shown(then.sent),
            headroom_percent: then.headroom().filter(|_| !fails).map(|part| shown(part * 100.0)),
            services: parts(topology, now, then),
            now: out(topology, plan, ix),
        }
    };
    topology.sites().zip(&now.sites).zip(&then.sites).map(site).collect()
}

/// Where a site does not serve under `plan`.
fn out(topology: &Topology, plan: &Plan, site: SiteIx) -> Vec<SiteNow> {
    let mut told: Vec<SiteNow> = Vec::new();
    let mut all = 0_usize;
    for (service, outcome) in topology.services.iter().zip(&plan.services) {
        let position = service.sites.iter().position(|of| *of == site);
        let Some(here) = position.and_then(|position| outcome.sites.get(position)) else { continue };
        all += 1;
        let (standing, health) = (here.standing, here.health);
        if standing == Standing::Serving && health != State::Down {
            continue;
        }
        match told.iter_mut().find(|known| known.standing == standing) {
            Some(known) => known.services.push(service.name.clone()),
            None => told.push(SiteNow { standing, health, services: vec![service.name.clone()] }),
        }
    }
    for known in &mut told {
        if known.services.len() == all {
            known.services.clear();
        }
    }
    told
}

fn parts(topology: &Topology, now: &SiteLoad, then: &SiteLoad) -> Vec<ServicePart> {
    let of = topology.services.iter().zip(&now.by_service).zip(&then.by_service);
    of.filter(|((_, now), then)| **now > 0.0 || **then > 0.0)
        .map(|((service, now), then)| ServicePart {
            service: service.name.clone(),
            load: shown(*now),
            predicted: shown(*then),
        })
        .collect()
}

fn services(topology: &Topology, rates: &[ViewRate], demands: &[Demand], then: &Forecast) -> Vec<ServiceForecast> {
    let of = |ix: ServiceIx| demands.iter().zip(&then.views).filter(move |(demand, _)| demand.service == ix);
    let service = |(ix, service): (ServiceIx, &Service)| {
        let sum = |part: fn(&ViewLoad) -> f64| shown(of(ix).map(|(_, view)| part(view)).sum());
        let mut moved: Vec<_> = of(ix).filter(|(_, view)| shown(view.spilled + view.unplaced) > 0.0).collect();
        moved.sort_by(|(_, a), (_, b)| (b.spilled + b.unplaced).total_cmp(&(a.spilled + a.unplaced)));
        ServiceForecast {
            service: service.name.clone(),
            basis: plan::basis(service, rates).as_str().to_owned(),
            demand: sum(|view| view.demand),
            spilled: sum(|view| view.spilled),
            unplaced: sum(|view| view.unplaced),
            steered: plan::spills(service),
            views: moved
                .into_iter()
                .take(VIEWS)
                .map(|(demand, view)| ViewForecast {
                    order: demand.order.iter().map(|site| topology.site_name(*site).to_owned()).collect(),
                    demand: shown(view.demand),
                    spilled: shown(view.spilled),
                    unplaced: shown(view.unplaced),
                })
                .collect(),
        }
    };
    topology.services().map(service).collect()
}

fn finding(topology: &Topology, then: &Forecast) -> Finding {
    match () {
        () if !then.fits() => Finding::DoesNotFit,
        () if then.demand() <= 0.0 || !is_bounded(topology) => Finding::Unknown,
        () => Finding::Fits,
    }
}

/// All of it in one sentence.
fn verdict(topology: &Topology, fail: &[String], now: &Forecast, then: &Forecast) -> String {
    let fail = fail.join(", ");
    let demand = amount(then.demand());
    if !then.stranded.is_empty() {
        let names: Vec<&str> =
            then.stranded.iter().filter_map(|ix| topology.service(*ix)).map(|service| service.name.as_str()).collect();
        let already = if now.stranded == then.stranded { ", nor is one there now" } else { "" };
        return format!("Does not fit: without {fail}, no site that works is left for {}{already}.", names.join(", "));
    }
    if then.demand() <= 0.0 {
        return format!(
            "Cannot say whether the other sites carry it without {fail}: no demand is known. Nothing was asked for yet, and \
             no service says its demand."
        );
    }
    if !then.fits() {
        let already = if now.fits() { "" } else { ", and not everything fits now" };
        return format!(
            "Does not fit: without {fail}, {} of {demand} find no place{already}.",
            amount(then.unplaced())
        );
    }
    if !is_bounded(topology) {
        return format!(
            "Cannot say whether the other sites carry all {demand} without {fail}: no site says its capacity."
        );
    }
    let spilled: f64 = then.views.iter().map(|view| view.spilled).sum();
    let full: Vec<&str> = topology
        .sites
        .iter()
        .zip(&then.sites)
        .filter(|(_, load)| load.sent > load.load)
        .map(|(site, _)| site.name.as_str())
        .collect();
    if full.is_empty() || shown(spilled) <= 0.0 {
        return format!("Fits: without {fail}, the other sites carry all {demand}.");
    }
    format!(
        "Fits: without {fail}, the other sites carry all {demand}; {} of it spill over from {}, which {} full.",
        amount(spilled),
        full.join(", "),
        if full.len() == 1 { "is" } else { "are" }
    )
}

/// An amount as documents show it: to the hundredth.
fn shown(amount: f64) -> f64 {
    // The sum of nothing is a negative zero.
    (amount * 100.0).round() / 100.0 + 0.0
}
