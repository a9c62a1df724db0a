//! What makes a node load files again by itself: SIGHUP, and zone files that change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use super::crew::in_background;
use super::desk::Desk;
use super::reloading::Cause;
use super::{loading, signing};

/// How often zone files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How many times as long as a look takes there is none: with a hundred thousand files, looking must not become the work.
const REST: u32 = 50;

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
    let mut read = Arc::clone(&desk.picture.load().marks);
    let mut seen = Arc::clone(&read);
    let mut look = LOOK;
    loop {
        tokio::time::sleep(look).await;
        let picture = desk.picture.load_full();
        let now = in_background({
            let (settings, seen) = (Arc::clone(&picture.settings), Arc::clone(&seen));
            move || {
                let began = Instant::now();
                let now = loading::marks(&settings);
                let changed = (now != *seen).then(|| Arc::new(now));
                (changed, began.elapsed())
            }
        });
        let Ok((changed, took)) = now.await else { continue };
        look = LOOK.max(took.saturating_mul(REST));
        let rested = changed.is_none();
        if rested && seen != read && seen != picture.marks {
            desk.load_changed_zones(Cause::Files).await;
            read = Arc::clone(&seen);
        } else if picture.signed.renewal.is_some_and(|due| due + signing::AFTER <= desk.clock.wall()) {
            desk.load_changed_zones(Cause::Renewal).await;
        }
        seen = changed.unwrap_or(seen);
    }
}
