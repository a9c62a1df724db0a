//! Sealed records: a file on its way through the shared store, which shall neither read nor forge it.
//!
//! AES-256-GCM under the key of the cluster, with a random nonce. The logical name and the version are authenticated
//! with the text, so a record that was renamed, or an old text under a new version, does not open. That a whole old
//! record is put back is seen by its version ([`super::mirror`]).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};

/// The longest record in octets. A text may have some 45 KiB, more than fifty DNSSEC keys.
pub const RECORD_OCTETS: usize = 64 << 10;
/// The most octets of all records together: a store has to give them in one reply.
pub const RECORDS_OCTETS: usize = 4 << 20;
/// Octets of a key of the cluster.
pub const KEY_OCTETS: usize = 32;
/// The most keys of a key file: the one in use, the one before and the one to come.
pub const KEYS: usize = 3;
/// The layout of records, authenticated with each.
const FORMAT: &str = "waypost.sealed/1";
/// Octets of what tells keys apart.
const KEY_ID_OCTETS: usize = 8;

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// `text`, from now on kept to itself.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the file that it belongs to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Secrets do not end up in logs.
impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// What a record holds once it is opened.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// The version of the file.
    pub version: u64,
    /// The node that sealed it.
    pub node: String,
    /// The file's text; `None` where the file was deleted.
    pub text: Option<SecretText>,
}

/// Why a key file cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileFault {
    /// A line that holds something else.
    #[error("a line that is no key of {KEY_OCTETS} octets in base64")]
    NoKey {
        /// The line, from 1.
        line: usize,
    },
    /// More keys than [`KEYS`].
    #[error("a fourth key")]
    TooMany {
        /// The line, from 1.
        line: usize,
    },
    /// None.
    #[error("no key in the file")]
    Empty,
}

/// Why a text was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The record would be too long for the store.
    #[error("a text of {octets} octets, too long for a record of {} KiB", RECORD_OCTETS >> 10)]
    TooLong {
        /// Octets of the text.
        octets: usize,
    },
    /// The system had no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// Why a record was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A layout of another version of the program, or no record at all.
    #[error("a record of an unknown layout")]
    Foreign,
    /// None of this node's keys sealed it.
    #[error("sealed under another key ({key})")]
    OtherKey {
        /// The version that it claims to be.
        version: u64,
        /// What the key is called: its identifier, which tells nothing of the key.
        key: String,
    },
    /// It is not what was sealed: damaged, renamed or of another version.
    #[error("damaged, or put under another name or version than it was sealed for")]
    Damaged {
        /// The version that it claims to be.
        version: u64,
    },
}

impl OpenError {
    /// The version that the record claims to be.
    #[must_use]
    pub const fn version(&self) -> Option<u64> {
        match self {
            Self::Foreign => None,
            Self::OtherKey { version, .. } | Self::Damaged { version } => Some(*version),
        }
    }
}

/// The keys of a cluster: the first seals, all of them open.
pub struct ClusterKeys {
    first: ClusterKey,
    others: Vec<ClusterKey>,
}

struct ClusterKey {
    id: String,
    key: RandomizedNonceKey,
}

impl ClusterKey {
    /// `None` only if the library refuses a key of the right length.
    fn new(octets: &[u8; KEY_OCTETS]) -> Option<Self> {
        // Neither the identifier nor the sealing key tells anything of the other.
        let master = hmac::Key::new(hmac::HMAC_SHA256, octets);
        let id = hmac::sign(&master, b"waypost cluster key: identifier");
        let sealing = hmac::sign(&master, b"waypost cluster key: sealing of files");
        let id = HEXLOWER.encode(id.as_ref().get(..KEY_ID_OCTETS)?);
        Some(Self { id, key: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).ok()? })
    }
}

/// Secrets do not end up in logs.
impl fmt::Debug for ClusterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKeys(..)")
    }
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: String,
    version: u64,
    key: String,
    nonce: String,
    sealed: String,
}

/// What is sealed. Later versions may add fields.
#[derive(Serialize, Deserialize)]
struct Inside {
    node: String,
    text: Option<String>,
}

impl ClusterKeys {
    /// Reads the text of a key file: one to three keys, a line each.
    ///
    /// # Errors
    /// What is wrong with it; never what stands there.
    pub fn parse(text: &str) -> Result<Self, KeyFileFault> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line_number = at + 1;
            let octets: Option<[u8; KEY_OCTETS]> =
                BASE64.decode(line.trim().as_bytes()).ok().and_then(|octets| octets.try_into().ok());
            let key = octets.as_ref().and_then(ClusterKey::new).ok_or(KeyFileFault::NoKey { line: line_number })?;
            if keys.len() == KEYS {
                return Err(KeyFileFault::TooMany { line: line_number });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyFileFault::Empty)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// The text of a key file with one new key.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<SecretText, SealError> {
        let mut octets = [0_u8; KEY_OCTETS];
        getrandom::fill(&mut octets).map_err(|_| SealError::NoRandomness)?;
        Ok(SecretText(format!("{}\n", BASE64.encode(&octets))))
    }

    /// The identifier of the key that seals, for people who compare nodes. It tells nothing of the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.first.id
    }

    /// The record of version `version` of the file `name`, whose text is `text`; without one it was deleted.
    ///
    /// # Errors
    /// If it would be too long, or the system has no randomness.
    pub fn seal(&self, name: &str, version: u64, node: &str, text: Option<&SecretText>) -> Result<Vec<u8>, SealError> {
        let inside = Inside { node: node.to_owned(), text: text.map(|text| text.0.clone()) };
        let too_long = || SealError::TooLong { octets: text.map_or(0, |text| text.0.len()) };
        let mut octets = serde_json::to_vec(&inside).map_err(|_| too_long())?;
        let associated = Aad::from(associated(name, version));
        let nonce = self.first.key.seal_in_place_append_tag(associated, &mut octets);
        let nonce = nonce.map_err(|_| SealError::NoRandomness)?;
        let record = serde_json::to_vec(&Envelope {
            format: FORMAT.to_owned(),
            version,
            key: self.first.id.clone(),
            nonce: BASE64.encode(nonce.as_ref()),
            sealed: BASE64.encode(&octets),
        });
        record.ok().filter(|record| record.len() <= RECORD_OCTETS).ok_or_else(too_long)
    }

    /// Opens the record that was found under `name`.
    ///
    /// # Errors
    /// If it was sealed under another key, for another name or version, or is not a record that was sealed.
    pub fn open(&self, name: &str, record: &[u8]) -> Result<Opened, OpenError> {
        if record.len() > RECORD_OCTETS {
            return Err(OpenError::Foreign);
        }
        let envelope: Envelope = serde_json::from_slice(record).map_err(|_| OpenError::Foreign)?;
        let Envelope { format, version, key: id, nonce, sealed } = envelope;
        if format != FORMAT {
            return Err(OpenError::Foreign);
        }
        let keys = || std::iter::once(&self.first).chain(&self.others);
        // Whoever writes the store chooses what stands there, and it is told to people.
        let is_id = id.len() == 2 * KEY_ID_OCTETS && id.bytes().all(|octet| octet.is_ascii_hexdigit());
        let damaged = || OpenError::Damaged { version };
        if !is_id {
            return Err(damaged());
        }
        let Some(key) = keys().find(|key| key.id == id) else {
            return Err(OpenError::OtherKey { version, key: id });
        };
        let nonce: Option<[u8; NONCE_LEN]> =
            BASE64.decode(nonce.as_bytes()).ok().and_then(|nonce| nonce.try_into().ok());
        let nonce = Nonce::assume_unique_for_key(nonce.ok_or_else(damaged)?);
        let mut octets = BASE64.decode(sealed.as_bytes()).map_err(|_| damaged())?;
        let opened = key.key.open_in_place(nonce, Aad::from(associated(name, version)), &mut octets);
        let inside: Inside = opened.ok().and_then(|opened| serde_json::from_slice(opened).ok()).ok_or_else(damaged)?;
        Ok(Opened { version, node: inside.node, text: inside.text.map(SecretText) })
    }
}

/// What is authenticated beside the text. Names have no zero octet, so each pair gives other octets.
fn associated(name: &str, version: u64) -> Vec<u8> {
    [FORMAT.as_bytes(), &[0], name.as_bytes(), &[0], &version.to_be_bytes()].concat()
}
