//! `explain`: why a client gets the answer it gets.

use super::arguments::Explain;
use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::admin::api::Explanation;
use crate::admin::api::words::plain;

pub(super) async fn explain(node: &Node, output: &Output, arguments: Explain) -> Result<Exit, Failure> {
    let Explain { name, rtype, client } = arguments;
    let query = [("name", Some(name.as_str())), ("type", Some(rtype.as_str())), ("client", client.as_deref())];
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
