//! `audit`: the chained journal checked and exported.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use futures_util::StreamExt;

use super::client::Node;
use super::exit::{Exit, Failure};
use super::moment::{self, Past};
use super::output::Output;
use crate::admin::api::words::{moment as time, plain};
use crate::admin::api::{AuditReport, AuditStatus};
use crate::model::{ChainFinding, ChainMark, ChainReport, ExportCheck};

/// What is done with the journal.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show where the chain of the journal begins and ends, and the last checkpoints
    Status,
    /// Check that no entry was edited, removed, moved or cut off; exits 1 where one was
    Verify {
        /// Check this export, without a node
        file: Option<PathBuf>,
        /// A place in the chain as it was written down elsewhere, as the log of the node shows it; may come several times
        #[arg(long, value_name = "ID:HASH")]
        checkpoint: Vec<ChainMark>,
    },
    /// Print the journal as JSON lines with their hashes
    Export {
        /// From this time on, as in 2026-05-01T12:00:00Z, or from so long ago, as in 2d
        #[arg(long, value_name = "TIME|DURATION", value_parser = moment::read, allow_hyphen_values = true)]
        since: Option<Past>,
        /// Before this time, or up to so long ago
        #[arg(long, value_name = "TIME|DURATION", value_parser = moment::read, allow_hyphen_values = true)]
        until: Option<Past>,
    },
}

/// Checks an export, without a node.
pub(super) fn verify_file(output: &Output, file: &Path, known: Vec<ChainMark>) -> Result<Exit, Failure> {
    let unreadable = |error: std::io::Error| Failure::Usage(format!("'{}' cannot be read: {error}", file.display()));
    let mut check = ExportCheck::new(known);
    for line in BufReader::new(File::open(file).map_err(unreadable)?).lines() {
        check.take(&line.map_err(unreadable)?);
    }
    let (ChainReport { findings, entries, compared: checkpoints, uncompared }, head) = check.end();
    let node = head.map(|head| head.node).unwrap_or_default();
    let schema = AuditReport::SCHEMA.to_owned();
    tell(output, &AuditReport { schema, node, entries, unchained: 0, head: None, checkpoints, uncompared, findings })
}

/// `waypost audit`, of a running node.
pub(super) async fn audit(node: &Node, output: &Output, command: Audit) -> Result<Exit, Failure> {
    match command {
        Audit::Status => {
            let status: AuditStatus = node.get("/api/v1/audit", &[]).await?;
            output.show(&status, |_| described(&status))?;
            Ok(Exit::Done)
        }
        Audit::Verify { file: Some(file), checkpoint } => verify_file(output, &file, checkpoint),
        Audit::Verify { file: None, checkpoint } => {
            let known: Vec<String> = checkpoint.iter().map(ToString::to_string).collect();
            let known = known.join(",");
            let report: AuditReport = node.look_up("/api/v1/audit/verify", &[("checkpoints", Some(&known))]).await?;
            tell(output, &report)
        }
        Audit::Export { since, until } => {
            let (since, until) = (since.map(|Past(time)| time.to_string()), until.map(|Past(time)| time.to_string()));
            let query = [("since", since.as_deref()), ("until", until.as_deref())];
            let mut body = node.stream("/api/v1/audit/export", &query).await?.bytes_stream();
            let mut stdout = std::io::stdout().lock();
            while let Some(octets) = body.next().await {
                let octets = octets.map_err(|error| Failure::Fault(format!("the export broke off: {error}")))?;
                stdout.write_all(&octets).map_err(|error| match error.kind() {
                    std::io::ErrorKind::BrokenPipe => Failure::OutputClosed,
                    _ => Failure::Fault(format!("stdout cannot be written: {error}")),
                })?;
            }
            stdout.flush().map_err(|error| Failure::Fault(format!("stdout cannot be written: {error}")))?;
            Ok(Exit::Done)
        }
    }
}

fn tell(output: &Output, report: &AuditReport) -> Result<Exit, Failure> {
    output.show(report, |_| {
        let findings = report.findings.iter().map(|finding| plain(&ChainFinding::to_string(finding)));
        findings.chain([verdict(report)]).collect()
    })?;
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Negative })
}

fn verdict(report: &AuditReport) -> String {
    let (node, entries) = (plain(&report.node), report.entries);
    let compared = match report.checkpoints {
        0 => "compared with no checkpoint".to_owned(),
        1 => "compared with 1 checkpoint".to_owned(),
        count => format!("compared with {count} checkpoints"),
    };
    let outside = match report.uncompared {
        0 => String::new(),
        count => format!(" ({count} more lie outside of it)"),
    };
    let before = match report.unchained {
        0 => String::new(),
        count => format!("; {count} entries before it were written by an earlier version and prove nothing"),
    };
    match report.findings.len() {
        0 => format!("the journal of {node} is whole: {entries} entries, {compared}{outside}{before}"),
        count => format!(
            "the journal of {node} is not what was written: {count} findings in {entries} entries, {compared}{outside}{before}"
        ),
    }
}

fn described(status: &AuditStatus) -> Vec<String> {
    let mut lines = Vec::new();
    match (&status.beginning, &status.head) {
        (Some(beginning), Some(head)) => {
            lines.push(format!(
                "the chain of {} begins with entry {} and ends with {head}",
                plain(&status.node),
                beginning.first
            ));
        }
        _ => lines.push(format!("the journal of {} has no entry yet", plain(&status.node))),
    }
    for checkpoint in &status.checkpoints {
        lines.push(format!("checkpoint {}  {}", time(checkpoint.time), checkpoint.mark));
    }
    lines
}
