//! Bounds of transaction signatures.

/// Seconds by which the clocks of two servers may differ, as our signatures say (RFC 8945 section 10 recommends it).
pub(super) const FUDGE: u16 = 300;

/// The least octets of a MAC, whatever the algorithm (RFC 8945 section 5.2.2.1).
pub(super) const MIN_MAC: usize = 10;

/// Messages of a stream that may follow each other without a signature (RFC 8945 section 5.3.1).
pub(super) const MAX_UNSIGNED: usize = 99;
