//! Secrets: what is sent to whom it is meant for, and shown to nobody.

use std::fmt;

/// Octets that stay out of transcripts, logs and messages.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets themselves: to be sent to whom they are meant for.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

/// Secrets do not end up in logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is drawn over secrets that a server repeats to us.
#[derive(Clone, Debug, Default)]
pub(super) struct Veil {
    secrets: Vec<Secret>,
}

impl Veil {
    /// What stands in the place of a secret.
    pub(super) const SHOWN: &str = "***";
    /// Octets of the shortest secret that is covered: the places where a shorter one was would betray it, for it is in many a
    /// common word.
    const SHORTEST: usize = 4;

    pub(super) fn cover(&mut self, secret: &Secret) {
        if secret.0.len() >= Self::SHORTEST {
            self.secrets.push(Secret(secret.0.clone()));
        }
    }

    /// `line` without the secrets.
    pub(super) fn drawn_over(&self, line: Vec<u8>) -> Vec<u8> {
        self.secrets.iter().fold(line, |line, secret| replaced(line, &secret.0))
    }
}

fn replaced(line: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let mut left = line.as_slice();
    let mut covered = Vec::with_capacity(line.len());
    while let Some(octet) = left.first() {
        match left.strip_prefix(secret) {
            Some(rest) => {
                covered.extend_from_slice(Veil::SHOWN.as_bytes());
                left = rest;
            }
            None => {
                covered.push(*octet);
                left = left.get(1..).unwrap_or_default();
            }
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
        let mut veil = Veil::default();
        veil.cover(&Secret::new("abc"));
        assert_eq!(veil.drawn_over(b"abc".to_vec()), b"abc");
        assert!(!format!("{veil:?}").contains("97"));
    }

    proptest! {
        #[test]
        fn a_covered_secret_is_in_no_line(
            secret in "[ab]{4,6}", before in "[abc]{0,12}", after in "[abc]{0,12}",
        ) {
            let mut veil = Veil::default();
            veil.cover(&Secret::new(secret.as_str()));
            let line = String::from_utf8(veil.drawn_over(format!("{before}{secret}{after}").into_bytes())).unwrap();
            prop_assert!(!line.contains(&secret) && line.contains(Veil::SHOWN));
        }
    }
}
