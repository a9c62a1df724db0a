//! Zone files and lists of zones, read from disk: each one once, and what stands in for those that cannot be read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::copies;
use super::loading::{Fallback, FromDisk, read_text, whole_file};
use super::roster::Roster;
use super::settling::Settling;
use crate::config::{Diagnostic, Report};
use crate::model::{Name, Settings, ZoneContent, ZoneOrigins, ZoneSource};
use crate::zone::{self, Template, Zone, Zones};

/// The zones of `settings`, or what `fallback` has in their place.
pub(super) fn load_zones(
    settings: &Settings,
    fallback: Fallback<'_>,
    before: Option<&Roster>,
    settling: &mut Settling<'_>,
    troubles: &mut Vec<String>,
    report: &mut Report,
) -> Zones {
    let mut zones = Zones::default();
    let mut texts = HashMap::new();
    // The roster has those that are transferred.
    for source in settings.zones.iter().filter(|source| matches!(source.content, ZoneContent::File(_))) {
        let origins = match &source.origins {
            ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin) => vec![origin.clone()],
            ZoneOrigins::Listed(list) => match read_text(list) {
                Ok(text) => {
                    let (origins, found) = zone::origins(list, &text);
                    report.merge(found);
                    origins
                }
                Err(problem) => {
                    let problem = missing_zone_file(list, problem, "a list of zone names, one a line");
                    match fallback {
                        Fallback::Nothing => report.push(problem),
                        Fallback::Start | Fallback::LastGood(..) => troubles.push(problem.to_string()),
                    }
                    continue;
                }
            },
        };
        let policy = Arc::new(source.policy.clone());
        let is_template = matches!(source.origins, ZoneOrigins::Listed(_));
        let mut template = None;
        for origin in origins {
            let file = zone_file(settings, source, &origin);
            let text = texts.entry(file.clone()).or_insert_with(|| read_text(&file));
            let (zone, found) = match text {
                Ok(text) if is_template => {
                    let read = template.get_or_insert_with(|| {
                        let (template, found) = Template::load(&origin, &file, text, &FromDisk);
                        let list = source.origins.list().unwrap_or(&file);
                        (template.map(|template| settling.template(template, &policy, list)), found)
                    });
                    zone_of_template(read, &origin, &file)
                }
                Ok(text) => zone::load(&origin, &file, text, &FromDisk),
                Err(problem) => {
                    let mut found = Report::new();
                    found.push(missing_zone_file(&file, problem.clone(), "an RFC 1035 master file"));
                    (None, found)
                }
            };
            let zone = zone.map(|zone| zone.with_policy(Arc::clone(&policy)));
            match (zone, fallback) {
                // Only a new serial is a new zone; an edit that is not finished keeps its old one.
                (Some(zone), Fallback::LastGood(served, ..))
                    if let Some(same) = served.get(&origin)
                        && same.is_of_same_file(&zone) =>
                {
                    zones.insert(Arc::clone(same));
                }
                (Some(zone), _) => {
                    report.merge(found);
                    zones.insert(Arc::new(if is_template { zone } else { settling.zone(zone) }));
                }
                (None, Fallback::LastGood(served, ..)) if let Some(good) = served.get(&origin) => {
                    troubles.push(format!("{origin} is served as last loaded: {}", one_line(&found)));
                    zones.insert(Arc::clone(good));
                }
                (None, Fallback::Start | Fallback::LastGood(..)) => {
                    troubles.push(format!("{origin} is answered with SERVFAIL: {}", one_line(&found)));
                    zones.insert_unavailable(&origin);
                }
                (None, Fallback::Nothing) => {
                    report.merge(found);
                    if is_template && template.as_ref().is_some_and(|(template, _)| template.is_none()) {
                        // Said once, and not for every zone of it.
                        break;
                    }
                }
            }
        }
    }
    if let Fallback::LastGood(served, ..) = fallback {
        keep_unlisted(served, before, &mut zones, troubles);
    }
    zones
}

/// The zone `origin` of a template that was read once. What the template's own report says is given with the first zone.
fn zone_of_template(read: &mut (Option<Template>, Report), origin: &Name, file: &Path) -> (Option<Zone>, Report) {
    let mut found = std::mem::take(&mut read.1);
    let Some(template) = &read.0 else {
        // Every zone of it is as broken as the first, and none may pass for a good one.
        read.1 = found.clone();
        return (None, found);
    };
    match template.zone(origin) {
        Ok(zone) => (Some(zone), found),
        Err(error) => {
            let what = format!("the zone {origin}: {error}");
            let remedy = "shorten the names of the template, or take the zone out of the list";
            found.push(whole_file(file, what, "names of at most 255 octets with the zone's own", remedy));
            (None, found)
        }
    }
}

/// The file that holds the records of `origin`: the configured one, or the last copy that a primary gave.
pub(super) fn zone_file(settings: &Settings, source: &ZoneSource, origin: &Name) -> PathBuf {
    match &source.content {
        ZoneContent::File(file) => file.clone(),
        ZoneContent::Primaries(_) => copies::file(&copies::directory(settings), origin),
    }
}

/// A list that was emptied or half written takes no zone away: that needs an order.
fn keep_unlisted(served: &Zones, before: Option<&Roster>, zones: &mut Zones, troubles: &mut Vec<String>) {
    let is_transferred = |zone: &Zone| before.is_some_and(|before| before.get(zone.origin()).is_some());
    let gone: Vec<&Arc<Zone>> =
        served.iter().filter(|zone| zones.get(zone.origin()).is_none() && !is_transferred(zone)).collect();
    if let Some(first) = gone.first() {
        let others = gone.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" and {others} more") };
        let origin = first.origin();
        troubles.push(format!("{origin}{more} no longer listed but still served: use 'waypost reload' to remove"));
    }
    for zone in gone {
        zones.insert(Arc::clone(zone));
    }
}

fn one_line(report: &Report) -> String {
    report.errors().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn missing_zone_file(path: &Path, what: String, expected: &str) -> Diagnostic {
    whole_file(
        path,
        what,
        expected,
        "create the file, or mend its path in the [[zone]] section; paths are relative to the configuration file",
    )
}
