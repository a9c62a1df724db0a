//! What a store promises, held against both of them.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};

use super::disk::Disk;
use super::{Changed, Embedded, Memory, Secret, Store, StoreError};
use crate::model::{
    EndpointKey, Event, EventKind, Intent, IntentKind, Lifetime, Reach, Remit, Role, Schedule, Scope, Share, State,
    Token, Verdict,
};

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn scope(site: &str) -> Scope {
    Scope { site: site.into(), service: None }
}

fn drain(site: &str) -> Intent {
    Intent {
        scope: scope(site),
        kind: IntentKind::Drain { share: Share::ALL },
        by: "alice".into(),
        reason: "new power supply".into(),
        since: now(),
        lifetime: Lifetime::Until(now()),
        revision: 0,
        forced: false,
        reach: Reach::Everywhere,
        schedule: None,
        drill: None,
    }
}

fn event(kind: EventKind) -> Event {
    Event { id: 0, time: now(), node: "ns1".into(), kind }
}

fn ordered(intent: &Intent) -> Event {
    event(EventKind::Ordered { intent: intent.clone() })
}

fn order(store: &dyn Store, expected: u64, site: &str) -> Result<Changed, StoreError> {
    let intent = drain(site);
    let event = ordered(&intent);
    store.change_intents(expected, Some(intent), None, event)
}

fn token(name: &str) -> Token {
    Token {
        name: name.into(),
        role: Role::Operator,
        remit: Remit::Everywhere,
        created: now(),
        by: "root".into(),
        expires: None,
    }
}

fn both() -> Vec<(Box<dyn Store>, tempfile::TempDir)> {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    vec![(Box::new(Memory::new()), a), (Box::new(Embedded::open(b.path()).unwrap()), b)]
}

#[test]
fn an_order_against_an_old_revision_changes_nothing() {
    for (store, _directory) in both() {
        let first = order(&*store, 0, "fra").unwrap();
        assert_eq!(first.revision, 1);
        assert_eq!(first.intent.unwrap().revision, 1);
        assert!(matches!(&first.event.kind, EventKind::Ordered { intent } if intent.revision == 1));
        assert!(matches!(order(&*store, 0, "iad"), Err(StoreError::Conflict { expected: 0, found: 1 })));
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.revision, snapshot.intents.len(), snapshot.next_event), (1, 1, 2));
    }
}

#[test]
fn lifting_removes_one_scope_and_is_journalled() {
    for (store, _directory) in both() {
        order(&*store, 0, "fra").unwrap();
        order(&*store, 1, "iad").unwrap();
        let lifted = EventKind::Lifted { scope: scope("fra"), by: "bob".into(), reason: "done".into(), revision: 0 };
        let changed = store.change_intents(2, None, Some(&scope("fra")), event(lifted)).unwrap();
        assert!(matches!(changed.event.kind, EventKind::Lifted { revision: 3, .. }));
        let left: Vec<_> = store.load().unwrap().intents.into_iter().map(|intent| intent.scope.site).collect();
        assert_eq!(left, ["iad"]);
    }
}

#[test]
fn the_journal_has_no_gaps_and_reads_from_any_point() {
    for (store, _directory) in both() {
        assert_eq!(store.append(&[event(EventKind::Stopped), event(EventKind::Stopped)]).unwrap(), [1, 2]);
        order(&*store, 0, "fra").unwrap();
        assert_eq!(store.append(&[event(EventKind::Stopped)]).unwrap(), [4]);
        assert_eq!(store.append(&[]).unwrap(), [0_u64; 0]);
        let ids = |after, limit| -> Vec<u64> {
            store.events(after, limit).unwrap().into_iter().map(|event| event.id).collect()
        };
        assert_eq!(ids(0, 10), [1, 2, 3, 4]);
        assert_eq!(ids(1, 2), [2, 3]);
        assert_eq!(ids(4, 10), [0_u64; 0]);
        assert_eq!(ids(u64::MAX, 10), [0_u64; 0]);
    }
}

#[test]
fn tokens_are_found_by_their_secret_until_revoked() {
    for (store, _directory) in both() {
        let secret = Secret::random().unwrap();
        store.put_token(token("ci"), &secret, event(EventKind::Stopped)).unwrap();
        let taken = store.put_token(token("ci"), &Secret::random().unwrap(), event(EventKind::Stopped));
        assert!(matches!(taken, Err(StoreError::Exists { .. })));
        assert_eq!(store.verify_token(secret.reveal(), now()), Some(token("ci")));
        assert_eq!(store.verify_token("wp_wrong", now()), None);
        assert_eq!(store.revoke_token("other", event(EventKind::Stopped)).unwrap(), None);
        assert_eq!(store.revoke_token("ci", event(EventKind::Stopped)).unwrap().unwrap().id, 2);
        assert_eq!(store.verify_token(secret.reveal(), now()), None);
        assert_eq!(store.tokens(), []);
    }
}

#[test]
fn everything_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/waypost");
    let secret = Secret::random().unwrap();
    let key = EndpointKey { service: "mx".into(), address: "192.0.2.1".parse().unwrap() };
    let verdict = Verdict { state: State::Down, reason: "connection refused".into(), since: now() };
    let before = {
        let store = Embedded::open(&path).unwrap();
        assert_eq!(store.begin_epoch().unwrap(), 1);
        order(&store, 0, "fra").unwrap();
        store.save_verdicts(&[(key.clone(), "smtp".into(), verdict.clone())]).unwrap();
        store.put_token(token("ci"), &secret, event(EventKind::Stopped)).unwrap();
        store.load().unwrap()
    };
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.load().unwrap(), before);
    assert_eq!(before.verdicts, [(key, "smtp".into(), verdict)]);
    assert_eq!(store.begin_epoch().unwrap(), 2);
    assert_eq!(store.verify_token(secret.reveal(), now()), Some(token("ci")));
    assert_eq!(store.events(0, 10).unwrap().len(), 2);
    assert_eq!(order(&store, 1, "iad").unwrap().event.id, 3);
}

#[test]
fn an_interrupted_process_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    order(&store, 0, "fra").unwrap();
    // The file as `kill -9` leaves it: never closed.
    fs::copy(directory.path().join("waypost.redb"), copy.path().join("waypost.redb")).unwrap();
    let snapshot = Embedded::open(copy.path()).unwrap().load().unwrap();
    assert_eq!(snapshot, store.load().unwrap());
}

#[test]
fn directory_and_file_are_for_their_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("waypost");
    let _store = Embedded::open(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("waypost.redb")), 0o600);
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let _store = Embedded::open(directory.path()).unwrap();
    assert!(matches!(Embedded::open(directory.path()), Err(StoreError::Locked { .. })));
}

#[test]
fn a_file_of_another_kind_is_called_damaged_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("waypost.redb");
    fs::write(&file, b"this is not a database, whatever its name says".repeat(200)).unwrap();
    let error = Embedded::open(directory.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("waypost.redb"));
    assert!(error.remedy().contains("move the file away"));
    assert!(file.exists());
}

/// Damage anywhere gives an error or what was written, never a panic that ends the node, and never other orders.
#[test]
fn damage_never_invents_orders() {
    let directory = tempfile::tempdir().unwrap();
    let good = {
        let store = Embedded::open(directory.path()).unwrap();
        order(&store, 0, "fra").unwrap();
        order(&store, 1, "iad").unwrap();
        store.load().unwrap()
    };
    let file = directory.path().join("waypost.redb");
    let octets = fs::read(&file).unwrap();
    let used: Vec<usize> = (0..octets.len()).filter(|at| octets[*at] != 0).step_by(211).collect();
    for at in used {
        let mut damaged = octets.clone();
        damaged[at] ^= 0x55;
        fs::write(&file, &damaged).unwrap();
        match Embedded::open(directory.path()).and_then(|store| store.load()) {
            Ok(snapshot) => {
                for intent in snapshot.intents {
                    let known = good.intents.iter().any(|other| other.scope == intent.scope);
                    assert!(known || snapshot.revision != good.revision, "octet {at}: {intent:?}");
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn a_file_of_a_later_layout_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Embedded::open(directory.path()).unwrap());
    let database = redb::Database::open(directory.path().join("waypost.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(super::tables::META).unwrap().insert(super::tables::SCHEMA_KEY, 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(Embedded::open(directory.path()), Err(StoreError::Schema { found: 99, .. })));
}

#[test]
fn orders_of_a_version_without_schedules_are_in_effect() {
    let directory = tempfile::tempdir().unwrap();
    drop(Embedded::open(directory.path()).unwrap());
    let database = redb::Database::open(directory.path().join("waypost.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let document = r#"{"scope":{"site":"fra"},"kind":"drain","share":1000,"by":"alice","reason":"new power supply",
        "since":"2026-05-01T12:00:00Z","lifetime":"until","until":"2026-05-01T12:00:00Z","revision":0,"forced":false}"#;
    let key = super::tables::scope_key(&scope("fra"));
    transaction.open_table(super::tables::INTENTS).unwrap().insert(key.as_str(), document).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let intents = Embedded::open(directory.path()).unwrap().load().unwrap().intents;
    assert_eq!(intents, [drain("fra")]);
    assert!(intents[0].in_effect().is_some());
}

#[test]
fn how_far_an_order_has_come_survives_with_its_event() {
    for (store, _directory) in both() {
        let steps = vec!["25%".parse().unwrap(), Share::ALL];
        let schedule = Schedule { from: now(), steps, every_seconds: 600, taken: 0, last: None };
        let waiting = Intent { schedule: Some(schedule.clone()), ..drain("fra") };
        let scheduled = event(EventKind::Scheduled { intent: waiting.clone() });
        let kept = store.change_intents(0, Some(waiting.clone()), None, scheduled).unwrap();
        let begun = Intent { schedule: Some(schedule.stepped(now())), ..kept.intent.unwrap() };
        let began = event(EventKind::Began { intent: begun.clone() });
        let kept = store.change_intents(1, Some(begun.clone()), None, began).unwrap();
        assert!(matches!(&kept.event.kind, EventKind::Began { intent } if intent.revision == 2));
        assert_eq!(store.load().unwrap().intents, [Intent { revision: 2, ..begun }]);
        let kinds: Vec<_> = store.events(0, 10).unwrap().into_iter().map(|event| event.kind).collect();
        assert!(matches!(kinds.as_slice(), [EventKind::Scheduled { .. }, EventKind::Began { .. }]), "{kinds:?}");
    }
}

#[test]
fn fields_of_a_later_version_are_tolerated() {
    let directory = tempfile::tempdir().unwrap();
    {
        let store = Embedded::open(directory.path()).unwrap();
        order(&store, 0, "fra").unwrap();
    }
    let database = redb::Database::open(directory.path().join("waypost.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(super::tables::INTENTS).unwrap();
        let mut document = serde_json::to_value(drain("fra")).unwrap();
        document["colour"] = "green".into();
        table.insert(super::tables::scope_key(&scope("fra")).as_str(), document.to_string().as_str()).unwrap();
        let mut journal = transaction.open_table(super::tables::JOURNAL).unwrap();
        journal.insert(2, r#"{"event":"eclipse","id":2}"#).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!(store.load().unwrap().intents, [drain("fra")]);
    assert_eq!(store.events(0, 10).unwrap().len(), 1);
}

/// A disk with room for `left` more octets.
struct FillingDisk {
    path: PathBuf,
    left: Arc<AtomicI64>,
}

impl Disk for FillingDisk {
    fn open(&self) -> Result<redb::Database, redb::Error> {
        let handle = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        let file = FillingFile { file: FileBackend::new(handle)?, left: Arc::clone(&self.left) };
        Ok(Builder::new().create_with_backend(file)?)
    }
}

/// Refuses every write that does not fit, as a file system that never overwrites in place does.
#[derive(Debug)]
struct FillingFile {
    file: FileBackend,
    left: Arc<AtomicI64>,
}

impl StorageBackend for FillingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let left = self.left.fetch_sub(data.len() as i64, Ordering::Relaxed);
        if left < data.len() as i64 {
            // A real disk takes what fits before it refuses.
            let fits = usize::try_from(left.max(0)).unwrap();
            self.file.write(offset, &data[..fits])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(offset, data)
    }
}

fn on_filling_disk(directory: &Path, left: &Arc<AtomicI64>) -> Result<Embedded, StoreError> {
    let path = directory.join("waypost.redb");
    Embedded::on_disk(path.clone(), Box::new(FillingDisk { path, left: Arc::clone(left) }))
}

/// Wherever in a commit the disk fills up: the order is refused as such, nothing of it stands, and orders work again
/// when space returns.
#[test]
fn a_full_disk_refuses_orders_and_recovers() {
    const PLENTY: i64 = i64::MAX / 2;
    let mut refused = 0;
    for room in (0..60_000).step_by(1_999) {
        let directory = tempfile::tempdir().unwrap();
        let left = Arc::new(AtomicI64::new(PLENTY));
        let store = on_filling_disk(directory.path(), &left).unwrap();
        order(&store, 0, "fra").unwrap();

        left.store(room, Ordering::Relaxed);
        let stands = match order(&store, 1, "iad") {
            Ok(_) => 2,
            Err(error) => {
                assert!(matches!(error, StoreError::Full { .. }), "room {room}: {error}");
                refused += 1;
                left.store(0, Ordering::Relaxed);
                assert!(order(&store, 1, "iad").is_err());
                1
            }
        };

        left.store(PLENTY, Ordering::Relaxed);
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.revision, snapshot.next_event), (stands, stands + 1), "room {room}");
        assert_eq!(order(&store, stands, "nrt").unwrap().event.id, stands + 1);
        drop(store);
        assert_eq!(on_filling_disk(directory.path(), &left).unwrap().load().unwrap().revision, stands + 1);
    }
    assert!(refused > 3, "the sweep never hit a full disk");
}

/// A node that comes back on a full disk still knows its orders, however it ended.
#[test]
fn a_full_disk_can_be_read_at_start() {
    for crashed in [false, true] {
        let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let left = Arc::new(AtomicI64::new(i64::MAX / 2));
        let store = on_filling_disk(directory.path(), &left).unwrap();
        order(&store, 0, "fra").unwrap();
        let mut path = directory.path();
        if crashed {
            fs::copy(path.join("waypost.redb"), copy.path().join("waypost.redb")).unwrap();
            path = copy.path();
        }
        drop(store);
        left.store(0, Ordering::Relaxed);
        let store = on_filling_disk(path, &left).unwrap();
        assert_eq!(store.load().unwrap().intents.len(), 1, "crashed: {crashed}");
        assert!(matches!(order(&store, 1, "iad"), Err(StoreError::Full { .. })));
        assert_eq!(store.load().unwrap().intents.len(), 1, "crashed: {crashed}");
        left.store(i64::MAX / 2, Ordering::Relaxed);
        order(&store, 1, "iad").unwrap();
    }
}

proptest::proptest! {
    /// Whatever is done, and however often the file is reopened, both stores say the same.
    #[test]
    fn the_embedded_store_is_the_volatile_one_on_disk(steps in proptest::collection::vec((0_u8..7, 0_u64..4), 1..25)) {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::new();
        let mut embedded = Embedded::open(directory.path()).unwrap();
        for (step, detail) in steps {
            let site = format!("site{detail}");
            match step {
                0 => {
                    drop(embedded);
                    embedded = Embedded::open(directory.path()).unwrap();
                }
                1 => assert_eq!(memory.begin_epoch().unwrap(), embedded.begin_epoch().unwrap()),
                2 => {
                    let expected = memory.load().unwrap().revision;
                    assert_eq!(order(&memory, expected, &site).unwrap(), order(&embedded, expected, &site).unwrap());
                }
                3 => assert_eq!(order(&memory, detail, &site).ok(), order(&embedded, detail, &site).ok()),
                4 => {
                    let revision = memory.load().unwrap().revision;
                    let lift = |store: &dyn Store| {
                        store.change_intents(revision, None, Some(&scope(&site)), event(EventKind::Stopped)).unwrap()
                    };
                    assert_eq!(lift(&memory), lift(&embedded));
                }
                5 => {
                    let zones = [super::zone_tests::zone(&site, u32::try_from(detail).unwrap())];
                    let event = (detail > 1).then(|| event(EventKind::Stopped));
                    let save = |store: &dyn Store| store.save_zones(&zones, event.clone()).unwrap();
                    assert_eq!(save(&memory), save(&embedded));
                }
                _ => assert_eq!(
                    memory.append(&[event(EventKind::Stopped)]).unwrap(),
                    embedded.append(&[event(EventKind::Stopped)]).unwrap()
                ),
            }
            assert_eq!(memory.load().unwrap(), embedded.load().unwrap());
            assert_eq!(memory.events(detail, 5).unwrap(), embedded.events(detail, 5).unwrap());
        }
    }
}
