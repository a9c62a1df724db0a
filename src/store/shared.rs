//! Files that the nodes share through the store: what a store has to offer for it.

use async_trait::async_trait;

use super::StoreError;

/// A file as the shared store holds it: sealed ([`super::sealed`]), under its logical name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedFile {
    /// The logical name, as `cookies` or `dnssec/example.org`.
    pub name: String,
    /// The sealed record, at most [`super::sealed::RECORD_OCTETS`] long where a node wrote it.
    pub record: Vec<u8>,
    /// What the store calls this state of the record: another one with every write, and none twice.
    pub seen: u64,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It was done.
    Done,
    /// The record was not in the state that was named any more; nothing was written.
    Overtaken,
}

/// The files that the nodes share, as far as a store is concerned with them: names and sealed records.
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
    async fn swap(&self, name: &str, seen: Option<u64>, record: Vec<u8>) -> Result<Swap, StoreError>;

    /// Returns as soon as a record may have changed since the last call of [`Self::list`] began; may also return for
    /// nothing, and need not return at all where that cannot be known.
    async fn changed(&self);
}
