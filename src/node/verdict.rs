//! The verdict: how the node and its services do, in one sentence.

use super::picture::StandingOrder;
use crate::admin::api::{ServiceStatus, SiteStatus, words};
use crate::model::{Standing, State, Tier};

/// All of it in one sentence, the worst first.
#[must_use]
pub fn sentence<'a>(
    services: &[ServiceStatus],
    orders: &[StandingOrder],
    degraded: impl Iterator<Item = &'a str>,
) -> String {
    let last_resort: Vec<&str> =
        services.iter().filter(|service| service.tier >= Tier::Declared).map(|service| service.name.as_str()).collect();
    if !last_resort.is_empty() {
        return format!("No site works for {}: answers are the declared records.", last_resort.join(", "));
    }
    let mut troubles = Vec::new();
    for service in services {
        let named = |standing: Standing| {
            let names: Vec<&str> =
                service.sites.iter().filter(|site| site.standing == standing).map(|site| site.name.as_str()).collect();
            (!names.is_empty()).then(|| format!("{} {}", names.join(", "), standing.as_str()))
        };
        let pinned = |health: State| {
            let against = |site: &&SiteStatus| site.is_pinned_against_health() && site.health == health;
            let names: Vec<&str> = service.sites.iter().filter(against).map(|site| site.name.as_str()).collect();
            (!names.is_empty()).then(|| format!("{} pinned although {}", names.join(", "), health.as_str()))
        };
        // Answers that name a dead site send clients to nobody: as bad as a site that is down, and nothing moves them away.
        let worst = pinned(State::Down).into_iter();
        let out: Vec<String> = worst
            .chain(
                [Standing::Down, Standing::Isolated, Standing::Drained, Standing::Deferring]
                    .into_iter()
                    .filter_map(named),
            )
            .chain(pinned(State::Deferring))
            .collect();
        if !out.is_empty() {
            let serves = |site: &&SiteStatus| site.standing == Standing::Serving && !site.is_pinned_against_health();
            let left = service.sites.iter().filter(serves).count();
            troubles.push(format!(
                "{}: {} ({left} of {} sites serve)",
                service.name,
                out.join(", "),
                service.sites.len()
            ));
        }
    }
    let held = orders.iter().filter(|order| order.held.is_some()).map(|order| &order.intent);
    troubles.extend(held.map(|intent| format!("{} is held by a safety rule", words::order(intent))));
    let degraded: Vec<&str> = degraded.collect();
    if !degraded.is_empty() {
        troubles.push(format!("degraded: {}", degraded.join(", ")));
    }
    match troubles.as_slice() {
        [] if services.is_empty() => "No service is configured: zones are answered as declared.".to_owned(),
        [] => "All sites of all services work.".to_owned(),
        troubles => format!("{}.", troubles.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::status_samples::{endpoint, service, site};

    fn said(sites: Vec<SiteStatus>) -> String {
        sentence(&[service("mx", sites)], &[], std::iter::empty())
    }

    #[test]
    fn a_dead_site_that_is_pinned_does_not_work() {
        let well = || site("iad", Standing::Serving, vec![endpoint(State::Up)]);
        assert_eq!(said(vec![well()]), "All sites of all services work.");
        let pinned = |state| site("fra", Standing::Serving, vec![endpoint(state)]);
        assert_eq!(said(vec![pinned(State::Down), well()]), "mx: fra pinned although down (1 of 2 sites serve).");
        let worn = said(vec![pinned(State::Deferring), well()]);
        assert_eq!(worn, "mx: fra pinned although deferring (1 of 2 sites serve).");
        let drained = site("nrt", Standing::Drained, vec![endpoint(State::Up)]);
        let both = said(vec![pinned(State::Down), well(), drained]);
        assert_eq!(both, "mx: fra pinned although down, nrt drained (1 of 3 sites serve).");
    }
}
