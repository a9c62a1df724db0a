//! What needs attention: the worst first, each with where to look and what to do.

use jiff::Timestamp;

use super::link;
use super::mark::Mark;
use super::when::When;
use crate::admin::api::{Findings, ServiceStatus, SiteStatus, Status};
use crate::admin::bounds::EXPIRES_SOON;
use crate::admin::unison::troubles;
use crate::admin::words::{between, order, plain, tier, undo};
use crate::model::{Lifetime, Standing, State, Tier};

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
}

const BAD: Mark = Mark { class: "down", shape: "✕", word: "failing" };
const WORN: Mark = Mark { class: "deferring", shape: "◐", word: "degraded" };
const HELD: Mark = Mark { class: "deferring", shape: "◐", word: "held" };
const ENDING: Mark = Mark { class: "drained", shape: "◇", word: "ending" };
const APART: Mark = Mark { class: "down", shape: "✕", word: "apart" };
const WARNED: Mark = Mark { class: "unknown", shape: "?", word: "warned" };
const SUSPECT: Mark = Mark { class: "unknown", shape: "?", word: "suspect" };

/// All of it, the worst first; empty where all is well.
pub(super) fn attention(status: &Status, findings: &Findings) -> Vec<Attention> {
    let now = status.time;
    let mut found: Vec<Attention> = status.services.iter().filter_map(last_resort).collect();
    found.extend(discord(status));
    found.extend(sites(status, Standing::Down));
    found.extend(sites(status, Standing::Deferring));
    found.extend(endpoints(status));
    found.extend(held(status));
    found.extend(ending(status));
    found.extend(status.degradations.iter().map(|degradation| Attention {
        mark: WORN,
        subject: degradation.part.clone(),
        what: plain(&degradation.detail),
        link: "/timeline".to_owned(),
        next: "See when it began in the timeline".to_owned(),
        when: Some(When::new(degradation.since, now)),
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
    });
    let warnings = findings.warnings.len().saturating_add(findings.warnings_more);
    let warned = (warnings > 0).then(|| Attention {
        mark: WARNED,
        subject: "configuration and zones".to_owned(),
        what: format!("{warnings} warning{}", if warnings == 1 { "" } else { "s" }),
        link: "/zones".to_owned(),
        next: "See what was found and how to mend it".to_owned(),
        when: Some(When::new(findings.loaded, now)),
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
    })
}

/// The sites that stand so, each once with the services that it does.
fn sites(status: &Status, standing: Standing) -> Vec<Attention> {
    let mut found: Vec<(&SiteStatus, Vec<&str>)> = Vec::new();
    for service in &status.services {
        for site in service.sites.iter().filter(|site| site.standing == standing) {
            match found.iter_mut().find(|(known, _)| known.name == site.name) {
                Some((_, services)) => services.push(&service.name),
                None => found.push((site, vec![&service.name])),
            }
        }
    }
    let next = match standing {
        Standing::Deferring => "Others are named before it; see what its endpoints say",
        _ => "Answers leave it out by themselves; see what its endpoints say",
    };
    let told = found.into_iter().map(|(site, services)| Attention {
        mark: Mark::from(standing),
        subject: format!("{} for {}", site.name, services.join(", ")),
        what: plain(&site.reason),
        link: link::site(&site.name),
        next: next.to_owned(),
        when: site.endpoints.iter().map(|endpoint| endpoint.since).max().map(|since| When::new(since, status.time)),
    });
    told.collect()
}

/// Endpoints in trouble at sites that serve all the same.
fn endpoints(status: &Status) -> Vec<Attention> {
    let mut found = Vec::new();
    for service in &status.services {
        for site in service.sites.iter().filter(|site| site.standing == Standing::Serving) {
            let troubled = site.endpoints.iter().filter(|endpoint| endpoint.state != State::Up || endpoint.suspect);
            found.extend(troubled.map(|endpoint| {
                let is_suspect = endpoint.suspect && endpoint.state == State::Up;
                Attention {
                    mark: if is_suspect { SUSPECT } else { Mark::from(endpoint.state) },
                    subject: format!("{} of {} at {}", endpoint.address, service.name, site.name),
                    what: plain(&endpoint.reason),
                    link: link::site(&site.name),
                    next: match endpoint.state {
                        State::Unknown => "It counts as up until it is judged".to_owned(),
                        _ => "The site serves without it; see what its monitors say".to_owned(),
                    },
                    when: Some(When::new(endpoint.since, status.time)),
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
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::{Degradation, Due, OrderStatus};
    use crate::admin::status_samples::{endpoint, service, site, status};
    use crate::model::{Intent, IntentKind, Reach, Scope, Share};

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
        attention(status, &Findings::default())
            .into_iter()
            .map(|item| format!("{} {}: {}", item.mark.word, item.subject, item.what))
            .collect()
    }

    #[test]
    fn where_all_is_well_nothing_needs_attention() {
        let well = site("fra", Standing::Serving, vec![endpoint(State::Up)]);
        let none = Findings::default();
        assert_eq!(attention(&status(vec![service("mx", vec![well])]), &none), []);
        assert_eq!(attention(&status(vec![]), &none), []);
    }

    #[test]
    fn a_site_that_is_down_for_several_services_is_told_of_once() {
        let down = || site("fra", Standing::Down, vec![endpoint(State::Down)]);
        let well = || site("iad", Standing::Serving, vec![endpoint(State::Up)]);
        let status = status(vec![service("mx", vec![down(), well()]), service("imap", vec![down(), well()])]);
        assert_eq!(said(&status), ["down fra for mx, imap: connection refused"]);
        assert_eq!(attention(&status, &Findings::default())[0].link, "/sites/fra");
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
        let found = attention(&status, &findings);
        let words: Vec<&str> = found.iter().map(|item| item.mark.word).collect();
        assert_eq!(words, ["failing", "deferring", "held", "ending", "degraded", "warned"]);
        assert!(found.iter().all(|item| !item.next.is_empty() && !item.link.is_empty()));
        assert!(found[2].next.contains("waypost undrain fra --service mx"));
    }
}
