//! Bounds of the answer room.

/// The most CNAME and DNAME links that one answer follows; a longer chain ends with what is true so far, and the
/// resolver asks for the rest. A bound because a chain is the cheapest way to make one small question cost much.
pub const MAX_LINKS: usize = 18;
