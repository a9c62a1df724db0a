//! `drill run`, `list`, `show`, `abort` and `report`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Cell;
use jiff::Timestamp;

use super::client::Node;
use super::confirm::{Said, confirm};
use super::exit::{Exit, Failure};
use super::orders::{careful, preview, rehearsed};
use super::output::{Format, Output};
use super::span;
use super::table::table;
use crate::admin::api::words::{drills as words, moment, moment_and_distance, plain, span as in_words};
use crate::admin::api::{
    AbortRequest, DrillBegun, DrillReport, DrillRequest, Drills, Expiry, OrderRequest, ProblemKind, ScheduledDrill,
};
use crate::model::{Drill, DrillOutcome, DrillState, IntentKind, Reach, Scope, Share};

/// Where drills are, and where they are begun.
const DRILLS: &str = "/api/v1/drills";
/// Between two looks at the node.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, Subcommand)]
pub(super) enum DrillCommand {
    /// Take a site out for a while to see that the others carry its clients; it is put back by itself, whatever happens
    Run(Run),
    /// Show the drills that ran here, the one that runs, and those that are to come
    List,
    /// Show a drill: how far it is, what it came to
    Show {
        /// Its id, as list shows it
        id: String,
    },
    /// End a drill at once
    Abort {
        /// Its id, as list shows it
        id: String,
        /// Why, for the journal
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Print all that was measured
    Report {
        /// Its id, as list shows it
        id: String,
        /// As what; -o json is the same as --as json
        #[arg(long = "as", value_enum, value_name = "FORM", default_value_t = Form::Md)]
        form: Form,
    },
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Markdown
    Md,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Name of the site
    site: String,
    /// Only this service of it
    #[arg(long)]
    service: Option<String>,
    /// How long the site stays out, at most 4h
    #[arg(
        long = "for",
        value_name = "DURATION",
        value_parser = span::read,
        allow_hyphen_values = true,
        default_value = "15m"
    )]
    duration: Duration,
    /// Why, for the journal and the report
    #[arg(long, value_name = "TEXT", default_value = "drill")]
    reason: String,
    /// Return when it is over, with 0 if it succeeded; Ctrl-C ends it
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// Only say whether it might begin, and what it would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask; not enough for a drill that leaves a service its last site
    #[arg(short, long)]
    yes: bool,
    /// Do not ask, whatever it is: the site is meant
    #[arg(long, value_name = "SITE")]
    confirm: Option<String>,
}

pub(super) async fn drill(node: &Node, output: &Output, command: DrillCommand) -> Result<Exit, Failure> {
    match command {
        DrillCommand::Run(arguments) => run(node, output, arguments).await,
        DrillCommand::List => list(node, output).await,
        DrillCommand::Show { id } => {
            let report = report_of(node, &id).await?;
            show(output, &report)?;
            Ok(Exit::Done)
        }
        DrillCommand::Abort { id, reason } => {
            let report: DrillReport = node.post(&format!("{}/abort", path(&id)?), &AbortRequest { reason }).await?;
            show(output, &report)?;
            Ok(Exit::Done)
        }
        DrillCommand::Report { id, form } => {
            if output.format() == Format::Jsonl {
                output.compact(&report_of(node, &id).await?)?;
            } else if form == Form::Json || output.format() == Format::Json {
                output.json(&report_of(node, &id).await?)?;
            } else {
                let text = node.text(&path(&id)?, &[("format", Some("md"))]).await?;
                output.line(text.trim_end())?;
            }
            Ok(Exit::Done)
        }
    }
}

async fn run(node: &Node, output: &Output, arguments: Run) -> Result<Exit, Failure> {
    let Run { site, service, duration, reason, wait, dry_run, yes, confirm } = arguments;
    let scope = Scope { site, service };
    let request = DrillRequest { scope, for_seconds: Some(duration.as_secs()), reason, dry_run };
    if !dry_run {
        sure(node, output, &request, &Said { yes, confirm: confirm.as_deref() }).await?;
    }
    let begun: DrillBegun = node.post(DRILLS, &request).await?;
    let undo = node.typed(&begun.undo);
    if wait {
        begin_told(&begun, &undo).iter().for_each(|line| output.progress(line));
        return until_over(node, output, &begun.drill.id).await;
    }
    let mut lines = begin_told(&begun, &undo);
    if dry_run && matches!(output.format(), Format::Table | Format::Wide) {
        lines.extend(careful(&request.scope.site, &rehearsed(node, &as_order(&request)).await?.severe));
    }
    output.show(&begun, |_| lines)?;
    Ok(Exit::Done)
}

/// Returns where the drill is meant, or changes nothing.
async fn sure(node: &Node, output: &Output, request: &DrillRequest, said: &Said<'_>) -> Result<(), Failure> {
    let site = &request.scope.site;
    if said.names(site)? {
        return Ok(());
    }
    if !said.yes {
        might_begin(node, request).await?;
    }
    let rehearsal = match rehearsed(node, &as_order(request)).await {
        Ok(rehearsal) => rehearsal,
        // The drill will be refused as well, and that is kept as what it came to.
        Err(Failure::Problem(problem)) if said.yes && problem.known_kind() == Some(ProblemKind::Refused) => {
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    if said.yes {
        if rehearsal.severe.is_empty() {
            return Ok(());
        }
        might_begin(node, request).await?;
    }
    preview(output, &rehearsal);
    let length = in_words(Duration::from_secs(request.for_seconds.unwrap_or_default()));
    let what = format!("Drill of {} for {length}", plain(&request.scope.to_string()));
    confirm(output, site, &rehearsal.severe, &what).await
}

/// What may not begin is refused before anybody is asked.
async fn might_begin(node: &Node, request: &DrillRequest) -> Result<(), Failure> {
    let _begun: DrillBegun = node.post(DRILLS, &DrillRequest { dry_run: true, ..request.clone() }).await?;
    Ok(())
}

/// The order that a drill is for the answers.
fn as_order(request: &DrillRequest) -> OrderRequest {
    OrderRequest {
        scope: request.scope.clone(),
        kind: IntentKind::Drain { share: Share::ALL },
        reason: request.reason.clone(),
        expiry: request.for_seconds.map(Expiry::ForSeconds),
        begin: None,
        steps: None,
        dry_run: true,
        force: false,
        reach: Reach::Everywhere,
    }
}

fn begin_told(begun: &DrillBegun, undo: &str) -> Vec<String> {
    let drill = &begun.drill;
    let length = in_words(Duration::from_secs(drill.for_seconds));
    let first = if begun.dry_run {
        format!("drill of {} for {length}: might begin now; nothing was changed", drill.scope)
    } else {
        format!("drill {}: {} is out for {length}", drill.id, drill.scope)
    };
    let mut lines = vec![plain(&first)];
    lines.extend(begun.changes.iter().map(|change| format!("  {}", plain(change))));
    if !begun.dry_run {
        lines.push(format!("undo: {}", plain(undo)));
    }
    lines
}

/// Follows a drill to its end.
async fn until_over(node: &Node, output: &Output, id: &str) -> Result<Exit, Failure> {
    let mut said = String::new();
    loop {
        let report = tokio::select! {
            report = report_of(node, id) => report,
            _ = tokio::signal::ctrl_c() => {
                interrupted(node, output, id).await?;
                continue;
            }
        };
        match report {
            Ok(report) => {
                let now = progress(&report.drill);
                if now != said {
                    output.progress(&now);
                    said = now;
                }
                if report.drill.state.is_over() {
                    show(output, &report)?;
                    return Ok(exit(&report.drill));
                }
            }
            // A node that restarts has ended the drill, and says so.
            Err(failure) if failure.is_passing() => {}
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = tokio::signal::ctrl_c() => interrupted(node, output, id).await?,
        }
    }
}

/// Ctrl-C: the drill is ended, unless whoever sits at the terminal says no.
async fn interrupted(node: &Node, output: &Output, id: &str) -> Result<(), Failure> {
    if output.can_ask() {
        match output.ask("End the drill now?").await {
            // Who says it twice means it.
            Ok(()) | Err(Failure::Interrupted(_)) => {}
            Err(_) => {
                output.progress("the drill goes on");
                return Ok(());
            }
        }
    }
    let request = AbortRequest { reason: "Ctrl-C".to_owned() };
    let _ended: DrillReport = node.post(&format!("{}/abort", path(id)?), &request).await?;
    Ok(())
}

fn progress(drill: &Drill) -> String {
    let mut line = words::moved(&drill.id, &drill.scope, &drill.state);
    if drill.state == DrillState::Withdrawing && !drill.withdrawn.is_empty() {
        let nodes: Vec<&str> = drill.withdrawn.iter().map(|moment| moment.node.as_str()).collect();
        line.push_str(&format!(" (withdrawn by {})", nodes.join(", ")));
    }
    plain(&line)
}

fn exit(drill: &Drill) -> Exit {
    match drill.state.outcome() {
        Some((DrillOutcome::Succeeded, _)) => Exit::Done,
        Some((DrillOutcome::CapacityCheckFailed, _)) => Exit::Refused,
        _ => Exit::Negative,
    }
}

async fn report_of(node: &Node, id: &str) -> Result<DrillReport, Failure> {
    node.get(&path(id)?, &[]).await
}

/// The path of a drill. Names of sites are what their owner likes, so ids are escaped.
fn path(id: &str) -> Result<String, Failure> {
    let mut url =
        reqwest::Url::parse("http://localhost/api/v1/drills").map_err(|error| Failure::Fault(error.to_string()))?;
    if id.is_empty() || matches!(id, "." | "..") {
        return Err(Failure::Usage(format!("'{id}' is not the id of a drill; see: waypost drill list")));
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.push(id);
    }
    Ok(url.path().to_owned())
}

fn show(output: &Output, report: &DrillReport) -> Result<(), Failure> {
    output.show(report, |_| told(&report.drill))
}

/// A drill for people, a line each.
fn told(drill: &Drill) -> Vec<String> {
    let withdrawn = drill.withdrawn.iter().map(|moment| (format!("withdrawn by {}", moment.node), Some(moment.at)));
    let moments = std::iter::once(("ordered".to_owned(), drill.ordered)).chain(withdrawn).chain(
        [("caches expired", drill.drained), ("put back", drill.restored), ("over", drill.ended)]
            .map(|(what, at)| (what.to_owned(), at)),
    );
    let lines = moments.filter_map(|(what, at)| Some(plain(&format!("  {what}: {}", moment(at?)))));
    std::iter::once(plain(&words::ended(drill))).chain(lines).collect()
}

async fn list(node: &Node, output: &Output) -> Result<Exit, Failure> {
    let drills: Drills = node.get(DRILLS, &[]).await?;
    output.show(&drills, |_| listed(&drills, output))?;
    Ok(Exit::Done)
}

fn listed(drills: &Drills, output: &Output) -> Vec<String> {
    let running = drills
        .running
        .as_ref()
        .map(|running| plain(&format!("running: {} takes {} out, run by {}", running.id, running.scope, running.node)));
    let row = |drill: &Drill| {
        let word = drill.state.outcome().map_or_else(|| drill.state.as_str(), |(outcome, _)| outcome.as_str());
        let why = drill.state.outcome().map_or("", |(_, why)| why);
        [drill.id.as_str(), &drill.scope.to_string(), word, &drill.by, why].map(|text| Cell::new(plain(text))).into()
    };
    let rows: Vec<Vec<Cell>> = drills.drills.iter().map(row).collect();
    let ran = if rows.is_empty() {
        "no drill has run here".to_owned()
    } else {
        table(output.page(), &["DRILL", "TAKES OUT", "OUTCOME", "BY", "WHY"], rows)
    };
    let to_come = drills.schedules.iter().map(|schedule| plain(&to_come(schedule)));
    running.into_iter().chain([ran]).chain(to_come).collect()
}

fn to_come(schedule: &ScheduledDrill) -> String {
    match (&schedule.scope, schedule.opens) {
        (Some(scope), Some(opens)) => {
            format!("schedule {}: {scope} from {}", schedule.name, moment_and_distance(opens, Timestamp::now()))
        }
        _ => format!("schedule {}: no window is long enough for its drill", schedule.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path_whatever_is_in_it() {
        assert_eq!(path("fra-1").unwrap(), "/api/v1/drills/fra-1");
        assert_eq!(path("../tokens?x#y z").unwrap(), "/api/v1/drills/..%2Ftokens%3Fx%23y%20z");
        for id in ["", ".", ".."] {
            assert!(matches!(path(id), Err(Failure::Usage(_))));
        }
    }
}
