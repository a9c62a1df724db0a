//! The roster: which zones are transferred from where, as the configuration and the catalogs say, and what is held of
//! each.
//!
//! A zone of the configuration comes before one that a catalog lists, and an earlier catalog before a later one, unless
//! it hands the zone over (RFC 9432 section 4.4.1). Catalog zones themselves are held here and not served.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::copies;
use crate::model::{Name, Peer, Settings, ZoneContent, ZoneOrigins, ZonePolicy, ZoneSource};
use crate::transfer::{Assignment, Held, Kind};
use crate::zone::{self, CatalogMember, Zone, Zones};

/// A zone that is transferred.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is for.
    pub kind: Kind,
    /// Who has it.
    pub primaries: Vec<Peer>,
    /// What holds for it beyond its records.
    pub policy: Arc<ZonePolicy>,
    /// The catalog that lists it and its unique label there; `None` for zones of the configuration.
    pub listed: Option<(Name, Vec<u8>)>,
    /// The version that is held.
    pub held: Option<Arc<Zone>>,
    /// When that was last known to be current, where it was read from disk.
    pub checked: Option<Timestamp>,
}

impl Entry {
    /// Another value makes it another zone.
    fn incarnation(&self) -> Vec<u8> {
        self.listed.as_ref().map(|(_, unique)| unique.clone()).unwrap_or_default()
    }

    /// [`Note::member`](copies::Note::member) of its copy.
    #[must_use]
    pub fn member(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.incarnation())
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.incarnation() == other.incarnation()
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    entries: BTreeMap<Name, Entry>,
}

impl Roster {
    /// The zone `origin`, if it is transferred.
    #[must_use]
    pub fn get(&self, origin: &Name) -> Option<&Entry> {
        self.entries.get(origin)
    }

    /// All zones.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.entries.iter()
    }

    /// Puts another version in the place of the one that is held, or none. Gives whether there is such a zone.
    pub fn replace(&mut self, origin: &Name, kind: Kind, held: Option<Arc<Zone>>) -> bool {
        let entry = self.entries.get_mut(origin).filter(|entry| entry.kind == kind);
        entry.is_some_and(|entry| {
            (entry.held, entry.checked) = (held, None);
            true
        })
    }

    /// Takes note of the zones as they are served: their steered RRsets are marked there, and the copy without marks is not
    /// needed beside them.
    pub fn settle(&mut self, zones: &Zones) {
        for (origin, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.kind == Kind::Zone) {
            entry.held = zones.get(origin).cloned();
        }
    }

    /// What the transfer room is to hold.
    #[must_use]
    pub fn assignments(&self, now: Timestamp) -> Vec<Assignment> {
        let age = |entry: &Entry| {
            let since = entry.checked.map(|checked| now.duration_since(checked));
            // A clock that went back says nothing; then the copy counts as fresh, for serving it is the lesser harm.
            since.and_then(|since| since.try_into().ok()).unwrap_or_default()
        };
        self.entries
            .iter()
            .map(|(origin, entry)| Assignment {
                origin: origin.clone(),
                kind: entry.kind,
                primaries: entry.primaries.clone(),
                incarnation: entry.incarnation(),
                held: entry.held.as_deref().and_then(Held::of).map(|held| (held, age(entry))),
            })
            .collect()
    }

    /// Zones that catalogs listed in `self` and that `later` has no more, or as another zone.
    pub fn gone<'r>(&'r self, later: &'r Self) -> impl Iterator<Item = &'r Name> {
        self.entries
            .iter()
            .filter(|(origin, entry)| {
                entry.listed.is_some() && later.get(origin).is_none_or(|now| !now.is_same_as(entry))
            })
            .map(|(origin, _)| origin)
    }
}

/// Makes a roster: of `settings`, with what `before` holds, or else what the disk has.
pub struct Reader<'a> {
    settings: &'a Settings,
    before: Option<&'a Roster>,
    now: Timestamp,
    roster: Roster,
    /// What is not as the configuration or a catalog says.
    troubles: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of `settings` at `now`.
    #[must_use]
    pub fn new(settings: &'a Settings, before: Option<&'a Roster>, now: Timestamp) -> Self {
        Self { settings, before, now, roster: Roster::default(), troubles: Vec::new() }
    }

    /// Reads all transferred zones into `zones`, which holds those of files already. Gives the roster and what is wrong.
    #[must_use]
    pub fn read(mut self, zones: &mut Zones) -> (Roster, Vec<String>) {
        let settings = self.settings;
        let transferred = settings.zones.iter().filter_map(|source| match &source.content {
            ZoneContent::Primaries(primaries) => Some((source, primaries)),
            ZoneContent::File(_) => None,
        });
        let mut catalogs = Vec::new();
        for (source, primaries) in transferred {
            let (origin, kind) = match &source.origins {
                ZoneOrigins::One(origin) => (origin, Kind::Zone),
                ZoneOrigins::Catalog(origin) => (origin, Kind::Catalog),
                // The configuration does not allow it: a template has no primary.
                ZoneOrigins::Listed(_) => continue,
            };
            self.add(origin, kind, source, primaries, None);
            if kind == Kind::Catalog {
                catalogs.push((origin, source, primaries));
            }
        }
        let lists = self.lists(&catalogs);
        for (origin, source, primaries) in catalogs {
            for member in lists.get(origin).map(Vec::as_slice).unwrap_or_default() {
                if zones.get(&member.zone).is_some() || zones.is_unavailable_apex(&member.zone) {
                    self.clash(origin, &member.zone, "has a file in the configuration");
                } else if self.is_taken(origin, &member.zone, &lists) {
                    self.clash(origin, &member.zone, "is configured, or another catalog lists it");
                } else {
                    let listed = Some((origin.clone(), member.unique.clone()));
                    self.add(&member.zone, Kind::Zone, source, primaries, listed);
                }
            }
        }
        for (origin, entry) in &self.roster.entries {
            match (&entry.held, entry.kind) {
                (_, Kind::Catalog) => {}
                (Some(held), Kind::Zone) => zones.insert(Arc::clone(held)),
                (None, Kind::Zone) => zones.insert_unavailable(origin),
            }
        }
        (self.roster, self.troubles)
    }

    /// The members of each catalog.
    fn lists(&mut self, catalogs: &[(&Name, &ZoneSource, &Vec<Peer>)]) -> HashMap<Name, Vec<CatalogMember>> {
        let mut lists = HashMap::new();
        for (origin, _, _) in catalogs {
            let Some(held) = self.roster.get(origin).and_then(|entry| entry.held.as_deref()) else { continue };
            match zone::catalog(held) {
                Ok(catalog) => drop(lists.insert((*origin).clone(), catalog.members)),
                // Only a copy on disk that somebody edited: a broken version is not taken from a primary.
                Err(why) => self.troubles.push(why),
            }
        }
        lists
    }

    /// Whether a zone that `catalog` lists belongs to another.
    fn is_taken(&self, catalog: &Name, member: &Name, lists: &HashMap<Name, Vec<CatalogMember>>) -> bool {
        let Some(present) = self.roster.get(member) else {
            // An earlier one may list it and hand it over to one that comes later than this.
            return false;
        };
        let Some((owner, _)) = &present.listed else { return true };
        let handed_over = lists
            .get(owner)
            .into_iter()
            .flatten()
            .any(|listed| listed.zone == *member && listed.coo.as_ref() == Some(catalog));
        !handed_over
    }

    fn clash(&mut self, catalog: &Name, member: &Name, why: &str) {
        self.troubles.push(format!("the catalog {catalog} lists {member}, which {why}: that entry is ignored"));
    }

    fn add(
        &mut self,
        origin: &Name,
        kind: Kind,
        source: &ZoneSource,
        primaries: &[Peer],
        listed: Option<(Name, Vec<u8>)>,
    ) {
        let policy = Arc::new(source.policy.clone());
        let mut entry = Entry { kind, primaries: primaries.to_vec(), policy, listed, held: None, checked: None };
        let known = self.before.and_then(|before| before.get(origin)).filter(|known| known.is_same_as(&entry));
        match known {
            Some(known) => (entry.held, entry.checked) = (known.held.clone(), known.checked),
            None => self.take_copy(origin, &mut entry),
        }
        if let Some(held) = &mut entry.held
            && **held.policy() != *entry.policy
        {
            *held = Arc::new(Zone::clone(held).with_policy(Arc::clone(&entry.policy)));
        }
        self.roster.entries.insert(origin.clone(), entry);
    }

    /// Takes the copy on disk, unless it has expired (RFC 1034 section 4.3.5).
    fn take_copy(&mut self, origin: &Name, entry: &mut Entry) {
        let directory = copies::directory(self.settings);
        let (zone, note) = match copies::read(&directory, origin) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(problem) => {
                self.troubles.push(format!("the copy of {origin} cannot be used and is transferred anew: {problem}"));
                return;
            }
        };
        if note.member != entry.member() {
            return;
        }
        let age = std::time::Duration::try_from(self.now.duration_since(note.checked)).unwrap_or_default();
        if Held::of(&zone).is_some_and(|held| age >= held.timers.expire()) {
            let checked = note.checked.strftime("%Y-%m-%d %H:%M:%S UTC");
            tracing::warn!("the copy of {origin} has expired: no primary was heard of since {checked}");
            return;
        }
        (entry.held, entry.checked) = (Some(Arc::new(zone)), Some(note.checked));
    }
}

/// Removes the copies of zones that are no more.
pub fn forget(directory: &Path, gone: &[Name]) {
    for origin in gone {
        if let Err(error) = copies::remove(directory, origin) {
            tracing::warn!("the copy of {origin} could not be removed: {error}");
        }
    }
}
