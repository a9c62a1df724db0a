//! Bounds of steering, in one place.

/// Addresses in one answer: A and AAAA of eight hosts fit the smallest EDNS payload with room to spare (DESIGN section 8).
pub const MAX_ADDRESSES: usize = 8;

/// Between the MX preferences of two ranks: room for a secondary's hand-made entry, as is the custom.
pub const PREFERENCE_STEP: u16 = 10;

/// A draw is one of this many: the thousandths of [`crate::model::Share`].
pub const DRAWS: u16 = 1000;

/// A deferring site keeps one part of this many of its weight while others serve, and all such sites together no more than
/// one part of this many of what those have: it is demoted, not withdrawn, and few notice.
pub const DEFERRING_PART: u64 = 20;

/// One part of this many of what the serving sites have is surely a draw of its own: a little more than one in [`DRAWS`],
/// because the sites with less than one draw and [`DEFERRING_PART`] make the whole larger.
pub const SURE_DRAW_PART: u64 = 900;

/// Views of one service. Every view is compiled for every steered set, so their number must not follow the number of
/// places in a city database.
pub const MAX_VIEWS: usize = 1024;

/// Grids in degrees that database coordinates are rounded to until a service has at most [`MAX_VIEWS`]; 0 is exact. The
/// last has 648 cells.
pub const COORDINATE_GRIDS: [f64; 4] = [0.0, 1.0, 5.0, 10.0];

/// Networks that a database may hold; the largest city databases have about ten million.
pub const MAX_NETWORKS: usize = 1 << 25;

/// Octets that the packed database may unpack to; the embedded one needs two million.
pub const MAX_UNPACKED: u64 = 1 << 24;
