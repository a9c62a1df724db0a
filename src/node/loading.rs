//! Files to tables: everything that a start, a reload or a check reads from disk.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{self, Diagnostic, Report, Severity};
use crate::model::{GeoSettings, Name, Settings, ZoneOrigins};
use crate::steer::{Atlas, Steering};
use crate::zone::{self, Attribution, Include, Zone, Zones};

/// The largest configuration, zone or list file that is read, in octets.
const TEXT_FILE_BOUND: u64 = 512 << 20;
/// The largest geo database that is read, in octets.
const DATABASE_BOUND: u64 = 1 << 30;

/// What a configuration and the files it names say together, ready to be served.
pub struct Loaded {
    /// The checked configuration.
    pub settings: Settings,
    /// Zones with every record attributed.
    pub attribution: Arc<Attribution>,
    /// How clients are steered.
    pub steering: Arc<Steering>,
    /// Warnings.
    pub report: Report,
    /// Where the networks of the world are.
    pub geo: Geo,
    /// Zones whose file is broken and whose last good version is kept, with the diagnostics.
    pub kept: Vec<(Name, String)>,
}

/// A geo database as it is used.
#[derive(Clone)]
pub struct Geo {
    /// The database, flattened.
    pub atlas: Atlas,
    /// What of the configured one could not be used, where the embedded one stands in for it.
    pub degraded: Option<String>,
}

/// What stands in for a file that cannot be used.
#[derive(Clone, Copy)]
pub enum Fallback<'a> {
    /// Nothing: every problem is an error. For `waypost check`, and a reload of the configuration.
    Nothing,
    /// The embedded geo database for a broken one; zones must be good. For a start: a node that comes back after a
    /// power cut must answer even if the geo database did not survive.
    Embedded,
    /// What is served now: its zones for zone files that are broken, its geo database unread.
    LastGood(&'a Zones, &'a Geo),
}

/// Reads the configuration at `path` and everything it names.
///
/// # Errors
/// The report, if anything that has no fallback is wrong.
pub fn load(path: &Path, fallback: Fallback<'_>) -> Result<Loaded, Report> {
    let mut report = Report::new();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(problem) => {
            report.push(whole_file(
                path,
                problem,
                "a readable configuration file",
                "name the file with --config, or create it; deploy/waypost.toml is a starting point",
            ));
            return Err(report);
        }
    };
    let (settings, found) = config::read(path, &text);
    report.merge(found);
    let Some(settings) = settings else { return Err(report) };
    assemble(settings, fallback, report)
}

/// Reads the files that `settings` name.
///
/// # Errors
/// `report` and what was found, if anything that has no fallback is wrong.
pub fn assemble(settings: Settings, fallback: Fallback<'_>, mut report: Report) -> Result<Loaded, Report> {
    let mut kept = Vec::new();
    let zones = load_zones(&settings, fallback, &mut kept, &mut report);
    let geo = match (fallback, load_atlas(&settings.geo, fallback)) {
        (_, Ok(geo)) => geo,
        (Fallback::Nothing, Err(problem)) => {
            report.push(*problem);
            return Err(report);
        }
        (_, Err(problem)) => Geo {
            atlas: Atlas::embedded(),
            degraded: Some(format!(
                "{}: {}; {}. Meanwhile the embedded country database is used",
                problem.file.display(),
                problem.what,
                problem.remedy
            )),
        },
    };
    if report.has_errors() {
        return Err(report);
    }
    let mut attribution = zone::attribute(zones, &settings);
    report.merge(std::mem::take(&mut attribution.report));
    let steering = Steering::build(&attribution.topology, &settings.geo, &geo.atlas);
    Ok(Loaded { settings, attribution: Arc::new(attribution), steering: Arc::new(steering), report, geo, kept })
}

/// The zones of `settings`. A broken zone file keeps its last good version where `fallback` has one.
fn load_zones(
    settings: &Settings,
    fallback: Fallback<'_>,
    kept: &mut Vec<(Name, String)>,
    report: &mut Report,
) -> Zones {
    let mut zones = Zones::default();
    let mut texts = HashMap::new();
    for source in &settings.zones {
        let origins = match &source.origins {
            ZoneOrigins::One(origin) => vec![origin.clone()],
            ZoneOrigins::Listed(list) => match read_text(list) {
                Ok(text) => {
                    let (origins, found) = zone::origins(list, &text);
                    report.merge(found);
                    origins
                }
                Err(problem) => {
                    report.push(missing_zone_file(list, problem, "a list of zone names, one a line"));
                    continue;
                }
            },
        };
        let text = texts.entry(source.file.clone()).or_insert_with(|| read_text(&source.file));
        for origin in origins {
            let (zone, found) = match text {
                Ok(text) => zone::load(&origin, &source.file, text, &FromDisk),
                Err(problem) => {
                    let mut found = Report::new();
                    found.push(missing_zone_file(&source.file, problem.clone(), "an RFC 1035 master file"));
                    (None, found)
                }
            };
            match (zone, fallback) {
                // Only a new serial is a new zone; an edit that is not finished keeps its old one.
                (Some(zone), Fallback::LastGood(served, _))
                    if let Some(same) = served.get(&origin)
                        && same.serial() == zone.serial() =>
                {
                    zones.insert(Arc::clone(same));
                }
                (Some(zone), _) => {
                    report.merge(found);
                    zones.insert(Arc::new(zone));
                }
                (None, Fallback::LastGood(served, _)) if let Some(good) = served.get(&origin) => {
                    kept.push((origin, found.to_string()));
                    zones.insert(Arc::clone(good));
                }
                (None, _) => report.merge(found),
            }
        }
    }
    zones
}

/// The geo database that is served already, the one that the settings name, or the embedded one.
fn load_atlas(geo: &GeoSettings, fallback: Fallback<'_>) -> Result<Geo, Box<Diagnostic>> {
    if let Fallback::LastGood(_, served) = fallback {
        return Ok(served.clone());
    }
    let whole = |atlas| Geo { atlas, degraded: None };
    let Some(path) = &geo.database else { return Ok(whole(Atlas::embedded())) };
    let problem = |what: String| {
        Box::new(whole_file(
            path,
            what,
            "a MaxMind DB of countries or cities",
            "replace the file, or leave out [geo] database for the embedded one",
        ))
    };
    let bytes = read_bounded(path, DATABASE_BOUND).map_err(problem)?;
    Atlas::from_mmdb(&bytes).map(whole).map_err(|error| problem(error.to_string()))
}

/// Reads what `$INCLUDE` names.
struct FromDisk;

impl Include for FromDisk {
    fn read(&self, path: &Path) -> Result<String, String> {
        read_text(path)
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_bounded(path, TEXT_FILE_BOUND)?;
    String::from_utf8(bytes)
        .map_err(|error| format!("octets that are not UTF-8 at offset {}", error.utf8_error().valid_up_to()))
}

fn read_bounded(path: &Path, bound: u64) -> Result<Vec<u8>, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let read = file.take(bound + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(read).is_ok_and(|read| read > bound) {
        return Err(format!("more than {} MiB", bound >> 20));
    }
    Ok(bytes)
}

fn missing_zone_file(path: &Path, what: String, expected: &str) -> Diagnostic {
    whole_file(
        path,
        what,
        expected,
        "create the file, or mend its path in the [[zone]] section; paths are relative to the configuration file",
    )
}

fn whole_file(path: &Path, what: impl Into<String>, expected: &str, remedy: &str) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.to_path_buf(),
        line: 0,
        column: 0,
        length: 0,
        what: what.into(),
        expected: expected.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// The files whose change is worth a look: zone files and lists.
#[must_use]
pub fn watched(settings: &Settings) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = settings.zones.iter().map(|source| source.file.clone()).collect();
    files.extend(settings.zones.iter().filter_map(|source| match &source.origins {
        ZoneOrigins::Listed(list) => Some(list.clone()),
        ZoneOrigins::One(_) => None,
    }));
    files.sort();
    files.dedup();
    files
}

/// Whether any zone of `new` is new, gone or of another serial compared with `old`.
#[must_use]
pub fn serials_differ(old: &Zones, new: &Zones) -> bool {
    old.len() != new.len()
        || new.iter().any(|zone: &Arc<Zone>| old.get(zone.origin()).is_none_or(|had| had.serial() != zone.serial()))
}
