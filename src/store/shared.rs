//! Files that the nodes share: names and sealed records, as a store holds them.

use async_trait::async_trait;

use super::StoreError;
use super::etcd::{self, Etcd, Version};
use crate::model::EtcdSettings;

/// What is put behind the prefix of the cluster: who follows orders and reports is not to hear of files, and a listing of
/// those has a bound of its own.
const FOLDER: &str = "/secrets";

/// A file as the shared store holds it: sealed ([`super::sealed`]), under its logical name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// The logical name, as `cookies` or `dnssec/example.org`.
    pub name: String,
    /// The sealed record, at most [`super::sealed::RECORD_OCTETS`] long where a node wrote it.
    pub record: Vec<u8>,
    /// What the store calls this state of the record: another one with every write, and none twice. Never 0.
    pub seen: u64,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was done.
    Done,
    /// The record was not in the state that was named any more; nothing was written.
    Overtaken,
}

/// The files that the nodes share, as far as a store is concerned with them.
#[async_trait]
pub trait SharedFiles: Send + Sync + 'static {
    /// All of them.
    ///
    /// # Errors
    /// If the store cannot be read.
    async fn list(&self) -> Result<Vec<SharedFile>, StoreError>;

    /// Writes `record` as that of `name`, provided that the record there is still the one `seen`; `None` is none.
    ///
    /// # Errors
    /// If the store cannot be written. Where it did not answer, `record` may have been written all the same.
    async fn swap(&self, name: &str, seen: Option<u64>, record: Vec<u8>) -> Result<Written, StoreError>;
}

/// The shared files in the etcd cluster that the nodes share.
pub struct InEtcd(Etcd);

impl InEtcd {
    /// Reads the files that `settings` name; asks no member yet.
    ///
    /// # Errors
    /// [`StoreError::Access`] if one of the files cannot be used.
    pub fn new(settings: &EtcdSettings) -> Result<Self, StoreError> {
        let prefix = format!("{}{FOLDER}", settings.prefix);
        Etcd::new(&EtcdSettings { prefix, ..settings.clone() }).map(Self)
    }
}

#[async_trait]
impl SharedFiles for InEtcd {
    async fn list(&self) -> Result<Vec<SharedFile>, StoreError> {
        let listing = self.0.list("").await?;
        let file =
            |entry: etcd::Entry| SharedFile { name: entry.key, record: entry.value, seen: entry.version.number() };
        Ok(listing.entries.into_iter().map(file).collect())
    }

    async fn swap(&self, name: &str, seen: Option<u64>, record: Vec<u8>) -> Result<Written, StoreError> {
        Ok(match self.0.swap(name, seen.map(Version::of), &record).await? {
            etcd::Swap::Done(_) => Written::Done,
            etcd::Swap::Stale => Written::Overtaken,
        })
    }
}
