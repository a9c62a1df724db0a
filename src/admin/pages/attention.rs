//! What needs attention: the worst first, each with where to look and what to do.

use jiff::Timestamp;

use super::link;
use super::mark::Mark;
use super::when::When;
use crate::admin::api::{Findings, ServiceStatus, SiteStatus, Status};
use crate::admin::bounds::EXPIRES_SOON;
use crate::admin::unison::troubles;
use crate::admin::words::{between, end, order, plain, tier, undo};
use crate::model::{Intent, IntentKind, Lifetime, Standing, State, Tier};
use crate::plan::incidents::{Incident, IncidentPhase};

/// Something that an engineer should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attention {
    pub(super) mark: Mark,
    /// What it is about.
    pub(super) subject: String,
    /// What is wrong with it.
    pub(super) what: String,
    /// Where to look.
    pub(super) link: String,
    /// What to do next.
    pub(super) next: String,
    /// Since when, where that is known; for what will happen: when.
    pub(super) when: Option<When>,
    /// The incident that it belongs to, and that is not over.
    pub(super) incident: Option<u64>,
}

const BAD: Mark = Mark { class: "down", shape: "✕", word: "failing" };
const WORN: Mark = Mark { class: "deferring", shape: "◐", word: "degraded" };
const HELD: Mark = Mark { class: "deferring", shape: "◐", word: "held" };
const ENDING: Mark = Mark { class: "drained", shape: "◇", word: "ending" };
const APART: Mark = Mark { class: "down", shape: "✕", word: "apart" };
const WARNED: Mark = Mark { class: "unknown", shape: "?", word: "warned" };
const SUSPECT: Mark = Mark { class: "unknown", shape: "?", word: "suspect" };

/// Dead, and named in answers all the same.
const BADLY_PINNED: fn(&SiteStatus) -> bool = SiteStatus::is_pinned_against_health;

/// All of it, the worst first; empty where all is well.
pub(super) fn attention(status: &Status, findings: &Findings, incidents: &[Incident]) -> Vec<Attention> {
    let now = status.time;
    let mut found: Vec<Attention> = status.services.iter().filter_map(last_resort).collect();
    found.extend(discord(status));
    found.extend(sites(status, incidents, BADLY_PINNED));
    found.extend(sites(status, incidents, |site| site.standing == Standing::Down));
    found.extend(sites(status, incidents, |site| site.standing == Standing::Deferring));
    found.extend(endpoints(status, incidents));
    found.extend(held(status));
    found.extend(ending(status));
    found.extend(status.degradations.iter().map(|degradation| Attention {
        mark: WORN,
        subject: degradation.part.clone(),
        what: plain(&degradation.detail),
        link: "/timeline".to_owned(),
        next: "See when it began in the timeline".to_owned(),
        when: Some(When::new(degradation.since, now)),
        incident: None,
    }));
    found.extend(lint(findings, now));
    found
}

/// What was found in the files: a load that was refused, and what is in force but probably not as meant.
fn lint(findings: &Findings, now: Timestamp) -> impl Iterator<Item = Attention> {
    let refused = findings.refused.as_ref().map(|refused| Attention {
        mark: WORN,
        subject: "the last load".to_owned(),
        what: "was refused; what ran before runs on".to_owned(),
        link: "/zones".to_owned(),
        next: "Correct what was found, then: waypost reload".to_owned(),
        when: Some(When::new(refused.time, now)),
        incident: None,
    });
    let warnings = findings.warnings.len().saturating_add(findings.warnings_more);
    let warned = (warnings > 0).then(|| Attention {
        mark: WARNED,
        subject: "configuration and zones".to_owned(),
        what: format!("{warnings} warning{}", if warnings == 1 { "" } else { "s" }),
        link: "/zones".to_owned(),
        next: "See what was found and how to mend it".to_owned(),
        when: Some(When::new(findings.loaded, now)),
        incident: None,
    });
    refused.into_iter().chain(warned)
}

/// A service that no site serves.
fn last_resort(service: &ServiceStatus) -> Option<Attention> {
    let mark = match service.tier {
        Tier::Serving => return None,
        Tier::Deferring => Mark::from(Standing::Deferring),
        Tier::Drained | Tier::Declared | Tier::Isolated => BAD,
    };
    let link = service.sites.first().map_or_else(|| "/".to_owned(), |site| link::site(&site.name));
    Some(Attention {
        mark,
        subject: service.name.clone(),
        what: tier(service.tier).to_owned(),
        link,
        next: "Bring one of its sites back: see what its endpoints say".to_owned(),
        when: None,
        incident: None,
    })
}

fn discord(status: &Status) -> impl Iterator<Item = Attention> {
    let told = status.cluster.iter().flat_map(|cluster| troubles(cluster, status.time));
    told.map(|trouble| Attention {
        mark: APART,
        subject: "nodes".to_owned(),
        what: plain(&trouble),
        link: "/nodes".to_owned(),
        next: "Compare the nodes".to_owned(),
        when: None,
        incident: None,
    })
}

/// The sites of which `holds` is true, each once with the services for which it is.
fn sites(status: &Status, incidents: &[Incident], holds: fn(&SiteStatus) -> bool) -> Vec<Attention> {
    let mut found: Vec<(&SiteStatus, Vec<&str>)> = Vec::new();
    for service in &status.services {
        for site in service.sites.iter().filter(|site| holds(site)) {
            match found.iter_mut().find(|(known, _)| known.name == site.name) {
                Some((_, services)) => services.push(&service.name),
                None => found.push((site, vec![&service.name])),
            }
        }
    }
    let next = |site: &SiteStatus, service: &str| match site.standing {
        Standing::Deferring => "Others are named before it; see what its endpoints say".to_owned(),
        Standing::Serving => pinned(status, &site.name, service),
        _ => "Answers leave it out by themselves; see what its endpoints say".to_owned(),
    };
    let told = found.into_iter().map(|(site, services)| Attention {
        mark: if BADLY_PINNED(site) { Mark::from(site.health) } else { Mark::from(site.standing) },
        subject: format!("{} for {}", site.name, services.join(", ")),
        what: plain(&site.reason),
        link: link::site(&site.name),
        next: next(site, services.first().copied().unwrap_or_default()),
        when: site.endpoints.iter().map(|endpoint| endpoint.since).max().map(|since| When::new(since, status.time)),
        incident: of_site(incidents, &site.name, &services),
    });
    told.collect()
}

/// The newest incident that is not over and that touched any of `services` at `site`.
fn of_site(incidents: &[Incident], site: &str, services: &[&str]) -> Option<u64> {
    let is_touched = |incident: &&Incident| {
        let mut places = incident.affected.iter();
        places.any(|place| place.site == site && services.contains(&place.service.as_str()))
    };
    let open = incidents.iter().filter(|incident| incident.phase != IncidentPhase::Closed);
    open.filter(is_touched).map(|incident| incident.id).max()
}

/// The pin in effect for `service` at `site`: an order about exactly this service wins over one about the whole site.
fn pin<'a>(status: &'a Status, site: &str, service: &str) -> Option<&'a Intent> {
    let in_effect = || status.orders.iter().map(|order| &order.intent).filter(|intent| !intent.is_waiting());
    let about = |of: Option<&str>| {
        in_effect().find(|intent| intent.scope.site == site && intent.scope.service.as_deref() == of)
    };
    about(Some(service)).or_else(|| about(None)).filter(|intent| intent.kind == IntentKind::Pin)
}

/// What a pin makes of an address that does not work, and how to end that.
fn pinned(status: &Status, site: &str, service: &str) -> String {
    let Some(pin) = pin(status, site, service) else {
        return "It is answered all the same: it is pinned".to_owned();
    };
    let (by, end, undo) = (plain(&pin.by), end(pin), undo(&pin.scope));
    format!("It is answered all the same: {} is pinned by {by} {end}; to let its health decide: {undo}", pin.scope)
}

/// Endpoints in trouble at sites that serve all the same; sites of which all are have been told of as a whole.
fn endpoints(status: &Status, incidents: &[Incident]) -> Vec<Attention> {
    let mut found = Vec::new();
    for service in &status.services {
        let serves = |site: &&SiteStatus| site.standing == Standing::Serving && !BADLY_PINNED(site);
        for site in service.sites.iter().filter(serves) {
            let is_pinned = pin(status, &site.name, &service.name).is_some();
            let troubled = site.endpoints.iter().filter(|endpoint| endpoint.state != State::Up || endpoint.suspect);
            found.extend(troubled.map(|endpoint| {
                let is_suspect = endpoint.suspect && endpoint.state == State::Up;
                Attention {
                    mark: if is_suspect { SUSPECT } else { Mark::from(endpoint.state) },
                    subject: format!("{} of {} at {}", endpoint.address, service.name, site.name),
                    what: plain(&endpoint.reason),
                    link: link::site(&site.name),
                    next: match endpoint.state {
                        State::Down | State::Deferring if is_pinned => pinned(status, &site.name, &service.name),
                        State::Up | State::Unknown => "It counts as up until it is judged".to_owned(),
                        _ => "The site serves without it; see what its monitors say".to_owned(),
                    },
                    when: Some(When::new(endpoint.since, status.time)),
                    incident: of_site(incidents, &site.name, &[&service.name]),
                }
            }));
        }
    }
    found
}

/// Orders whose next step a safety rule holds.
fn held(status: &Status) -> impl Iterator<Item = Attention> {
    status.orders.iter().filter_map(|standing| {
        let due = standing.next.as_ref()?;
        Some(Attention {
            mark: HELD,
            subject: order(&standing.intent),
            what: plain(due.held.as_ref()?),
            link: "#orders".to_owned(),
            next: format!("It goes on when the rule allows; to give it up: {}", undo(&standing.intent.scope)),
            when: Some(When::new(due.at, status.time)),
            incident: None,
        })
    })
}

/// Orders that end soon.
fn ending(status: &Status) -> impl Iterator<Item = Attention> {
    let now: Timestamp = status.time;
    status.orders.iter().filter_map(move |standing| {
        let Lifetime::Until(end) = standing.intent.lifetime else { return None };
        (between(now, end) <= EXPIRES_SOON).then(|| Attention {
            mark: ENDING,
            subject: order(&standing.intent),
            what: format!("Ends by itself; {} then takes part again as its health says", standing.intent.scope),
            link: "#orders".to_owned(),
            next: "Order it again with a later end to keep it".to_owned(),
            when: Some(When::new(end, now)),
            incident: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{Degradation, Due, OrderStatus};
    use crate::admin::status_samples::{endpoint, service, site, status};
    use crate::model::{Reach, Scope, Share};

    fn order(end: Lifetime, held: Option<&str>) -> OrderStatus {
        let now = status(vec![]).time;
        OrderStatus {
            intent: Intent {
                scope: Scope { site: "fra".into(), service: Some("mx".into()) },
                kind: IntentKind::Drain { share: Share::ALL },
                by: "alice".into(),
                reason: "x".into(),
                since: now,
                lifetime: end,
                revision: 1,
                forced: false,
                reach: Reach::Everywhere,
                schedule: None,
                drill: None,
            },
            remaining_seconds: None,
            next: held.map(|why| Due { at: now, share: None, held: Some(why.into()) }),
            drained_by: None,
        }
    }

    fn said(status: &Status) -> Vec<String> {
        attention(status, &Findings::default(), &[])
            .into_iter()
            .map(|item| format!("{} {}: {}", item.mark.word, item.subject, item.what))
            .collect()
    }

    #[test]
    fn where_all_is_well_nothing_needs_attention() {
        let well = site("fra", Standing::Serving, vec![endpoint(State::Up)]);
        let none = Findings::default();
        assert_eq!(attention(&status(vec![service("mx", vec![well])]), &none, &[]), []);
        assert_eq!(attention(&status(vec![]), &none, &[]), []);
    }

    #[test]
    fn a_site_that_is_down_for_several_services_is_told_of_once() {
        let down = || site("fra", Standing::Down, vec![endpoint(State::Down)]);
        let well = || site("iad", Standing::Serving, vec![endpoint(State::Up)]);
        let status = status(vec![service("mx", vec![down(), well()]), service("imap", vec![down(), well()])]);
        assert_eq!(said(&status), ["down fra for mx, imap: connection refused"]);
        assert_eq!(attention(&status, &Findings::default(), &[])[0].link, "/sites/fra");
    }

    #[test]
    fn a_dead_site_that_is_pinned_is_said_to_be_answered_and_by_whose_order() {
        let dead = site("fra", Standing::Serving, vec![endpoint(State::Down), endpoint(State::Down)]);
        let worn = site("iad", Standing::Serving, vec![endpoint(State::Down), endpoint(State::Up)]);
        let mut status = status(vec![service("mx", vec![dead, worn])]);
        let mut pin = order(Lifetime::UntilCleared, None);
        pin.intent.kind = IntentKind::Pin;
        status.orders = vec![pin];
        let found = attention(&status, &Findings::default(), &[]);
        let told: Vec<_> =
            found.iter().map(|item| (item.mark.word, item.subject.as_str(), item.next.as_str())).collect();
        let pinned = "It is answered all the same: fra/mx is pinned by alice until lifted; to let its health decide: \
                      waypost undrain fra --service mx";
        let without = "The site serves without it; see what its monitors say";
        assert_eq!(told, [("down", "fra for mx", pinned), ("down", "192.0.2.1 of mx at iad", without)]);
        // An address of a site that works by itself is answered as well, while the site is pinned.
        status.services[0].sites.remove(0);
        status.services[0].sites[0].name = "fra".into();
        assert_eq!(attention(&status, &Findings::default(), &[])[0].next, pinned);
        assert_eq!(super::super::frame::mood(&status).word, "needs attention");
    }

    #[test]
    fn a_drained_site_is_as_ordered_and_one_bad_endpoint_of_a_good_site_is_not() {
        let drained = site("iad", Standing::Drained, vec![endpoint(State::Up)]);
        let suspect = crate::admin::api::EndpointStatus { suspect: true, ..endpoint(State::Up) };
        let good = site("fra", Standing::Serving, vec![endpoint(State::Down), suspect, endpoint(State::Up)]);
        let told = said(&status(vec![service("mx", vec![good, drained])]));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("down 192.0.2.1 of mx at fra") && told[1].starts_with("suspect 192.0.2.1"));
    }

    #[test]
    fn the_worst_comes_first_and_each_has_a_next_step() {
        let mut status =
            status(vec![service("mx", vec![site("fra", Standing::Deferring, vec![endpoint(State::Deferring)])])]);
        status.services[0].tier = Tier::Declared;
        let soon = status.time.checked_add(jiff::SignedDuration::from_mins(10)).unwrap();
        let late = status.time.checked_add(jiff::SignedDuration::from_hours(10)).unwrap();
        status.orders = vec![
            order(Lifetime::Until(soon), None),
            order(Lifetime::Until(late), Some("min_sites")),
            order(Lifetime::UntilCleared, None),
        ];
        status.degradations = vec![Degradation { part: "store".into(), detail: "full".into(), since: status.time }];
        let line = crate::admin::api::FoundLine {
            place: "a:1".into(),
            found: "x".into(),
            expected: String::new(),
            remedy: "y".into(),
        };
        let findings = Findings { loaded: status.time, warnings: vec![line], ..Findings::default() };
        let found = attention(&status, &findings, &[]);
        let words: Vec<&str> = found.iter().map(|item| item.mark.word).collect();
        assert_eq!(words, ["failing", "deferring", "held", "ending", "degraded", "warned"]);
        assert!(found.iter().all(|item| !item.next.is_empty() && !item.link.is_empty()));
        assert!(found[2].next.contains("waypost undrain fra --service mx"));
    }
}
