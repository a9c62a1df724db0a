//! A page of the journal, filled with what its caller may read.

use super::bounds::{EVENTS_LONGEST, TIMELINE_LOOKED};
use super::{Caller, Control, Problem};
use crate::model::Event;

/// What of the journal a page is taken of: ids between two bounds, both exclusive.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) above: u64,
    pub(super) below: u64,
    /// At most so many events.
    pub(super) limit: usize,
}

/// What was read for a page.
pub(super) struct Read {
    /// Those that are the caller's to read, in order of ids.
    pub(super) events: Vec<Event>,
    /// The last id that was looked at; where there is none, what was to be read began after it.
    pub(super) next_after: u64,
    /// The first id that was looked at.
    pub(super) first: Option<u64>,
}

impl Span {
    /// How many to read at once: to whom all is open, as many as are asked for.
    const fn step(self, caller: &Caller) -> usize {
        if caller.role.is_some() { self.limit } else { EVENTS_LONGEST }
    }

    /// The first events. A bounded part of the journal is looked at, beyond which a page holds fewer than asked for.
    pub(super) async fn forwards(self, control: &dyn Control, caller: &Caller) -> Result<Read, Problem> {
        let step = self.step(caller);
        let mut read = Read { events: Vec::new(), next_after: self.above, first: None };
        let farthest = self.above.saturating_add(TIMELINE_LOOKED);
        while read.next_after.saturating_add(1) < self.below && read.next_after < farthest {
            let mut part = control.events(read.next_after, step).await?;
            part.retain(|event| event.id < self.below);
            if part.is_empty() {
                break;
            }
            for event in part {
                read.first.get_or_insert(event.id);
                read.next_after = event.id;
                if caller.reads(&event) {
                    read.events.push(event);
                }
                if read.events.len() >= self.limit {
                    return Ok(read);
                }
            }
        }
        Ok(read)
    }

    /// The last events, in the same way.
    pub(super) async fn backwards(self, control: &dyn Control, caller: &Caller) -> Result<Read, Problem> {
        let step = self.step(caller);
        let start = |upper: u64, step: usize| self.above.max(upper.saturating_sub(1).saturating_sub(step as u64));
        let mut read = Read { events: Vec::new(), next_after: start(self.below, self.limit), first: None };
        let lowest = self.above.max(self.below.saturating_sub(TIMELINE_LOOKED));
        let mut upper = self.below;
        while upper.saturating_sub(1) > lowest && read.events.len() < self.limit {
            let after = start(upper, step);
            let mut part = control.events(after, step).await?;
            part.retain(|event| event.id < upper);
            if read.first.is_none() {
                read.next_after = part.last().map_or(read.next_after, |last| last.id);
            }
            for event in part.into_iter().rev() {
                read.first = Some(event.id);
                if caller.reads(&event) {
                    read.events.push(event);
                }
                if read.events.len() >= self.limit {
                    break;
                }
            }
            upper = after.saturating_add(1);
        }
        read.events.reverse();
        Ok(read)
    }
}
