//! Metrics of sites, endpoints and orders.

use super::metrics::{Labels, Page, seconds_since_1970};
use super::picture::Picture;
use super::status::{Surroundings, is_named, wall_of};
use crate::model::{Lifetime, Share, Standing, State};

/// Adds what sites do, how their endpoints are, and what was ordered.
pub fn register(page: &mut Page, picture: &Picture, around: &Surroundings<'_>) {
    sites(page, picture, around);
    endpoints(page, picture);
    intents(page, picture);
}

fn sites(page: &mut Page, picture: &Picture, around: &Surroundings<'_>) {
    let standing = page.gauges("site_standing", "1 for what a site does for a service, 0 for what it does not");
    let in_service = page.gauges("site_in_service", "1 for a site that answers of a service may send clients to");
    let drained = page.gauges("site_drained_ratio", "The part of a site's clients that an order moves away");
    let spilled = page.gauges("site_spilled_ratio", "The part of a full site's clients that see it after the others");
    let help = "When no well-behaved cache names a site any more that answers name no more, since 1970";
    let drained_by = page.seconds("drained_by_timestamp", help);
    for ((ix, service), plan) in picture.topology.services().zip(&picture.plan.services) {
        for (site, outcome) in service.sites.iter().zip(&plan.sites) {
            let name = picture.topology.site_name(*site).to_owned();
            let of = |more: Option<(&'static str, String)>| {
                [("service", service.name.clone()), ("site", name.clone())].into_iter().chain(more).collect::<Labels>()
            };
            for word in [Standing::Serving, Standing::Deferring, Standing::Drained, Standing::Down, Standing::Isolated]
            {
                let labels = of(Some(("standing", word.as_str().to_owned())));
                standing.get_or_create(&labels).set(flag(outcome.standing == word));
            }
            let serves = outcome.standing.is_in_service();
            in_service.get_or_create(&of(None)).set(flag(serves));
            drained.get_or_create(&of(None)).set(ratio(outcome.drained));
            spilled.get_or_create(&of(None)).set(ratio(outcome.spilled));
            if !is_named(picture, ix, *site)
                && let Some(by) = around.usage.drained_by(&service.name, &name)
            {
                drained_by.get_or_create(&of(None)).set(seconds_since_1970(wall_of(around.clock, by)));
            }
        }
    }
}

fn endpoints(page: &mut Page, picture: &Picture) {
    let state = page.gauges("endpoint_state", "1 for the agreed state of an endpoint, 0 for the others");
    let suspect = page.gauges("endpoint_suspect", "1 while evidence against an endpoint gathers");
    for ((_, endpoint), health) in picture.topology.endpoints().zip(picture.health.iter()) {
        let key = picture.topology.key(endpoint);
        let of = |more: Option<(&'static str, String)>| {
            [
                ("service", key.service.clone()),
                ("site", picture.topology.site_name(endpoint.site).to_owned()),
                ("address", key.address.to_string()),
            ]
            .into_iter()
            .chain(more)
            .collect::<Labels>()
        };
        for word in [State::Up, State::Deferring, State::Down, State::Unknown] {
            state.get_or_create(&of(Some(("state", word.as_str().to_owned())))).set(flag(health.state == word));
        }
        suspect.get_or_create(&of(None)).set(flag(health.suspect));
    }
}

fn intents(page: &mut Page, picture: &Picture) {
    let standing = page.gauges("intent", "1 for each order that stands");
    let help = "When an order ends by itself, since 1970; none for one that stands until it is lifted";
    let expires = page.seconds("intent_expires_timestamp", help);
    for order in picture.orders.iter() {
        let intent = &order.intent;
        let labels = vec![
            ("site", intent.scope.site.clone()),
            ("service", intent.scope.service.clone().unwrap_or_default()),
            ("kind", intent.kind.as_str().to_owned()),
        ];
        standing.get_or_create(&labels).set(1.0);
        if let Lifetime::Until(end) = intent.lifetime {
            expires.get_or_create(&labels).set(seconds_since_1970(end));
        }
    }
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

fn ratio(share: Share) -> f64 {
    f64::from(share.permille()) / 1000.0
}
