//! Mnemonics in the data of certificates and keys (RFC 4398 section 2.1, RFC 4034 appendix A.1).

use super::fields::Fields;
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
