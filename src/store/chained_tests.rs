//! The chain of the journal in the database, with somebody at the database who should not be.

use jiff::{SignedDuration, Timestamp};
use redb::{Database, ReadableTable, TableDefinition};

use super::{Embedded, Memory, Store, check_chain};
use crate::model::{
    BeginningCause, ChainFinding, ChainMark, Event, EventKind, ExportCheck, ExportEnd, ExportHead, export_line,
};

const JOURNAL: TableDefinition<'static, u64, &str> = TableDefinition::new("journal");
const CHAIN: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("chain");
const ENDS: TableDefinition<'static, &str, &str> = TableDefinition::new("chain_ends");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");

fn event(second: i64) -> Event {
    let time: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
    let kind = EventKind::Degraded { part: "geo".into(), detail: format!("second {second}") };
    Event { id: 0, time: time + SignedDuration::from_secs(second), node: "ns1".into(), kind }
}

fn filled(store: &dyn Store, count: i64) {
    let events: Vec<Event> = (1..=count).map(event).collect();
    store.append(&events).unwrap();
}

fn findings(store: &dyn Store, known: Vec<ChainMark>) -> Vec<ChainFinding> {
    check_chain(store, known).unwrap().findings
}

/// What somebody does to a database of 20 entries, and what is found then.
fn after(vandalism: impl Fn(&redb::WriteTransaction)) -> Vec<ChainFinding> {
    let directory = tempfile::tempdir().unwrap();
    let head = {
        let store = Embedded::open(directory.path()).unwrap();
        filled(&store, 20);
        assert_eq!(findings(&store, Vec::new()), []);
        store.chain().unwrap().head.unwrap()
    };
    {
        let database = Database::open(directory.path().join("waypost.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        vandalism(&transaction);
        transaction.commit().unwrap();
    }
    findings(&Embedded::open(directory.path()).unwrap(), vec![head])
}

#[test]
fn an_edited_a_removed_a_reordered_and_a_truncated_entry_are_each_found_in_the_database() {
    let text = |transaction: &redb::WriteTransaction, id: u64| {
        transaction.open_table(JOURNAL).unwrap().get(id).unwrap().unwrap().value().to_owned()
    };
    let edited = after(|transaction| {
        let changed = text(transaction, 7).replace("second 7", "second 8");
        transaction.open_table(JOURNAL).unwrap().insert(7, changed.as_str()).unwrap();
    });
    assert_eq!(edited, [ChainFinding::Edited { id: 7 }]);
    let removed = after(|transaction| {
        transaction.open_table(JOURNAL).unwrap().remove(7).unwrap();
        transaction.open_table(CHAIN).unwrap().remove(7).unwrap();
    });
    assert_eq!(removed, [ChainFinding::Removed { first: 7, last: 7 }]);
    let reordered = after(|transaction| {
        let (one, other) = (text(transaction, 7), text(transaction, 8));
        let mut journal = transaction.open_table(JOURNAL).unwrap();
        journal.insert(7, other.as_str()).unwrap();
        journal.insert(8, one.as_str()).unwrap();
    });
    assert_eq!(reordered, [ChainFinding::Edited { id: 7 }, ChainFinding::Edited { id: 8 }]);
    let truncated = after(|transaction| {
        transaction.open_table(JOURNAL).unwrap().remove(20).unwrap();
        transaction.open_table(CHAIN).unwrap().remove(20).unwrap();
    });
    assert_eq!(truncated, [ChainFinding::Truncated { last: 19, known: 20 }]);
}

#[test]
fn an_end_that_was_cut_off_with_all_that_tells_of_it_is_found_by_a_checkpoint() {
    let found = after(|transaction| {
        transaction.open_table(JOURNAL).unwrap().remove(20).unwrap();
        let mut chain = transaction.open_table(CHAIN).unwrap();
        chain.remove(20).unwrap();
        let hash: [u8; 32] = chain.get(19).unwrap().unwrap().value().try_into().unwrap();
        let head = ChainMark { id: 19, hash: crate::model::LinkHash::of(hash) };
        let head = serde_json::to_string(&head).unwrap();
        transaction.open_table(ENDS).unwrap().insert("head", head.as_str()).unwrap();
        transaction.open_table(META).unwrap().insert("last_event", 19).unwrap();
    });
    assert_eq!(found, [ChainFinding::Truncated { last: 19, known: 20 }]);
}

#[test]
fn a_journal_of_an_earlier_version_is_chained_from_where_it_ends() {
    let directory = tempfile::tempdir().unwrap();
    filled(&Embedded::open(directory.path()).unwrap(), 5);
    {
        let database = Database::open(directory.path().join("waypost.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.delete_table(CHAIN).unwrap();
        transaction.delete_table(ENDS).unwrap();
        transaction.commit().unwrap();
    }
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!(store.chain().unwrap().beginning, None);
    assert_eq!(findings(&store, Vec::new()), []);
    filled(&store, 3);
    let beginning = store.chain().unwrap().beginning.unwrap();
    assert_eq!((beginning.first, beginning.cause), (6, BeginningCause::Unchained));
    let checked = check_chain(&store, Vec::new()).unwrap();
    assert_eq!((checked.findings, checked.entries, checked.unchained), (vec![], 3, 5));
    // Who takes the hashes out to write the entries anew leaves the same, but for what was written down before.
    let known = ChainMark { id: 4, hash: crate::model::LinkHash::GENESIS };
    assert_eq!(findings(&store, vec![known]), [ChainFinding::Shortened { first: 6, known: 4 }]);
}

#[test]
fn cutting_the_old_end_leaves_a_chain_that_is_good_and_tells_where_it_was_cut() {
    let directory = tempfile::tempdir().unwrap();
    for store in [&Embedded::open(directory.path()).unwrap() as &dyn Store, &Memory::new()] {
        filled(store, 30);
        let known = store.links(19, 1).unwrap().remove(0);
        let known = ChainMark { id: known.id, hash: known.hash };
        assert_eq!(store.cut(11).unwrap(), 10);
        assert_eq!(store.cut(11).unwrap(), 0);
        let state = store.chain().unwrap();
        assert_eq!(state.beginning.map(|begins| (begins.first, begins.cause)), Some((11, BeginningCause::Cut)));
        assert_eq!((state.oldest, state.head.map(|head| head.id)), (Some(11), Some(30)));
        assert_eq!(findings(store, vec![known]), []);
        let older = vec![ChainMark { id: 3, ..known }, known];
        assert_eq!(findings(store, older), [ChainFinding::Shortened { first: 11, known: 3 }]);
        filled(store, 1);
        assert_eq!(check_chain(store, vec![known]).unwrap().entries, 21);
        assert_eq!(store.cut(u64::MAX).unwrap(), 20, "the newest stays");
        assert_eq!(findings(store, Vec::new()), []);
        assert_eq!(store.events(0, 10).unwrap().len(), 1);
    }
}

#[test]
fn entries_are_found_by_their_time() {
    let directory = tempfile::tempdir().unwrap();
    for store in [&Embedded::open(directory.path()).unwrap() as &dyn Store, &Memory::new()] {
        assert_eq!(store.first_since(Timestamp::UNIX_EPOCH).unwrap(), 1);
        filled(store, 100);
        store.cut(11).unwrap();
        for (second, id) in [(-5, 11), (11, 11), (12, 12), (50, 50), (100, 100), (101, 101), (1_000, 101)] {
            assert_eq!(store.first_since(event(second).time).unwrap(), id, "second {second}");
        }
    }
}

#[test]
fn what_is_exported_can_be_checked_without_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    filled(&store, 12);
    let state = store.chain().unwrap();
    let (begins, exported) = (state.beginning.unwrap(), Timestamp::UNIX_EPOCH);
    let head = ExportHead { schema: ExportHead::SCHEMA.into(), node: "ns1".into(), exported, begins };
    let mut check = ExportCheck::new(state.head.into_iter().collect());
    check.take(&serde_json::to_string(&head).unwrap());
    let mut previous = begins.previous;
    for link in store.links(0, 100).unwrap() {
        check.take(&export_line(previous, &link));
        previous = link.hash;
    }
    check.take(&serde_json::to_string(&ExportEnd { ends: state.head, head: state.head }).unwrap());
    let report = check.end().0;
    assert_eq!((report.findings, report.entries, report.compared), (vec![], 12, 1));
}
