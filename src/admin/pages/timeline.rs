//! `GET /timeline`: the journal, the newest first, sifted and in pages.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::response::Html;
use jiff::Timestamp;
use serde::Deserialize;

use super::frame::{Frame, Screen};
use super::incident::{IncidentRow, Promise};
use super::sift::{Found, Sieve, Subject, sifted};
use super::{EventRow, link, page};
use crate::admin::api::{IncidentList, ObjectivesReport, Status};
use crate::admin::bounds::{INCIDENTS_ON_PAGE, TIMELINE_ROWS};
use crate::admin::router::Shared;
use crate::admin::words::moment;
use crate::admin::{Caller, Problem, ProblemKind};

/// What of the journal is asked for; a form sends empty fields for what was left out.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    site: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    since: String,
    /// Only events before this id.
    #[serde(default)]
    before: Option<u64>,
}

/// `GET /timeline?site=&service=&kind=&since=&before=`
pub(super) async fn timeline(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(asked) = asked?;
    let sieve = asked.sieve()?;
    let status = shared.control.status();
    let newest = status.last_event.saturating_add(1);
    let caller = caller.map(|Extension(caller)| caller);
    let before = asked.before.unwrap_or(newest).min(newest);
    let found = sifted(&shared, &sieve, caller.as_ref(), (before, TIMELINE_ROWS)).await;
    let told =
        Told { incidents: shared.control.incidents(None, INCIDENTS_ON_PAGE), objectives: shared.control.objectives() };
    page(&Timeline::new(&status, (asked, sieve), found, &told, caller.as_ref()))
}

impl Asked {
    fn sieve(&self) -> Result<Sieve, Problem> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let subject = match given(&self.kind) {
            None => None,
            Some(word) => Some(Subject::ALL.into_iter().find(|subject| subject.word() == word).ok_or_else(|| {
                let words = Subject::ALL.map(Subject::word).join(", ");
                Problem::new(ProblemKind::Invalid, format!("'{word}' is no kind of event"))
                    .with_remedy(format!("the kinds are {words}"))
            })?),
        };
        let since = match given(&self.since) {
            None => None,
            Some(text) => Some(text.parse::<Timestamp>().map_err(|_| {
                Problem::new(ProblemKind::Invalid, format!("'{text}' is no time"))
                    .with_remedy("write it as in 2026-05-01T12:00:00Z")
            })?),
        };
        Ok(Sieve { site: given(&self.site), service: given(&self.service), subject, since })
    }
}

/// What the journal comes to.
struct Told {
    incidents: IncidentList,
    objectives: ObjectivesReport,
}

#[derive(Template)]
#[template(path = "timeline.html", config = "dashboards/operator/askama.toml")]
struct Timeline {
    frame: Frame,
    incidents: Vec<IncidentRow>,
    month: String,
    promises: Vec<Promise>,
    sites: Vec<Offered>,
    services: Vec<Offered>,
    kinds: Vec<Offered>,
    since: String,
    is_sifted: bool,
    events: Vec<EventRow>,
    problem: Option<String>,
    newest: Option<String>,
    older: Option<String>,
}

/// Something that the form offers.
struct Offered {
    word: String,
    title: String,
    is_chosen: bool,
}

impl Timeline {
    fn new(
        status: &Status,
        (asked, sieve): (Asked, Sieve),
        found: Result<Found, Problem>,
        told: &Told,
        caller: Option<&Caller>,
    ) -> Self {
        let query = query(&sieve);
        let (found, problem) = match found {
            Ok(found) => (found, None),
            Err(problem) => (Found { events: Vec::new(), older: None }, Some(problem.detail)),
        };
        let sites = status.services.iter().flat_map(|service| &service.sites).map(|site| site.name.as_str());
        let services = status.services.iter().map(|service| service.name.as_str());
        let kinds = Subject::ALL.into_iter().map(|subject| Offered {
            word: subject.word().to_owned(),
            title: subject.title().to_owned(),
            is_chosen: sieve.subject == Some(subject),
        });
        Self {
            frame: Frame::new(status, Screen::Timeline, "Timeline", caller),
            incidents: told.incidents.incidents.iter().map(|it| IncidentRow::new(it, status.time)).collect(),
            month: told.objectives.month.clone(),
            promises: Promise::all(&told.objectives),
            sites: offered(sites, sieve.site.as_deref()),
            services: offered(services, sieve.service.as_deref()),
            kinds: kinds.collect(),
            since: sieve.since.map(moment).unwrap_or_default(),
            is_sifted: sieve != Sieve::default(),
            events: found.events.iter().map(EventRow::new).collect(),
            problem,
            newest: asked.before.map(|_| format!("/timeline?{query}")),
            older: found.older.map(|older| format!("/timeline?{query}before={older}")),
        }
    }
}

/// Each name once, and the chosen one though nothing has it any more.
fn offered<'n>(names: impl Iterator<Item = &'n str>, chosen: Option<&'n str>) -> Vec<Offered> {
    let mut all: Vec<&str> = names.chain(chosen).collect();
    all.sort_unstable();
    all.dedup();
    let offer = |name: &str| Offered { word: name.to_owned(), title: name.to_owned(), is_chosen: chosen == Some(name) };
    all.into_iter().map(offer).collect()
}

/// The part of an address that sifts in the same way; empty or with `&` at its end.
fn query(sieve: &Sieve) -> String {
    let since = sieve.since.map(moment);
    let pairs = [
        ("site", sieve.site.as_deref()),
        ("service", sieve.service.as_deref()),
        ("kind", sieve.subject.map(Subject::word)),
        ("since", since.as_deref()),
    ];
    let given = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key}={}&", link::encoded(value?))));
    given.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_sifts_as_the_form_did() {
        let asked = Asked {
            site: " fra&x ".into(),
            kind: "orders".into(),
            since: "2026-05-01T12:00:00Z".into(),
            ..Asked::default()
        };
        let sieve = asked.sieve().unwrap();
        assert_eq!(query(&sieve), "site=fra%26x&kind=orders&since=2026-05-01T12%3A00%3A00Z&");
        assert_eq!(query(&Sieve::default()), "");
        for (kind, since) in [("nonsense", ""), ("", "yesterday")] {
            let asked = Asked { kind: kind.into(), since: since.into(), ..Asked::default() };
            let problem = asked.sieve().unwrap_err();
            assert_eq!(problem.kind, ProblemKind::Invalid);
            assert!(problem.remedy.is_some());
        }
    }
}
