//! The client: keys and values, as a majority of the members has them.

use std::ops::Range;
use std::sync::Arc;

use super::keys::Keys;
use super::members::{Care, Kind, Members, Request};
use super::wire::{
    Acknowledged, DeleteRequest, KeyValue, Octets, PutRequest, RangeReply, RangeRequest, TxnReply, TxnRequest,
};
use super::{Counts, Entry, Listing, Swap, Version, Watch};
use crate::model::EtcdSettings;
use crate::store::StoreError;

/// A client of one cluster of etcd, for the keys of one cluster of nodes. Copies share connections and counts.
///
/// A call asks one member after the other and ends within 3 s. It fails with [`StoreError::Unreachable`] if no member
/// answered, and with [`StoreError::Unauthorised`] if one of them refused this node and none answered.
#[derive(Clone, Debug)]
pub struct Etcd {
    pub(super) members: Arc<Members>,
    pub(super) keys: Keys,
}

impl Etcd {
    /// Reads the files that `settings` name; asks no member yet.
    ///
    /// # Errors
    /// [`StoreError::Access`] if one of the files cannot be used.
    pub fn new(settings: &EtcdSettings) -> Result<Self, StoreError> {
        Ok(Self { members: Arc::new(Members::new(settings)?), keys: Keys::below(&settings.prefix) })
    }

    /// Everything whose key begins with `folder`, as in `nodes/`; at most some 6 MiB.
    ///
    /// # Errors
    /// If it cannot be had.
    pub async fn list(&self, folder: &str) -> Result<Listing, StoreError> {
        self.list_range(self.keys.folder(folder)).await
    }

    pub(super) async fn list_range(&self, range: Range<Vec<u8>>) -> Result<Listing, StoreError> {
        let (key, range_end) = (Octets(range.start), Some(Octets(range.end)));
        let reply = self.range(&RangeRequest { key, range_end }).await?;
        let version = Version(reply.header.revision.0);
        Ok(Listing { entries: reply.kvs.into_iter().filter_map(|found| self.entry(found)).collect(), version })
    }

    /// What `key` holds; `None` if it is not there.
    ///
    /// # Errors
    /// If it cannot be had.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let reply = self.range(&RangeRequest { key: self.octets(key), range_end: None }).await?;
        Ok(reply.kvs.into_iter().find_map(|found| self.entry(found)))
    }

    /// Puts `value`, which a majority has on disk when this returns.
    ///
    /// # Errors
    /// If no member acknowledged it; it may be put all the same, even later.
    pub async fn put(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let body = PutRequest { key: self.octets(key), value: Octets(value.to_vec()) };
        let request = Request::new("/v3/kv/put", &body, Care::Repeat, Kind::Write(key.len() + value.len()))?;
        self.members.ask::<Acknowledged>(request).await.map(drop)
    }

    /// Puts `value` if the key is still as it was `seen`; `None` is not there.
    ///
    /// # Errors
    /// If no member acknowledged it. It may be put all the same, even later, and is not tried again: read what the key holds.
    pub async fn swap(&self, key: &str, seen: Option<Version>, value: &[u8]) -> Result<Swap, StoreError> {
        let revision = seen.map_or(0, |Version(revision)| revision);
        let body = TxnRequest::swap(self.octets(key), revision, Octets(value.to_vec()));
        let request = Request::new("/v3/kv/txn", &body, Care::Once, Kind::Write(key.len() + value.len()))?;
        let reply: TxnReply = self.members.ask(request).await?;
        Ok(if reply.succeeded { Swap::Done(Version(reply.header.revision.0)) } else { Swap::Stale })
    }

    /// Removes `key`, whether it is there or not.
    ///
    /// # Errors
    /// If no member acknowledged it; it may be removed all the same, even later.
    pub async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let body = DeleteRequest { key: self.octets(key) };
        let request = Request::new("/v3/kv/deleterange", &body, Care::Repeat, Kind::Write(key.len()))?;
        self.members.ask::<Acknowledged>(request).await.map(drop)
    }

    /// Follows everything whose key begins with `folder`, for ever. The caller writes below it every 2 s.
    #[must_use]
    pub fn watch(&self, folder: &str) -> Watch {
        Watch::new(self.clone(), self.keys.folder(folder))
    }

    /// Follows all keys from the first that begins with `folder` up to `last`, which is among them, for ever. The caller
    /// writes one of them every 2 s.
    #[must_use]
    pub fn watch_span(&self, folder: &str, last: &str) -> Watch {
        Watch::new(self.clone(), self.keys.span(folder, last))
    }

    /// What was done since the client was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.members.tally.counts()
    }

    async fn range(&self, body: &RangeRequest) -> Result<RangeReply, StoreError> {
        self.members.ask(Request::new("/v3/kv/range", body, Care::Repeat, Kind::Read)?).await
    }

    fn octets(&self, key: &str) -> Octets {
        Octets(self.keys.absolute(key))
    }

    /// `None` for a key that no node writes.
    pub(super) fn entry(&self, found: KeyValue) -> Option<Entry> {
        let key = self.keys.relative(&found.key.0)?;
        Some(Entry { key, value: found.value.0, version: Version(found.mod_revision.0) })
    }
}
