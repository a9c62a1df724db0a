//! Keys and the ring that holds them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::hmac;

use crate::model::{Name, TsigAlgorithm};

/// Names of algorithms (RFC 8945 section 6) in wire format.
static ALGORITHMS: LazyLock<[(TsigAlgorithm, Name); 3]> = LazyLock::new(|| {
    let named = |text: &str| text.parse().unwrap_or_else(|_| Name::root());
    [
        (TsigAlgorithm::HmacSha256, named("hmac-sha256.")),
        (TsigAlgorithm::HmacSha384, named("hmac-sha384.")),
        (TsigAlgorithm::HmacSha512, named("hmac-sha512.")),
    ]
});

/// A secret shared with another server.
#[derive(Clone)]
pub struct Key {
    name: Name,
    algorithm: TsigAlgorithm,
    secret: Arc<hmac::Key>,
}

impl Key {
    /// The key that messages call `name`.
    #[must_use]
    pub fn new(name: Name, algorithm: TsigAlgorithm, secret: &[u8]) -> Self {
        let hash = match algorithm {
            TsigAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
            TsigAlgorithm::HmacSha384 => hmac::HMAC_SHA384,
            TsigAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
        };
        Self { name, algorithm, secret: Arc::new(hmac::Key::new(hash, secret)) }
    }

    /// The name by which messages name the key.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The algorithm that both sides use.
    #[must_use]
    pub const fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }

    /// Octets that a signature with this key adds to a message.
    #[must_use]
    pub fn signature_octets(&self) -> usize {
        // Owner, TYPE to RDLENGTH; algorithm, time, fudge, MAC and its size, original ID, error, Other Len.
        self.name.as_wire().len()
            + 10
            + self.algorithm_name().as_wire().len()
            + 6
            + 2
            + 2
            + self.mac_octets()
            + 2
            + 2
            + 2
    }

    /// The name by which messages name the algorithm.
    pub(super) fn algorithm_name(&self) -> &'static Name {
        let [(_, sha256), (_, sha384), (_, sha512)] = &*ALGORITHMS;
        match self.algorithm {
            TsigAlgorithm::HmacSha256 => sha256,
            TsigAlgorithm::HmacSha384 => sha384,
            TsigAlgorithm::HmacSha512 => sha512,
        }
    }

    /// Octets of a whole MAC.
    pub(super) fn mac_octets(&self) -> usize {
        self.secret.algorithm().tag_len()
    }

    /// A MAC in the making.
    pub(super) fn begin(&self) -> hmac::Context {
        hmac::Context::with_key(&self.secret)
    }
}

/// Secrets do not end up in logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// All keys of the node, by name.
#[derive(Clone, Debug, Default)]
pub struct Keyring(HashMap<Name, Key>);

impl Keyring {
    /// The key called `name`.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Key> {
        self.0.get(name)
    }

    /// Whether the keys are those of `other`.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        // Two secrets are the same if they sign the same: the secrets themselves are never compared.
        let print = |key: &Key| (key.algorithm, hmac::sign(&key.secret, b"which key is this?").as_ref().to_vec());
        self.0.len() == other.0.len()
            && self.0.iter().all(|(name, key)| other.0.get(name).is_some_and(|twin| print(twin) == print(key)))
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Key> for Keyring {
    fn from_iter<T: IntoIterator<Item = Key>>(keys: T) -> Self {
        Self(keys.into_iter().map(|key| (key.name.clone(), key)).collect())
    }
}
