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
use crate::zone::{self, Zone, Zones};

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
    /// Texts that are kept, by what tells that they are still the same.
    texts: BTreeMap<PathBuf, (Mark, Object)>,
    /// Zones whose texts are kept. Held, so that no other can be taken for one of them.
    zones: BTreeMap<String, (Zone, Object)>,
    /// What is known of segments that are full.
    full: BTreeMap<u64, Full>,
}

/// A segment that is written no more.
struct Full {
    octets: u64,
    objects: BTreeSet<Object>,
    began: Option<Timestamp>,
}

/// A file as it was: where it is, when it was written, and how long it is.
type Mark = (PathBuf, Timestamp, u64);

struct Segment {
    out: BufWriter<File>,
    octets: u64,
}

impl Writer {
    pub(super) fn new(directory: PathBuf, bounds: Bounds, clock: Clock, lost: Arc<AtomicU64>) -> Self {
        let objects = Objects::in_directory(&directory);
        Self {
            directory,
            objects,
            bounds,
            clock,
            lost,
            file: None,
            loaded: None,
            says: None,
            failing: false,
            texts: BTreeMap::new(),
            zones: BTreeMap::new(),
            full: BTreeMap::new(),
        }
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
                // Before texts are kept that no segment names yet: a new segment takes out what none needs.
                self.segment(time)?;
                let loaded = Box::new(self.keep(time, generation, &settings, &zones)?);
                let news = self.loaded.as_ref().and_then(|before| loaded.rezoned(before));
                self.loaded = Some(loaded.clone());
                // What the plan of other sites said is no plan of these.
                self.says = None;
                self.line(&news.map_or(Record::Loaded(loaded), |news| Record::Rezoned(Box::new(news))))
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
                // Segments are found by the time of their first line.
                segment.line(&Record::Loaded(Box::new(Loaded { time, ..Loaded::clone(loaded) })))?;
            }
            if let Some((generation, says)) = self.says.clone() {
                segment.line(&Record::Plan(Box::new(Planned { time, generation, whole: true, says })))?;
            }
        }
        self.file = Some(segment);
        self.tidy(time)
    }

    /// Keeps the texts of a configuration and its zones.
    fn keep(
        &mut self,
        time: Timestamp,
        generation: Generation,
        settings: &Settings,
        zones: &Zones,
    ) -> io::Result<Loaded> {
        let known = std::mem::take(&mut self.zones);
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
                    match (self.text(list)?, self.text(template)?) {
                        (Some(names), Some(template)) => {
                            loaded.listed.insert(list.clone(), (names, template));
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
                            let name = origin.to_string();
                            let object = match known.get(&name) {
                                Some((kept, object))
                                    if kept.tree_id() == zone.tree_id() && self.objects.has(object) =>
                                {
                                    object.clone()
                                }
                                _ => self.objects.keep(&zone::write(zone))?,
                            };
                            self.zones.insert(name.clone(), (zone.clone(), object.clone()));
                            loaded.zones.insert(name, object);
                        }
                        None => loaded.missing.push(format!("{origin} had no good version")),
                    }
                }
            }
        }
        loaded.missing.truncate(ZONES_MOST);
        Ok(loaded)
    }

    /// The text of `file`, kept; `None` where it cannot be read.
    fn text(&mut self, file: &Path) -> io::Result<Option<Object>> {
        let mark = mark(file);
        if let Some((known, object)) = self.texts.get(file)
            && mark.as_ref() == Some(known)
            && self.objects.has(object)
        {
            return Ok(Some(object.clone()));
        }
        let (Some(mark), Ok(text)) = (mark, read_text(file)) else { return Ok(None) };
        let object = self.objects.keep(&text)?;
        self.texts.insert(file.to_owned(), (mark, object.clone()));
        Ok(Some(object))
    }

    /// Takes out the oldest segments beyond the bounds, and the texts that none of the others needs.
    fn tidy(&mut self, now: Timestamp) -> io::Result<()> {
        let all = segments(&self.directory)?;
        // The last is the one that has just begun.
        let newest = all.last_key_value().map_or(0, |(number, _)| *number);
        for (number, path) in all.range(..newest) {
            if !self.full.contains_key(number) {
                let (octets, objects, began) = (path.metadata()?.len(), objects_of(path)?, first_time(path)?);
                self.full.insert(*number, Full { octets, objects, began });
            }
        }
        self.full.retain(|number, _| all.contains_key(number));
        loop {
            let needed = self.full.values().flat_map(|full| full.objects.iter().cloned());
            let needed = needed.chain(self.loaded.iter().flat_map(|loaded| loaded.objects())).collect();
            let written: u64 = self.full.values().map(|full| full.octets).sum();
            let octets = written.saturating_add(self.objects.sweep(&needed)?);
            let mut oldest = self.full.iter();
            let Some((number, _)) = oldest.next() else { return Ok(()) };
            // A segment is too old when the one after it began so long ago.
            let began = oldest.next().map_or(Some(now), |(_, next)| next.began);
            let is_old = began.is_some_and(|began| {
                std::time::Duration::try_from(now.duration_since(began)).is_ok_and(|age| age > self.bounds.age)
            });
            if octets <= self.bounds.octets && !is_old {
                return Ok(());
            }
            let number = *number;
            if let Some(path) = all.get(&number) {
                fs::remove_file(path)?;
            }
            self.full.remove(&number);
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
        Record::Rezoned(news) => news.time,
        Record::Plan(planned) => planned.time,
    }))
}

fn objects_of(path: &Path) -> io::Result<BTreeSet<Object>> {
    let mut objects = BTreeSet::new();
    for record in lines(path)? {
        match record {
            Record::Loaded(loaded) => objects.extend(loaded.objects()),
            Record::Rezoned(news) => objects.extend(news.zones.into_values()),
            Record::Begun { .. } | Record::Ended { .. } | Record::Plan(_) => {}
        }
    }
    Ok(objects)
}

/// What tells that a file is another one.
pub(super) fn mark(path: &Path) -> Option<Mark> {
    let metadata = fs::metadata(path).ok()?;
    Some((path.to_owned(), Timestamp::try_from(metadata.modified().ok()?).ok()?, metadata.len()))
}
