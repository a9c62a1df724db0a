//! Hooks of this node: they run for verdicts as they come, and never for those of the past.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::broadcast::error::RecvError;
use tracing::warn;

use super::journal::Journal;
use super::notifying::Board;
use super::picture::Picture;
use crate::model::{Event, EventKind};
use crate::notify::{Hooks, Ran, Transition};
use crate::probe::Prober;

/// Runs hooks for what the journal says.
pub struct Attendant {
    /// Where what they did is counted.
    pub board: Board,
    /// What is followed, and told of each run.
    pub journal: Journal,
    /// The hooks that are declared.
    pub picture: Arc<ArcSwap<Picture>>,
    /// What each monitor sees.
    pub prober: Arc<Prober>,
}

impl Attendant {
    /// Follows until the journal ends.
    pub async fn follow(self) {
        let mut live = self.journal.subscribe();
        let (board, journal) = (self.board.clone(), self.journal.clone());
        let hear = move |ran: Ran| {
            let Ran { name, transition, outcome, detail } = ran;
            let mut notes = board.notes();
            let count = notes.runs.entry((name.clone(), outcome)).or_default();
            *count = count.saturating_add(1);
            drop(notes);
            let Transition { service, site, address, to, .. } = transition;
            journal.record(EventKind::HookRan { name, service, site, address, to, outcome, detail });
        };
        let mut hooks = Hooks::start(&[], Arc::new(hear));
        loop {
            let event = match live.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(missed)) => {
                    warn!(missed, "hooks did not run for events that came too fast");
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            let settings = Arc::clone(&self.picture.load().settings);
            if !hooks.are(&settings.hooks) {
                hooks.become_those(&settings.hooks);
            }
            if !settings.hooks.is_empty()
                && let Some(transition) = self.transition(&event)
            {
                hooks.happened(&transition);
            }
        }
    }

    fn transition(&self, event: &Event) -> Option<Transition> {
        let EventKind::Verdict { service, site, address, from, to, reason, .. } = &event.kind else { return None };
        let of_endpoint = |all: Vec<crate::probe::TargetStatus>| {
            all.into_iter().filter(|target| target.key.service == *service && target.key.address == *address)
        };
        let seen: Vec<_> =
            of_endpoint(self.prober.snapshot()).map(|target| (target.monitor, target.verdict.state)).collect();
        let agree = seen.iter().any(|(_, state)| state == to);
        let monitors =
            seen.into_iter().filter(|(_, state)| !agree || state == to).map(|(monitor, _)| monitor).collect();
        Some(Transition {
            service: service.clone(),
            site: site.clone(),
            address: *address,
            monitors,
            from: *from,
            to: *to,
            reason: reason.clone(),
        })
    }
}
