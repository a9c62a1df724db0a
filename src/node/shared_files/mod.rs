//! Files of secrets that all nodes need alike, kept the same through the store that the nodes share.
//!
//! The files stay the source: a node starts and answers from its own whatever the store does. This task looks at them
//! and at the store, seals what an operator changed here and publishes it, and writes what another node published.
//! What has to be done is decided in [`crate::store::mirror`], what travels is sealed in [`crate::store::sealed`].

mod known;
mod pass;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

pub use known::Known;
pub use pass::{Change, Mirror, Passed};
pub use shelf::{SharedName, Shelf};

use super::desk::Desk;
use super::engine::{Message, with_remedy};
use super::secrets;
use crate::model::EventKind;
use crate::store::sealed::{ClusterKeys, SealError, SecretText};
use crate::store::{SharedFiles, StoreError};

/// The part of the node that degrades with this.
const PART: &str = "shared_secrets";
/// Between two passes. A change takes twice as long to the other nodes at most, and operators wait for it.
const INTERVAL: Duration = Duration::from_secs(5);
/// The same where another node or an operator wrote at the same moment.
const REST: Duration = Duration::from_secs(1);
/// Troubles that are told at once; the others are counted.
const TROUBLES_TOLD: usize = 5;

/// Keeps the files of the node and those in the store the same, for as long as the configuration says so. Starts with a
/// pass; never ends.
pub async fn keep(desk: Arc<Desk>, files: Arc<dyn SharedFiles>) {
    let settings = Arc::clone(&desk.at_start);
    let path = settings.state.path.clone();
    let Ok((known, mut unread)) = tokio::task::spawn_blocking(move || Known::load(&path)).await else { return };
    let mut mirror = Mirror::new(&settings.node.name, Arc::clone(&files), known);
    loop {
        let (mut passed, failed) = pass(&desk, &mut mirror).await;
        // Once: what was not known before the start is, once a pass has looked at everything.
        passed.troubles.extend(unread.take());
        let pause = if passed.overtaken > 0 { REST } else { INTERVAL };
        tell(&desk, passed, failed).await;
        sleep(pause).await;
    }
}

/// The text of a key file with one new key.
///
/// # Errors
/// If the system has no randomness to give.
pub fn new_cluster_key() -> Result<SecretText, SealError> {
    ClusterKeys::generate()
}

/// One pass under the configuration in force.
async fn pass(desk: &Desk, mirror: &mut Mirror) -> (Passed, Result<(), StoreError>) {
    let settings = Arc::clone(&desk.picture.load().settings);
    let Some(file) = settings.secrets.shared_under.clone() else { return (Passed::default(), Ok(())) };
    // Read each time: a new key needs no reload.
    let keys = match tokio::task::spawn_blocking(move || secrets::cluster_keys(&file)).await {
        Ok(Ok(keys)) => keys,
        Ok(Err(problem)) => return (troubled(problem.to_string()), Ok(())),
        Err(panic) => return (troubled(panic.to_string()), Ok(())),
    };
    mirror.pass(&Shelf::of(&settings), &keys, desk.clock.wall()).await
}

fn troubled(trouble: String) -> Passed {
    Passed { troubles: vec![trouble], ..Passed::default() }
}

/// Tells what a pass came to, and takes new cookie secrets into use; new keysets are seen by who watches key files.
async fn tell(desk: &Desk, passed: Passed, failed: Result<(), StoreError>) {
    let Passed { changes, mut troubles, .. } = passed;
    let cookies = changes.iter().any(|change| change.name == SharedName::Cookies);
    for Change { name, change, version, detail } in changes {
        desk.journal.record(EventKind::SharedFile { name: name.to_string(), change, version, detail });
    }
    if cookies {
        desk.load_cookies("the shared file of cookie secrets changed").await;
    }
    match failed {
        Ok(()) => {}
        // Who follows the store tells that it is lost; what is wrong with the files is as it was.
        Err(StoreError::Unreachable { .. }) => return,
        Err(error) => troubles.push(with_remedy(&error)),
    }
    let state = if troubles.is_empty() {
        Ok("files and store are the same".to_owned())
    } else {
        let more = troubles.len().saturating_sub(TROUBLES_TOLD);
        troubles.truncate(TROUBLES_TOLD);
        if more > 0 {
            troubles.push(format!("and {more} more"));
        }
        Err(troubles.join("; "))
    };
    // A node that is stopping needs no news.
    let _ = desk.engine.send(Message::Part(PART, state)).await;
}
