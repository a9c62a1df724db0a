//! `diff --answers`: what another configuration would change in the answers of the running node.

use std::path::Path;

use super::arguments::Diff;
use super::client::Node;
use super::document::Document;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::retyped::quoted;
use crate::admin::api::words::plain;
use crate::admin::api::{AnswerDifference, ChangedAnswer, DiffRequest, ProblemKind};

pub(super) async fn diff(node: &Node, output: &Output, arguments: Diff) -> Result<Exit, Failure> {
    let Diff { answers: _, file } = arguments;
    let request = DiffRequest { configuration: absolute(&file)? };
    let found: AnswerDifference =
        node.post("/api/v1/diff", &request).await.map_err(|failure| not_compared(failure, &file))?;
    for warning in &found.warnings {
        output.progress(&plain(warning));
    }
    output.show(&found, |_| found.changes.iter().map(render).collect())?;
    output.progress(&plain(&summary(&found)));
    Ok(if found.changes.is_empty() { Exit::Done } else { Exit::Negative })
}

/// Where nothing was compared there is no difference to be told of: what was typed is wrong.
fn not_compared(failure: Failure, file: &Path) -> Failure {
    match failure {
        Failure::Problem(mut problem) if problem.known_kind() == Some(ProblemKind::Diagnostics) => {
            problem.code = Exit::Usage as u8;
            // What a node that cannot start is told does not help here.
            problem.remedy = Some(if file.exists() {
                format!("see: waypost check --config {}", quoted(&file.to_string_lossy()))
            } else {
                "name the other configuration where the node can read it".to_owned()
            });
            for diagnostic in problem.diagnostics.iter_mut().filter(|_| !file.exists()) {
                if let Some((found, _)) = diagnostic.split_once("; remedy: ") {
                    *diagnostic = found.to_owned();
                }
            }
            Failure::Problem(problem)
        }
        failure => failure,
    }
}

/// The node does not stand where the command was typed.
fn absolute(file: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(file)
        .map_err(|error| Failure::Usage(format!("'{}' is no path: {error}", file.display())))?;
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::Usage(format!("'{}' is not UTF-8; copy the file elsewhere", file.display())))
}

impl Document for AnswerDifference {
    const LIST: Option<(&'static str, &'static str)> = Some(("changes", "waypost.changed-answer/1"));

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.changes.iter().map(|change| change.name.clone()).collect();
        names.dedup();
        names
    }
}

/// What is asked, who asks, and below it the records that go and come.
fn render(change: &ChangedAnswer) -> String {
    let who = change.view.as_ref().map_or_else(String::new, |view| {
        let country = view.country.as_ref().map_or_else(String::new, |country| format!(" ({country})"));
        let order = |sites: &[String]| if sites.is_empty() { "not steered".to_owned() } else { sites.join(" ") };
        let order = match (order(&view.before), order(&view.after)) {
            (before, after) if before == after => before,
            (before, after) => format!("{before} -> {after}"),
        };
        format!(" for clients as {}{country}: {order}", view.client)
    });
    let gone =
        change.before.iter().filter(|record| !change.after.contains(record)).map(|record| format!("  - {record}"));
    let come =
        change.after.iter().filter(|record| !change.before.contains(record)).map(|record| format!("  + {record}"));
    let stay =
        change.after.iter().filter(|record| change.before.contains(record)).map(|record| format!("    {record}"));
    let head = format!("{} {}{who}", change.name, change.rtype);
    std::iter::once(head).chain(stay).chain(gone).chain(come).map(|line| plain(&line)).collect::<Vec<_>>().join("\n")
}

fn summary(found: &AnswerDifference) -> String {
    let count = found.changes.len() + found.more;
    let listed = if found.more > 0 { format!(", the first {} are listed", found.changes.len()) } else { String::new() };
    let left =
        if found.left_out > 0 { format!("; {} RRsets were not compared", found.left_out) } else { String::new() };
    let differ = match count {
        0 => "no answer would change".to_owned(),
        1 => "1 answer would change".to_owned(),
        count => format!("{count} answers would change{listed}"),
    };
    format!("{differ}; {} RRsets compared under generation {}{left}", found.compared, found.generation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::ChangedView;

    #[test]
    fn a_change_says_who_asks_and_what_goes_and_comes() {
        let change = ChangedAnswer {
            name: "example.org.".into(),
            rtype: "MX".into(),
            view: Some(ChangedView {
                client: [192, 0, 2, 1].into(),
                country: Some("DE".into()),
                before: vec!["fra".into(), "iad".into()],
                after: vec!["iad".into(), "fra".into()],
            }),
            before: vec!["30 10 mx-fra.\u{1b}".into(), "30 30 mx-nrt.".into()],
            after: vec!["30 10 mx-iad.".into(), "30 30 mx-nrt.".into()],
        };
        assert_eq!(
            render(&change),
            "example.org. MX for clients as 192.0.2.1 (DE): fra iad -> iad fra\n    30 30 mx-nrt.\n  - 30 10 mx-fra.\\u{1b}\n  + 30 10 mx-iad."
        );
    }
}
