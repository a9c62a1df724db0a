//! What a watch has said so far.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use waypost::store::StoreError;
use waypost::store::etcd::{Entry, Notice, Version, Watch};

use crate::PATIENCE;

/// How long a call of `next` is waited for before it is dropped and made again, as happens in a `select!`.
const MOMENT: Duration = Duration::from_millis(3);

/// A watch, and everything below its folder as it told.
pub struct Followed {
    watch: Watch,
    pub entries: BTreeMap<String, Entry>,
    /// All keys that ever were.
    pub seen: BTreeSet<String>,
    newest: Option<Version>,
    pub listings: usize,
    pub changes: usize,
    pub troubles: Vec<StoreError>,
}

impl Followed {
    pub fn new(watch: Watch) -> Self {
        Self {
            watch,
            entries: BTreeMap::new(),
            seen: BTreeSet::new(),
            newest: None,
            listings: 0,
            changes: 0,
            troubles: Vec::new(),
        }
    }

    /// Takes what comes until `holds`; nothing of it may be older than what came before.
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}; troubles: {:?}", self.troubles);
            if let Ok(notice) = tokio::time::timeout(MOMENT, self.watch.next()).await {
                self.take(notice);
            }
        }
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::All(listing) => {
                self.advance(listing.version);
                self.listings += 1;
                self.seen.extend(listing.entries.iter().map(|entry| entry.key.clone()));
                self.entries = listing.entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
            }
            Notice::Put(entry) => {
                self.advance(entry.version);
                self.changes += 1;
                self.seen.insert(entry.key.clone());
                self.entries.insert(entry.key.clone(), entry);
            }
            Notice::Gone(key) => {
                self.changes += 1;
                assert!(self.entries.remove(&key).is_some(), "'{key}' was not there");
            }
            Notice::Trouble(trouble) => {
                if matches!(trouble, StoreError::WentBack { .. }) {
                    self.newest = None;
                }
                self.troubles.push(trouble);
            }
        }
    }

    fn advance(&mut self, version: Version) {
        assert!(self.newest.is_none_or(|newest| version >= newest), "{version} after {:?}", self.newest);
        self.newest = Some(version);
    }

    /// What `key` holds, as text.
    pub fn value(&self, key: &str) -> Option<String> {
        self.entries.get(key).map(|entry| String::from_utf8(entry.value.clone()).unwrap())
    }
}
