//! `notify`: who is told of what happens, and whether it arrives.

use clap::Subcommand;
use comfy_table::Cell;
use jiff::Timestamp;

use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::table::{Page, table};
use crate::admin::api::words::{moment, plain};
use crate::admin::api::{NotificationTried, NotificationsReport, TargetReport};

/// What of notifications is asked for.
#[derive(Debug, Subcommand)]
pub(super) enum Notify {
    /// Show how targets of notifications and hooks fare; exit code 1 where a target is not reached
    List,
    /// Send a test to a target now; exit code 1 if it does not arrive
    Test {
        /// The target, by its name in [[notify]]
        name: String,
    },
}

pub(super) async fn notify(node: &Node, output: &Output, command: Notify) -> Result<Exit, Failure> {
    match command {
        Notify::List => {
            let report: NotificationsReport = node.get("/api/v1/notifications", &[]).await?;
            if report.targets.is_empty() {
                output.progress("no target is declared: add a [[notify]] to the configuration");
            }
            let is_well = report.targets.iter().all(|target| !target.failing);
            output.show(&report, |_| all(&report, output.page()))?;
            Ok(if is_well { Exit::Done } else { Exit::Negative })
        }
        Notify::Test { name } => {
            let path = format!("/api/v1/notifications/{}/test", segment(&name)?);
            let tried: NotificationTried = node.post(&path, &serde_json::json!({})).await?;
            output.show(&tried, |_| {
                vec![match &tried.reason {
                    None => format!("target '{}': the test was delivered", plain(&tried.target)),
                    Some(reason) => format!("target '{}': not delivered: {}", plain(&tried.target), plain(reason)),
                }]
            })?;
            Ok(if tried.delivered { Exit::Done } else { Exit::Negative })
        }
    }
}

/// `name` as a part of a path.
fn segment(name: &str) -> Result<&str, Failure> {
    let allowed = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err(Failure::Usage(format!("'{}' is no name of a target: waypost notify list", plain(name))));
    }
    Ok(name)
}

fn all(report: &NotificationsReport, page: Page) -> Vec<String> {
    let mut parts = Vec::new();
    if !report.targets.is_empty() {
        let header =
            ["TARGET", "KIND", "STATE", "WAITING", "DELIVERED", "FAILED", "DROPPED", "LAST SUCCESS", "LAST FAILURE"];
        parts.push(table(page, &header, report.targets.iter().map(row).collect()));
    }
    if !report.hooks.is_empty() {
        let rows = report.hooks.iter().map(|hook| {
            let runs: Vec<String> =
                hook.runs.iter().map(|(outcome, count)| format!("{}: {count}", plain(outcome))).collect();
            let runs = if runs.is_empty() { "none".to_owned() } else { runs.join(", ") };
            vec![Cell::new(plain(&hook.name)), Cell::new(runs)]
        });
        parts.push(table(page, &["HOOK", "RUNS"], rows.collect()));
    }
    if parts.is_empty() { Vec::new() } else { vec![parts.join("\n\n")] }
}

fn row(target: &TargetReport) -> Vec<Cell> {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), moment);
    let state = match (target.failing, target.last_success) {
        (true, _) => "✕ not reached",
        (false, Some(_)) => "● reached",
        (false, None) => "? not tried",
    };
    let failure = match &target.last_failure_reason {
        Some(reason) => format!("{} {}", time(target.last_failure), plain(reason)),
        None => "-".to_owned(),
    };
    vec![
        Cell::new(plain(&target.name)),
        Cell::new(plain(&target.kind)),
        Cell::new(state),
        Cell::new(target.waiting),
        Cell::new(target.delivered),
        Cell::new(target.failed),
        Cell::new(target.dropped),
        Cell::new(time(target.last_success)),
        Cell::new(failure),
    ]
}
