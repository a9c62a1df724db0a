//! The tables of a past moment, made anew from what was kept.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::objects::Objects;
use super::rebuild::Rebuilt;
use super::record::{Loaded, Record, Says};
use super::writer::{first_time, lines, segments};
use crate::answer::Tables;
use crate::model::{Generation, Name, Settings};

/// An answer so close to a change of plans may have followed either.
const NEAR: Duration = Duration::from_millis(50);

/// What was in force at a moment.
pub struct Past {
    /// What was answered from.
    pub tables: Tables,
    /// The configuration.
    pub settings: Settings,
    /// The plan.
    pub generation: Generation,
    /// Since when it was in force.
    pub since: Timestamp,
    /// What may make an answer of that moment another one than these tables give, a sentence each.
    pub caveats: Vec<String>,
}

/// Why a past moment is not known.
#[derive(Debug, thiserror::Error)]
pub enum PastFault {
    /// Nothing is kept of it.
    #[error("{0}")]
    NotKept(String),
    /// What was kept cannot be read.
    #[error("what was kept of that time cannot be read: {0}")]
    Unreadable(String),
}

/// What the lines say of a moment.
#[derive(Default)]
struct Found {
    loaded: Option<Box<Loaded>>,
    says: Option<Says>,
    generation: Generation,
    since: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// Since when it is not known what was in force.
    lost: Option<Timestamp>,
    /// Plans before it that were not kept.
    gap: bool,
    /// When the next plan came into force.
    next: Option<Timestamp>,
    /// Plans before that one that were not kept.
    gap_after: bool,
    /// When the node started anew after the last line before the moment.
    anew: Option<Timestamp>,
}

impl Past {
    /// What was in force at `time`, by what lies in `directory`, to answer a question for `name`. Blocks; costs as much as a
    /// reload.
    ///
    /// # Errors
    /// If it is not kept, or cannot be read. Of zones that `name` is not in, the latter is a caveat.
    pub fn at(directory: &Path, time: Timestamp, name: &Name) -> Result<Self, PastFault> {
        let found = find(directory, time).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                PastFault::NotKept("nothing is kept yet to explain past answers from".to_owned())
            }
            _ => PastFault::Unreadable(error.to_string()),
        })?;
        if let Some(ended) = found.ended {
            return Err(PastFault::NotKept(format!("the node did not run then: it stopped at {ended}")));
        }
        let (Some(loaded), Some(says), Some(since)) = (&found.loaded, &found.says, found.since) else {
            return Err(PastFault::NotKept(match (found.lost, beginning(directory)) {
                (Some(lost), _) => unwritten(lost),
                (None, Some(began)) if began > time => {
                    format!("no plan of {time} is kept: what is kept begins at {began}")
                }
                (None, _) => format!("no plan of {time} is kept (any more)"),
            }));
        };
        let mut caveats = loaded.missing.clone();
        let Rebuilt { settings, tables } = Rebuilt::of(&Objects::in_directory(directory), loaded, name, &mut caveats)?;
        let plan = says.plan(tables.topology(), found.generation).ok_or_else(|| {
            PastFault::Unreadable(format!(
                "plan {} is of other sites than the configuration kept with it",
                found.generation
            ))
        })?;
        if found.gap {
            caveats.push(format!(
                "plans just before {} were not kept; one of them may have been in force",
                found.generation
            ));
        }
        if found.gap_after {
            caveats.push(format!(
                "plans just after {} were not kept; one of them may have been in force",
                found.generation
            ));
        }
        if let Some(anew) = found.anew {
            caveats.push(format!(
                "the node started anew at {anew} and had not stopped in order: it may not have run then"
            ));
        }
        let is_near = |change: Timestamp| change.duration_since(time).unsigned_abs() <= NEAR;
        if is_near(since) || found.next.is_some_and(is_near) {
            caveats.push(
                "the plan changed within 50 ms of that moment: the answer may have followed the other one".to_owned(),
            );
        }
        Ok(Self { tables: tables.with_plan(Arc::new(plan)), settings, generation: found.generation, since, caveats })
    }
}

/// From when on something is kept.
fn beginning(directory: &Path) -> Option<Timestamp> {
    segments(directory).ok()?.values().find_map(|path| first_time(path).ok().flatten())
}

/// What the lines say of `time`.
fn find(directory: &Path, time: Timestamp) -> io::Result<Found> {
    let all = segments(directory)?;
    let mut found = Found::default();
    // Segments in the order of their numbers; the last that began before the moment has it.
    let mut chosen = None;
    for (number, path) in &all {
        if first_time(path)?.is_some_and(|began| began <= time) {
            chosen = Some(*number);
        }
    }
    let Some(chosen) = chosen else { return Ok(found) };
    let later = all.range(chosen..).map(|(_, path)| path);
    for record in later.take(2).map(|path| lines(path)).collect::<io::Result<Vec<_>>>()?.into_iter().flatten() {
        match record {
            Record::Begun { time: began } if began > time => {
                found.anew = Some(began);
                break;
            }
            Record::Begun { .. } => found = Found::default(),
            Record::Lost { time: lost } if lost <= time => found = Found { lost: Some(lost), ..Found::default() },
            Record::Ended { time: ended } if ended <= time => found.ended = Some(ended),
            Record::Loaded(loaded) if loaded.time <= time => {
                found.ended = None;
                found.loaded = Some(loaded);
            }
            Record::Rezoned(news) if news.time <= time => {
                if let Some(loaded) = &mut found.loaded {
                    loaded.take(*news);
                }
            }
            Record::Plan(planned) if planned.time <= time => {
                let follows = planned.generation.sequence <= found.generation.sequence.saturating_add(1);
                found.gap = found.says.is_some() && planned.generation.epoch == found.generation.epoch && !follows;
                match &mut found.says {
                    Some(says) if !planned.whole => says.take(planned.says),
                    says => *says = Some(planned.says),
                }
                if found.generation != planned.generation {
                    found.since = Some(planned.time);
                }
                found.generation = planned.generation;
                found.since.get_or_insert(planned.time);
            }
            Record::Plan(planned) => {
                found.next = Some(planned.time);
                let follows = planned.generation.sequence <= found.generation.sequence.saturating_add(1);
                found.gap_after = planned.generation.epoch == found.generation.epoch && !follows;
                break;
            }
            Record::Lost { .. } | Record::Ended { .. } | Record::Loaded(_) | Record::Rezoned(_) => break,
        }
    }
    Ok(found)
}

/// What is said of a moment after `since`, from which on the disk did not take what was in force.
pub fn unwritten(since: Timestamp) -> String {
    format!(
        "what was in force from {since} on was not kept: the disk did not take it; look for room in the state directory, and for \
         'not kept' in the log"
    )
}
