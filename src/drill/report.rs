//! The report of a drill as Markdown: for the wiki, the ticket, the auditor.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Drill, NodeMoment};

/// `drill` as Markdown. What people and servers said is shown as it is, never as markup.
#[must_use]
pub fn markdown(drill: &Drill) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{words}");
    };
    let outcome = drill.state.outcome();
    let word = outcome.map_or_else(|| drill.state.as_str(), |(outcome, _)| outcome.as_str());
    line(&format!("# Drill {}: {word}", plain(&drill.id)));
    line("");
    if let Some((_, why)) = outcome {
        line(&format!("{}.", sentence(why)));
        line("");
    }
    line("| | |");
    line("| --- | --- |");
    let mut row = |name: &str, value: &str| line(&format!("| {name} | {value} |"));
    row("taken out", &plain(&drill.scope.to_string()));
    row("asked by", &plain(&drill.by));
    row("reason", &plain(&drill.reason));
    if let Some(schedule) = &drill.schedule {
        row("schedule", &plain(schedule));
    }
    row("run by node", &plain(&drill.node));
    row("meant to last", &seconds(Duration::from_secs(drill.for_seconds)));
    line("");
    line("## Times");
    line("");
    line("| what | when (UTC) | after the order |");
    line("| --- | --- | --- |");
    let mut moment = |what: &str, at: Option<Timestamp>| {
        let after = at.zip(drill.ordered).map_or_else(|| "-".to_owned(), |(at, ordered)| since(ordered, at));
        let when = at.map_or_else(|| "-".to_owned(), at_millis);
        line(&format!("| {what} | {when} | {after} |"));
    };
    moment("asked", Some(drill.started));
    moment("ordered", drill.ordered);
    for NodeMoment { node, at } in &drill.withdrawn {
        moment(&format!("withdrawn by {}", plain(node)), Some(*at));
    }
    moment("caches expired", drill.drained);
    moment("order ended", drill.restored);
    for NodeMoment { node, at } in &drill.followed {
        moment(&format!("named again by {}", plain(node)), Some(*at));
    }
    moment("over", drill.ended);
    if let (Some(from), Some(to)) = (drill.ordered, drill.restored) {
        line("");
        line(&format!("The site was out for {}.", since(from, to).trim_start_matches('+')));
    }
    line("");
    line("## Load of the other sites");
    line("");
    if drill.survivors.is_empty() {
        line("No site has a capacity, so none was reckoned.");
    } else {
        line("| site | before | highest | capacity |");
        line("| --- | --- | --- | --- |");
        for load in &drill.survivors {
            let capacity = load.capacity.map_or_else(|| "-".to_owned(), |capacity| capacity.to_string());
            line(&format!("| {} | {} | {} | {capacity} |", plain(&load.site), load.before, load.highest));
        }
    }
    line("");
    line("## Probes meanwhile");
    line("");
    line("| monitor | ended | not good |");
    line("| --- | --- | --- |");
    for probes in &drill.probes {
        line(&format!("| {} | {} | {} |", plain(&probes.monitor), probes.ended, probes.not_good));
    }
    text
}

/// RFC 3339 in UTC, to the millisecond.
fn at_millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn since(from: Timestamp, to: Timestamp) -> String {
    match Duration::try_from(to.duration_since(from)) {
        Ok(span) => format!("+{}", seconds(span)),
        Err(_) => "before".to_owned(),
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// `text` with a capital.
fn sentence(text: &str) -> String {
    let text = plain(text);
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// `text` as one line that Markdown, HTML and terminals show as it is.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                shown.push('\\');
                shown.push(character);
            }
            character if character.is_control() => shown.push(' '),
            character => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::drill;
    use super::*;
    use crate::model::{DrillOutcome, DrillState, MonitorProbes, SurvivorLoad};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_report_has_the_outcome_the_times_and_the_loads() {
        let ended = DrillState::Ended { outcome: DrillOutcome::Succeeded, why: "the other sites carried it".into() };
        let mut drill = drill("fra-1", ended);
        drill.started = at("2026-05-01T12:00:00Z");
        drill.ordered = Some(at("2026-05-01T12:00:00.1Z"));
        drill.withdrawn = vec![NodeMoment { node: "ns1".into(), at: at("2026-05-01T12:00:00.15Z") }];
        drill.drained = Some(at("2026-05-01T12:00:30.1Z"));
        drill.restored = Some(at("2026-05-01T12:15:00.1Z"));
        drill.survivors = vec![SurvivorLoad { site: "iad".into(), capacity: Some(800), before: 300, highest: 612 }];
        drill.probes = vec![MonitorProbes { monitor: "smtp".into(), ended: 5400, not_good: 2 }];
        let text = markdown(&drill);
        for part in [
            "# Drill fra-1: SUCCEEDED",
            "The other sites carried it.",
            "| withdrawn by ns1 | 2026-05-01T12:00:00.150Z | +0.1 s |",
            "| caches expired | 2026-05-01T12:00:30.100Z | +30.0 s |",
            "The site was out for 900.0 s.",
            "| iad | 300 | 612 | 800 |",
            "| smtp | 5400 | 2 |",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn nothing_that_was_said_is_markup() {
        let mut hostile = drill("fra-1", DrillState::Drained);
        hostile.reason = "<script>alert(1)</script> | [x](javascript:1)\n# no \u{1b}[31m".into();
        let text = markdown(&hostile);
        assert!(!text.contains("<script>") && !text.contains("[x](") && !text.contains('\u{1b}'), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 4);
    }
}
