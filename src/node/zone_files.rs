//! Zone files and lists of zones, read from disk: each one once, and what stands in for those that cannot be read.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::copies;
use super::crew::on_all_cores;
use super::loading::{Fallback, FromDisk, read_text, whole_file};
use super::roster::Roster;
use super::settling::Settling;
use crate::config::{Diagnostic, Report};
use crate::model::{Name, Settings, ZoneContent, ZoneOrigins, ZonePolicy, ZoneSource};
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
    // The roster has those that are transferred.
    let sources: Vec<(&ZoneSource, &Path)> = settings
        .zones
        .iter()
        .filter_map(|source| match &source.content {
            ZoneContent::File(file) => Some((source, file.as_path())),
            ZoneContent::Primaries(_) => None,
        })
        .collect();
    let texts = Texts::of(&sources);
    let read = on_all_cores(&sources, |(source, file)| match &source.origins {
        ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin) => texts.read(file, |text| match text {
            Ok(text) => zone::load(origin, file, text, &FromDisk),
            Err(problem) => (None, unreadable(file, problem)),
        }),
        // One tree for all of them, made below.
        ZoneOrigins::Listed(_) => (None, Report::new()),
    });
    let mut loading = Loading { fallback, settling, troubles, report, zones: Zones::default() };
    let mut policy = Arc::new(ZonePolicy::default());
    for ((source, file), (zone, found)) in sources.iter().zip(read) {
        if *policy != source.policy {
            policy = Arc::new(source.policy.clone());
        }
        match &source.origins {
            ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin) => {
                loading.take(origin, zone.map(|zone| zone.with_policy(Arc::clone(&policy))), found);
            }
            ZoneOrigins::Listed(list) => loading.take_listed(list, file, &policy, &texts),
        }
    }
    let mut zones = loading.zones;
    if let Fallback::LastGood(served, ..) = fallback {
        keep_unlisted(served, before, &mut zones, troubles);
    }
    zones
}

/// The texts of zone files that several zones are made of: read when first needed, and once.
struct Texts<'s>(HashMap<&'s Path, OnceLock<Result<String, String>>>);

impl<'s> Texts<'s> {
    fn of(sources: &[(&ZoneSource, &'s Path)]) -> Self {
        let mut seen = HashSet::new();
        let again = sources.iter().filter(|(_, file)| !seen.insert(*file));
        Self(again.map(|(_, file)| (*file, OnceLock::new())).collect())
    }

    /// Gives `take` the text of a file, or why it cannot be read.
    fn read<R>(&self, file: &Path, take: impl FnOnce(Result<&str, &str>) -> R) -> R {
        let own;
        let text = match self.0.get(file) {
            Some(text) => text.get_or_init(|| read_text(file)),
            None => {
                own = read_text(file);
                &own
            }
        };
        take(text.as_deref().map_err(String::as_str))
    }
}

/// Zones on their way from their files.
struct Loading<'l, 'g> {
    fallback: Fallback<'l>,
    settling: &'l mut Settling<'g>,
    troubles: &'l mut Vec<String>,
    report: &'l mut Report,
    zones: Zones,
}

impl Loading<'_, '_> {
    /// Takes what was found in the file of `origin`, or what stands in for it.
    fn take(&mut self, origin: &Name, zone: Option<Zone>, found: Report) {
        match (zone, self.fallback) {
            // Only a new serial is a new zone; an edit that is not finished keeps its old one.
            (Some(zone), Fallback::LastGood(served, ..))
                if let Some(same) = served.get(origin)
                    && same.is_of_same_file(&zone) =>
            {
                self.zones.insert(same.clone());
            }
            (Some(zone), _) => {
                self.report.merge(found);
                let zone = self.settling.zone(zone);
                self.zones.insert(zone);
            }
            (None, Fallback::LastGood(..) | Fallback::Start) => self.stand_in(std::slice::from_ref(origin), &found),
            (None, Fallback::Nothing) => self.report.merge(found),
        }
    }

    /// Takes the zones of a list, all made from one template.
    fn take_listed(&mut self, list: &Path, file: &Path, policy: &Arc<ZonePolicy>, texts: &Texts<'_>) {
        let origins = match read_text(list) {
            Ok(text) => {
                let (origins, found) = zone::origins(list, &text);
                self.report.merge(found);
                origins
            }
            Err(problem) => {
                let problem = missing_zone_file(list, problem, "a list of zone names, one a line");
                match self.fallback {
                    Fallback::Nothing => self.report.push(problem),
                    Fallback::Start | Fallback::LastGood(..) => self.troubles.push(problem.to_string()),
                }
                return;
            }
        };
        let Some(example) = origins.first() else { return };
        let (template, mut found) = texts.read(file, |text| match text {
            Ok(text) => Template::load(example, file, text, &FromDisk),
            Err(problem) => (None, unreadable(file, problem)),
        });
        let Some(template) = template else {
            match self.fallback {
                // Said once, and not for every zone of it.
                Fallback::Nothing => self.report.merge(found),
                Fallback::Start | Fallback::LastGood(..) => self.stand_in(&origins, &found),
            }
            return;
        };
        let template = self.settling.template(template.with_policy(Arc::clone(policy)), policy, list);
        self.zones.reserve_listed(origins.len());
        for origin in origins {
            let zone = match template.zone(origin) {
                Ok(zone) => zone,
                Err((origin, error)) => {
                    let what = format!("the zone {origin}: {error}");
                    let remedy = "shorten the names of the template, or take the zone out of the list";
                    let mut found = Report::new();
                    found.push(whole_file(file, what, "names of at most 255 octets with the zone's own", remedy));
                    self.take(&origin, None, found);
                    continue;
                }
            };
            match self.fallback {
                Fallback::LastGood(served, ..)
                    if let Some(same) = served.get(zone.origin())
                        && same.is_of_same_file(&zone) =>
                {
                    self.zones.insert(same.clone());
                }
                // What is to be said of the template is said once.
                _ => {
                    self.report.merge(std::mem::take(&mut found));
                    self.zones.insert(zone);
                }
            }
        }
    }

    /// Has zones served as they are now, or answered with SERVFAIL, because of what was `found`.
    fn stand_in(&mut self, origins: &[Name], found: &Report) {
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for origin in origins {
            match self.fallback {
                Fallback::LastGood(served, ..) if let Some(good) = served.get(origin) => {
                    self.zones.insert(good.clone());
                    kept.push(origin);
                }
                _ => {
                    self.zones.insert_unavailable(origin);
                    lost.push(origin);
                }
            }
        }
        for (origins, outcome) in [(kept, "served as last loaded"), (lost, "answered with SERVFAIL")] {
            if let Some(first) = origins.first() {
                let them = and_more(first, origins.len());
                self.troubles.push(format!("{them} {outcome}: {}", one_line(found)));
            }
        }
    }
}

/// The first of `count` zones as the subject of a sentence.
fn and_more(first: &Name, count: usize) -> String {
    match count {
        0 | 1 => format!("{first} is"),
        _ => format!("{first} and {} more are", count - 1),
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
    let gone: Vec<&Zone> =
        served.iter().filter(|zone| zones.get(zone.origin()).is_none() && !is_transferred(zone)).collect();
    if let Some(first) = gone.first() {
        let others = gone.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" and {others} more") };
        let origin = first.origin();
        troubles.push(format!("{origin}{more} no longer listed but still served: use 'waypost reload' to remove"));
    }
    for zone in gone {
        zones.insert(zone.clone());
    }
}

fn one_line(report: &Report) -> String {
    report.errors().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn unreadable(file: &Path, problem: &str) -> Report {
    let mut found = Report::new();
    found.push(missing_zone_file(file, problem.to_owned(), "an RFC 1035 master file"));
    found
}

fn missing_zone_file(path: &Path, what: String, expected: &str) -> Diagnostic {
    whole_file(
        path,
        what,
        expected,
        "create the file, or mend its path in the [[zone]] section; paths are relative to the configuration file",
    )
}
