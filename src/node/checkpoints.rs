//! Checkpoints: the end of the chain of the journal, written down where the database is not, so that an end that was cut off
//! with all that tells of it is found; and the cut of what is too old to be kept.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::time::interval;
use tracing::info;

use super::clock::Clock;
use super::engine::{Message, with_remedy};
use super::picture::Picture;
use crate::model::{AuditSettings, ChainMark, Checkpoint, ExportEnd, ExportHead, Settings, export_line};
use crate::store::{Store, StoreError};

/// Name of the file in the state directory.
const FILE: &str = "journal-checkpoints.jsonl";
/// Checkpoints kept; at one a quarter of an hour three months.
const KEPT: usize = 8_640;
/// Between two checkpoints, where anything was journalled meanwhile.
const CHECKPOINT: Duration = Duration::from_secs(900);
/// Between two looks at what is too old.
const CUT: Duration = Duration::from_secs(60);
/// So many entries too many are let wait for the next hour: a cut is written down, and few are worth reading.
const FEW: u64 = 1_000;
/// Between two cuts of few entries.
const CUT_FEW: Duration = Duration::from_secs(3_600);
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
    fn note_end(&self, time: Timestamp, mark: ChainMark) -> io::Result<()> {
        if self.known().back().is_some_and(|last| last.mark == mark) {
            return Ok(());
        }
        info!(checkpoint = %mark, "the journal ends here");
        self.note(time, mark)
    }

    /// Writes down that the node is about to cut the journal behind `mark`: a beginning of which nobody has written is a forged one.
    fn note_cut(&self, time: Timestamp, mark: ChainMark) -> io::Result<()> {
        info!(checkpoint = %mark, "the journal is cut behind this entry");
        self.note(time, mark)
    }

    fn note(&self, time: Timestamp, mark: ChainMark) -> io::Result<()> {
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
        let (mut noted, mut swept) = (None, None);
        let has_passed = |since: Option<Instant>, span| since.is_none_or(|since| since.elapsed() >= span);
        loop {
            ticks.tick().await;
            let is_due = has_passed(noted, CHECKPOINT);
            let few = if has_passed(swept, CUT_FEW) { 1 } else { FEW };
            let archivist = self.clone();
            let work = tokio::task::spawn_blocking(move || {
                if is_due {
                    archivist.note()?;
                }
                archivist.cut(few)
            });
            if is_due {
                noted = Some(Instant::now());
            }
            if few == 1 {
                swept = Some(Instant::now());
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
            Some(head) => self.checkpoints.note_end(self.clock.wall(), head).map_err(Trouble::Checkpoint),
            None => Ok(()),
        }
    }

    /// The last checkpoint, when the node stops. Blocks.
    pub fn note_last(&self) {
        if let Err(trouble) = self.note() {
            tracing::warn!("{trouble}");
        }
    }

    /// Cuts what is too old, or too much, where that is `few` entries or more. Blocks.
    fn cut(&self, few: u64) -> Result<(), Trouble> {
        let settings = Arc::clone(&self.picture.load().settings);
        let (node, audit) = (settings.node.name.as_str(), &settings.audit);
        Sweep { node, audit, clock: self.clock, store: &*self.store, checkpoints: &self.checkpoints }.cut(few)
    }
}

/// The cut of one journal.
struct Sweep<'a> {
    node: &'a str,
    audit: &'a AuditSettings,
    clock: Clock,
    store: &'a dyn Store,
    checkpoints: &'a Checkpoints,
}

impl Sweep<'_> {
    /// Cuts what is too old, or too much, where that is `few` entries or more. Blocks.
    fn cut(&self, few: u64) -> Result<(), Trouble> {
        let audit = self.audit;
        let keep = SignedDuration::try_from(audit.keep).unwrap_or(SignedDuration::MAX);
        let oldest_kept = self.clock.wall().saturating_sub(keep).unwrap_or(Timestamp::MIN);
        for _ in 0..CUTS {
            let state = self.store.chain()?;
            let (Some(head), Some(oldest)) = (state.head, state.oldest) else { return Ok(()) };
            let by_count = head.id.saturating_add(1).saturating_sub(audit.events);
            let below = by_count.max(self.store.first_since(oldest_kept)?.min(head.id));
            if below < oldest.saturating_add(few) {
                return Ok(());
            }
            let below = below.min(oldest.saturating_add(AT_ONCE));
            if let Some(archive) = &audit.archive {
                self.archive(archive, oldest, below)?;
            }
            self.witness(below)?;
            self.store.cut(below)?;
        }
        Ok(())
    }

    /// Writes down what the entries from `below` on follow, before those below are cut.
    fn witness(&self, below: u64) -> Result<(), Trouble> {
        let begins = self.store.chain()?.beginning.map_or(u64::MAX, |beginning| beginning.first);
        let last = self.store.links(below.saturating_sub(2), 1)?.into_iter().next();
        let Some(last) = last.filter(|last| last.id >= begins && last.id < below) else { return Ok(()) };
        let mark = ChainMark { id: last.id, hash: last.hash };
        self.checkpoints.note_cut(self.clock.wall(), mark).map_err(Trouble::Checkpoint)
    }

    /// Writes the chained entries below `below` as an export of their own.
    fn archive(&self, directory: &Path, oldest: u64, below: u64) -> Result<(), Trouble> {
        let links = self.store.links(oldest.saturating_sub(1), usize::try_from(AT_ONCE).unwrap_or(usize::MAX))?;
        let Some(mut begins) = self.store.chain()?.beginning else { return Ok(()) };
        let chained: Vec<_> = links.iter().filter(|link| link.id < below && link.id >= begins.first).collect();
        let (Some(first), Some(last)) = (chained.first(), chained.last()) else { return Ok(()) };
        begins.first = first.id;
        let path = directory.join(format!("{}-{:012}-{:012}.jsonl", self.node, first.id, last.id));
        let failed = |source| Trouble::Archive { path: path.clone(), source };
        fs::create_dir_all(directory).map_err(failed)?;
        let write = || -> io::Result<()> {
            let unfinished = path.with_extension("new");
            let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
            let mut out = io::BufWriter::new(file);
            let (schema, exported) = (ExportHead::SCHEMA.to_owned(), self.clock.wall());
            let head = ExportHead { schema, node: self.node.to_owned(), exported, begins };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChainFinding, Event, EventKind};
    use crate::store::{Memory, check_chain};

    fn append(store: &dyn Store, count: u64) {
        let kind = EventKind::Degraded { part: "geo".into(), detail: "missing".into() };
        let event = Event { id: 0, time: Clock::start().wall(), node: "ns1".into(), kind };
        store.append(&vec![event; usize::try_from(count).unwrap()]).unwrap();
    }

    #[test]
    fn a_cut_of_the_node_is_witnessed_and_one_of_somebody_else_is_not() {
        let (directory, store) = (tempfile::tempdir().unwrap(), Memory::default());
        let checkpoints = Checkpoints { path: directory.path().join(FILE).into(), known: Arc::default() };
        let audit = AuditSettings { events: 1_000, archive: Some(directory.path().into()), ..AuditSettings::default() };
        let sweep =
            Sweep { node: "ns1", audit: &audit, clock: Clock::start(), store: &store, checkpoints: &checkpoints };
        let found = || {
            let known = checkpoints.known().iter().map(|checkpoint| checkpoint.mark).collect();
            check_chain(&store, known).unwrap()
        };
        let oldest = || store.chain().unwrap().oldest;
        append(&store, 500);
        checkpoints.note_end(sweep.clock.wall(), store.chain().unwrap().head.unwrap()).unwrap();
        append(&store, 700);
        sweep.cut(FEW).unwrap();
        assert_eq!(oldest(), Some(1), "few enough to wait");
        sweep.cut(1).unwrap();
        assert_eq!(oldest(), Some(201));
        append(&store, 12_000);
        sweep.cut(FEW).unwrap();
        assert_eq!(oldest(), Some(12_201));
        let report = found();
        assert_eq!((report.findings, report.entries, report.compared), (vec![], 1_000, 1));
        store.cut(12_301).unwrap();
        let findings = found().findings;
        assert!(matches!(findings[..], [ChainFinding::Shortened { first: 12_301, .. }]), "{findings:?}");
        let kept = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(kept.lines().count(), checkpoints.known().len());
    }
}
