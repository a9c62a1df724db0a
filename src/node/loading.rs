//! Files to tables: everything that a start, a reload or a check reads from disk.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use super::ledger::Ledger;
use super::picture::Picture;
use super::planning;
use super::probe_files;
use super::roster::{self, Roster};
use super::secrets::{self, LoadedSecrets};
use super::settling::Settling;
use super::signing::{self, Problems, Signed};
use super::zone_files::load_zones;
use crate::answer::Tables;
use crate::config::{self, Diagnostic, Report, Severity};
use crate::model::{Generation, GeoSettings, Settings, ZoneContent, ZoneOrigins, ZoneState};
use crate::steer::{Atlas, Steering};
use crate::zone::{self, Attribution, Include, Zones};

/// The largest configuration, zone or list file that is read, in octets.
pub(super) const TEXT_FILE_BOUND: u64 = 512 << 20;
/// The largest geo database that is read, in octets.
const DATABASE_BOUND: u64 = 1 << 30;

/// What a configuration and the files it names say together, ready to be served.
pub struct Loaded {
    /// The checked configuration.
    pub settings: Arc<Settings>,
    /// Zones with every record attributed.
    pub attribution: Arc<Attribution>,
    /// The same as questions are answered from it, under a plan by which all that is declared serves. Made here, because
    /// it takes its time: the engine puts its own plan in the place of that one.
    pub tables: Tables,
    /// Warnings.
    pub report: Report,
    /// Where the networks of the world are.
    pub geo: Geo,
    /// Secrets; `None` where those in use stay.
    pub secrets: Option<LoadedSecrets>,
    /// What is wrong with the files that monitors read; `None` where nobody looked.
    pub probe_files: Option<Vec<String>>,
    /// Zones that are transferred.
    pub roster: Arc<Roster>,
    /// Zones that are not as their files say, and why.
    pub troubles: Vec<String>,
    /// The zone files and lists as they were before they were read.
    pub marks: Arc<Marks>,
    /// The keys that zones are signed with.
    pub signed: Arc<Signed>,
    /// How zones are served from now on, as far as that is news to the ledger.
    pub states: Vec<ZoneState>,
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
    /// The embedded geo database for a broken one, SERVFAIL for a zone whose file is broken, nothing for a secret. For a
    /// start: a node that comes back after a power cut must answer for all that is good.
    Start,
    /// What is served now: its zones for zone files that are broken or lists that shrank, its geo database and secrets
    /// unread, its keys for keysets that are broken. For changes that nobody ordered.
    LastGood(&'a Zones, &'a Geo, &'a Signed),
}

/// Reads the configuration at `path` and everything it names. Transferred zones are those of `before`, or else the copies
/// on disk. What updates changed, and serials that were served before, are those of `ledger`; without one, every zone is
/// as its file says.
///
/// # Errors
/// The report, if anything that has no fallback is wrong.
pub fn load(
    path: &Path,
    fallback: Fallback<'_>,
    before: Option<&Roster>,
    ledger: Option<&Ledger>,
) -> Result<Loaded, Report> {
    let (settings, report) = read_settings(path)?;
    assemble(Arc::new(settings), fallback, before, ledger, report)
}

/// Reads the configuration at `path`.
///
/// # Errors
/// The report, if anything is wrong with it.
pub fn read_settings(path: &Path) -> Result<(Settings, Report), Report> {
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
    match settings {
        Some(settings) => Ok((settings, report)),
        None => Err(report),
    }
}

/// Reads the files that `settings` name; `before` and `ledger` as for [`load`].
///
/// # Errors
/// `report` and what was found, if anything that has no fallback is wrong.
pub fn assemble(
    settings: Arc<Settings>,
    fallback: Fallback<'_>,
    before: Option<&Roster>,
    ledger: Option<&Ledger>,
    mut report: Report,
) -> Result<Loaded, Report> {
    let marks = marks(&settings);
    let mut troubles = Vec::new();
    let mut settling = Settling::new(ledger, Timestamp::now());
    let mut zones = load_zones(&settings, fallback, before, &mut settling, &mut troubles, &mut report);
    let (mut roster, found) = roster::Reader::new(&settings, before, Timestamp::now()).read(&mut zones);
    troubles.extend(found);
    let problems = match fallback {
        Fallback::Nothing => Problems::Refuse,
        Fallback::Start => Problems::Endure { before: None, troubles: &mut troubles },
        Fallback::LastGood(.., before) => Problems::Endure { before: Some(before), troubles: &mut troubles },
    };
    let signed = signing::sign(&mut zones, &settings, Timestamp::now(), problems, &mut report);
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
    let secrets = secrets::load(&settings, fallback, &mut report);
    let probe_files = match fallback {
        Fallback::Nothing => {
            probe_files::problems(&settings).into_iter().for_each(|problem| report.push(problem));
            Some(Vec::new())
        }
        // Probes say it themselves, and nothing is held against the endpoints; this says it in one place.
        Fallback::Start => Some(probe_files::problems(&settings).iter().map(ToString::to_string).collect()),
        Fallback::LastGood(..) => None,
    };
    if report.has_errors() {
        return Err(report);
    }
    let mut attribution = zone::attribute(zones, &settings);
    report.merge(std::mem::take(&mut attribution.report));
    roster.settle(&attribution.zones);
    let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &geo.atlas));
    let attribution = Arc::new(attribution);
    Ok(Loaded {
        tables: unjudged(&attribution, steering),
        settings,
        attribution,
        report,
        geo,
        secrets,
        probe_files,
        roster: Arc::new(roster),
        troubles,
        marks: Arc::new(marks),
        signed: Arc::new(signed),
        states: settling.states,
    })
}

/// What `picture` says, with the transferred zones as `roster` holds them; no file but copies of zones that are new to
/// it is read.
#[must_use]
pub fn with_roster(picture: &Picture, roster: &Roster) -> Loaded {
    let settings = Arc::clone(&picture.settings);
    let mut zones = Zones::clone(&picture.zones);
    for (origin, _) in picture.roster.iter() {
        zones.remove(origin);
    }
    let (mut roster, found) = roster::Reader::new(&settings, Some(roster), Timestamp::now()).read(&mut zones);
    let mut attribution = zone::attribute(zones, &settings);
    roster.settle(&attribution.zones);
    let steering = Arc::new(Steering::build(&attribution.topology, &settings.geo, &picture.geo.atlas));
    let mut troubles = picture.troubles.to_vec();
    troubles.extend(found.into_iter().filter(|trouble| !picture.troubles.contains(trouble)));
    let report = std::mem::take(&mut attribution.report);
    let attribution = Arc::new(attribution);
    Loaded {
        tables: unjudged(&attribution, steering),
        report,
        settings,
        attribution,
        geo: picture.geo.clone(),
        secrets: None,
        probe_files: None,
        roster: Arc::new(roster),
        troubles,
        marks: Arc::clone(&picture.marks),
        // Transferred zones are never signed here, and the others are as they were.
        signed: Arc::clone(&picture.signed),
        states: Vec::new(),
    }
}

/// The tables of `attribution` before anything is known of health: everything declared serves.
pub(super) fn unjudged(attribution: &Arc<Attribution>, steering: Arc<Steering>) -> Tables {
    let plan = planning::first_plan(&attribution.topology, Generation::default());
    Tables::new(Arc::clone(attribution), steering, plan)
}

/// The geo database that is served already, the one that the settings name, or the embedded one.
fn load_atlas(geo: &GeoSettings, fallback: Fallback<'_>) -> Result<Geo, Box<Diagnostic>> {
    if let Fallback::LastGood(_, served, _) = fallback {
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
pub(super) struct FromDisk;

impl Include for FromDisk {
    fn read(&self, path: &Path) -> Result<String, String> {
        read_text(path)
    }
}

pub(super) fn read_text(path: &Path) -> Result<String, String> {
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

pub(super) fn whole_file(path: &Path, what: impl Into<String>, expected: &str, remedy: &str) -> Diagnostic {
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

/// Files by what tells that they changed: when they were written and how long they are; `None` where they cannot be read.
pub type Marks = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

/// The zone files and lists of `settings` as they are now.
#[must_use]
pub fn marks(settings: &Settings) -> Marks {
    let mark = |file: &Path| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    let lists = settings.zones.iter().filter_map(|source| match &source.origins {
        ZoneOrigins::Listed(list) => Some(list),
        ZoneOrigins::One(_) | ZoneOrigins::Catalog(_) => None,
    });
    let files = settings.zones.iter().filter_map(|source| match &source.content {
        ZoneContent::File(file) => Some(file),
        ZoneContent::Primaries(_) => None,
    });
    let files = files.chain(lists).map(|file| (file.clone(), mark(file)));
    files.chain(signing::marks(settings)).collect()
}

/// Whether any zone of `new` is new, gone or of another serial compared with `old`.
#[must_use]
pub fn serials_differ(old: &Zones, new: &Zones) -> bool {
    old.len() != new.len()
        || new
            .not_in(old)
            .any(|zone| old.get(zone.origin()).is_none_or(|had| had.served_serial() != zone.served_serial()))
}

/// Whether of all files that were looked at only key files changed since `before`.
#[must_use]
pub fn only_keys_changed(before: &Marks, loaded: &Loaded) -> bool {
    let keys = signing::marks(&loaded.settings);
    let changed = loaded.marks.iter().filter(|(file, mark)| before.get(*file) != Some(mark));
    changed.into_iter().all(|(file, _)| keys.contains_key(file))
}
