//! Bounds of the room: what a zone file may hold before it is refused instead of exhausting memory.

/// Octets of a zone file and everything that it includes.
pub(super) const MAX_FILE_OCTETS: usize = 512 * 1024 * 1024;
/// How deep `$INCLUDE` nests; also what ends a file that includes itself.
pub(super) const MAX_INCLUDE_DEPTH: usize = 8;
/// Files that `$INCLUDE` reads for one zone; what ends files that include each other many times.
pub(super) const MAX_INCLUDES: usize = 16 * 1024;
/// Names in one zone, empty non-terminals included.
pub(super) const MAX_NAMES: usize = 16 * 1024 * 1024;
/// Records in one RRset; a larger one fits no message (65,535 octets, RFC 1035 section 4.2.2).
pub(super) const MAX_RECORDS_PER_SET: usize = 4096;
/// Tokens of one entry: record data has at most 65,535 octets, and a token makes at least one of them.
pub(super) const MAX_ENTRY_TOKENS: usize = 65_535 + 16;
/// Octets of record data (RFC 1035 section 3.2.1).
pub(super) const MAX_RDATA_OCTETS: usize = 65_535;
/// The largest TTL in seconds (RFC 2181 section 8).
pub(super) const MAX_TTL: u32 = 0x7fff_ffff;
/// Names in a list of origins.
pub(super) const MAX_ORIGINS: usize = 4 * 1024 * 1024;
/// Errors, and warnings, that are reported for one file in one run; the rest is counted.
pub(super) const MAX_FINDINGS: usize = 100;
/// Characters of a token that a diagnostic quotes.
pub(super) const MAX_QUOTE: usize = 80;
/// Records that all `$GENERATE` of one zone make: the reverse zone of a /16. Fuzzing measures the time per octet of a
/// file, which a directive that stands for a megabyte would break by being obeyed.
pub(super) const MAX_GENERATED: usize = if cfg!(fuzzing) { 1_024 } else { 65_536 };
/// Octets that one template of `$GENERATE` grows to; twice the longest name with every octet escaped.
pub(super) const MAX_GENERATED_OCTETS: usize = 2048;
/// Characters that a number in `$GENERATE` is padded to.
pub(super) const MAX_GENERATED_WIDTH: usize = 127;
