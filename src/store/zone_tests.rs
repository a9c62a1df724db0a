//! How zones are served, kept: broken, a restart would lose an acknowledged update, or serve an older serial.

use std::fs;

use jiff::Timestamp;
use redb::{Builder, ReadableDatabase, TableDefinition};

use super::{Embedded, Memory, Store};
use crate::model::{ContentHash, DynamicSet, Event, EventKind, ZoneState};

/// A state of the zone `source`.
pub(super) fn zone(source: &str, serial: u32) -> ZoneState {
    let overlay = vec![DynamicSet {
        owner: "_acme-challenge.example.org".parse().unwrap(),
        rtype: 16,
        ttl: 60,
        data: vec![b"\x01x".to_vec()],
    }];
    ZoneState { source: source.to_owned(), serial, content: ContentHash([7; 16]), overlay }
}

fn updated(zone: &ZoneState) -> Event {
    let kind = EventKind::ZoneUpdated {
        zone: zone.source.clone(),
        serial: zone.serial,
        key: "acme.".to_owned(),
        changes: vec!["added".to_owned()],
    };
    Event { id: 0, time: Timestamp::UNIX_EPOCH, node: "ns1".into(), kind }
}

#[test]
fn zones_and_their_events_are_kept_together() {
    let directory = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] = [Box::new(Memory::new()), Box::new(Embedded::open(directory.path()).unwrap())];
    for store in stores {
        assert_eq!(store.load().unwrap().zones, []);
        assert_eq!(store.save_zones(&[], None).unwrap(), None);
        let (first, second, other) = (zone("a.", 1), zone("a.", 2), zone("b.", 9));
        let event = store.save_zones(std::slice::from_ref(&first), Some(updated(&first))).unwrap().unwrap();
        assert_eq!((event.id, &event.kind), (1, &updated(&first).kind));
        assert_eq!(store.save_zones(&[other.clone(), second.clone()], None).unwrap(), None);
        assert_eq!(store.load().unwrap().zones, [second, other]);
        assert_eq!(store.events(0, 10).unwrap(), [event]);
    }
}

/// The octets on disk right after an acknowledgement, as a power cut would leave them, hold what was acknowledged.
#[test]
fn what_was_acknowledged_is_on_disk() {
    let (directory, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Embedded::open(directory.path()).unwrap();
    for serial in 1..20 {
        let zone = zone("a.", serial);
        store.save_zones(std::slice::from_ref(&zone), Some(updated(&zone))).unwrap();
        fs::copy(directory.path().join("waypost.redb"), copy.path().join("waypost.redb")).unwrap();
        let restored = Embedded::open(copy.path()).unwrap();
        assert_eq!(restored.load().unwrap().zones, [zone]);
        assert_eq!(restored.events(0, 100).unwrap().len(), usize::try_from(serial).unwrap());
    }
}

/// A file that an earlier version made has no table of zones.
#[test]
fn an_earlier_file_is_read_and_written_on() {
    let directory = tempfile::tempdir().unwrap();
    drop(Embedded::open(directory.path()).unwrap());
    let file = directory.path().join("waypost.redb");
    let table: TableDefinition<'_, &str, &str> = TableDefinition::new("zones");
    let database = Builder::new().open(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(table).unwrap());
    transaction.commit().unwrap();
    assert!(database.begin_read().unwrap().open_table(table).is_err());
    drop(database);
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!(store.load().unwrap().zones, []);
    store.save_zones(&[zone("a.", 1)], None).unwrap();
    assert_eq!(store.load().unwrap().zones.len(), 1);
}
