//! A pass: every shared file and its record looked at once, and what is due done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::{JoinError, spawn_blocking};

use super::known::Known;
use super::shelf::{Here, Left, SharedName, Shelf};
use crate::model::FileChange;
use crate::store::mirror::{Content, Digest, Found, Obstacle, Replaced, Step, Version, step};
use crate::store::sealed::{ClusterKeys, OpenError, Opened, RECORDS_OCTETS, SecretText};
use crate::store::{SharedFile, SharedFiles, StoreError, Written};

/// The most files that are shared: all of them are read in each pass. Zones may share a keyset.
const FILES: usize = 1_000;

/// A change that a pass made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of which file.
    pub name: SharedName,
    /// What became of it.
    pub change: FileChange,
    /// The version from now on.
    pub version: u64,
    /// More, in words.
    pub detail: String,
}

/// What a pass came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// What it changed, by file.
    pub changes: Vec<Change>,
    /// What an operator has to look at, with what to do.
    pub troubles: Vec<String>,
    /// What was written by another node at the same moment: the next pass need not wait.
    pub overtaken: usize,
}

/// A record as it was found.
struct Record {
    found: Found,
    opened: Result<Opened, OpenError>,
    seen: u64,
    octets: usize,
}

impl Record {
    fn open(keys: &ClusterKeys, file: &SharedFile) -> Self {
        let opened = keys.open(&file.name, &file.record);
        let found = match &opened {
            Ok(opened) => {
                let content =
                    opened.text.as_ref().map_or(Content::Gone, |text| Content::Text(Digest::of(text.reveal())));
                Found::Open(Version { number: opened.version, content })
            }
            Err(error) => Found::Closed(error.version()),
        };
        Self { found, opened, seen: file.seen, octets: file.record.len() }
    }

    /// Who sealed it.
    fn node(&self) -> &str {
        self.opened.as_ref().map_or("an unknown node", |opened| &opened.node)
    }
}

/// The shared files of one node, and the store through which they go.
pub struct Mirror {
    node: String,
    files: Arc<dyn SharedFiles>,
    known: Known,
    passed: Passed,
    /// Octets of all records in the store.
    stored: usize,
}

impl Mirror {
    /// A mirror of the node called `node`.
    #[must_use]
    pub fn new(node: &str, files: Arc<dyn SharedFiles>, known: Known) -> Self {
        Self { node: node.to_owned(), files, known, passed: Passed::default(), stored: 0 }
    }

    /// Looks at all files of `shelf` once, as of `now`. Says what came of it, and whether the store could be read and written
    /// all the while: where it could not, what was done until then is done, and the other files are as they were.
    pub async fn pass(
        &mut self,
        shelf: &Shelf,
        keys: &ClusterKeys,
        now: Timestamp,
    ) -> (Passed, Result<(), StoreError>) {
        self.passed = Passed::default();
        let done = self.look_at_all(shelf, keys, now).await;
        if let Err(trouble) = self.known.save() {
            self.passed.troubles.push(trouble);
        }
        (std::mem::take(&mut self.passed), done)
    }

    async fn look_at_all(&mut self, shelf: &Shelf, keys: &ClusterKeys, now: Timestamp) -> Result<(), StoreError> {
        let listed = self.files.list().await?;
        self.stored = listed.iter().map(|file| file.record.len()).sum();
        let mut records: BTreeMap<SharedName, Record> = listed
            .iter()
            .filter_map(|file| Some((SharedName::of_record(&file.name)?, Record::open(keys, file))))
            .collect();
        let had: BTreeSet<SharedName> = self.known.names().collect();
        let others: Vec<SharedName> = records.keys().chain(&had).cloned().collect();
        let at = shelf.clone();
        let look = spawn_blocking(move || {
            let here = at.look(others, |name| had.contains(name));
            (here, at.aside())
        });
        let Ok((here, aside)) = look.await else {
            self.passed.troubles.push("the files could not be looked at".to_owned());
            return Ok(());
        };
        for path in aside {
            self.passed.troubles.push(format!(
                "{} holds a change that another node's took the place of; look whether it is needed, then delete it",
                path.display()
            ));
        }
        if here.len() > FILES {
            let trouble =
                format!("{} files; only the first {FILES} by name are shared. Let zones share keysets", here.len());
            self.passed.troubles.push(trouble);
        }
        for (name, here) in here.into_iter().take(FILES) {
            let record = records.remove(&name);
            self.settle(shelf, keys, now, Case { name, here, record }).await?;
        }
        Ok(())
    }

    /// Does what is due about one file.
    async fn settle(
        &mut self,
        shelf: &Shelf,
        keys: &ClusterKeys,
        now: Timestamp,
        case: Case,
    ) -> Result<(), StoreError> {
        let found = case.record.as_ref().map_or(Found::Nothing, |record| record.found);
        match step(case.here.local, shelf.need(&case.name), self.known.get(&case.name), found) {
            Step::Rest => {}
            Step::Remember(version) => self.known.note(&case.name, version),
            Step::Wait(obstacle) => self.passed.troubles.extend(case.words(obstacle, keys)),
            Step::Publish(version) => self.publish(keys, version, &case).await?,
            Step::TakeOver(version, replaced) => {
                let text = case.record.as_ref().and_then(|record| record.opened.as_ref().ok()?.text.clone());
                if let Some(text) = text {
                    self.take_over(shelf, version, text, replaced, case, now).await;
                }
            }
            Step::Remove(version, replaced) => {
                let (shelf, name, local) = (shelf.clone(), case.name.clone(), case.here.local);
                let removed = spawn_blocking(move || shelf.remove(&name, local, replaced, now)).await;
                self.changed(FileChange::Removed, version, &case, removed.unwrap_or_else(panicked));
            }
        }
        Ok(())
    }

    async fn publish(&mut self, keys: &ClusterKeys, version: Version, case: &Case) -> Result<(), StoreError> {
        let (change, text) = match version.content {
            Content::Text(_) => (FileChange::Published, case.here.text.as_ref()),
            Content::Gone => (FileChange::Withdrawn, None),
        };
        let name = case.name.to_string();
        let record = match keys.seal(&name, version.number, &self.node, text) {
            Ok(record) => record,
            Err(error) => {
                self.passed.troubles.push(format!("{name} is not shared: {error}"));
                return Ok(());
            }
        };
        let stored = self.stored.saturating_sub(case.record.as_ref().map_or(0, |record| record.octets)) + record.len();
        if stored > RECORDS_OCTETS {
            let trouble = format!(
                "{name} is not shared: with it all shared files would come to more than {} MiB in the store. Let zones \
                 share keysets, or delete the files of keysets that no zone needs",
                RECORDS_OCTETS >> 20
            );
            self.passed.troubles.push(trouble);
            return Ok(());
        }
        match self.files.swap(&name, case.record.as_ref().map(|record| record.seen), record).await? {
            Written::Overtaken => self.passed.overtaken += 1,
            Written::Done => {
                let found = case.record.as_ref().map_or(Found::Nothing, |record| record.found);
                let detail = why(found, version, self.known.get(&case.name));
                self.known.note(&case.name, version);
                self.stored = stored;
                self.passed.changes.push(Change { name: case.name.clone(), change, version: version.number, detail });
            }
        }
        Ok(())
    }

    async fn take_over(
        &mut self,
        shelf: &Shelf,
        version: Version,
        text: SecretText,
        replaced: Replaced,
        case: Case,
        now: Timestamp,
    ) {
        let (shelf, name, local) = (shelf.clone(), case.name.clone(), case.here.local);
        let taken = spawn_blocking(move || shelf.take_over(&name, &text, local, replaced, now)).await;
        self.changed(FileChange::TakenOver, version, &case, taken.unwrap_or_else(panicked));
    }

    /// A file was changed as its record says, or was not.
    fn changed(&mut self, change: FileChange, version: Version, case: &Case, outcome: Result<Option<PathBuf>, Left>) {
        let from = case.record.as_ref().map_or("an unknown node", Record::node);
        let done = match change {
            FileChange::Removed | FileChange::Withdrawn => "deleted",
            FileChange::TakenOver | FileChange::Published => "published",
        };
        let (name, number) = (case.name.clone(), version.number);
        match outcome {
            Ok(aside) => {
                self.known.note(&name, version);
                let kept = aside.map(|path| {
                    format!(
                        "; the file here had been changed too, and is kept as {}: look whether it is needed",
                        path.display()
                    )
                });
                let detail = format!("{done} by {from}{}", kept.unwrap_or_default());
                self.passed.changes.push(Change { name, change, version: number, detail });
            }
            // An operator was faster; the next pass looks again.
            Err(Left::Changed) => self.passed.overtaken += 1,
            Err(Left::Refused(why)) => {
                self.passed
                    .troubles
                    .push(format!("version {number} of {name}, {done} by {from}, is not taken over: {why}"));
            }
        }
    }
}

/// A file and its record.
struct Case {
    name: SharedName,
    here: Here,
    record: Option<Record>,
}

impl Case {
    /// What is in the way, and what to do.
    fn words(&self, obstacle: Obstacle, keys: &ClusterKeys) -> Option<String> {
        let name = &self.name;
        let from = self.record.as_ref().map_or("an unknown node", Record::node);
        Some(match obstacle {
            Obstacle::Unfit => format!("{name} is not shared: {}", self.here.trouble.as_deref()?),
            Obstacle::Strangers => format!(
                "{name} here and the one that {from} shared were never the same, and neither replaces the other; look which \
                 is right, and move that file away where it is not: the other takes its place"
            ),
            Obstacle::Lost => format!(
                "{name} is gone here, and the store holds nothing newer than what was here; restore it from a backup or \
                 another node"
            ),
            Obstacle::Closed => {
                let error = self.record.as_ref()?.opened.as_ref().err()?;
                let remedy = match error {
                    OpenError::OtherKey { .. } => {
                        format!("this node seals under {}; give all nodes the same key_file", keys.id())
                    }
                    OpenError::Foreign => "run the version that wrote it, or delete the record from the store".to_owned(),
                    OpenError::Damaged { .. } => {
                        "somebody else than a node wrote it: look who may write the store, and delete the record from it"
                            .to_owned()
                    }
                };
                format!("the record of {name} cannot be opened: {error}; {remedy}")
            }
        })
    }
}

/// Why a version was published, where that is not simply that the file changed.
fn why(found: Found, published: Version, known: Option<Version>) -> String {
    let known = known.map_or(0, |known| known.number);
    match found {
        Found::Open(version) if version.number < known => {
            format!("the store had gone back from version {known} to {}", version.number)
        }
        Found::Nothing if known > 0 => format!("the store had lost version {known}"),
        Found::Closed(_) => "the record could not be opened and was not newer than what was here".to_owned(),
        Found::Open(Version { content: Content::Gone, .. }) if published.content != Content::Gone => {
            "it had been deleted".to_owned()
        }
        Found::Open(_) | Found::Nothing => String::new(),
    }
}

fn panicked(error: JoinError) -> Result<Option<PathBuf>, Left> {
    Err(Left::Refused(error.to_string()))
}
