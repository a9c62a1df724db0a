//! One key of a zone: ECDSA P-256 with SHA-256 (algorithm 13, RFC 6605).

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyRole {
    /// Combined signing key: everything.
    Csk,
    /// Key signing key: the DNSKEY, CDS and CDNSKEY RRsets.
    Ksk,
    /// Zone signing key: everything else.
    Zsk,
}

impl KeyRole {
    /// The word for it in keysets and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csk => "csk",
            Self::Ksk => "ksk",
            Self::Zsk => "zsk",
        }
    }

    /// The role that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Csk, Self::Ksk, Self::Zsk].into_iter().find(|role| role.as_str() == word)
    }

    /// The flags of the DNSKEY record (RFC 4034 section 2.1.1): zone key, and secure entry point where the parent's DS
    /// points to the key.
    #[must_use]
    pub const fn flags(self) -> u16 {
        match self {
            Self::Csk | Self::Ksk => 257,
            Self::Zsk => 256,
        }
    }
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The octets are no private key of the algorithm.
    #[error("not a PKCS #8 private key of ECDSA P-256")]
    Malformed,
    /// The system had no randomness, or the library refused.
    #[error("the cryptographic library refused to work")]
    Refused,
}

/// A private key with its public half.
pub struct DnssecKey {
    role: KeyRole,
    pair: EcdsaKeyPair,
    rdata: Box<[u8]>,
    tag: u16,
}

impl DnssecKey {
    /// Algorithm number of ECDSAP256SHA256.
    pub const ALGORITHM: u8 = 13;
    /// Protocol field of every DNSKEY (RFC 4034 section 2.1.2).
    pub(super) const PROTOCOL: u8 = 3;

    /// The key in a PKCS #8 document.
    ///
    /// # Errors
    /// If the document holds no such key.
    pub fn from_pkcs8(role: KeyRole, document: &[u8]) -> Result<Self, KeyFault> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document);
        let pair = pair.map_err(|_| KeyFault::Malformed)?;
        // Uncompressed point: 4, x, y. RFC 6605 section 4 leaves the 4 out.
        let point = pair.public_key().as_ref().get(1..).ok_or(KeyFault::Malformed)?;
        let head = [&role.flags().to_be_bytes()[..], &[Self::PROTOCOL, Self::ALGORITHM]].concat();
        let rdata = [&head, point].concat().into_boxed_slice();
        let tag = key_tag(&rdata);
        Ok(Self { role, pair, rdata, tag })
    }

    /// A new key as a PKCS #8 document.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate(random: &dyn SecureRandom) -> Result<Vec<u8>, KeyFault> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random);
        document.map(|document| document.as_ref().to_vec()).map_err(|_| KeyFault::Refused)
    }

    /// What the key signs.
    #[must_use]
    pub const fn role(&self) -> KeyRole {
        self.role
    }

    /// Record data of the DNSKEY record in wire format.
    #[must_use]
    pub const fn rdata(&self) -> &[u8] {
        &self.rdata
    }

    /// The public key as a DNSKEY record holds it: the coordinates x and y (RFC 6605 section 4).
    #[must_use]
    pub fn public(&self) -> &[u8] {
        // Flags, protocol and algorithm come before.
        self.rdata.get(4..).unwrap_or_default()
    }

    /// Key tag (RFC 4034 appendix B).
    #[must_use]
    pub const fn tag(&self) -> u16 {
        self.tag
    }

    /// The signature of `data`, 64 octets.
    ///
    /// # Errors
    /// If the library refuses.
    pub fn sign(&self, random: &dyn SecureRandom, data: &[u8]) -> Result<Vec<u8>, KeyFault> {
        self.pair.sign(random, data).map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyFault::Refused)
    }
}

/// Private keys do not end up in logs.
impl fmt::Debug for DnssecKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnssecKey").field("role", &self.role).field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// The keys of a zone at one moment, by what they are used for.
#[derive(Clone, Debug, Default)]
pub struct KeyPhase {
    /// In the DNSKEY RRset.
    pub published: Vec<Arc<DnssecKey>>,
    /// Sign the DNSKEY, CDS and CDNSKEY RRsets.
    pub sign_keys: Vec<Arc<DnssecKey>>,
    /// Sign everything else.
    pub sign_zone: Vec<Arc<DnssecKey>>,
    /// Offered to the parent as CDS and CDNSKEY (RFC 7344).
    pub offered: Vec<Arc<DnssecKey>>,
}

/// RFC 4034 appendix B.
fn key_tag(rdata: &[u8]) -> u16 {
    let sum = rdata.chunks(2).fold(0_u32, |sum, pair| {
        let high = u32::from(pair.first().copied().unwrap_or_default()) << 8;
        sum + high + u32::from(pair.get(1).copied().unwrap_or_default())
    });
    let [_, _, high, low] = (sum + (sum >> 16)).to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_signs_what_its_public_half_verifies() {
        let random = SystemRandom::new();
        let key = DnssecKey::from_pkcs8(KeyRole::Csk, &DnssecKey::generate(&random).unwrap()).unwrap();
        assert_eq!(key.rdata()[..4], [1, 1, 3, 13]);
        assert_eq!(key.rdata().len(), 68);
        let signature = key.sign(&random, b"data").unwrap();
        let point = [&[4], &key.rdata()[4..]].concat();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
        assert!(public.verify(b"data", &signature).is_ok());
        assert!(public.verify(b"Data", &signature).is_err());
        assert_eq!(DnssecKey::from_pkcs8(KeyRole::Zsk, b"no key").err(), Some(KeyFault::Malformed));
    }

    #[test]
    fn the_key_tag_is_that_of_the_standard() {
        // The example of RFC 6605 section 6.1.
        let point = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        let point = data_encoding::BASE64.decode(point.as_bytes()).unwrap();
        assert_eq!(key_tag(&[&[1, 1, 3, 13], &point[..]].concat()), 55648);
    }
}
