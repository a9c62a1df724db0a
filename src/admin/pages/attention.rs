//! What needs attention: the worst first, each with where to look and what to do.

use jiff::Timestamp;

use super::link;
use super::mark::Mark;
use super::when::When;
use crate::admin::api::{ServiceStatus, SiteStatus, Status};
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
const SUSPECT: Mark = Mark { class: "unknown", shape: "?", word: "suspect" };

/// All of it, the worst first; empty where all is well.
pub(super) fn attention(status: &Status) -> Vec<Attention> {
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
    found
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
