//! An incident as a Markdown page, for a report or a ticket.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::words::{between, plain, span};
use crate::plan::incidents::{Affected, Incident, IncidentPhase, Measured, QUIET};

/// `incident` as a page, as of `now`.
#[must_use]
pub fn markdown(incident: &Incident, now: Timestamp) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut page, incident, now);
    page
}

fn write(page: &mut String, incident: &Incident, now: Timestamp) -> std::fmt::Result {
    writeln!(page, "# Incident {}: {}\n", incident.id, text(&incident.title()))?;
    let took = span(incident.duration(now));
    match (incident.phase, incident.ended) {
        (IncidentPhase::Closed, Some(ended)) => {
            writeln!(
                page,
                "Over: began {}, all served again at {}, {took} later.",
                exact(incident.began),
                exact(ended)
            )?;
        }
        (_, Some(ended)) => {
            let left = span(QUIET.saturating_sub(between(ended, now)));
            writeln!(
                page,
                "Recovering: began {}, all serves again since {}; over in {left} if nothing fails again.",
                exact(incident.began),
                exact(ended)
            )?;
        }
        (_, None) => writeln!(page, "Open: began {}, {took} ago.", exact(incident.began))?,
    }
    writeln!(
        page,
        "As the journal of node {} tells it, events {} to {}{}. Other nodes have their own.\n",
        text(&incident.node),
        incident.id,
        incident.last_event,
        generations(incident)
    )?;
    affected(page, incident)?;
    endpoints(page, incident)?;
    orders(page, incident)
}

fn generations(incident: &Incident) -> String {
    match (incident.first_generation, incident.last_generation) {
        (Some(first), Some(last)) => format!(", plans {first} to {last}"),
        _ => String::new(),
    }
}

fn affected(page: &mut String, incident: &Incident) -> std::fmt::Result {
    writeln!(page, "## What it touched\n")?;
    writeln!(
        page,
        "| service | site | worst | first failed probe | verdict | out of the answers | caches let go | well again | back in \
         service | detected in | withdrawn in | clients moved in | relapses |"
    )?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for place in &incident.affected {
        let Affected { service, site, first_failed, verdict, withdrawn, drained_by, recovered, back, .. } = place;
        let Measured { detection_ms, withdrawal_ms, recovery_ms } = place.measured;
        writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            text(service),
            text(site),
            place.worst.as_str(),
            time(*first_failed),
            exact(*verdict),
            time(*withdrawn),
            time(*drained_by),
            time(*recovered),
            time(*back),
            millis(detection_ms),
            millis(withdrawal_ms),
            millis(recovery_ms),
            place.relapses
        )?;
    }
    more(page, incident.affected_more, "sites of services")
}

fn endpoints(page: &mut String, incident: &Incident) -> std::fmt::Result {
    writeln!(page, "\n## Endpoints\n")?;
    writeln!(page, "| endpoint | site | worst | why | first failed probe | verdict | well again |")?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- | --- |")?;
    let mut left_out = 0_usize;
    for place in &incident.affected {
        left_out = left_out.saturating_add(place.endpoints_more);
        for trouble in &place.endpoints {
            writeln!(
                page,
                "| {} {} | {} | {} | {} | {} | {} | {} |",
                text(&place.service),
                trouble.address,
                text(&place.site),
                trouble.worst,
                text(&trouble.reason),
                time(trouble.first_failed),
                exact(trouble.verdict),
                time(trouble.recovered)
            )?;
        }
    }
    more(page, left_out, "endpoints")
}

fn orders(page: &mut String, incident: &Incident) -> std::fmt::Result {
    writeln!(page, "\n## Orders meanwhile\n")?;
    if incident.orders.is_empty() {
        return writeln!(page, "None.");
    }
    writeln!(page, "| event | when | what | who | why |")?;
    writeln!(page, "| --- | --- | --- | --- | --- |")?;
    for order in &incident.orders {
        let (action, what) = (order.action.as_str(), text(&order.what));
        let (when, who, why) = (exact(order.time), text(&order.by), text(&order.reason));
        writeln!(page, "| {} | {when} | {action}: {what} | {who} | {why} |", order.event)?;
    }
    more(page, incident.orders_more, "orders")
}

fn more(page: &mut String, count: usize, of: &str) -> std::fmt::Result {
    if count == 0 { Ok(()) } else { writeln!(page, "\nAnd {count} more {of}.") }
}

/// A moment to the millisecond: recovery is told in seconds and less.
fn exact(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), exact)
}

fn millis(millis: Option<u64>) -> String {
    millis.map_or_else(|| "-".to_owned(), |millis| format!("{:.1} s", Duration::from_millis(millis).as_secs_f64()))
}

/// `text` as it stands, whatever Markdown, HTML or a terminal would make of it.
fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '!' | '~' => escaped.extend(['\\', character]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_said_is_more_than_text() {
        let said = text("<script>x</script> | [a](javascript:b) `c` \n# d");
        assert_eq!(said, "&lt;script&gt;x&lt;/script&gt; \\| \\[a\\](javascript:b) \\`c\\` \\\\u{a}\\# d");
    }
}
