//! What of that which a watch hears is news: nothing older than what was said before.

use super::{Entry, Listing, Notice, Version};
use crate::store::StoreError;

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Put(Entry),
    Gone(String, Version),
}

impl Change {
    fn version(&self) -> Version {
        match self {
            Self::Put(entry) => entry.version,
            Self::Gone(_, version) => *version,
        }
    }
}

impl From<Change> for Notice {
    fn from(change: Change) -> Self {
        match change {
            Change::Put(entry) => Self::Put(entry),
            Change::Gone(key, _) => Self::Gone(key),
        }
    }
}

/// What a watch has said so far.
#[derive(Debug)]
pub(super) struct Ledger {
    /// How many members there are.
    members: usize,
    /// All changes up to this one were in a listing.
    listed: Version,
    /// The last change that was said.
    newest: Version,
    /// What had been said when a listing was asked for, and the changes since.
    asked: Option<(Version, Vec<Change>)>,
    /// Listings in a row that were older than what was said.
    older: usize,
}

/// Before the first change.
const NOTHING: Version = Version(0);

impl Ledger {
    pub(super) fn new(members: usize) -> Self {
        Self { members, listed: NOTHING, newest: NOTHING, asked: None, older: 0 }
    }

    /// A listing is asked for from here on.
    pub(super) fn ask(&mut self) {
        self.asked = Some((self.newest, Vec::new()));
    }

    /// The listing that was asked for, with the changes that were said meanwhile, as what is to be said.
    ///
    /// # Errors
    /// [`StoreError::WentBack`] if it is older than what had been said before it was asked for. The store is taken for what
    /// it is, and its next listing said, after as many such as there are members: a single one may be astray.
    pub(super) fn list(&mut self, listing: Listing) -> Result<Notice, StoreError> {
        let (newest, meanwhile) = self.asked.take().unwrap_or((self.newest, Vec::new()));
        let found = listing.version;
        if found < newest {
            self.older += 1;
            if self.older >= self.members {
                (self.listed, self.newest, self.older) = (NOTHING, NOTHING, 0);
            }
            let detail = format!("it stands at version {found}, and this node has seen version {newest} of it");
            return Err(StoreError::WentBack { detail });
        }
        self.older = 0;
        self.listed = self.listed.max(found);
        self.newest = self.newest.max(found);
        Ok(Notice::All(meanwhile.into_iter().filter(|change| change.version() > found).fold(listing, changed)))
    }

    /// `change` as what is to be said, unless it is none any more. Several keys may have changed at once, and so have the
    /// same version.
    pub(super) fn change(&mut self, change: Change) -> Option<Notice> {
        let version = change.version();
        if version <= self.listed || version < self.newest {
            return None;
        }
        self.newest = version;
        if let Some((_, meanwhile)) = &mut self.asked {
            meanwhile.push(change.clone());
        }
        Some(change.into())
    }
}

/// `listing` after `change`.
fn changed(mut listing: Listing, change: Change) -> Listing {
    listing.version = change.version();
    let (Change::Put(Entry { key, .. }) | Change::Gone(key, _)) = &change;
    let place = listing.entries.binary_search_by(|entry| entry.key.cmp(key));
    match (place, change) {
        (Ok(at), Change::Put(entry)) => listing.entries.splice(at..=at, [entry]).for_each(drop),
        (Err(at), Change::Put(entry)) => listing.entries.insert(at, entry),
        (Ok(at), Change::Gone(..)) => drop(listing.entries.remove(at)),
        (Err(_), Change::Gone(..)) => {}
    }
    listing
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(key: &str, version: u64) -> Entry {
        Entry { key: key.into(), value: version.to_string().into_bytes(), version: Version(version) }
    }

    fn put(key: &str, version: u64) -> Change {
        Change::Put(entry(key, version))
    }

    fn listing(version: u64, entries: &[Entry]) -> Listing {
        Listing { entries: entries.to_vec(), version: Version(version) }
    }

    fn all(notice: Notice) -> Listing {
        match notice {
            Notice::All(listing) => listing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_listing_had_is_not_said_again() {
        let mut ledger = Ledger::new(1);
        ledger.ask();
        all(ledger.list(listing(5, &[entry("a", 5)])).unwrap());
        assert!(ledger.change(put("a", 4)).is_none());
        assert!(ledger.change(put("a", 5)).is_none());
        assert!(ledger.change(put("a", 6)).is_some());
    }

    #[test]
    fn keys_that_changed_at_once_are_all_said() {
        let mut ledger = Ledger::new(1);
        assert!(ledger.change(put("a", 6)).is_some());
        assert!(ledger.change(put("b", 6)).is_some());
        assert!(ledger.change(put("c", 5)).is_none());
    }

    #[test]
    fn a_listing_has_what_was_said_while_it_was_under_way() {
        let mut ledger = Ledger::new(1);
        ledger.ask();
        all(ledger.list(listing(5, &[entry("a", 5), entry("b", 2), entry("d", 3)])).unwrap());
        ledger.ask();
        for change in [put("a", 6), put("c", 8), put("b", 9), Change::Gone("d".into(), Version(10))] {
            assert!(ledger.change(change).is_some());
        }
        // It was taken between the first two, and in it is something that the watch never told.
        let found =
            all(ledger.list(listing(7, &[entry("a", 6), entry("b", 2), entry("d", 3), entry("x", 7)])).unwrap());
        assert_eq!(found, listing(10, &[entry("a", 6), entry("b", 9), entry("c", 8), entry("x", 7)]));
        assert!(ledger.change(put("e", 10)).is_some(), "the rest of the last change");
    }

    #[test]
    fn a_store_that_went_back_is_reported_and_then_taken_for_what_it_is() {
        let mut ledger = Ledger::new(3);
        ledger.ask();
        all(ledger.list(listing(9, &[])).unwrap());
        for _ in 0..3 {
            ledger.ask();
            assert!(matches!(ledger.list(listing(4, &[])), Err(StoreError::WentBack { .. })));
        }
        ledger.ask();
        all(ledger.list(listing(4, &[entry("a", 4)])).unwrap());
        assert!(ledger.change(put("a", 5)).is_some());
    }

    #[test]
    fn one_member_astray_does_not_take_the_watch_back() {
        let mut ledger = Ledger::new(3);
        for round in 0..9 {
            ledger.ask();
            let version = if round % 3 == 0 { 9 } else { 4 };
            assert_eq!(ledger.list(listing(version, &[])).is_ok(), version == 9);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_said_after_something_newer(heard in proptest::collection::vec((any::<bool>(), 1_u64..20), 0..40)) {
            let mut ledger = Ledger::new(usize::MAX);
            let mut newest = NOTHING;
            for (is_change, version) in heard {
                let said = if is_change {
                    ledger.change(put("a", version)).map(|_| Version(version))
                } else {
                    ledger.ask();
                    ledger.list(listing(version, &[])).ok().map(|notice| all(notice).version)
                };
                if let Some(said) = said {
                    prop_assert!(said >= newest);
                    newest = said;
                }
            }
        }
    }
}
