//! The thread that writes the past.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::warn;

use super::objects::{Object, Objects};
use super::record::{Loaded, Planned, Record, Says};
use super::{Bounds, Entry, SEGMENT, ZONES_MOST};
use crate::model::{Generation, Settings, ZoneContent, ZoneOrigins};
use crate::node::clock::Clock;
use crate::node::loading::read_text;
use crate::zone::{self, Zones};

/// See the module.
pub(super) struct Writer {
    directory: PathBuf,
    objects: Objects,
    bounds: Bounds,
    clock: Clock,
    lost: Arc<AtomicU64>,
    file: Option<Segment>,
    /// What is in force: a segment begins with it.
    loaded: Option<Box<Loaded>>,
    says: Option<(Generation, Says)>,
    failing: bool,
}

struct Segment {
    out: BufWriter<File>,
    octets: u64,
}

impl Writer {
    pub(super) fn new(directory: PathBuf, bounds: Bounds, clock: Clock, lost: Arc<AtomicU64>) -> Self {
        let objects = Objects::in_directory(&directory);
        Self { directory, objects, bounds, clock, lost, file: None, loaded: None, says: None, failing: false }
    }

    /// Writes until nobody hands anything in any more.
    pub(super) fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        while let Some(entry) = entries.blocking_recv() {
            let outcome = self.write(entry).and_then(|()| self.flush());
            if let Err(error) = &outcome {
                self.lost.fetch_add(1, Ordering::Relaxed);
                self.file = None;
                if !self.failing {
                    let path = self.directory.display();
                    warn!("what past answers are explained from is not kept: {path}: {error}");
                }
            }
            self.failing = outcome.is_err();
        }
        if let Some(segment) = &mut self.file {
            // The process ends; who asks for this time is told that it is not known when.
            let _ = segment.line(&Record::Ended { time: self.clock.wall() }).and_then(|()| segment.out.flush());
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |segment| segment.out.flush())
    }

    fn write(&mut self, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Loaded { time, generation, settings, zones } => {
                self.prepare()?;
                let loaded = Box::new(self.keep(time, generation, &settings, &zones)?);
                self.loaded = Some(loaded.clone());
                // What the plan of other sites said is no plan of these.
                self.says = None;
                self.segment(time)?;
                self.line(&Record::Loaded(loaded))
            }
            Entry::Plan { time, topology, plan } => {
                let says = Says::of(&topology, &plan);
                let news = self.says.as_ref().and_then(|(_, before)| says.since(before));
                let generation = plan.generation;
                let (whole, news) = match news {
                    Some(news) => (false, news),
                    None => (true, says.clone()),
                };
                self.says = Some((generation, says));
                self.segment(time)?;
                self.line(&Record::Plan(Box::new(Planned { time, generation, whole, says: news })))
            }
        }
    }

    fn line(&mut self, record: &Record) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |segment| segment.line(record))
    }

    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.objects.directory())
    }

    /// Begins another segment where the present one is full, or there is none.
    fn segment(&mut self, time: Timestamp) -> io::Result<()> {
        let is_first = self.file.is_none() && !self.failing;
        if self.file.as_ref().is_some_and(|segment| segment.octets < SEGMENT) {
            return Ok(());
        }
        self.prepare()?;
        let number = segments(&self.directory)?.last_key_value().map_or(1, |(number, _)| number.saturating_add(1));
        let path = self.directory.join(format!("plans-{number:08}.jsonl"));
        let out = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        let mut segment = Segment { out: BufWriter::new(out), octets: 0 };
        if is_first {
            segment.line(&Record::Begun { time })?;
        } else {
            if let Some(loaded) = &self.loaded {
                segment.line(&Record::Loaded(loaded.clone()))?;
            }
            if let Some((generation, says)) = self.says.clone() {
                segment.line(&Record::Plan(Box::new(Planned { time, generation, whole: true, says })))?;
            }
        }
        self.file = Some(segment);
        self.tidy(time)
    }

    /// Keeps the texts of a configuration and its zones.
    fn keep(&self, time: Timestamp, generation: Generation, settings: &Settings, zones: &Zones) -> io::Result<Loaded> {
        let mut loaded = Loaded {
            time,
            generation,
            path: settings.path.clone(),
            settings: self.objects.keep(&settings.text)?,
            zones: BTreeMap::new(),
            listed: BTreeMap::new(),
            missing: Vec::new(),
            geo: settings.geo.database.as_deref().and_then(mark),
        };
        for source in &settings.zones {
            match (&source.origins, &source.content) {
                (ZoneOrigins::Listed(list), ZoneContent::File(template)) => {
                    match (read_text(list), read_text(template)) {
                        (Ok(names), Ok(template)) => {
                            let kept = (self.objects.keep(&names)?, self.objects.keep(&template)?);
                            loaded.listed.insert(list.clone(), kept);
                        }
                        _ => loaded.missing.push(format!("the zones of {} could not be read", list.display())),
                    }
                }
                (ZoneOrigins::Listed(list), ZoneContent::Primaries(_)) => {
                    loaded.missing.push(format!("the zones of {} are transferred", list.display()));
                }
                (ZoneOrigins::One(origin) | ZoneOrigins::Catalog(origin), _) => {
                    if let ZoneOrigins::Catalog(_) = source.origins {
                        loaded.missing.push(format!("the members of catalog {origin} are not kept"));
                    }
                    match zones.get(origin) {
                        Some(_) if loaded.zones.len() >= ZONES_MOST => {
                            loaded.missing.push(format!("{origin}: only {ZONES_MOST} zones of their own are kept"));
                        }
                        Some(zone) => {
                            if zone.serial() != zone.declared_serial() {
                                loaded.missing.push(format!("{origin}: its SOA was served with a raised serial"));
                            }
                            loaded.zones.insert(origin.to_string(), self.objects.keep(&zone::write(zone))?);
                        }
                        None => loaded.missing.push(format!("{origin} had no good version")),
                    }
                }
            }
        }
        loaded.missing.truncate(ZONES_MOST);
        Ok(loaded)
    }

    /// Takes out the oldest segments beyond the bounds, and the texts that none of the others needs.
    fn tidy(&self, now: Timestamp) -> io::Result<()> {
        let mut all = segments(&self.directory)?;
        loop {
            let mut needed: BTreeSet<Object> = self.loaded.iter().flat_map(|loaded| loaded.objects()).collect();
            let mut octets = 0_u64;
            for path in all.values() {
                octets = octets.saturating_add(path.metadata()?.len());
                needed.extend(objects_of(path)?);
            }
            octets = octets.saturating_add(self.objects.sweep(&needed)?);
            let mut oldest = all.iter();
            let (Some((number, path)), Some((_, next))) = (oldest.next(), oldest.next()) else { return Ok(()) };
            // A segment is too old when the one after it began so long ago.
            let began = first_time(next)?;
            let is_old = began.is_some_and(|began| {
                std::time::Duration::try_from(now.duration_since(began)).is_ok_and(|age| age > self.bounds.age)
            });
            if octets <= self.bounds.octets && !is_old {
                return Ok(());
            }
            fs::remove_file(path)?;
            let number = *number;
            all.remove(&number);
        }
    }
}

impl Segment {
    fn line(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.octets = self.octets.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

impl Loaded {
    fn objects(&self) -> impl Iterator<Item = Object> {
        let listed = self.listed.values().flat_map(|(names, template)| [names.clone(), template.clone()]);
        std::iter::once(self.settings.clone()).chain(self.zones.values().cloned()).chain(listed)
    }
}

/// The segments, by number.
pub(super) fn segments(directory: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix("plans-").and_then(|name| name.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            all.insert(number, path);
        }
    }
    Ok(all)
}

/// The lines of a segment; a last one that was half written is left out.
pub(super) fn lines(path: &Path) -> io::Result<impl Iterator<Item = Record>> {
    let lines = BufReader::new(File::open(path)?).lines().map_while(Result::ok);
    Ok(lines.filter_map(|line| serde_json::from_str(&line).ok()))
}

/// When the first line of a segment was written.
pub(super) fn first_time(path: &Path) -> io::Result<Option<Timestamp>> {
    Ok(lines(path)?.next().map(|record| match record {
        Record::Begun { time } | Record::Ended { time } => time,
        Record::Loaded(loaded) => loaded.time,
        Record::Plan(planned) => planned.time,
    }))
}

fn objects_of(path: &Path) -> io::Result<BTreeSet<Object>> {
    let mut objects = BTreeSet::new();
    for record in lines(path)? {
        if let Record::Loaded(loaded) = record {
            objects.extend(loaded.objects());
        }
    }
    Ok(objects)
}

/// What tells that a file is another one.
pub(super) fn mark(path: &Path) -> Option<(PathBuf, Timestamp, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((path.to_owned(), Timestamp::try_from(metadata.modified().ok()?).ok()?, metadata.len()))
}
