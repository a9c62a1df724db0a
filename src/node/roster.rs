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

/// Members of one catalog.
const MEMBERS: usize = 1 << 20;

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
    pub held: Option<Zone>,
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
    pub fn replace(&mut self, origin: &Name, kind: Kind, held: Option<Zone>) -> bool {
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
                held: entry.held.as_ref().and_then(Held::of).map(|held| (held, age(entry))),
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
                (Some(held), Kind::Zone) => zones.insert(held.clone()),
                (None, Kind::Zone) => zones.insert_unavailable(origin),
            }
        }
        (self.roster, self.troubles)
    }

    /// The members of each catalog.
    fn lists(&mut self, catalogs: &[(&Name, &ZoneSource, &Vec<Peer>)]) -> HashMap<Name, Vec<CatalogMember>> {
        let mut lists = HashMap::new();
        for (origin, _, _) in catalogs {
            let Some(held) = self.roster.get(origin).and_then(|entry| entry.held.as_ref()) else { continue };
            match zone::catalog(held) {
                Ok(mut catalog) => {
                    if catalog.members.len() > MEMBERS {
                        self.troubles.push(format!(
                            "the catalog {origin} lists more than {MEMBERS} zones: only so many are served"
                        ));
                        catalog.members.truncate(MEMBERS);
                    }
                    lists.insert((*origin).clone(), catalog.members);
                }
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
            *held = held.clone().with_policy(Arc::clone(&entry.policy));
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
        (entry.held, entry.checked) = (Some(zone), Some(note.checked));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Include;

    struct Nothing;

    impl Include for Nothing {
        fn read(&self, _: &Path) -> Result<String, String> {
            Err("nothing is there".to_owned())
        }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn zone(origin: &str, text: &str) -> Zone {
        let text = format!("$TTL 60\n@ SOA ns.invalid. h.invalid. 1 3600 900 604800 60\n@ NS ns.invalid.\n{text}");
        let (zone, report) = zone::load(&name(origin), Path::new("zone"), &text, &Nothing);
        zone.unwrap_or_else(|| panic!("{report}"))
    }

    fn settings(directory: &Path, zones: &str) -> Settings {
        let text = format!("[node]\nname = \"a\"\n[state]\npath = \"{}\"\n{zones}", directory.display());
        let (settings, report) = crate::config::read(Path::new("waypost.toml"), &text);
        settings.unwrap_or_else(|| panic!("{report}"))
    }

    const TWO: &str = "[[zone]]\ncatalog = \"one.cat\"\nprimaries = [{ address = \"192.0.2.1\" }]\n\
                       [[zone]]\ncatalog = \"two.cat\"\nprimaries = [{ address = \"192.0.2.2\" }]\n\
                       [[zone]]\norigin = \"own.example\"\nprimaries = [{ address = \"192.0.2.3\" }]\n";

    /// The roster of `settings` after the catalogs are held; who is asked for each zone, and what is wrong.
    fn read(settings: &Settings, catalogs: &[(&str, &str)], zones: &mut Zones) -> (Roster, Vec<String>) {
        let (mut roster, _) = Reader::new(settings, None, Timestamp::now()).read(&mut Zones::default());
        for (origin, text) in catalogs {
            assert!(roster.replace(
                &name(origin),
                Kind::Catalog,
                Some(zone(origin, &format!("version TXT 2\n{text}")))
            ));
        }
        Reader::new(settings, Some(&roster), Timestamp::now()).read(zones)
    }

    fn primary(roster: &Roster, origin: &str) -> Option<String> {
        roster.get(&name(origin)).map(|entry| entry.primaries[0].address.ip().to_string())
    }

    #[test]
    fn a_zone_belongs_to_the_configuration_then_to_the_first_catalog_unless_that_hands_it_over() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), TWO);
        let mut zones = Zones::default();
        zones.insert(zone("file.example", ""));
        let catalogs = [
            (
                "one.cat",
                "a.zones PTR a.example.\nb.zones PTR b.example.\ncoo.b.zones PTR two.cat.\nf.zones PTR file.example.\n",
            ),
            (
                "two.cat",
                "a.zones PTR a.example.\nb.zones PTR b.example.\no.zones PTR own.example.\nc.zones PTR one.cat.\n",
            ),
        ];
        let (roster, troubles) = read(&settings, &catalogs, &mut zones);
        assert_eq!(primary(&roster, "a.example").unwrap(), "192.0.2.1");
        assert_eq!(primary(&roster, "b.example").unwrap(), "192.0.2.2");
        assert_eq!(primary(&roster, "own.example").unwrap(), "192.0.2.3");
        assert_eq!(
            (primary(&roster, "file.example"), primary(&roster, "one.cat").unwrap()),
            (None, "192.0.2.1".into())
        );
        assert_eq!(troubles.len(), 4, "{troubles:?}");
        assert!(zones.get(&name("file.example")).is_some() && zones.get(&name("one.cat")).is_none());
        assert!(zones.is_unavailable(&name("x.a.example").key()) && !zones.is_unavailable(&name("one.cat").key()));
    }

    #[test]
    fn a_member_with_another_label_is_another_zone_and_one_that_moves_with_its_label_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), TWO);
        let (mut first, _) = read(&settings, &[("one.cat", "m1.zones PTR a.example.\n")], &mut Zones::default());
        first.replace(&name("a.example"), Kind::Zone, Some(zone("a.example", "")));
        let with = |one: &str, two: &str| {
            let mut before = first.clone();
            for (origin, text) in [("one.cat", one), ("two.cat", two)] {
                before.replace(&name(origin), Kind::Catalog, Some(zone(origin, &format!("version TXT 2\n{text}"))));
            }
            let (after, _) = Reader::new(&settings, Some(&before), Timestamp::now()).read(&mut Zones::default());
            let gone: Vec<String> = first.gone(&after).map(ToString::to_string).collect();
            (after.get(&name("a.example")).map(|entry| entry.held.is_some()), gone)
        };
        assert_eq!(with("m1.zones PTR a.example.\n", ""), (Some(true), vec![]));
        assert_eq!(with("m2.zones PTR a.example.\n", ""), (Some(false), vec!["a.example.".to_owned()]));
        assert_eq!(with("", "m1.zones PTR a.example.\n"), (Some(true), vec![]));
        assert_eq!(with("", ""), (None, vec!["a.example.".to_owned()]));
    }

    #[test]
    fn copies_are_taken_while_they_have_not_expired_and_are_of_this_zone() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), TWO);
        let copies = copies::directory(&settings);
        let checked: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let own = zone("own.example", "");
        let note = copies::Note { checked, serial: 1, member: String::new() };
        let held_at = |now: &str| {
            let (roster, _) = Reader::new(&settings, None, now.parse().unwrap()).read(&mut Zones::default());
            roster.get(&name("own.example")).unwrap().held.is_some()
        };
        assert!(!held_at("2026-01-02T00:00:00Z"));
        copies::write(&copies, &own, &note).unwrap();
        assert!(held_at("2026-01-02T00:00:00Z") && held_at("2025-01-01T00:00:00Z"));
        assert!(held_at("2026-01-07T23:59:59Z") && !held_at("2026-01-08T00:00:00Z"));
        copies::write_note(&copies, own.origin(), &copies::Note { member: "6d31".to_owned(), ..note }).unwrap();
        assert!(!held_at("2026-01-02T00:00:00Z"), "it was the copy of a catalog's member");
    }

    #[test]
    fn how_long_ago_a_copy_was_checked_is_what_the_room_hears() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path(), TWO);
        let checked: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let note = copies::Note { checked, serial: 1, member: String::new() };
        copies::write(&copies::directory(&settings), &zone("own.example", ""), &note).unwrap();
        let now = "2026-01-01T01:00:00Z".parse().unwrap();
        let (roster, _) = Reader::new(&settings, None, now).read(&mut Zones::default());
        let ages: Vec<_> =
            roster.assignments(now).into_iter().filter_map(|zone| zone.held).map(|(_, age)| age).collect();
        assert_eq!(ages, [std::time::Duration::from_secs(3600)]);
        let earlier = roster.assignments("2025-01-01T00:00:00Z".parse().unwrap());
        assert!(earlier.into_iter().filter_map(|zone| zone.held).all(|(_, age)| age.is_zero()));
    }
}
