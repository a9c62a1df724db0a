//! The tables of a past moment, made anew from what was kept.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::objects::Objects;
use super::record::{Loaded, Record, Says};
use super::writer::{first_time, lines, mark, segments};
use crate::answer::Tables;
use crate::config;
use crate::model::{Generation, Settings, ZoneContent, ZoneOrigins};
use crate::node::loading::{FromDisk, unjudged};
use crate::steer::{Atlas, Steering};
use crate::zone::{self, Template, Zones};

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
    /// Plans before it that were not kept.
    gap: bool,
    /// When the next plan came into force.
    next: Option<Timestamp>,
    /// When the node started anew after the last line before the moment.
    anew: Option<Timestamp>,
}

impl Past {
    /// What was in force at `time`, by what lies in `directory`. Blocks; costs as much as a reload.
    ///
    /// # Errors
    /// If it is not kept, or cannot be read.
    pub fn at(directory: &Path, time: Timestamp) -> Result<Self, PastFault> {
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
            return Err(PastFault::NotKept(match beginning(directory) {
                Some(began) if began > time => format!("no plan of {time} is kept: what is kept begins at {began}"),
                _ => format!("no plan of {time} is kept (any more)"),
            }));
        };
        let mut caveats = loaded.missing.clone();
        let (settings, tables) = rebuild(&Objects::in_directory(directory), loaded, &mut caveats)?;
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
                break;
            }
            Record::Ended { .. } | Record::Loaded(_) | Record::Rezoned(_) => break,
        }
    }
    Ok(found)
}

/// The configuration and the tables of what was `loaded`, before any plan.
fn rebuild(objects: &Objects, loaded: &Loaded, caveats: &mut Vec<String>) -> Result<(Settings, Tables), PastFault> {
    let unreadable = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| PastFault::Unreadable(format!("{what}: {error}"))
    };
    let text = objects.read(&loaded.settings).map_err(unreadable("the configuration"))?;
    let (settings, report) = config::read(&loaded.path, &text);
    let settings = settings.ok_or_else(|| {
        PastFault::Unreadable(format!("this version does not take the configuration of that time: {report}"))
    })?;
    let mut zones = Zones::default();
    for source in &settings.zones {
        let policy = Arc::new(source.policy.clone());
        match (&source.origins, &source.content) {
            (ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin), _) => {
                let Some(object) = loaded.zones.get(&origin.to_string()) else { continue };
                let text = objects.read(object).map_err(unreadable(&origin.to_string()))?;
                let (zone, report) = zone::load(origin, Path::new("kept"), &text, &FromDisk);
                let zone = zone.ok_or_else(|| PastFault::Unreadable(format!("{origin}: {report}")))?;
                zones.insert(zone.with_policy(policy));
            }
            (ZoneOrigins::Listed(list), ZoneContent::File(file)) => {
                let Some((names, template)) = loaded.listed.get(list) else { continue };
                let names = objects.read(names).map_err(unreadable("a list of zones"))?;
                let text = objects.read(template).map_err(unreadable("a template"))?;
                if text.contains("$INCLUDE") {
                    caveats.push(format!("{} includes files, which are read as they are now", file.display()));
                }
                let (origins, _) = zone::origins(list, &names);
                let Some(example) = origins.first() else { continue };
                let (template, report) = Template::load(example, file, &text, &FromDisk);
                let template =
                    template.ok_or_else(|| PastFault::Unreadable(format!("{}: {report}", file.display())))?;
                let template = template.with_policy(policy);
                zones.reserve_listed(origins.len());
                origins.into_iter().filter_map(|origin| template.zone(origin).ok()).for_each(|zone| zones.insert(zone));
            }
            (ZoneOrigins::Listed(_), ZoneContent::Primaries(_)) => {}
        }
    }
    let atlas = atlas(&settings, loaded, caveats);
    let attribution = Arc::new(zone::attribute(zones, &settings));
    let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &atlas));
    let tables = unjudged(&attribution, steering);
    Ok((settings, tables))
}

/// The geo database of that time, as far as it is there.
fn atlas(settings: &Settings, loaded: &Loaded, caveats: &mut Vec<String>) -> Atlas {
    let Some(path) = &settings.geo.database else { return Atlas::embedded() };
    if mark(path) != loaded.geo {
        caveats.push("the geo database has been replaced since: clients may have been located otherwise".to_owned());
    }
    let read = std::fs::read(path).ok().and_then(|octets| Atlas::from_mmdb(&octets).ok());
    read.unwrap_or_else(|| {
        caveats.push("the geo database cannot be read: the embedded one stands in for it".to_owned());
        Atlas::embedded()
    })
}
