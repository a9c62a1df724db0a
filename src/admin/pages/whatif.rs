//! `GET /whatif`: what the sites would carry if some failed.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Html;

use super::bar::Bar;
use super::frame::{Frame, Screen};
use super::mark::Mark;
use super::{link, page};
use crate::admin::api::{Finding, ServiceForecast, SiteForecast, SiteNow, Status, WhatIf, WhatIfQuery};
use crate::admin::router::Shared;
use crate::admin::words::{amount, plain};
use crate::admin::{Caller, Problem};
use crate::model::Standing;

/// `GET /whatif?fail=fra&peak=true`
pub(super) async fn whatif(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(pairs) = query?;
    let status = shared.control.status();
    let caller = caller.map(|Extension(caller)| caller);
    let asked = WhatIfQuery::read(pairs);
    let chosen = asked.as_ref().cloned().unwrap_or_default();
    let outcome = match asked {
        Ok(query) if query.fail.is_empty() => None,
        Ok(query) => Some(shared.control.whatif(&query)),
        Err(problem) => Some(Err(problem)),
    };
    page(&Page::new(&status, &chosen, outcome, caller.as_ref()))
}

#[derive(Template)]
#[template(path = "whatif.html", config = "dashboards/operator/askama.toml")]
struct Page {
    frame: Frame,
    choices: Vec<Choice>,
    at_peak: bool,
    outcome: Outcome,
}

/// A site that may be said to fail.
struct Choice {
    name: String,
    is_chosen: bool,
}

enum Outcome {
    /// No site was named.
    Unasked,
    Told(Box<Told>),
    Problem {
        detail: String,
        remedy: String,
    },
}

struct Told {
    verdict: String,
    mark: Mark,
    /// Whether any site has a bound to draw a bar against.
    has_bars: bool,
    sites: Vec<Site>,
    services: Vec<Service>,
    command: String,
}

struct Site {
    name: String,
    link: String,
    fails: bool,
    /// Where it does not serve now.
    out: Vec<Out>,
    now: Bar,
    then: Bar,
    headroom: String,
}

/// What a site does now in place of serving.
struct Out {
    class: &'static str,
    shape: &'static str,
    said: String,
}

struct Service {
    name: String,
    demand: String,
    basis: String,
    spilled: String,
    unplaced: String,
    is_lost: bool,
}

impl Page {
    fn new(
        status: &Status,
        query: &WhatIfQuery,
        outcome: Option<Result<WhatIf, Problem>>,
        caller: Option<&Caller>,
    ) -> Self {
        let outcome = match outcome {
            None => Outcome::Unasked,
            Some(Ok(told)) => Outcome::Told(Box::new(Told::new(told))),
            Some(Err(problem)) => Outcome::Problem {
                detail: plain(&problem.detail),
                remedy: problem.remedy.as_deref().map_or_else(|| "choose among the sites above".to_owned(), plain),
            },
        };
        Self {
            frame: Frame::new(status, Screen::WhatIf, "What-if", caller),
            choices: choices(status, &query.fail),
            at_peak: query.peak,
            outcome,
        }
    }
}

fn choices(status: &Status, chosen: &[String]) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for site in status.services.iter().flat_map(|service| &service.sites) {
        if !choices.iter().any(|choice| choice.name == site.name) {
            choices.push(Choice { name: site.name.clone(), is_chosen: chosen.contains(&site.name) });
        }
    }
    choices
}

impl Told {
    fn new(told: WhatIf) -> Self {
        let peak = if told.peak { " --peak" } else { "" };
        let failing: Vec<String> = told.fail.iter().map(|site| format!(" --fail {site}")).collect();
        Self {
            verdict: plain(&told.verdict),
            mark: mark(&told),
            has_bars: told.sites.iter().any(|site| site.capacity.is_some()),
            sites: told.sites.iter().map(Site::new).collect(),
            services: told.services.iter().map(Service::new).collect(),
            command: plain(&format!("waypost whatif{}{peak}", failing.concat())),
        }
    }
}

fn mark(told: &WhatIf) -> Mark {
    match told.finding {
        _ if !told.fits => Mark { class: "down", shape: "✕", word: "does not fit" },
        Some(Finding::Unknown) => Mark { class: "unknown", shape: "?", word: "cannot say" },
        _ => Mark { class: "up", shape: "●", word: "fits" },
    }
}

impl Site {
    fn new(site: &SiteForecast) -> Self {
        Self {
            name: site.site.clone(),
            link: link::site(&site.site),
            fails: site.fails,
            out: site.now.iter().map(Out::new).collect(),
            now: bar(site.load, site.capacity),
            then: bar(site.predicted, site.capacity),
            headroom: match site.headroom_percent {
                _ if site.fails => "fails".to_owned(),
                Some(percent) => format!("{percent:.0}% free"),
                None => "no capacity declared".to_owned(),
            },
        }
    }
}

/// A bar beside which another column says what the site can carry.
fn bar(load: f64, capacity: Option<u64>) -> Bar {
    let bar = Bar::new(load, capacity);
    if capacity.is_none() { Bar { said: amount(load), ..bar } } else { bar }
}

impl Out {
    fn new(now: &SiteNow) -> Self {
        let mark = if now.standing == Standing::Serving { Mark::from(now.health) } else { Mark::from(now.standing) };
        Self { class: mark.class, shape: mark.shape, said: plain(&format!("{} now", now.said())) }
    }
}

impl Service {
    fn new(service: &ServiceForecast) -> Self {
        Self {
            name: service.service.clone(),
            demand: amount(service.demand),
            basis: service.basis.clone(),
            spilled: amount(service.spilled),
            unplaced: amount(service.unplaced),
            is_lost: service.unplaced > 0.0,
        }
    }
}
