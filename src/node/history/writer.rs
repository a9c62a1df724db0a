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

use super::keeping::KeptLists;
use super::objects::{Object, Objects};
use super::record::{Loaded, Planned, Record, Says};
use super::{Bounds, Entry, Gap, Handed, InForce, Missed, SEGMENT};
use crate::model::Generation;
use crate::node::clock::Clock;
use crate::zone::Zone;

/// See the module.
pub(super) struct Writer {
    directory: PathBuf,
    pub(super) objects: Objects,
    bounds: Bounds,
    clock: Clock,
    lost: Arc<AtomicU64>,
    file: Option<Segment>,
    /// What is in force: a segment begins with it.
    loaded: Option<Box<Loaded>>,
    says: Option<(Generation, Says)>,
    /// What has come into force and could not be kept yet.
    waiting: Option<InForce>,
    /// Since when what is in force is not written.
    gap: Gap,
    failing: bool,
    /// Whether it is written that the node started.
    begun: bool,
    /// Zones whose texts are kept. Held, so that no other can be taken for one of them.
    pub(super) zones: BTreeMap<String, (Zone, Object)>,
    /// The same of zones of templates.
    pub(super) listed: Option<KeptLists>,
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

/// Where there is room for a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// In the segment as it is.
    Left,
    /// In one that has just begun.
    Begun,
}

struct Segment {
    out: BufWriter<File>,
    octets: u64,
}

impl Writer {
    pub(super) fn new(directory: PathBuf, bounds: Bounds, clock: Clock, lost: Arc<AtomicU64>, gap: Gap) -> Self {
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
            waiting: None,
            gap,
            failing: false,
            begun: false,
            zones: BTreeMap::new(),
            listed: None,
            full: BTreeMap::new(),
        }
    }

    /// Writes until nobody hands anything in any more.
    pub(super) fn run(mut self, mut entries: mpsc::Receiver<Handed>) {
        while let Some(Handed { entry, missed }) = entries.blocking_recv() {
            if let Some(missed) = missed {
                self.miss(missed);
            }
            let time = match &entry {
                Entry::Loaded(loaded) => loaded.time,
                Entry::Plan { time, .. } => *time,
            };
            let outcome = self.write(entry).and_then(|()| self.flush());
            match &outcome {
                Ok(()) => {
                    self.begun = true;
                    self.gap.end();
                }
                Err(error) => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    self.break_off(time);
                    if !self.failing {
                        let path = self.directory.display();
                        warn!("what past answers are explained from is not kept: {path}: {error}");
                    }
                }
            }
            self.failing = outcome.is_err();
        }
        let now = self.clock.wall();
        if self.gap.since().is_some() {
            // The last chance to say that it is not known; where the disk still refuses, nothing can be done.
            let _ = self.segment(now);
        }
        if let Some(segment) = &mut self.file {
            // The process ends; who asks for this time is told that it is not known when.
            let _ = segment.line(&Record::Ended { time: now }).and_then(|()| segment.out.flush());
        }
    }

    /// From `since` on it is not known what was in force, until another segment says so.
    fn break_off(&mut self, since: Timestamp) {
        self.file = None;
        self.gap.begin(since);
    }

    /// Takes note of what was not handed in.
    fn miss(&mut self, missed: Missed) {
        self.break_off(missed.since);
        if let Some(loaded) = missed.loaded {
            self.put_in_force(loaded);
        }
    }

    /// What was in force is so no more, whether what follows it can be kept or not.
    fn put_in_force(&mut self, loaded: InForce) -> Option<Box<Loaded>> {
        self.waiting = Some(loaded);
        // What the plan of other sites said is no plan of these.
        self.says = None;
        self.loaded.take()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |segment| segment.out.flush())
    }

    fn write(&mut self, entry: Entry) -> io::Result<()> {
        match entry {
            Entry::Loaded(loaded) => {
                let time = loaded.time;
                let before = self.put_in_force(loaded);
                // Before texts are kept that no segment names yet: a new segment takes out what none needs.
                let room = self.segment(time)?;
                self.settle(time, before.filter(|_| room == Room::Left))
            }
            Entry::Plan { time, topology, plan } => {
                self.segment(time)?;
                self.settle(time, None)?;
                let says = Says::of(&topology, &plan);
                let news = self.says.as_ref().and_then(|(_, before)| says.since(before));
                let generation = plan.generation;
                let (whole, news) = match news {
                    Some(news) => (false, news),
                    None => (true, says.clone()),
                };
                self.says = Some((generation, says));
                self.line(&Record::Plan(Box::new(Planned { time, generation, whole, says: news })))
            }
        }
    }

    /// Keeps what is in force and waits for that, as news to `before` where the segment tells of it.
    fn settle(&mut self, time: Timestamp, before: Option<Box<Loaded>>) -> io::Result<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let loaded = match self.keep(time, &waiting) {
            Ok(loaded) => Box::new(loaded),
            Err(error) => {
                self.waiting = Some(waiting);
                return Err(error);
            }
        };
        self.loaded = Some(loaded.clone());
        let news = before.and_then(|before| loaded.rezoned(&before));
        self.line(&news.map_or(Record::Loaded(loaded), |news| Record::Rezoned(Box::new(news))))
    }

    fn line(&mut self, record: &Record) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |segment| segment.line(record))
    }

    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.objects.directory())
    }

    /// Begins another segment where the present one is full, or there is none. Such a one begins with all that is in force.
    fn segment(&mut self, time: Timestamp) -> io::Result<Room> {
        if self.file.as_ref().is_some_and(|segment| segment.octets < SEGMENT) {
            return Ok(Room::Left);
        }
        self.prepare()?;
        let number = segments(&self.directory)?.last_key_value().map_or(1, |(number, _)| number.saturating_add(1));
        let path = self.directory.join(format!("plans-{number:08}.jsonl"));
        let out = OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)?;
        let mut segment = Segment { out: BufWriter::new(out), octets: 0 };
        // Segments are found by the time of their first line.
        let lost = self.gap.since();
        if !self.begun {
            segment.line(&Record::Begun { time: lost.unwrap_or(time) })?;
        }
        if let Some(time) = lost {
            segment.line(&Record::Lost { time })?;
        }
        if let Some(loaded) = &self.loaded {
            segment.line(&Record::Loaded(Box::new(Loaded { time, ..Loaded::clone(loaded) })))?;
            if let Some((generation, says)) = self.says.clone() {
                segment.line(&Record::Plan(Box::new(Planned { time, generation, whole: true, says })))?;
            }
        }
        self.file = Some(segment);
        self.tidy(time)?;
        Ok(Room::Begun)
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
        let listed = self.listed.values().flatten().flat_map(|(names, template)| [names.clone(), template.clone()]);
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
        Record::Begun { time } | Record::Ended { time } | Record::Lost { time } => time,
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
            Record::Begun { .. } | Record::Ended { .. } | Record::Lost { .. } | Record::Plan(_) => {}
        }
    }
    Ok(objects)
}

/// What tells that a file is another one.
pub(super) fn mark(path: &Path) -> Option<Mark> {
    let metadata = fs::metadata(path).ok()?;
    Some((path.to_owned(), Timestamp::try_from(metadata.modified().ok()?).ok()?, metadata.len()))
}
