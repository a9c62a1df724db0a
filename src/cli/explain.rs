//! `explain`: why a client gets the answer it gets, or got at a past moment.

use super::arguments::Explain;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::admin::api::words::plain;
use crate::admin::api::{Explanation, PastAnswer};

pub(super) async fn explain(node: &Node, output: &Output, arguments: Explain) -> Result<Exit, Failure> {
    let Explain { name, rtype, client, at, edns, dnssec, recursion } = arguments;
    let (at, edns) = (at.map(|at| at.to_string()), edns.map(|edns| edns.to_string()));
    let query = [
        ("name", Some(name.as_str())),
        ("type", Some(rtype.as_str())),
        ("client", client.as_deref()),
        ("at", at.as_deref()),
        ("edns", edns.as_deref()),
        ("do", dnssec.then_some("true")),
        ("rd", recursion.then_some("true")),
    ];
    if at.is_some() {
        let answer: PastAnswer = node.get("/api/v1/explain", &query).await?;
        match output.format() {
            Format::Json => output.json(&answer)?,
            Format::Table => past(output, &answer)?,
        }
        return Ok(Exit::Done);
    }
    let explanation: Explanation = node.get("/api/v1/explain", &query).await?;
    match output.format() {
        Format::Json => output.json(&explanation)?,
        Format::Table => {
            for line in &explanation.lines {
                output.line(&plain(line))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn past(output: &Output, answer: &PastAnswer) -> Result<(), Failure> {
    let PastAnswer { at, node, generation, since, .. } = answer;
    output.line(&plain(&format!("at {at} node {node} answered by plan {generation}, in force since {since}")))?;
    for line in &answer.lines {
        output.line(&plain(line))?;
    }
    for caveat in &answer.caveats {
        output.line(&plain(&format!("but: {caveat}")))?;
    }
    output.line(&format!("octets: {}", answer.answer))
}
