//! A client of etcd v3 through its HTTP/JSON gateway, of which `store` alone knows.
//!
//! It knows keys and values, nothing of orders or nodes, and decides nothing. What it reads a majority of the members
//! had, and what it acknowledges a majority has on disk: members that are cut off from the others say so or do not
//! answer, and the next one is asked.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `client.rs` | [`Etcd`]: list, get, put, swap, remove |
//! | `watch.rs`, `ledger.rs` | [`Watch`]: follows everything below a folder, or a span of keys; what of that is news |
//! | `members.rs` | one request to whichever member answers, within its time; tokens of users |
//! | `failure.rs` | why a member did not answer, and what that says of the request |
//! | `wire.rs`, `keys.rs` | JSON as etcd speaks it; where keys lie |
//! | `access.rs` | files of certificates and passwords |

mod access;
mod bounds;
mod client;
mod failure;
mod keys;
mod ledger;
mod members;
mod watch;
mod wire;
#[cfg(test)]
mod wire_tests;

pub use access::readable;
pub use client::Etcd;
pub use watch::Watch;

use std::fmt;

use super::StoreError;

/// When a key was last changed, or a listing taken: greater is later, across all keys. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The one that [`Version::number`] gave.
    pub(in crate::store) const fn of(number: u64) -> Self {
        Self(number)
    }

    /// As a number, for who keeps it without knowing of etcd.
    pub(in crate::store) const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, relative to where the keys of this cluster of nodes lie: `nodes/fra-ns1`.
    pub key: String,
    /// What it holds.
    pub value: Vec<u8>,
    /// When it was last changed.
    pub version: Version,
}

/// Everything below a folder at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// By key.
    pub entries: Vec<Entry>,
    /// The moment.
    pub version: Version,
}

/// What a compare-and-swap came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// The value was put; this is the key's version now.
    Done(Version),
    /// The key is not as it was seen; nothing was put.
    Stale,
}

/// What a watch says.
#[derive(Debug)]
pub enum Notice {
    /// Everything below the folder, in place of all that was said before. At the start, after every reconnection, and every
    /// 30 s besides.
    All(Listing),
    /// The key was put.
    Put(Entry),
    /// The key was removed.
    Gone(String),
    /// The watch was lost, and is opened again by itself; [`Notice::All`] follows when that is done. After
    /// [`StoreError::WentBack`] it may be older than what was said before: the store itself is, then.
    Trouble(StoreError),
}

/// What a client did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes sent to a member, repeats included.
    pub writes: u64,
    /// Octets of keys and values in these.
    pub written_octets: u64,
    /// Reads sent to a member, repeats included.
    pub reads: u64,
    /// Requests, those for watches and logins included, that a member did not answer or could not do.
    pub failures: u64,
    /// Watches lost, and attempts in vain to open them again.
    pub reconnections: u64,
    /// Listings taken by watches.
    pub relistings: u64,
}
