//! Bounds of the room.

/// The most keys of one keyset, those removed lately included: more than five years of monthly rollovers.
pub(super) const KEYS: usize = 64;

/// The longest keyset file in octets: [`KEYS`] keys of about 500 octets each, and as much for comments.
pub const KEYSET_OCTETS: u64 = 64 << 10;

/// The longest name of a keyset in octets. With its ending and that of a file being written it stays a file name.
pub(super) const KEYSET_NAME_OCTETS: usize = 200;
