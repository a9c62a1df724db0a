//! From a question, a client and a draw to an answer: lookup in the zones, the steered variant, the reply's meaning.
//!
//! Imports [`crate::model`], [`crate::dnssec`], [`crate::zone`], [`crate::plan`] and [`crate::steer`]. Pure: no clock, no I/O, no
//! randomness (a draw is an argument). Never encodes a packet (that is [`crate::serve`]'s), never judges health, and
//! never answers an existing name with less than a non-empty part of what its zone declares.

mod bounds;
mod decision;
mod difference;
mod explain;
mod finder;
mod hashes;
mod lookup;
mod proof;
mod question;
mod reply;
mod subnet;
mod tables;
mod variants;

pub use bounds::MAX_LINKS;
pub use difference::{AnswerChange, ClientKind, Difference, difference};
pub use explain::{ClientSeen, Explanation, SiteExplanation, SteeredExplanation};
pub use finder::{ApexIx, Finder, GroupIx, Inside, NodeIx, Relation, Spot};
pub use hashes::{Labels, Suffixes, keyed_hash, keyed_mix};
pub use question::{Client, Question, Transport};
pub use reply::{Glue, Named, Note, Part, Reply, Signer};
pub use subnet::{ClientSubnet, SubnetError};
pub use tables::{Choice, Tables};
