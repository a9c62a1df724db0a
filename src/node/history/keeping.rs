//! Keeping: the texts of a configuration and of the zones that are served under it.
//!
//! What is kept is what was read, never what the files hold by now: a template that was edited and not loaded is not served.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::objects::Object;
use super::record::Loaded;
use super::writer::{Writer, mark};
use super::{InForce, ZONES_MOST};
use crate::model::{Name, Settings, ZoneContent, ZoneOrigins};
use crate::zone::{self, Zone, Zones};

/// Zones of templates that are kept. Held, so that they are known again.
pub(super) struct KeptLists {
    zones: Zones,
    settings: Arc<Settings>,
    listed: BTreeMap<PathBuf, Vec<(Object, Object)>>,
    missing: Vec<String>,
}

/// Zones of one reading of a template.
struct Made<'z> {
    first: &'z Zone,
    text: &'z str,
    names: Vec<String>,
}

impl Writer {
    /// Keeps the texts of a configuration and its zones.
    pub(super) fn keep(&mut self, time: Timestamp, news: &InForce) -> io::Result<Loaded> {
        let InForce { generation, settings, zones, .. } = news;
        let mut loaded = Loaded {
            time,
            generation: *generation,
            path: settings.path.clone(),
            settings: self.objects.keep(&settings.text)?,
            zones: BTreeMap::new(),
            listed: BTreeMap::new(),
            missing: Vec::new(),
            geo: settings.geo.database.as_deref().and_then(mark),
        };
        self.keep_listed(&mut loaded, settings, zones)?;
        let known = std::mem::take(&mut self.zones);
        for source in &settings.zones {
            match (&source.origins, &source.content) {
                (ZoneOrigins::Listed(_), ZoneContent::File(_)) => {}
                (ZoneOrigins::Listed(list), ZoneContent::Primaries(_)) => {
                    loaded.missing.push(format!("the zones of {} are transferred", list.display()));
                }
                (ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin), _) => {
                    if let ZoneOrigins::Catalog(_) = source.origins {
                        loaded.missing.push(format!("the members of catalog {origin} are not kept"));
                    }
                    self.keep_own(&mut loaded, origin, zones.get(origin), &known)?;
                }
            }
        }
        loaded.missing.truncate(ZONES_MOST);
        Ok(loaded)
    }

    /// Keeps a zone that has a text of its own.
    fn keep_own(
        &mut self,
        loaded: &mut Loaded,
        origin: &Name,
        zone: Option<&Zone>,
        known: &BTreeMap<String, (Zone, Object)>,
    ) -> io::Result<()> {
        let Some(zone) = zone else {
            loaded.missing.push(format!("{origin} had no good version"));
            return Ok(());
        };
        if loaded.zones.len() >= ZONES_MOST {
            loaded.missing.push(format!("{origin}: only {ZONES_MOST} zones of their own are kept"));
            return Ok(());
        }
        if zone.serial() != zone.declared_serial() {
            loaded.missing.push(format!("{origin}: its SOA was served with a raised serial"));
        }
        let name = origin.to_string();
        let object = match known.get(&name) {
            Some((kept, object)) if kept.tree_id() == zone.tree_id() && self.objects.has(object) => object.clone(),
            _ => self.objects.keep(&zone::write(zone))?,
        };
        self.zones.insert(name.clone(), (zone.clone(), object.clone()));
        loaded.zones.insert(name, object);
        Ok(())
    }

    /// Keeps the zones of templates: their names, and the text that each of the templates was read from.
    fn keep_listed(&mut self, loaded: &mut Loaded, settings: &Arc<Settings>, zones: &Zones) -> io::Result<()> {
        if let Some(kept) = &self.listed
            && Arc::ptr_eq(&kept.settings, settings)
            && kept.zones.has_same_templates(zones)
            && kept.listed.values().flatten().all(|(names, text)| self.objects.has(names) && self.objects.has(text))
        {
            loaded.listed.clone_from(&kept.listed);
            loaded.missing.extend(kept.missing.iter().cloned());
            return Ok(());
        }
        self.listed = None;
        let zones = zones.of_templates();
        let (mut listed, mut missing) = (BTreeMap::<PathBuf, Vec<(Object, Object)>>::new(), Vec::new());
        for Made { first, text, mut names } in made(&zones) {
            let Some(list) = list_of(settings, first) else {
                missing
                    .push(format!("{} and others of its template are in no list of the configuration", first.origin()));
                continue;
            };
            if first.serial() != first.declared_serial() {
                missing.push(format!("the zones of {}: their SOA was served with a raised serial", list.display()));
            }
            // The same names are the same text, in whichever order they are held.
            names.sort_unstable();
            let kept = (self.objects.keep(&names.join("\n"))?, self.objects.keep(text)?);
            listed.entry(list.to_owned()).or_default().push(kept);
        }
        for kept in listed.values_mut() {
            kept.sort_unstable();
        }
        for list in lists(settings).map(|(list, ..)| list).filter(|list| !listed.contains_key(*list)) {
            missing.push(format!("no zone of {} was served", list.display()));
        }
        loaded.listed.clone_from(&listed);
        loaded.missing.extend(missing.iter().cloned());
        self.listed = Some(KeptLists { zones, settings: Arc::clone(settings), listed, missing });
        Ok(())
    }
}

/// The zones of templates, by the reading that they were made from.
fn made(zones: &Zones) -> Vec<Made<'_>> {
    let mut all: HashMap<*const u8, Made<'_>> = HashMap::new();
    for zone in zones.iter() {
        let Some((_, text)) = zone.template() else { continue };
        let made = all.entry(text.as_ptr()).or_insert_with(|| Made { first: zone, text, names: Vec::new() });
        made.names.push(zone.origin().to_string());
    }
    all.into_values().collect()
}

/// The lists of zones of templates, each with its template and who may do what with them.
fn lists(settings: &Settings) -> impl Iterator<Item = (&Path, &Path, &crate::model::ZonePolicy)> {
    settings.zones.iter().filter_map(|source| match (&source.origins, &source.content) {
        (ZoneOrigins::Listed(list), ZoneContent::File(template)) => {
            Some((list.as_path(), template.as_path(), &source.policy))
        }
        _ => None,
    })
}

/// A list that makes of its template what `zone` is: of two that say the same of it, either.
fn list_of<'s>(settings: &'s Settings, zone: &Zone) -> Option<&'s Path> {
    let (file, _) = zone.template()?;
    lists(settings)
        .find(|(_, template, policy)| *template == file && *policy == &**zone.policy())
        .map(|(list, ..)| list)
}
