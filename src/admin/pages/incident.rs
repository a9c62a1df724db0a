//! `GET /timeline/{incident}`: one incident, measured from the journal; and how incidents and objectives stand in lists.

use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::Html;
use jiff::Timestamp;

use super::frame::{Frame, Screen};
use super::mark::Mark;
use super::when::When;
use super::{EventRow, link, may_read, page};
use crate::admin::api::{Kept, ObjectivesReport, ServiceObjectives, Status};
use crate::admin::bounds::EVENTS_LONGEST;
use crate::admin::router::Shared;
use crate::admin::words::{plain, span};
use crate::admin::{Caller, Problem, ProblemKind};
use crate::model::Event;
use crate::plan::incidents::{Affected, Incident, IncidentPhase, OrderGiven};

/// `GET /timeline/{incident}`
pub(super) async fn incident(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let found = id.parse().ok().and_then(|id| shared.control.incident(id));
    let document = found.ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, format!("there is no incident '{id}', or it is too old to be kept"))
            .with_remedy("the timeline lists those that are kept, and the journal tells of older ones")
    })?;
    let incident = document.incident;
    let events = shared.control.events(incident.id.saturating_sub(1), EVENTS_LONGEST).await;
    let caller = caller.map(|Extension(caller)| caller);
    page(&Page::new(&shared.control.status(), &incident, events, caller.as_ref()))
}

#[derive(Template)]
#[template(path = "incident.html", config = "dashboards/operator/askama.toml")]
struct Page {
    frame: Frame,
    row: IncidentRow,
    node: String,
    places: Vec<Place>,
    places_more: usize,
    orders: Vec<Order>,
    orders_more: usize,
    events: Vec<EventRow>,
    /// Whether the incident has more events than a page shows.
    is_cut: bool,
    problem: Option<String>,
    /// Where it is as Markdown.
    markdown: String,
}

/// An incident as a row of a list.
pub(super) struct IncidentRow {
    pub(super) id: u64,
    pub(super) link: String,
    pub(super) title: String,
    pub(super) phase: Mark,
    pub(super) began: When,
    pub(super) lasted: String,
    /// `1.7 to 1.12`, of plans.
    pub(super) generations: String,
}

/// A site of a service that the incident touched.
struct Place {
    service: String,
    site: String,
    link: String,
    worst: Mark,
    first_failed: String,
    withdrawn: String,
    drained_by: String,
    back: String,
    detection: String,
    withdrawal: String,
    recovery: String,
    relapses: u32,
    /// Its endpoints that were not well, each in words.
    endpoints: Vec<Endpoint>,
    endpoints_more: usize,
}

struct Endpoint {
    address: String,
    worst: Mark,
    reason: String,
}

struct Order {
    event: u64,
    when: When,
    what: String,
    by: String,
    reason: String,
}

impl IncidentRow {
    pub(super) fn new(incident: &Incident, now: Timestamp) -> Self {
        Self {
            id: incident.id,
            link: format!("/timeline/{}", incident.id),
            title: plain(&incident.title()),
            phase: phase(incident.phase),
            began: When::new(incident.began, now),
            lasted: span(incident.duration(now)),
            generations: match (incident.first_generation, incident.last_generation) {
                (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
                (Some(only), _) | (_, Some(only)) => only.to_string(),
                (None, None) => "none".to_owned(),
            },
        }
    }
}

const fn phase(phase: IncidentPhase) -> Mark {
    let (class, shape) = match phase {
        IncidentPhase::Open => ("down", "✕"),
        IncidentPhase::Recovering => ("deferring", "◐"),
        IncidentPhase::Closed => ("serving", "●"),
    };
    Mark { class, shape, word: phase.as_str() }
}

impl Page {
    fn new(status: &Status, incident: &Incident, events: Result<Vec<Event>, Problem>, caller: Option<&Caller>) -> Self {
        let now = status.time;
        let row = IncidentRow::new(incident, now);
        let (events, problem) = match events {
            Ok(events) => (events, None),
            Err(problem) => (Vec::new(), Some(plain(&problem.detail))),
        };
        let is_cut = events.last().is_some_and(|last| last.id < incident.last_event);
        let of_incident = events.iter().filter(|event| event.id <= incident.last_event && may_read(caller, event));
        let mut frame = Frame::new(status, Screen::Timeline, format!("Incident {}", incident.id), caller);
        frame.back.clone_from(&row.link);
        Self {
            frame,
            node: plain(&incident.node),
            places: incident.affected.iter().map(|place| Place::new(place, now)).collect(),
            places_more: incident.affected_more,
            orders: incident.orders.iter().map(|order| Order::new(order, now)).collect(),
            orders_more: incident.orders_more,
            events: of_incident.map(EventRow::new).collect(),
            is_cut,
            problem,
            markdown: format!("/api/v1/incidents/{}?format=md", incident.id),
            row,
        }
    }
}

impl Place {
    fn new(place: &Affected, now: Timestamp) -> Self {
        let endpoint = |trouble: &crate::plan::incidents::EndpointTrouble| Endpoint {
            address: trouble.address.to_string(),
            worst: Mark::from(trouble.worst),
            reason: plain(&trouble.reason),
        };
        Self {
            service: place.service.clone(),
            site: place.site.clone(),
            link: link::site(&place.site),
            worst: Mark::from(place.worst),
            first_failed: time(place.first_failed),
            withdrawn: time(place.withdrawn),
            drained_by: format!("{}{}", time(place.drained_by), expected(place, now)),
            back: time(place.back),
            detection: took(place.measured.detection_ms),
            withdrawal: took(place.measured.withdrawal_ms),
            recovery: match place.measured.recovery_ms {
                Some(_) => format!("{}{}", took(place.measured.recovery_ms), expected(place, now)),
                None => took(None),
            },
            relapses: place.relapses,
            endpoints: place.endpoints.iter().map(endpoint).collect(),
            endpoints_more: place.endpoints_more,
        }
    }
}

/// ` (expected)`, while caches may still name the site.
fn expected(place: &Affected, now: Timestamp) -> &'static str {
    if place.is_expected(now) { " (expected)" } else { "" }
}

impl Order {
    fn new(order: &OrderGiven, now: Timestamp) -> Self {
        Self {
            event: order.event,
            when: When::new(order.time, now),
            what: plain(&format!("{}: {}", order.action.as_str(), order.what)),
            by: plain(&order.by),
            reason: plain(&order.reason),
        }
    }
}

/// A moment to the millisecond: recovery is told in seconds and less.
fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "not so far".to_owned(), |time| time.strftime("%H:%M:%S%.3fZ").to_string())
}

fn took(millis: Option<u64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| seconds(Duration::from_millis(millis).as_secs_f64()))
}

fn seconds(seconds: f64) -> String {
    if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }
}

/// What is promised of a service, and what came of it this month.
pub(super) struct Promise {
    pub(super) service: String,
    pub(super) kept: Mark,
    pub(super) rto: String,
    pub(super) longest: String,
    /// `1 of 3 incidents took longer`
    pub(super) missed: String,
    pub(super) availability: String,
    pub(super) budget: String,
}

impl Promise {
    /// All services of which something is promised.
    pub(super) fn all(report: &ObjectivesReport) -> Vec<Self> {
        let promised = report.services.iter().filter(|service| service.kept != Kept::NothingPromised);
        promised.map(Self::new).collect()
    }

    fn new(service: &ServiceObjectives) -> Self {
        let or_none = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), seconds);
        let budget = service.budget_remaining.map(|left| format!("{:.1}% left", left * 100.0));
        let of = service
            .budget_seconds
            .map(|budget| format!(" ({} used of {})", seconds(service.out_seconds), seconds(budget)));
        Self {
            service: service.service.clone(),
            kept: match service.kept {
                Kept::Missed => Mark { class: "down", shape: "✕", word: "missed" },
                Kept::Kept | Kept::NothingPromised => {
                    Mark { class: "serving", shape: "●", word: service.kept.as_str() }
                }
            },
            rto: or_none(service.rto_seconds),
            longest: or_none(service.longest_recovery_seconds),
            missed: format!("{} of {} took longer", service.missed, service.incidents),
            availability: service.availability.map_or_else(|| "none".to_owned(), |promised| promised.to_string()),
            budget: format!("{}{}", budget.unwrap_or_else(|| "none".to_owned()), of.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_are_told_to_the_tenth_and_long_ones_in_words() {
        assert_eq!(took(Some(1_250)), "1.2 s");
        assert_eq!(took(Some(7_200_000)), "2 h");
        assert_eq!(took(None), "-");
        assert_eq!(seconds(f64::NAN), "0 s");
    }

    #[test]
    fn an_incident_that_is_not_over_is_no_green_mark() {
        assert_eq!((phase(IncidentPhase::Open).shape, phase(IncidentPhase::Recovering).shape), ("✕", "◐"));
        assert_eq!(phase(IncidentPhase::Closed).word, "closed");
    }
}
