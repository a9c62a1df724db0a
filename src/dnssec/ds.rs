//! DS records: how the parent of a zone points to its keys (RFC 4034 section 5, RFC 4509).

use aws_lc_rs::digest;

use super::key::DnssecKey;
use crate::model::Name;

/// Digest type of SHA-256.
const SHA256: u8 = 2;

/// Record data of the DS (and CDS) record for `key` of the zone `origin`, with SHA-256.
#[must_use]
pub fn rdata(origin: &Name, key: &DnssecKey) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&origin.key());
    context.update(key.rdata());
    let head = [&key.tag().to_be_bytes()[..], &[DnssecKey::ALGORITHM, SHA256]].concat();
    [&head, context.finish().as_ref()].concat()
}
