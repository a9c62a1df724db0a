//! `reload`: configuration and zones anew, all or nothing.

use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::admin::api::ReloadOutcome;
use crate::admin::api::words::plain;

pub(super) async fn reload(node: &Node, output: &Output) -> Result<Exit, Failure> {
    let outcome: ReloadOutcome = node.post("/api/v1/reload", &serde_json::Value::Null).await?;
    output.show(&outcome, |_| {
        for warning in &outcome.warnings {
            output.progress(&plain(warning));
        }
        let nothing = if outcome.changes.is_empty() { ": nothing changed" } else { "" };
        let head = format!("reloaded{nothing} (generation {})", outcome.generation);
        std::iter::once(head).chain(outcome.changes.iter().map(|change| format!("  {}", plain(change)))).collect()
    })?;
    Ok(Exit::Done)
}
