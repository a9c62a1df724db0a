//! The recorder: what was observed and decided goes to a file, for `waypost replay`.
//!
//! It is a convenience: it never holds anything up, and what it cannot write is lost and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;
use tracing::warn;

use super::clock::Clock;
use super::picture::{Picture, StandingOrder};
use crate::model::Settings;
use crate::plan::{Record, Served, standings};

/// Records that may wait for the disk.
const BACKLOG: usize = 8_192;
/// Octets of the file after which it is set aside and another is begun; with the one before it, two are kept: some two
/// weeks of a hundred endpoints.
const FILE: u64 = 32 << 20;
/// Name of the file in the state directory.
pub const NAME: &str = "recording.jsonl";
/// Name of the one before it.
pub const BEFORE: &str = "recording.1.jsonl";

/// Where records are handed in.
#[derive(Clone, Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Record>,
    lost: Arc<AtomicU64>,
}

/// What of the engine's picture was recorded last.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    orders: Option<Arc<[StandingOrder]>>,
    standings: Vec<Served>,
}

impl Recorder {
    /// Starts to record into the state directory of `settings`.
    pub fn start(settings: &Settings, clock: Clock) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, records) = mpsc::channel(BACKLOG);
        let site = settings.node.site.and_then(|site| settings.sites.get(site.get())).map(|site| site.name.clone());
        let head = Head { node: settings.node.name.clone(), site, clock };
        let lost = Arc::<AtomicU64>::default();
        let directory = settings.state.path.clone();
        let writer = Writer { directory, head, lost: Arc::clone(&lost), failing: false, orders: None, served: None };
        let task = tokio::task::spawn_blocking(move || writer.run(records));
        (Self { queue, lost }, task)
    }

    /// Hands a record in. Never waits; gives whether there was room.
    pub fn record(&self, record: Record) -> bool {
        let taken = self.queue.try_send(record).is_ok();
        if !taken {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// Records what of `picture` is not what was `shown` before.
    pub fn show(&self, picture: &Picture, shown: &mut Shown, clock: Clock) {
        let time = clock.wall();
        if shown.orders.as_ref().is_none_or(|orders| **orders != *picture.orders) {
            let intents = picture.orders.iter().map(|order| order.intent.clone()).collect();
            if self.record(Record::Orders { time, intents }) {
                shown.orders = Some(Arc::clone(&picture.orders));
            }
        }
        let standings = standings(&picture.topology, &picture.plan);
        if shown.standings != standings && self.record(Record::Served { time, standings: standings.clone() }) {
            shown.standings = standings;
        }
    }

    /// How many records were lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// What a file begins with.
struct Head {
    node: String,
    site: Option<String>,
    clock: Clock,
}

struct Writer {
    directory: PathBuf,
    head: Head,
    lost: Arc<AtomicU64>,
    failing: bool,
    /// What stands and what is served: a file begins with it.
    orders: Option<Record>,
    served: Option<Record>,
}

impl Writer {
    /// Writes until nobody hands anything in any more.
    fn run(mut self, mut records: mpsc::Receiver<Record>) {
        let mut file: Option<Written> = None;
        while let Some(record) = records.blocking_recv() {
            let mut outcome = self.write(&mut file, &record);
            // What has come meanwhile goes to the disk with it.
            while outcome.is_ok()
                && let Ok(record) = records.try_recv()
            {
                outcome = self.write(&mut file, &record);
            }
            let outcome = outcome.and_then(|()| file.as_mut().map_or(Ok(()), |file| file.writer.flush()));
            if let Err(error) = &outcome {
                self.lost.fetch_add(1, Ordering::Relaxed);
                if !self.failing {
                    let path = self.directory.join(NAME);
                    warn!("observations are not recorded: {}: {error}; a replay will have a gap", path.display());
                }
                file = None;
            }
            self.failing = outcome.is_err();
        }
        let ended = Record::Ended { time: self.head.clock.wall() };
        // The process ends; who replays sees the gap.
        let _ = self.write(&mut file, &ended).and_then(|()| file.map_or(Ok(()), |mut file| file.writer.flush()));
    }

    fn write(&mut self, file: &mut Option<Written>, record: &Record) -> io::Result<()> {
        match record {
            Record::Orders { .. } => self.orders = Some(record.clone()),
            Record::Served { .. } => self.served = Some(record.clone()),
            Record::Begun { .. } | Record::Ended { .. } | Record::Observed(_) => {}
        }
        if file.as_ref().is_none_or(|file| file.size >= FILE) {
            let mut opened = Written::open(&self.directory)?;
            opened.line(&Record::Begun {
                time: self.head.clock.wall(),
                node: self.head.node.clone(),
                site: self.head.site.clone(),
            })?;
            for known in [&self.orders, &self.served].into_iter().flatten().filter(|known| *known != record) {
                opened.line(known)?;
            }
            *file = Some(opened);
        }
        file.as_mut().map_or(Ok(()), |file| file.line(record))
    }
}

struct Written {
    writer: BufWriter<File>,
    size: u64,
}

impl Written {
    /// Opens the file for more, or a fresh one where it is full.
    fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        let mut size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if size >= FILE {
            std::fs::rename(&path, directory.join(BEFORE))?;
            size = 0;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Self { writer: BufWriter::new(file), size })
    }

    fn line(&mut self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
        line.push(b'\n');
        self.writer.write_all(&line)?;
        self.size += line.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(directory: &Path) -> Settings {
        let text = format!(
            "[node]\nname = \"n\"\nlisten = [\"127.0.0.1:5353\"]\n[state]\npath = \"{}\"\n[[zone]]\norigin = \"a.example\"\nfile = \"a\"\n",
            directory.display()
        );
        crate::config::read(Path::new("waypost.toml"), &text).0.unwrap()
    }

    #[tokio::test]
    async fn records_are_lines_between_a_beginning_and_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::start();
        for _ in 0..2 {
            let (recorder, task) = Recorder::start(&settings(directory.path()), clock);
            recorder.record(Record::Orders { time: clock.wall(), intents: Vec::new() });
            drop(recorder);
            task.await.unwrap();
        }
        let text = std::fs::read_to_string(directory.path().join(NAME)).unwrap();
        let records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(records.len(), 6);
        assert!(matches!(&records[0], Record::Begun { node, .. } if node == "n"));
        assert!(matches!(records[5], Record::Ended { .. }));
    }

    #[test]
    fn a_file_that_is_begun_anew_says_what_stands() {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(directory.path());
        let clock = Clock::start();
        let head = Head { node: settings.node.name, site: None, clock };
        let path = directory.path().to_owned();
        let lost = Arc::default();
        let mut writer = Writer { directory: path, head, lost, failing: false, orders: None, served: None };
        let (mut first, mut second) = (None, None);
        writer.write(&mut first, &Record::Orders { time: clock.wall(), intents: Vec::new() }).unwrap();
        writer.write(&mut second, &Record::Ended { time: clock.wall() }).unwrap();
        drop((first, second));
        let text = std::fs::read_to_string(directory.path().join(NAME)).unwrap();
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.split('"').nth(3)).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "orders").count(), 2, "{text}");
    }

    #[tokio::test]
    async fn a_full_file_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(NAME), vec![b' '; usize::try_from(FILE).unwrap()]).unwrap();
        let (recorder, task) = Recorder::start(&settings(directory.path()), Clock::start());
        recorder.record(Record::Orders { time: Clock::start().wall(), intents: Vec::new() });
        drop(recorder);
        task.await.unwrap();
        assert_eq!(std::fs::metadata(directory.path().join(BEFORE)).unwrap().len(), FILE);
        assert!(std::fs::metadata(directory.path().join(NAME)).unwrap().len() < 1000);
    }

    #[tokio::test]
    async fn a_directory_that_is_gone_loses_records_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap().path().join("gone");
        let (recorder, task) = Recorder::start(&settings(&directory), Clock::start());
        recorder.record(Record::Orders { time: Clock::start().wall(), intents: Vec::new() });
        let lost = Arc::clone(&recorder.lost);
        drop(recorder);
        task.await.unwrap();
        assert_eq!(lost.load(Ordering::Relaxed), 1);
    }
}
