//! `probe`: one probe by hand, by the node or from here, and all that was said.

use super::arguments::{Global, Probe};
use super::client::Node;
use super::configured::configuration;
use super::events::INDENT;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::admin::api::words::plain;
use crate::admin::api::{ProbeReport, ProbeRequest, ProbeResult};
use crate::config::Color;
use crate::node::{self, ProbeHere};

/// The outcome that is no finding.
const OK: &str = "ok";

pub(super) async fn probe(node: &Node, output: &Output, arguments: Probe) -> Result<Exit, Failure> {
    show(output, &node.post("/api/v1/probe", &request(arguments)).await?)
}

/// Probes from this process.
pub(super) fn here(global: &Global, output: &Output, arguments: Probe) -> Result<Exit, Failure> {
    if global.node.is_some() {
        return Err(Failure::Usage(
            "--here probes from this machine, --node asks another; give one of them".to_owned(),
        ));
    }
    let file = configuration(global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Fault(format!("no event loop: {error}")))?;
    let report = runtime.block_on(node::probe_here(&file, &request(arguments)));
    match report {
        Ok(report) => show(output, &report),
        Err(ProbeHere::Problem(problem)) => Err(Failure::Problem(problem)),
        Err(ProbeHere::Configuration(report)) => {
            output.progress(report.render(Color::Never).trim_end());
            Err(Failure::Negative("the configuration has errors; nothing was probed".to_owned()))
        }
    }
}

fn request(arguments: Probe) -> ProbeRequest {
    ProbeRequest { endpoint: arguments.endpoint, monitor: arguments.monitor }
}

fn show(output: &Output, report: &ProbeReport) -> Result<Exit, Failure> {
    output.show(report, |_| report.probes.iter().map(render).collect())?;
    Ok(if report.probes.iter().all(|result| result.outcome == OK) { Exit::Done } else { Exit::Negative })
}

/// A line that says what was found, and below it what was said.
fn render(result: &ProbeResult) -> String {
    let ProbeResult { service, site, address, monitor, target, outcome, reason, latency_ms, transcript } = result;
    let why = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let head = format!("{service}/{address} at {site}, {monitor} to {target}: {outcome} in {latency_ms:.1} ms{why}");
    let said = transcript.lines().map(|line| format!("\n{INDENT}{}", plain(line)));
    std::iter::once(plain(&head)).chain(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_a_line_with_the_conversation_below() {
        let result = ProbeResult {
            service: "mx".into(),
            site: "fra".into(),
            address: [192, 0, 2, 1].into(),
            monitor: "smtp".into(),
            target: "192.0.2.1:25".into(),
            outcome: "deferring".into(),
            reason: Some("451 \u{1b}[2J later".into()),
            latency_ms: 12.345,
            transcript: "> EHLO ns1\n< 451 later\n".into(),
        };
        assert_eq!(
            render(&result),
            "mx/192.0.2.1 at fra, smtp to 192.0.2.1:25: deferring in 12.3 ms: 451 \\u{1b}[2J later\n        > EHLO ns1\n        < 451 later"
        );
    }
}
