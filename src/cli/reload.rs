//! `reload`: configuration and zones anew, all or nothing.

use super::client::Node;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use crate::admin::api::ReloadOutcome;
use crate::admin::api::words::plain;

pub(super) async fn reload(node: &Node, output: &Output) -> Result<Exit, Failure> {
    let outcome: ReloadOutcome = node.post("/api/v1/reload", &serde_json::Value::Null).await?;
    match output.format() {
        Format::Json => output.json(&outcome)?,
        Format::Table => {
            for warning in &outcome.warnings {
                output.progress(&plain(warning));
            }
            if outcome.changes.is_empty() {
                output.line(&format!("reloaded: nothing changed (generation {})", outcome.generation))?;
            } else {
                output.line(&format!("reloaded (generation {})", outcome.generation))?;
                for change in &outcome.changes {
                    output.line(&format!("  {}", plain(change)))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}
