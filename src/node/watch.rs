//! What makes a node load files again by itself: SIGHUP, and zone files that change.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use super::desk::Desk;
use super::reloading::Cause;
use super::{loading, signing};

/// How often zone files are looked at.
const LOOK: Duration = Duration::from_secs(2);

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
    // As they were when they were last read, whether that changed anything or not.
    let mut read = desk.picture.load().marks.as_ref().clone();
    let mut seen = read.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        let picture = desk.picture.load_full();
        let now = tokio::task::spawn_blocking({
            let settings = Arc::clone(&picture.settings);
            move || loading::marks(&settings)
        });
        let Ok(now) = now.await else { continue };
        let rested = now == seen;
        if rested && now != read && now != *picture.marks {
            desk.load_changed_zones(Cause::Files).await;
            read.clone_from(&now);
        } else if picture.signed.renewal.is_some_and(|due| due + signing::AFTER <= desk.clock.wall()) {
            desk.load_changed_zones(Cause::Renewal).await;
        }
        seen = now;
    }
}
