//! `explain`: why a client gets the answer it gets, or got at a past moment.

use super::arguments::Explain;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::moment::Past;
use super::output::Output;
use crate::admin::api::words::plain;
use crate::admin::api::{Explanation, PastAnswer};

pub(super) async fn explain(node: &Node, output: &Output, arguments: Explain) -> Result<Exit, Failure> {
    let Explain { name, rtype, client, at, edns, dnssec, recursion } = arguments;
    let (at, edns) = (at.map(|Past(at)| at.to_string()), edns.map(|edns| edns.to_string()));
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
        let answer: PastAnswer = node.look_up("/api/v1/explain", &query).await?;
        output.show(&answer, |_| past(&answer))?;
        return Ok(Exit::Done);
    }
    let explanation: Explanation = node.get("/api/v1/explain", &query).await?;
    output.show(&explanation, |_| explanation.lines.iter().map(|line| plain(line)).collect())?;
    Ok(Exit::Done)
}

fn past(answer: &PastAnswer) -> Vec<String> {
    let PastAnswer { at, node, generation, since, .. } = answer;
    let head = format!("at {at} node {node} answered by plan {generation}, in force since {since}");
    let caveats = answer.caveats.iter().map(|caveat| format!("but: {caveat}"));
    let said = std::iter::once(head).chain(answer.lines.iter().cloned()).chain(caveats);
    said.map(|line| plain(&line)).chain([format!("octets: {}", answer.answer)]).collect()
}
