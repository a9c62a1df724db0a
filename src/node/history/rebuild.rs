//! The configuration and the zones of a past moment, made anew from the texts that were kept.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::objects::{Object, Objects};
use super::past::PastFault;
use super::record::Loaded;
use super::writer::mark;
use crate::answer::Tables;
use crate::config;
use crate::model::{Name, Settings, ZoneContent, ZoneOrigins, ZonePolicy};
use crate::node::loading::{FromDisk, unjudged};
use crate::steer::{Atlas, Steering};
use crate::zone::{self, Template, Zones};

/// See the module.
pub(super) struct Rebuilt {
    pub(super) settings: Settings,
    /// Before any plan.
    pub(super) tables: Tables,
}

/// Zones on their way from their texts.
struct Rebuilding<'r> {
    objects: &'r Objects,
    zones: Zones,
    /// Zones that cannot be made anew, and why.
    broken: Vec<(Vec<Name>, String)>,
    /// Lists of zones of which not even the names can be read, and why.
    nameless: Vec<String>,
}

impl Rebuilt {
    /// What was `loaded`, as far as it can be made anew: what cannot is a caveat, unless `name` lies in it.
    pub(super) fn of(
        objects: &Objects,
        loaded: &Loaded,
        name: &Name,
        caveats: &mut Vec<String>,
    ) -> Result<Self, PastFault> {
        let text = objects
            .read(&loaded.settings)
            .map_err(|error| PastFault::Unreadable(format!("the configuration: {error}")))?;
        let (settings, report) = config::read(&loaded.path, &text);
        let settings = settings.ok_or_else(|| {
            PastFault::Unreadable(format!("this version does not take the configuration of that time: {report}"))
        })?;
        let mut work = Rebuilding { objects, zones: Zones::default(), broken: Vec::new(), nameless: Vec::new() };
        for source in &settings.zones {
            let policy = Arc::new(source.policy.clone());
            match (&source.origins, &source.content) {
                (ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin), _) => {
                    if let Some(object) = loaded.zones.get(&origin.to_string()) {
                        work.own(origin, object, policy);
                    }
                }
                (ZoneOrigins::Listed(list), ZoneContent::File(file)) => {
                    for kept in loaded.listed.get(list).into_iter().flatten() {
                        work.listed((list, file), kept, &policy, caveats);
                    }
                }
                (ZoneOrigins::Listed(_), ZoneContent::Primaries(_)) => {}
            }
        }
        let zones = work.finish(name, caveats)?;
        let atlas = atlas(&settings, loaded, caveats);
        let attribution = Arc::new(zone::attribute(zones, &settings));
        let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &atlas));
        let tables = unjudged(&attribution, steering);
        Ok(Self { settings, tables })
    }
}

impl Rebuilding<'_> {
    /// A zone that has a text of its own.
    fn own(&mut self, origin: &Name, object: &Object, policy: Arc<ZonePolicy>) {
        let read = self.objects.read(object).map_err(|error| error.to_string());
        let zone = read.and_then(|text| {
            let (zone, report) = zone::load(origin, Path::new("kept"), &text, &FromDisk);
            zone.ok_or_else(|| report.to_string())
        });
        match zone {
            Ok(zone) => self.zones.insert(zone.with_policy(policy)),
            Err(why) => self.give_up(vec![origin.clone()], format!("{origin}: {}", why.trim_end())),
        }
    }

    /// Zones of one reading of a template.
    fn listed(
        &mut self,
        (list, file): (&Path, &Path),
        (names, template): &(Object, Object),
        policy: &Arc<ZonePolicy>,
        caveats: &mut Vec<String>,
    ) {
        let names = match self.objects.read(names) {
            Ok(names) => names,
            Err(error) => {
                self.nameless.push(format!("the names of the zones of {}: {error}", list.display()));
                return;
            }
        };
        let (origins, _) = zone::origins(list, &names);
        let Some(example) = origins.first() else { return };
        let read = self.objects.read(template).map_err(|error: io::Error| error.to_string());
        let made = read.and_then(|text| {
            if text.contains("$INCLUDE") {
                caveats.push(format!("{} includes files, which are read as they are now", file.display()));
            }
            let (template, report) = Template::load(example, file, &text, &FromDisk);
            template.ok_or_else(|| report.to_string())
        });
        match made {
            Ok(template) => {
                let template = template.with_policy(Arc::clone(policy));
                self.zones.reserve_listed(origins.len());
                let zones = origins.into_iter().filter_map(|origin| template.zone(origin).ok());
                zones.for_each(|zone| self.zones.insert(zone));
            }
            Err(why) => self.give_up(origins, format!("the zones of {}: {}", file.display(), why.trim_end())),
        }
    }

    fn give_up(&mut self, origins: Vec<Name>, why: String) {
        // Its parent would deny what it held.
        origins.iter().for_each(|origin| self.zones.insert_unavailable(origin));
        self.broken.push((origins, why));
    }

    /// The zones, unless `name` lies in one that could not be made anew.
    fn finish(self, name: &Name, caveats: &mut Vec<String>) -> Result<Zones, PastFault> {
        let key = name.key();
        if self.zones.is_unavailable(&key) {
            let is_above = |origin: &Name| key.ends_with(&origin.key());
            let mut broken = self.broken.into_iter().filter(|(origins, _)| origins.iter().any(is_above));
            return Err(PastFault::Unreadable(broken.next().map(|(_, why)| why).unwrap_or_default()));
        }
        let unread = |why: &String| format!("not all zones of that time can be read: {why}");
        if let Some(why) = self.nameless.first() {
            // Where no other zone has the name, one of these may have had it.
            if self.zones.find(&key).is_none() {
                return Err(PastFault::Unreadable(why.clone()));
            }
        }
        caveats.extend(self.broken.iter().map(|(_, why)| why).chain(&self.nameless).map(unread));
        Ok(self.zones)
    }
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
