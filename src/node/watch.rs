//! What makes a node load files again by itself: SIGHUP, and zone files that change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use super::desk::Desk;
use super::loading;

/// How often zone files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What tells a changed file: when it was written and how long it is.
type Mark = Option<(SystemTime, u64)>;

/// Reloads on SIGHUP.
pub async fn hangups(desk: Arc<Desk>) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(problem) => {
            warn!("SIGHUP cannot be received ({problem}); use 'waypost reload'");
            return;
        }
    };
    while hangups.recv().await.is_some() {
        // A refusal is in the journal already.
        let _ = desk.load_again("by SIGHUP").await;
    }
}

/// Loads zones whose files changed, once they have rested for one look: a file that is still being written is not read.
pub async fn zones(desk: Arc<Desk>) {
    let mut served = marks(&desk).await;
    let mut seen = served.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = marks(&desk).await;
        let rested = now == seen;
        if rested && now != served {
            desk.load_changed_zones().await;
            served.clone_from(&now);
        }
        seen = now;
    }
}

async fn marks(desk: &Arc<Desk>) -> BTreeMap<PathBuf, Mark> {
    let files = loading::watched(&desk.picture.load().settings);
    tokio::task::spawn_blocking(move || {
        files.into_iter().map(|file| (mark(&file), file)).map(|(mark, file)| (file, mark)).collect()
    })
    .await
    .unwrap_or_default()
}

fn mark(file: &Path) -> Mark {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
