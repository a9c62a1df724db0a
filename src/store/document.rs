//! The document that holds the orders of a cluster: all of them under one key, so that one compare-and-swap changes them
//! and one read is consistent.
//!
//! What a later version of the program adds to it survives a change by this one: orders stay as they were written, and
//! unknown fields are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::bounds::{CHANGES_KEPT, COUNT_MOST};
use super::{StoreError, stamped};
use crate::model::{Event, Intent, OrdersVersion, Scope, SharedOrders};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Document {
    #[serde(flatten)]
    version: OrdersVersion,
    /// By scope, as written.
    #[serde(default)]
    orders: BTreeMap<String, Value>,
    /// The latest changes, oldest first: who comes back after a while learns what happened, and whether it happened to the
    /// orders that it knew.
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A change of the orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Change {
    /// The version that it made.
    #[serde(flatten)]
    version: OrdersVersion,
    /// Drawn when it was made: two histories may count to the same revision, but not by the same changes.
    id: String,
    /// What was journalled of it.
    event: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// What a change makes of the orders.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Next {
    pub(super) document: Document,
    /// The order that was put, carrying its revision.
    pub(super) intent: Option<Intent>,
    /// The event, carrying it too.
    pub(super) event: Event,
}

impl Document {
    /// Reads what is kept under the key `key`.
    pub(super) fn read(key: &str, octets: &[u8]) -> Result<Self, StoreError> {
        let document: Self = serde_json::from_slice(octets).map_err(|error| unreadable(key, &error))?;
        let versions = document.changes.iter().map(|change| change.version).chain([document.version]);
        versions.into_iter().try_for_each(|version| countable(key, version))?;
        Ok(document)
    }

    /// As it is kept.
    pub(super) fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| unreadable("orders", &error))
    }

    pub(super) const fn version(&self) -> OrdersVersion {
        self.version
    }

    /// The orders that this version of the program understands; others are left alone.
    pub(super) fn shared(&self) -> SharedOrders {
        let read = |(scope, order): (&String, &Value)| {
            let intent = serde_json::from_value(order.clone());
            intent
                .inspect_err(|error| tracing::warn!(%scope, %error, "an order of another version is not understood"))
                .ok()
        };
        let changes = self.changes.iter().filter_map(|change| Some((change.version, change.event()?)));
        SharedOrders {
            version: self.version,
            intents: self.orders.iter().filter_map(read).collect(),
            changes: changes.collect(),
        }
    }

    /// The events of the changes after `version`, oldest first.
    pub(super) fn since(&self, version: OrdersVersion) -> Vec<Event> {
        self.changes.iter().filter(|change| change.version > version).filter_map(Change::event).collect()
    }

    /// Whether the change called `id` is among the latest.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.changes.iter().any(|change| change.id == id)
    }

    /// The order of `clear` taken out and `put` put in; `id` is new for every change.
    pub(super) fn changed(
        &self,
        put: Option<Intent>,
        clear: Option<&Scope>,
        event: Event,
        id: String,
    ) -> Result<Next, StoreError> {
        let revision = self.version.revision.saturating_add(1);
        let mut document = self.clone();
        if let Some(scope) = clear {
            document.orders.remove(&scope.to_string());
        }
        let intent = put.map(|intent| Intent { revision, ..intent });
        if let Some(intent) = &intent {
            document.orders.insert(intent.scope.to_string(), value(intent)?);
        }
        let event = stamped(event, revision);
        document.record(OrdersVersion { revision, ..self.version }, &event, id)?;
        Ok(Next { document, intent, event })
    }

    /// The document with which the history goes on in a new epoch, after both `self` and `other`, with the orders of `self`.
    pub(super) fn accepted(
        &self,
        other: OrdersVersion,
        event: impl FnOnce(OrdersVersion) -> Event,
        id: String,
    ) -> Result<Self, StoreError> {
        let version = OrdersVersion {
            epoch: self.version.epoch.max(other.epoch).saturating_add(1),
            revision: self.version.revision.max(other.revision).saturating_add(1),
        };
        let mut document = self.clone();
        document.record(version, &event(version), id)?;
        Ok(document)
    }

    fn record(&mut self, version: OrdersVersion, event: &Event, id: String) -> Result<(), StoreError> {
        countable("orders", version)?;
        self.version = version;
        self.changes.push(Change { version, id, event: value(event)?, others: Map::new() });
        let surplus = self.changes.len().saturating_sub(CHANGES_KEPT);
        self.changes.drain(..surplus);
        Ok(())
    }

    /// Whether the history of this document contains `known`; otherwise what is wrong, in words.
    pub(super) fn continues(&self, known: &Self) -> Result<(), String> {
        if self.version.epoch > known.version.epoch {
            return Ok(());
        }
        if self.version < known.version {
            return Err(format!("it holds orders {}, and this node knows {}", self.version, known.version));
        }
        let made = |document: &Self| {
            document.changes.iter().find(|change| change.version == known.version).map(|change| change.id.clone())
        };
        match (made(self), made(known)) {
            (Some(found), Some(known_id)) if found != known_id => Err(format!(
                "it holds orders {} that do not follow from the orders {} that this node knows",
                self.version, known.version
            )),
            _ => Ok(()),
        }
    }
}

impl Change {
    /// The event, where this version of the program knows its kind.
    fn event(&self) -> Option<Event> {
        serde_json::from_value(self.event.clone()).ok()
    }
}

/// Refuses a version above which no other could be counted.
pub(super) fn countable(key: &str, version: OrdersVersion) -> Result<(), StoreError> {
    if version.epoch <= COUNT_MOST && version.revision <= COUNT_MOST {
        return Ok(());
    }
    let detail = format!("{key}: version {version}; epoch and revision are at most {COUNT_MOST}");
    Err(StoreError::Unreadable { detail })
}

fn value<T: Serialize>(document: &T) -> Result<Value, StoreError> {
    serde_json::to_value(document).map_err(|error| unreadable("orders", &error))
}

fn unreadable(key: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable { detail: format!("{key}: {error}") }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{EventKind, IntentKind, Lifetime, Reach, Share};

    fn drain(site: &str) -> Intent {
        Intent {
            scope: Scope { site: site.into(), service: None },
            kind: IntentKind::Drain { share: Share::ALL },
            by: "alice".into(),
            reason: "new power supply".into(),
            since: Timestamp::UNIX_EPOCH,
            lifetime: Lifetime::UntilCleared,
            revision: 0,
            forced: false,
            reach: Reach::Everywhere,
            schedule: None,
            drill: None,
        }
    }

    fn given(document: &Document, site: &str, id: &str) -> Document {
        let event = Event {
            id: 0,
            time: Timestamp::UNIX_EPOCH,
            node: "fra-ns1".into(),
            kind: EventKind::Ordered { intent: drain(site) },
        };
        document.changed(Some(drain(site)), None, event, id.to_owned()).unwrap().document
    }

    fn read_again(document: &Document) -> Document {
        Document::read("orders", document.text().unwrap().as_bytes()).unwrap()
    }

    #[test]
    fn orders_carry_the_revision_that_they_made() {
        let document = given(&given(&Document::default(), "fra", "a"), "iad", "b");
        let shared = read_again(&document).shared();
        assert_eq!(shared.version, OrdersVersion { epoch: 0, revision: 2 });
        assert_eq!(shared.intents, [Intent { revision: 1, ..drain("fra") }, Intent { revision: 2, ..drain("iad") }]);
        let events = document.since(OrdersVersion { epoch: 0, revision: 1 });
        assert!(
            matches!(events.as_slice(), [Event { kind: EventKind::Ordered { intent }, .. }] if intent.revision == 2)
        );
    }

    #[test]
    fn what_a_later_version_wrote_survives_a_change() {
        let text = r#"{"epoch":3,"revision":9,"colour":"green",
            "orders":{"fra":{"kind":"teleport","to":"moon"},"iad":{"scope":{"site":"iad"},"kind":"pin","by":"bob",
            "reason":"","since":"2026-05-01T12:00:00Z","lifetime":"until_cleared","revision":4,"shade":1}},
            "changes":[{"epoch":3,"revision":9,"id":"x","event":{"event":"teleported"},"why":"because"}]}"#;
        let document = Document::read("orders", text.as_bytes()).unwrap();
        assert_eq!(document.shared().intents.len(), 1);
        let changed = read_again(&given(&document, "nrt", "y"));
        assert_eq!(changed.others["colour"], "green");
        assert_eq!(changed.orders["fra"]["to"], "moon");
        assert_eq!(changed.orders["iad"]["shade"], 1);
        assert_eq!(changed.changes[0].others["why"], "because");
        assert_eq!(changed.version, OrdersVersion { epoch: 3, revision: 10 });
    }

    #[test]
    fn an_older_history_and_another_one_are_told_from_a_continued_one() {
        let first = given(&Document::default(), "fra", "a");
        let second = given(&first, "iad", "b");
        let third = given(&second, "nrt", "c");
        assert!(third.continues(&first).is_ok() && second.continues(&second).is_ok());
        assert!(second.continues(&third).unwrap_err().contains("0.2"), "older");
        let other = given(&given(&first, "iad", "B"), "nrt", "C");
        assert!(other.continues(&second).unwrap_err().contains("do not follow"), "a fork that is ahead");
        assert!(Document::default().continues(&first).is_err(), "emptied");
        // A node without a history follows any.
        assert!(third.continues(&Document::default()).is_ok());
    }

    #[test]
    fn an_accepted_history_is_newer_than_all_that_was_known() {
        let known = given(&given(&Document::default(), "fra", "a"), "iad", "b");
        let found = given(&Document::default(), "nrt", "z");
        assert!(found.continues(&known).is_err());
        let event = |orders| Event {
            id: 0,
            time: Timestamp::UNIX_EPOCH,
            node: "fra-ns1".into(),
            kind: EventKind::StoreAccepted { by: "alice".into(), orders, kept: "found".into() },
        };
        let accepted = found.accepted(known.version(), event, "n".to_owned()).unwrap();
        assert!(accepted.continues(&known).is_ok() && accepted.continues(&found).is_ok());
        assert_eq!(accepted.version(), OrdersVersion { epoch: 1, revision: 3 });
        assert_eq!(accepted.shared().intents.len(), 1);
    }

    #[test]
    fn the_history_is_bounded() {
        let mut document = Document::default();
        for number in 0..3 * CHANGES_KEPT {
            document = given(&document, "fra", &number.to_string());
        }
        assert_eq!(document.changes.len(), CHANGES_KEPT);
        assert!(document.continues(&given(&Document::default(), "fra", "0")).is_ok(), "too long ago to tell");
    }

    #[test]
    fn a_version_that_none_could_follow_is_not_read() {
        for (epoch, revision, is_read) in [
            (0, COUNT_MOST, true),
            (0, COUNT_MOST + 1, false),
            (0, u64::MAX, false),
            (COUNT_MOST + 1, 0, false),
            (u64::MAX, 1, false),
        ] {
            let text = format!(r#"{{"epoch":{epoch},"revision":{revision}}}"#);
            let read = Document::read("orders", text.as_bytes());
            assert_eq!(read.is_ok(), is_read, "{text}");
            if let Err(error) = read {
                let error = error.to_string();
                assert!(error.contains("orders") && error.contains(&revision.to_string()), "{error}");
            }
        }
        let change = format!(r#"{{"epoch":0,"revision":{},"id":"x","event":{{}}}}"#, u64::MAX);
        let text = format!(r#"{{"epoch":0,"revision":1,"changes":[{change}]}}"#);
        assert!(matches!(Document::read("orders", text.as_bytes()), Err(StoreError::Unreadable { .. })));
        // The last version that can be read is not gone beyond.
        let last = format!(r#"{{"epoch":0,"revision":{COUNT_MOST}}}"#);
        let last = Document::read("orders", last.as_bytes()).unwrap();
        let event = Event {
            id: 0,
            time: Timestamp::UNIX_EPOCH,
            node: "fra-ns1".into(),
            kind: EventKind::Ordered { intent: drain("fra") },
        };
        assert!(last.changed(Some(drain("fra")), None, event, "y".to_owned()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Document::read("orders", &octets);
        }
    }
}
