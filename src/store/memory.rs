//! The volatile store: for tests, and for a node that must answer although its state directory cannot be used.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::bounds::{EVENTS_PER_READ, JOURNAL_EVENTS};
use super::secret::{self, KeptToken};
use super::{ChainState, Changed, Secret, Snapshot, Store, StoreError, stamped};
use crate::model::{
    BeginningCause, ChainBeginning, ChainMark, EndpointKey, Event, Intent, Link, LinkHash, Scope, Token, Verdict,
    ZoneState,
};

/// A store that ends with the process.
#[derive(Default)]
pub struct Memory(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    intents: BTreeMap<Scope, Intent>,
    revision: u64,
    verdicts: BTreeMap<(EndpointKey, String), Verdict>,
    zones: BTreeMap<String, ZoneState>,
    epoch: u64,
    journal: BTreeMap<u64, Event>,
    /// Parallel to the journal.
    links: BTreeMap<u64, Link>,
    beginning: Option<ChainBeginning>,
    tokens: Vec<KeptToken>,
    copies: BTreeMap<String, String>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing below panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next_event(&self) -> u64 {
        self.journal.last_key_value().map_or(0, |(id, _)| *id).saturating_add(1)
    }

    fn append(&mut self, mut event: Event) -> Event {
        event.id = self.next_event();
        let (id, cause) = (event.id, BeginningCause::New);
        let begins = *self.beginning.get_or_insert(ChainBeginning { first: id, previous: LinkHash::GENESIS, cause });
        let previous = self.links.last_key_value().map_or(begins.previous, |(_, link)| link.hash);
        // An event is text and numbers, and always has a form.
        let entry = serde_json::to_string(&event).unwrap_or_default();
        let hash = previous.next(&entry);
        self.links.insert(id, Link { id, entry, previous: None, hash });
        self.journal.insert(id, event.clone());
        if self.journal.len() > JOURNAL_EVENTS {
            let oldest = self.journal.first_key_value().map_or(0, |(id, _)| *id);
            self.cut(oldest.saturating_add(1));
        }
        event
    }

    fn cut(&mut self, below: u64) -> u64 {
        let newest = self.links.last_key_value().map_or(0, |(id, _)| *id);
        let first = below.min(newest);
        let kept = self.links.split_off(&first);
        let gone = std::mem::replace(&mut self.links, kept);
        self.journal = self.journal.split_off(&first);
        if let Some((_, last)) = gone.last_key_value() {
            self.beginning = Some(ChainBeginning { first, previous: last.hash, cause: BeginningCause::Cut });
        }
        gone.len() as u64
    }
}

impl Store for Memory {
    fn load(&self) -> Result<Snapshot, StoreError> {
        let inner = self.inner();
        Ok(Snapshot {
            intents: inner.intents.values().cloned().collect(),
            revision: inner.revision,
            verdicts: inner
                .verdicts
                .iter()
                .map(|((key, monitor), verdict)| (key.clone(), monitor.clone(), verdict.clone()))
                .collect(),
            zones: inner.zones.values().cloned().collect(),
            epoch: inner.epoch,
            next_event: inner.next_event(),
        })
    }

    fn begin_epoch(&self) -> Result<u64, StoreError> {
        let mut inner = self.inner();
        inner.epoch = inner.epoch.saturating_add(1);
        Ok(inner.epoch)
    }

    fn change_intents(
        &self,
        expected: u64,
        put: Option<Intent>,
        clear: Option<&Scope>,
        event: Event,
    ) -> Result<Changed, StoreError> {
        let mut inner = self.inner();
        if inner.revision != expected {
            return Err(StoreError::Conflict { expected, found: inner.revision });
        }
        inner.revision = inner.revision.saturating_add(1);
        let revision = inner.revision;
        if let Some(scope) = clear {
            inner.intents.remove(scope);
        }
        let intent = put.map(|intent| Intent { revision, ..intent });
        if let Some(intent) = &intent {
            inner.intents.insert(intent.scope.clone(), intent.clone());
        }
        let event = inner.append(stamped(event, revision));
        Ok(Changed { revision, intent, event })
    }

    fn save_verdicts(&self, verdicts: &[(EndpointKey, String, Verdict)]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        for (key, monitor, verdict) in verdicts {
            inner.verdicts.insert((key.clone(), monitor.clone()), verdict.clone());
        }
        Ok(())
    }

    fn save_zones(&self, zones: &[ZoneState], event: Option<Event>) -> Result<Option<Event>, StoreError> {
        let mut inner = self.inner();
        inner.zones.extend(zones.iter().map(|zone| (zone.source.clone(), zone.clone())));
        Ok(event.map(|event| inner.append(event)))
    }

    fn keep_copy(&self, name: &str, text: &str, events: Vec<Event>) -> Result<Vec<Event>, StoreError> {
        let mut inner = self.inner();
        inner.copies.insert(name.to_owned(), text.to_owned());
        Ok(events.into_iter().map(|event| inner.append(event)).collect())
    }

    fn copy(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.inner().copies.get(name).cloned())
    }

    fn append(&self, events: &[Event]) -> Result<Vec<u64>, StoreError> {
        let mut inner = self.inner();
        Ok(events.iter().map(|event| inner.append(event.clone()).id).collect())
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<Event>, StoreError> {
        let from = after.saturating_add(1);
        let limit = limit.min(EVENTS_PER_READ);
        Ok(self.inner().journal.range(from..).take(limit).map(|(_, event)| event.clone()).collect())
    }

    fn chain(&self) -> Result<ChainState, StoreError> {
        let inner = self.inner();
        let head = inner.links.last_key_value().map(|(_, link)| ChainMark { id: link.id, hash: link.hash });
        let oldest = inner.journal.first_key_value().map(|(id, _)| *id);
        Ok(ChainState { beginning: inner.beginning, head, oldest })
    }

    fn links(&self, after: u64, limit: usize) -> Result<Vec<Link>, StoreError> {
        let from = after.saturating_add(1);
        Ok(self.inner().links.range(from..).take(limit.min(EVENTS_PER_READ)).map(|(_, link)| link.clone()).collect())
    }

    fn first_since(&self, time: Timestamp) -> Result<u64, StoreError> {
        let inner = self.inner();
        let found = inner.journal.iter().find(|(_, event)| event.time >= time).map(|(id, _)| *id);
        Ok(found.unwrap_or_else(|| inner.next_event()))
    }

    fn cut(&self, below: u64) -> Result<u64, StoreError> {
        Ok(self.inner().cut(below))
    }

    fn put_token(&self, token: Token, secret: &Secret, event: Event) -> Result<Event, StoreError> {
        let mut inner = self.inner();
        if inner.tokens.iter().any(|kept| kept.token.name == token.name) {
            return Err(StoreError::Exists { name: token.name });
        }
        inner.tokens.push(KeptToken::new(token, secret));
        inner.tokens.sort_by(|a, b| a.token.name.cmp(&b.token.name));
        Ok(inner.append(event))
    }

    fn revoke_token(&self, name: &str, event: Event) -> Result<Option<Event>, StoreError> {
        let mut inner = self.inner();
        let before = inner.tokens.len();
        inner.tokens.retain(|kept| kept.token.name != name);
        Ok((inner.tokens.len() < before).then(|| inner.append(event)))
    }

    fn tokens(&self) -> Vec<Token> {
        self.inner().tokens.iter().map(|kept| kept.token.clone()).collect()
    }

    fn verify_token(&self, presented: &str, now: Timestamp) -> Option<Token> {
        secret::find(&self.inner().tokens, presented, now)
    }
}
