//! DS records: how the parent of a zone points to its keys (RFC 4034 section 5, RFC 4509).

use aws_lc_rs::digest;
use data_encoding::{BASE64, HEXUPPER};

use super::key::DnssecKey;
use crate::model::Name;

/// Digest type of SHA-256.
pub const SHA256: u8 = 2;

/// Record data of the DS (and CDS) record for `key` of the zone `origin`, with SHA-256.
#[must_use]
pub fn rdata(origin: &Name, key: &DnssecKey) -> Vec<u8> {
    let head = [&key.tag().to_be_bytes()[..], &[DnssecKey::ALGORITHM, SHA256]].concat();
    [&head, sha256(origin, key.rdata()).as_ref()].concat()
}

/// The digest of RFC 4509 section 2.1: over the owner in canonical form and the record data of the DNSKEY.
fn sha256(owner: &Name, dnskey: &[u8]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&owner.key());
    context.update(dnskey);
    context.finish()
}

/// The digest for `key` of the zone `origin` in hexadecimal digits.
#[must_use]
pub fn hex_digest(origin: &Name, key: &DnssecKey) -> String {
    HEXUPPER.encode(sha256(origin, key.rdata()).as_ref())
}

/// The DS record as a line of the parent's master file.
#[must_use]
pub fn ds_line(origin: &Name, key: &DnssecKey) -> String {
    let (tag, algorithm) = (key.tag(), DnssecKey::ALGORITHM);
    format!("{origin} IN DS {tag} {algorithm} {SHA256} {}", hex_digest(origin, key))
}

/// The DNSKEY record as a line of a master file.
#[must_use]
pub fn dnskey_line(origin: &Name, key: &DnssecKey) -> String {
    key_line(origin, "DNSKEY", key)
}

/// The CDNSKEY record (RFC 7344) as a line of a master file, for parents that take the key itself.
#[must_use]
pub fn cdnskey_line(origin: &Name, key: &DnssecKey) -> String {
    key_line(origin, "CDNSKEY", key)
}

fn key_line(origin: &Name, rtype: &str, key: &DnssecKey) -> String {
    let (flags, protocol, algorithm) = (key.role().flags(), DnssecKey::PROTOCOL, DnssecKey::ALGORITHM);
    format!("{origin} IN {rtype} {flags} {protocol} {algorithm} {}", BASE64.encode(key.public()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(owner: &str, head: &[u8], key: &str) -> String {
        let key = BASE64.decode(key.as_bytes()).unwrap();
        HEXUPPER.encode(sha256(&owner.parse().unwrap(), &[head, &key].concat()).as_ref())
    }

    #[test]
    fn the_digests_are_those_of_the_standards() {
        // RFC 4509 section 2.3.
        let key = "AQOeiiR0GOMYkDshWoSKz9XzfwJr1AYtsmx3TGkJaNXVbfi/2pHm822aJ5iI9BMzNXxeYCmZDRD99WYwYqUSdjMmmAphXdvx\
                   egXd/M5+X7OrzKBaMbCVdFLUUh6DhweJBjEVv5f2wwjM9XzcnOf+EPbtG9DMBmADjFDc2w/rljwvFw==";
        let expected = "D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A";
        assert_eq!(digest_of("dskey.example.com.", &[1, 0, 3, 5], key), expected);
        assert_eq!(digest_of("DSkey.Example.COM.", &[1, 0, 3, 5], key), expected, "in canonical form");
        // RFC 6605 section 6.1.
        let key = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        let expected = "B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17";
        assert_eq!(digest_of("example.net.", &[1, 1, 3, 13], key), expected);
    }
}
