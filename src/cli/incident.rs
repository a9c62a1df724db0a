//! `incident`: what failed together, and how long it took. `objectives`: what was promised, and what came of it.

use clap::Args;
use comfy_table::Cell;
use jiff::Timestamp;

use super::client::Node;
use super::exit::{Exit, Failure};
use super::ids;
use super::output::Output;
use super::table::{Page, table};
use crate::admin::api::words::{between, moment, plain, span};
use crate::admin::api::{IncidentDocument, IncidentList, ObjectivesReport, ServiceObjectives, markdown};
use crate::plan::incidents::{Affected, Incident, IncidentPhase};

/// What of incidents is asked for.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The incident, by the id of the event that began it; without it the last ones are listed
    #[arg(value_parser = ids::event)]
    id: Option<u64>,
    /// List at most so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// List those that began before this one
    #[arg(long, value_name = "ID", value_parser = ids::event)]
    before: Option<u64>,
}

/// `waypost incident`
pub(super) async fn incident(node: &Node, output: &Output, arguments: Arguments) -> Result<Exit, Failure> {
    let Some(id) = arguments.id else { return list(node, output, &arguments).await };
    let document: IncidentDocument = node.get(&format!("/api/v1/incidents/{id}"), &[]).await?;
    output.show(&document, |_| {
        vec![if output.is_markdown() {
            markdown(&document.incident, document.time).trim_end().to_owned()
        } else {
            one(&document.incident, document.time, output.page())
        }]
    })?;
    Ok(Exit::Done)
}

async fn list(node: &Node, output: &Output, arguments: &Arguments) -> Result<Exit, Failure> {
    let (limit, before) = (arguments.limit.to_string(), arguments.before.map(|before| before.to_string()));
    let query = [("limit", Some(limit.as_str())), ("before", before.as_deref())];
    let list: IncidentList = node.get("/api/v1/incidents", &query).await?;
    if list.incidents.is_empty() {
        output.progress("no incident is known");
    }
    let shown = |_| if list.incidents.is_empty() { Vec::new() } else { vec![all(&list, output.page())] };
    output.show(&list, shown)?;
    Ok(Exit::Done)
}

/// The list for people.
fn all(list: &IncidentList, page: Page) -> String {
    let rows = list.incidents.iter().map(|incident| {
        vec![
            Cell::new(incident.id),
            Cell::new(incident.phase.as_str()),
            Cell::new(moment(incident.began)),
            Cell::new(span(incident.duration(list.time))),
            Cell::new(moved_in(incident.recovery_ms(None), incident.is_expected(list.time))),
            Cell::new(plain(&incident.title())),
        ]
    });
    table(page, &["ID", "PHASE", "BEGAN", "TOOK", "CLIENTS MOVED IN", "WHAT"], rows.collect())
}

/// One incident for people.
fn one(incident: &Incident, now: Timestamp, page: Page) -> String {
    let over = match (incident.phase, incident.ended) {
        (IncidentPhase::Closed, Some(ended)) => format!("over since {}", moment(ended)),
        (_, Some(ended)) => format!("recovering: all serves again since {}", moment(ended)),
        (_, None) => "open".to_owned(),
    };
    let head = format!(
        "incident {} of {}: {}\nbegan {}, {over}; {}\nevents {} to {}",
        incident.id,
        plain(&incident.node),
        plain(&incident.title()),
        moment(incident.began),
        span(incident.duration(now)),
        incident.id,
        incident.last_event
    );
    let rows = incident.affected.iter().map(|place| place_row(place, incident.began, now)).collect();
    let mut parts = vec![
        head,
        table(
            page,
            &["SERVICE", "SITE", "WORST", "VERDICT", "OUT", "CACHES", "WELL", "BACK", "CLIENTS MOVED IN", "RELAPSES"],
            rows,
        ),
    ];
    if !incident.orders.is_empty() {
        let rows = incident.orders.iter().map(|order| {
            vec![
                Cell::new(order.event),
                Cell::new(moment(order.time)),
                Cell::new(plain(&format!("{}: {}", order.action.as_str(), order.what))),
                Cell::new(plain(&order.by)),
                Cell::new(plain(&order.reason)),
            ]
        });
        parts.push(table(page, &["EVENT", "WHEN", "ORDER", "BY", "WHY"], rows.collect()));
    }
    parts.join("\n\n")
}

/// Times count from the beginning of the incident.
fn place_row(place: &Affected, began: Timestamp, now: Timestamp) -> Vec<Cell> {
    let after = |time: Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("+{:.1} s", between(began, time).as_secs_f64()))
    };
    vec![
        Cell::new(plain(&place.service)),
        Cell::new(plain(&place.site)),
        Cell::new(place.worst.as_str()),
        Cell::new(after(Some(place.verdict))),
        Cell::new(after(place.withdrawn)),
        Cell::new(after(place.drained_by)),
        Cell::new(after(place.recovered)),
        Cell::new(after(place.back)),
        Cell::new(moved_in(place.measured.recovery_ms, place.is_expected(now))),
        Cell::new(place.relapses),
    ]
}

/// `waypost objectives`: 1 where one was missed.
pub(super) async fn objectives(node: &Node, output: &Output) -> Result<Exit, Failure> {
    let report: ObjectivesReport = node.get("/api/v1/objectives", &[]).await?;
    output.show(&report, |_| vec![promised(&report, output.page())])?;
    Ok(if report.is_met() { Exit::Done } else { Exit::Negative })
}

fn promised(report: &ObjectivesReport, page: Page) -> String {
    let rows = report.services.iter().map(service_row).collect();
    let header =
        ["SERVICE", "KEPT", "RTO", "LONGEST", "MISSED", "AVAILABILITY", "OUT OF SERVICE", "BUDGET", "BUDGET LEFT"];
    format!("{} as node {} saw it\n\n{}", report.month, plain(&report.node), table(page, &header, rows))
}

fn service_row(service: &ServiceObjectives) -> Vec<Cell> {
    let or_dash = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "-".to_owned()));
    let seconds = |seconds: Option<f64>| seconds.map(|seconds| format!("{seconds:.1} s"));
    vec![
        Cell::new(plain(&service.service)),
        Cell::new(service.kept.as_str()),
        or_dash(seconds(service.rto_seconds)),
        or_dash(seconds(service.longest_recovery_seconds)),
        Cell::new(format!("{} of {}", service.missed, service.incidents)),
        or_dash(service.availability.map(|availability| availability.to_string())),
        or_dash(seconds(Some(service.out_seconds))),
        or_dash(seconds(service.budget_seconds)),
        or_dash(service.budget_remaining.map(|left| format!("{:.1}%", left * 100.0))),
    ]
}

/// How long it took until no cache sent clients there; ` (expected)` while some still may.
fn moved_in(millis: Option<u64>, is_expected: bool) -> String {
    let Some(millis) = millis else { return "-".to_owned() };
    let expected = if is_expected { " (expected)" } else { "" };
    format!("{:.1} s{expected}", std::time::Duration::from_millis(millis).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_caches_may_still_undo_is_only_expected() {
        assert_eq!(moved_in(None, true), "-");
        assert_eq!(moved_in(Some(29_600), true), "29.6 s (expected)");
        assert_eq!(moved_in(Some(29_600), false), "29.6 s");
    }
}
