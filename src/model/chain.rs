//! The chain of the journal: each entry's hash covers its own octets and the hash of the one before it, so that none can be
//! changed, taken out or moved without all that follow telling so.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

/// What is hashed in front of each link: a hash of something else is none of ours.
const KIND: &[u8] = b"waypost journal 1\n";

/// SHA-256 of a link; hexadecimal as text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String)]
pub struct LinkHash([u8; 32]);

impl LinkHash {
    /// What stands before the first link of a chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of the link that holds `entry` and follows this one.
    #[must_use]
    pub fn next(self, entry: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(KIND);
        hash.update(self.0);
        hash.update(u64::try_from(entry.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(entry.as_bytes());
        Self(hash.finalize().into())
    }

    /// From its octets.
    #[must_use]
    pub const fn of(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Its octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LinkHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is no hash: expected 64 hexadecimal digits");
        let mut octets = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *octet = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(octets))
    }
}

impl From<LinkHash> for String {
    fn from(hash: LinkHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for LinkHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainBeginning {
    /// The id of its first entry.
    pub first: u64,
    /// The hash that the first entry follows.
    pub previous: LinkHash,
    /// Why it begins there.
    pub cause: BeginningCause,
}

/// Why a chain begins where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeginningCause {
    /// The journal begins there.
    New,
    /// What lies before was written by a version that did not chain.
    Unchained,
    /// What lies before was too old to be kept.
    Cut,
}

/// A place in the chain: an entry's id and the hash of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainMark {
    /// The entry.
    pub id: u64,
    /// The hash of its link.
    pub hash: LinkHash,
}

impl fmt::Display for ChainMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.hash)
    }
}

impl FromStr for ChainMark {
    type Err = String;

    /// Reads `ID:HASH`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("'{text}' is no checkpoint: expected ID:HASH, as the log of the node and audit verify show it");
        let (id, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        Ok(Self { id: id.parse().map_err(|_| wrong())?, hash: hash.parse()? })
    }
}

/// A place in the chain as it was written down elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checkpoint {
    /// When.
    pub time: Timestamp,
    /// The newest entry then.
    #[serde(flatten)]
    pub mark: ChainMark,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place.
    pub id: u64,
    /// Its octets: an event as JSON.
    pub entry: String,
    /// The hash of the link before, as kept; `None` where only its own is.
    pub previous: Option<LinkHash>,
    /// The hash of its link, as kept.
    pub hash: LinkHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_what_it_prints() {
        let mark = ChainMark { id: 3, hash: LinkHash::GENESIS.next("an entry") };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "3", "3:", "x:00", &format!("3:{}", "g".repeat(64))] {
            assert!(text.parse::<ChainMark>().is_err(), "{text}");
        }
    }
}
