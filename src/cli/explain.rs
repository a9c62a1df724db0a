//! `explain`: why a client gets the answer it gets.

use super::arguments::Explain;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::admin::api::Explanation;
use crate::admin::api::words::plain;

pub(super) async fn explain(node: &Node, output: &Output, arguments: Explain) -> Result<Exit, Failure> {
    let Explain { name, rtype, client } = arguments;
    let query = [("name", Some(name.as_str())), ("type", Some(rtype.as_str())), ("client", client.as_deref())];
    let explanation: Explanation = node.get("/api/v1/explain", &query).await?;
    output.show(&explanation, |_| explanation.lines.iter().map(|line| plain(line)).collect())?;
    Ok(Exit::Done)
}
