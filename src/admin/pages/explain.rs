//! `GET /explain`: why a client gets the answer it gets.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::frame::{Frame, Screen};
use super::mark::Mark;
use super::{link, page};
use crate::admin::api::{ExplainQuery, Explanation, Status};
use crate::admin::router::Shared;
use crate::admin::words::{plain, tier};
use crate::admin::{Caller, Problem};
use crate::answer;

/// Types that the form offers; any other can be typed into the address.
const TYPES: [&str; 12] = ["MX", "A", "AAAA", "SRV", "TXT", "NS", "SOA", "CNAME", "CAA", "TLSA", "HTTPS", "PTR"];

/// What was asked for; a form sends empty fields for what was left out.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    rtype: String,
    #[serde(default)]
    client: String,
}

/// `GET /explain?name=&type=&client=`
pub(super) async fn explain(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(asked) = asked?;
    let outcome = asked.query().map(|query| shared.control.explain(&query));
    let caller = caller.map(|Extension(caller)| caller);
    page(&Explain::new(&shared.control.status(), asked, outcome, caller.as_ref()))
}

impl Asked {
    /// The question; `None` where no name was given.
    fn query(&self) -> Option<ExplainQuery> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Some(ExplainQuery { name: given(&self.name)?, rtype: given(&self.rtype), client: given(&self.client) })
    }
}

#[derive(Template)]
#[template(path = "explain.html", config = "dashboards/operator/askama.toml")]
struct Explain {
    frame: Frame,
    name: String,
    client: String,
    types: Vec<Offered>,
    outcome: Outcome,
}

/// A type that the form offers.
struct Offered {
    name: String,
    is_chosen: bool,
}

enum Outcome {
    /// Nothing was asked yet.
    Unasked,
    Explained(Box<Explained>),
    /// What was asked cannot be answered, and what to do about it.
    Problem {
        detail: String,
        remedy: String,
    },
}

struct Explained {
    question: String,
    lines: Vec<String>,
    /// The rest, where the node's document is of a form that this page knows.
    answer: Option<Answer>,
    /// The command that says the same.
    command: String,
}

struct Answer {
    rcode: String,
    records: Vec<String>,
    steered: Vec<Steered>,
}

/// A steered RRset of the answer.
struct Steered {
    title: String,
    said: &'static str,
    rule: String,
    sites: Vec<Site>,
    declared: Vec<String>,
}

struct Site {
    name: String,
    link: String,
    standing: Mark,
    health: Mark,
    distance: String,
    answered: &'static str,
    reason: String,
}

impl Explain {
    fn new(
        status: &Status,
        asked: Asked,
        outcome: Option<Result<Explanation, Problem>>,
        caller: Option<&Caller>,
    ) -> Self {
        let title = if asked.name.is_empty() { "Explain".to_owned() } else { format!("Explain {}", asked.name) };
        let outcome = match outcome {
            None => Outcome::Unasked,
            Some(Ok(explanation)) => Outcome::Explained(Box::new(Explained::new(&asked, explanation))),
            Some(Err(problem)) => Outcome::Problem {
                detail: plain(&problem.detail),
                remedy: problem.remedy.as_deref().map_or_else(|| "correct the form and ask again".to_owned(), plain),
            },
        };
        Self {
            frame: Frame::new(status, Screen::Explain, title, caller),
            types: types(&asked.rtype),
            outcome,
            name: asked.name,
            client: asked.client,
        }
    }
}

/// The types to choose from, with the one that was asked for.
fn types(chosen: &str) -> Vec<Offered> {
    let chosen = if chosen.is_empty() { "MX".to_owned() } else { chosen.to_ascii_uppercase() };
    let mut offered: Vec<Offered> =
        TYPES.iter().map(|name| Offered { name: (*name).to_owned(), is_chosen: *name == chosen }).collect();
    if !offered.iter().any(|offered| offered.is_chosen) {
        offered.push(Offered { name: chosen, is_chosen: true });
    }
    offered
}

impl Explained {
    fn new(asked: &Asked, explanation: Explanation) -> Self {
        let detail: Option<answer::Explanation> = serde_json::from_value(explanation.detail).ok();
        let rtype = detail.as_ref().map_or_else(|| asked.rtype.clone(), |detail| detail.rtype.clone());
        let client = asked.client.trim();
        let from = if client.is_empty() { "a client of unknown place".to_owned() } else { format!("client {client}") };
        let option = if client.is_empty() { String::new() } else { format!(" --client {client}") };
        Self {
            question: plain(&format!("{} {rtype}, {from}", asked.name)),
            command: plain(&format!("waypost explain {} {rtype}{option}", asked.name)),
            lines: explanation.lines.iter().map(|line| plain(line)).collect(),
            answer: detail.map(Answer::new),
        }
    }
}

impl Answer {
    fn new(detail: answer::Explanation) -> Self {
        let records = detail.answer.iter().map(|record| plain(record)).collect();
        let steered = detail.steered.iter().map(|steered| Steered {
            title: format!("{} {} by service {} ({})", steered.owner, steered.rtype, steered.service, steered.policy),
            said: tier(steered.tier),
            rule: plain(&steered.rule),
            declared: steered.declared.iter().map(|record| plain(record)).collect(),
            sites: steered.sites.iter().map(Site::new).collect(),
        });
        Self { rcode: detail.rcode.clone(), records, steered: steered.collect() }
    }
}

impl Site {
    fn new(site: &answer::SiteExplanation) -> Self {
        Self {
            name: site.name.clone(),
            link: link::site(&site.name),
            standing: Mark::from(site.standing),
            health: Mark::from(site.health),
            distance: site.distance_km.map_or_else(|| "not known".to_owned(), |distance| format!("{distance} km")),
            answered: if site.answered { "yes" } else { "no" },
            reason: plain(&site.reason),
        }
    }
}
