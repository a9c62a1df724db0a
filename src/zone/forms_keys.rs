//! Certificates, keys, digests and who may issue: mnemonics (RFC 4398 section 2.1, RFC 4034 appendix A.1) and lengths.

use super::fields::{Fields, number};
use super::forms::mnemonic;
use super::rdata::RdataFault;

/// Certificate types.
const CERTIFICATE_TYPES: [(&str, u16); 10] = [
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Algorithms of keys and signatures.
const ALGORITHMS: [(&str, u8); 20] = [
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Types of digests.
const DIGEST_TYPES: [(&str, u8); 4] = [("SHA-1", 1), ("SHA-256", 2), ("GOST", 3), ("SHA-384", 4)];

/// A digest type by name or number, one octet, and the digest, whose length the known types fix.
pub(super) fn digest(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let what = "a digest type: SHA-256, SHA-384, … or 0 to 255";
    let value = fields.word(what, |word| mnemonic(word, &DIGEST_TYPES))?;
    fields.put(&[value]);
    fields.hex(digest_length(value))
}

/// Octets of a digest, where its type fixes them (RFC 4034 appendix A.2, RFC 4509, RFC 5933, RFC 6605).
pub(super) const fn digest_length(kind: u8) -> Option<usize> {
    match kind {
        1 => Some(20),
        2 | 3 => Some(32),
        4 => Some(48),
        _ => None,
    }
}

/// A fingerprint type and the fingerprint, whose length the known types fix (RFC 4255, RFC 6594).
pub(super) fn fingerprint(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    digest_of(fields, fingerprint_length)
}

/// Octets of a fingerprint, where its type fixes them.
pub(super) const fn fingerprint_length(kind: u8) -> Option<usize> {
    match kind {
        1 => Some(20),
        2 => Some(32),
        _ => None,
    }
}

/// A hash algorithm and the digest of a zone, whose length the known ones fix (RFC 8976 section 2.2.3).
pub(super) fn zone_digest(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    digest_of(fields, |algorithm| match algorithm {
        1 => Some(48),
        2 => Some(64),
        _ => None,
    })
}

fn digest_of(fields: &mut Fields<'_, '_>, length: impl Fn(u8) -> Option<usize>) -> Result<(), RdataFault> {
    let kind: u8 = fields.word("a number from 0 to 255", number)?;
    fields.put(&[kind]);
    fields.hex(length(kind))
}

/// The tag of a CAA record: letters and digits (RFC 8659 section 4.1).
pub(super) fn tag(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let what = "a tag of letters and digits, as issue or iodef";
    let is_tag = |word: &&str| !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_alphanumeric());
    let (length, tag) = fields.word(what, |word| {
        let tag = Some(word).filter(is_tag)?;
        Some((u8::try_from(tag.len()).ok()?, tag.as_bytes().to_vec()))
    })?;
    fields.put(&[length]);
    fields.put(&tag);
    Ok(())
}

/// A certificate type by name or number, two octets.
pub(super) fn certificate_type(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let what = "a certificate type: PKIX, SPKI, PGP, … or 0 to 65535";
    let value = fields.word(what, |word| mnemonic(word, &CERTIFICATE_TYPES))?;
    fields.put(&value.to_be_bytes());
    Ok(())
}

/// An algorithm by name or number, one octet.
pub(super) fn algorithm(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let what = "an algorithm: ECDSAP256SHA256, ED25519, … or 0 to 255";
    let value = fields.word(what, algorithm_number)?;
    fields.put(&[value]);
    Ok(())
}

/// The number of an algorithm by name or number.
pub(super) fn algorithm_number(word: &str) -> Option<u8> {
    mnemonic(word, &ALGORITHMS)
}
