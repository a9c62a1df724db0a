//! The beat of a node: that it is there, and how far it is, told to whoever follows its events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Generation;

/// What followers of events need of a node besides the journal.
pub trait Pulse: Send + Sync {
    /// The plan that answers follow.
    fn generation(&self) -> Generation;
}

/// The data of `event: beat` on the stream of `/api/v1/events?follow=1`: every five seconds, and whenever the plan is another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// When this was said.
    pub time: Timestamp,
    /// The plan that answers follow, as `epoch.sequence`.
    pub generation: String,
    /// The id of the newest journalled event; 0 before the first.
    pub last_event: u64,
}
