//! Moments on a page: exact, and how far away.

use jiff::Timestamp;

use crate::admin::words::{moment, relative};

/// A moment and its distance from when the page was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// RFC 3339 in UTC.
    pub(super) exact: String,
    /// `in 3 h 59 min`, `5 min ago`, `now`.
    pub(super) distance: String,
    /// Whether it was before the page was made.
    pub(super) is_past: bool,
}

impl When {
    pub(super) fn new(time: Timestamp, now: Timestamp) -> Self {
        Self { exact: moment(time), distance: relative(time, now), is_past: time <= now }
    }
}
