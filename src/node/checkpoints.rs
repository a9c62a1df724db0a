//! Checkpoints: the end of the chain of the journal, written down where the database is not, so that an end that was cut off
//! with all that tells of it is found; and the cut of what is too old to be kept.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::interval;
use tracing::info;

use super::clock::Clock;
use super::engine::{Message, with_remedy};
use super::picture::Picture;
use crate::model::{ChainMark, Checkpoint, ExportEnd, ExportHead, Settings, export_line};
use crate::store::{Store, StoreError};

/// Name of the file in the state directory.
const FILE: &str = "journal-checkpoints.jsonl";
/// Checkpoints kept; at one a quarter of an hour three months.
const KEPT: usize = 8_640;
/// Between two checkpoints, where anything was journalled meanwhile.
const CHECKPOINT: Duration = Duration::from_secs(900);
/// Between two looks at what is too old.
const CUT: Duration = Duration::from_secs(60);
/// Entries that are cut, and archived, at once.
const AT_ONCE: u64 = 10_000;
/// Cuts of one look: what is left waits for the next.
const CUTS: usize = 20;

/// What was written down of the chain.
#[derive(Clone)]
pub struct Checkpoints {
    path: Arc<Path>,
    known: Arc<Mutex<VecDeque<Checkpoint>>>,
}

impl Checkpoints {
    /// Those in the state directory of `settings`. What cannot be read is left out.
    #[must_use]
    pub fn read(settings: &Settings) -> Self {
        let path: Arc<Path> = settings.state.path.join(FILE).into();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut known: VecDeque<Checkpoint> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        while known.len() > KEPT {
            known.pop_front();
        }
        Self { path, known: Arc::new(Mutex::new(known)) }
    }

    /// All that are known, oldest first.
    pub fn known(&self) -> MutexGuard<'_, VecDeque<Checkpoint>> {
        // Nothing panics between two changes that belong together.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down that the journal ends with `mark`: in the log of the node, and in the file.
    fn note(&self, time: Timestamp, mark: ChainMark) -> io::Result<()> {
        if self.known().back().is_some_and(|last| last.mark == mark) {
            return Ok(());
        }
        info!(checkpoint = %mark, "the journal ends here");
        let checkpoint = Checkpoint { time, mark };
        let rewritten = {
            let mut known = self.known();
            known.push_back(checkpoint);
            let is_full = known.len() > KEPT;
            if is_full {
                known.drain(..KEPT / 2);
            }
            is_full.then(|| known.iter().copied().collect::<Vec<_>>())
        };
        match rewritten {
            None => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
                write_lines(file, &[checkpoint])
            }
            Some(all) => {
                let unfinished = self.path.with_extension("new");
                let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
                write_lines(file, &all)?;
                fs::rename(&unfinished, &self.path)
            }
        }
    }
}

fn write_lines(file: fs::File, checkpoints: &[Checkpoint]) -> io::Result<()> {
    let mut out = io::BufWriter::new(file);
    for checkpoint in checkpoints {
        let line = serde_json::to_string(checkpoint).map_err(io::Error::other)?;
        writeln!(out, "{line}")?;
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
}

/// Keeps checkpoints and cuts the journal.
#[derive(Clone)]
pub struct Archivist {
    /// Clocks.
    pub clock: Clock,
    /// The journal.
    pub store: Arc<dyn Store>,
    /// How long it is kept.
    pub picture: Arc<ArcSwap<Picture>>,
    /// Where checkpoints go.
    pub checkpoints: Checkpoints,
    /// Whom troubles are told.
    pub engine: mpsc::Sender<Message>,
}

/// What kept the archivist from its work.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", with_remedy(.0))]
    Store(#[from] StoreError),
    #[error("'{}' cannot be written: {source}; until it can, nothing is cut off the journal", path.display())]
    Archive { path: PathBuf, source: io::Error },
    #[error("the checkpoint of the journal cannot be written: {0}; check the file system that holds state.path")]
    Checkpoint(io::Error),
}

impl Archivist {
    /// Works until aborted.
    pub async fn keep(self) {
        let mut ticks = interval(CUT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut noted = None;
        loop {
            ticks.tick().await;
            let is_due = noted.is_none_or(|noted: std::time::Instant| noted.elapsed() >= CHECKPOINT);
            let archivist = self.clone();
            let work = tokio::task::spawn_blocking(move || {
                if is_due {
                    archivist.note()?;
                }
                archivist.cut()
            });
            if is_due {
                noted = Some(std::time::Instant::now());
            }
            let outcome = match work.await {
                Ok(Ok(())) => Ok("the journal is checkpointed and cut as it should be".to_owned()),
                Ok(Err(trouble)) => Err(trouble.to_string()),
                Err(error) => Err(error.to_string()),
            };
            // A node that is stopping needs no news.
            let _ = self.engine.send(Message::Part("audit", outcome)).await;
        }
    }

    /// Writes a checkpoint down. Blocks.
    fn note(&self) -> Result<(), Trouble> {
        match self.store.chain()?.head {
            Some(head) => self.checkpoints.note(self.clock.wall(), head).map_err(Trouble::Checkpoint),
            None => Ok(()),
        }
    }

    /// The last checkpoint, when the node stops. Blocks.
    pub fn note_last(&self) {
        if let Err(trouble) = self.note() {
            tracing::warn!("{trouble}");
        }
    }

    /// Cuts what is too old, or too much. Blocks.
    fn cut(&self) -> Result<(), Trouble> {
        let settings = Arc::clone(&self.picture.load().settings);
        let audit = &settings.audit;
        let keep = SignedDuration::try_from(audit.keep).unwrap_or(SignedDuration::MAX);
        let oldest_kept = self.clock.wall().saturating_sub(keep).unwrap_or(Timestamp::MIN);
        for _ in 0..CUTS {
            let state = self.store.chain()?;
            let (Some(head), Some(oldest)) = (state.head, state.oldest) else { return Ok(()) };
            let by_count = head.id.saturating_add(1).saturating_sub(audit.events);
            let below = by_count.max(self.store.first_since(oldest_kept)?.min(head.id));
            if below <= oldest {
                return Ok(());
            }
            let below = below.min(oldest.saturating_add(AT_ONCE));
            if let Some(archive) = &audit.archive {
                self.archive(&settings.node.name, archive, oldest, below)?;
            }
            self.store.cut(below)?;
        }
        Ok(())
    }

    /// Writes the chained entries below `below` as an export of their own.
    fn archive(&self, node: &str, directory: &Path, oldest: u64, below: u64) -> Result<(), Trouble> {
        let links = self.store.links(oldest.saturating_sub(1), usize::try_from(AT_ONCE).unwrap_or(usize::MAX))?;
        let Some(mut begins) = self.store.chain()?.beginning else { return Ok(()) };
        let chained: Vec<_> = links.iter().filter(|link| link.id < below && link.id >= begins.first).collect();
        let (Some(first), Some(last)) = (chained.first(), chained.last()) else { return Ok(()) };
        begins.first = first.id;
        let path = directory.join(format!("{node}-{:012}-{:012}.jsonl", first.id, last.id));
        let failed = |source| Trouble::Archive { path: path.clone(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        let write = || -> io::Result<()> {
            let unfinished = path.with_extension("new");
            let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
            let mut out = io::BufWriter::new(file);
            let (schema, exported) = (ExportHead::SCHEMA.to_owned(), self.clock.wall());
            let head = ExportHead { schema, node: node.to_owned(), exported, begins };
            writeln!(out, "{}", serde_json::to_string(&head).map_err(io::Error::other)?)?;
            let mut previous = begins.previous;
            for link in &chained {
                writeln!(out, "{}", export_line(previous, link))?;
                previous = link.hash;
            }
            let mark = Some(ChainMark { id: last.id, hash: last.hash });
            let end = ExportEnd { ends: mark, head: mark };
            writeln!(out, "{}", serde_json::to_string(&end).map_err(io::Error::other)?)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(failed)
    }
}
