//! Keys and the ring that holds them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::{Name, TsigAlgorithm};

/// A secret shared with another server.
#[derive(Clone)]
pub struct Key {
    name: Name,
    algorithm: TsigAlgorithm,
    secret: Arc<[u8]>,
}

impl Key {
    /// The key that messages call `name`.
    #[must_use]
    pub fn new(name: Name, algorithm: TsigAlgorithm, secret: &[u8]) -> Self {
        Self { name, algorithm, secret: secret.into() }
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

    /// Whether the keys are those of `other`. How long it takes tells about the secrets.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let of = |key: &Key| (key.algorithm, Arc::clone(&key.secret));
        self.0.len() == other.0.len()
            && self.0.iter().all(|(name, key)| other.0.get(name).is_some_and(|twin| of(twin) == of(key)))
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
