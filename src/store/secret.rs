//! Secrets of tokens: made here, kept only as hashes, compared in constant time.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::StoreError;
use super::bounds::SECRET_BYTES;
use crate::model::Token;

/// What every secret starts with, so that scanners for leaked credentials recognise one.
const PREFIX: &str = "wp_";

/// What a token's holder presents: `wp_` and 256 random bits in base64url.
pub struct Secret(String);

impl Secret {
    /// A new secret from the system's random source.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))))
    }

    /// The secret itself: to be shown once, to whom it was made for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A name that nobody else draws.
pub(super) fn random_id() -> Result<String, StoreError> {
    let mut bytes = [0_u8; 16];
    let refused =
        |error: getrandom::Error| StoreError::Io { file: "the random source".into(), detail: error.to_string() };
    getrandom::fill(&mut bytes).map_err(refused)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Secrets do not end up in logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A token as it is kept. The secret has full entropy, so a plain SHA-256 of it gives nothing away.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptToken {
    #[serde(flatten)]
    pub(super) token: Token,
    sha256: String,
}

impl KeptToken {
    pub(super) fn new(token: Token, secret: &Secret) -> Self {
        Self { token, sha256: digest(secret.reveal()) }
    }
}

/// The token among `kept` whose secret is `presented`, unless it expired before `now`.
pub(super) fn find(kept: &[KeptToken], presented: &str, now: jiff::Timestamp) -> Option<Token> {
    let presented = digest(presented);
    let mut found = None;
    for token in kept {
        if bool::from(token.sha256.as_bytes().ct_eq(presented.as_bytes())) {
            found = Some(&token.token);
        }
    }
    found.filter(|token| token.expires.is_none_or(|end| now < end)).cloned()
}

fn digest(secret: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Remit, Role};

    #[test]
    fn a_secret_is_long_unique_and_not_shown() {
        let (a, b) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(a.reveal(), b.reveal());
        assert_eq!(a.reveal().len(), PREFIX.len() + 43);
        assert_eq!(format!("{a:?}"), "Secret(..)");
    }

    #[test]
    fn only_the_right_secret_in_its_time_finds_a_token() {
        let now: jiff::Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let later = "2026-05-01T13:00:00Z".parse().unwrap();
        let secret = Secret::random().unwrap();
        let token = Token {
            name: "ci".into(),
            role: Role::Operator,
            remit: Remit::Everywhere,
            created: now,
            by: "root".into(),
            expires: Some(later),
        };
        let kept = [KeptToken::new(token.clone(), &secret)];
        assert_eq!(find(&kept, secret.reveal(), now), Some(token));
        assert_eq!(find(&kept, secret.reveal(), later), None);
        assert_eq!(find(&kept, &secret.reveal()[..20], now), None);
        assert_eq!(find(&kept, "", now), None);
        assert!(!serde_json::to_string(&kept[0]).unwrap().contains(secret.reveal()));
    }
}
