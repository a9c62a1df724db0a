//! The mirror: what is to be done so that a file on this node and its record in the shared store become the same.
//!
//! Pure. The files are the source and the store carries them from node to node. A version counts the contents that a
//! file has had in the whole cluster and only rises; that a file is gone is a content too. Three things are compared:
//! the file here, the version that was last the same here and there, and the record. A file that an operator changed
//! is published as the next version; a version that somebody else published is taken over.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What identifies a text without telling it: its SHA-256. The texts hold keys, so nobody finds them by trying.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

/// The beginning is enough to tell contents apart.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Digest({})", HEXLOWER.encode(&[a, b, c, d]))
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        HEXLOWER.encode(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let octets = HEXLOWER.decode(text.as_bytes()).map_err(|_| "no hexadecimal digits")?;
        octets.try_into().map(Self).map_err(|_| "no SHA-256")
    }
}

/// What a version of a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// This text.
    Text(Digest),
    /// Nothing: the file was deleted, and is to be deleted everywhere.
    Gone,
}

/// A version of a file in the history that all nodes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// From 1, rises with every change of the content.
    pub number: u64,
    /// What it holds.
    pub content: Content,
}

/// A file as it lies on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// There is none.
    Missing,
    /// A text that can be used.
    Text(Digest),
    /// Something that cannot be used: open to others, broken, out of reach.
    Unfit,
}

/// Whether this node works less well without the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It does: its configuration names the file.
    Needed,
    /// It does not; other nodes may.
    Spare,
}

/// A record as the shared store holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    Nothing,
    /// One that this node can open.
    Open(Version),
    /// One that it cannot open. It claims to be of this version; `None` where it does not even say so, as one that a later
    /// version of the program wrote may.
    Closed(Option<u64>),
}

/// What becomes of a text that is replaced or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// Nothing: the cluster had it in an earlier version.
    Dropped,
    /// It is kept beside the file: nobody else has it.
    Aside,
}

/// Why nothing is done although file and record are not known to be the same. An operator has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The record cannot be opened, and is newer than what this node knows.
    Closed,
    /// File and record were never the same, and nothing says which is the newer one.
    Strangers,
    /// The file cannot be used.
    Unfit,
    /// The file is needed and gone, and the record is gone or older than what the file last held.
    Lost,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: file and record are the same, and known to be.
    Rest,
    /// They are the same: to be remembered.
    Remember(Version),
    /// The record is to become this version, which is the file as it is here.
    Publish(Version),
    /// The file is to become this version, which is the record's.
    TakeOver(Version, Replaced),
    /// The file is to be deleted, as this version of the record says.
    Remove(Version, Replaced),
    /// Nothing, before an operator has looked.
    Wait(Obstacle),
}

/// What is to be done about one file, where `known` is the version that it was last known to share with the record.
#[must_use]
pub fn step(local: Local, need: Need, known: Option<Version>, found: Found) -> Step {
    let known_number = known.map_or(0, |known| known.number);
    match found {
        Found::Nothing => assert_own(local, need, known),
        // Whoever can write the store can break a record; but what cannot be read may also be newer than all that is here.
        Found::Closed(Some(number)) if known.is_some() && number <= known_number => assert_own(local, need, known),
        Found::Closed(_) => Step::Wait(Obstacle::Closed),
        // An older version never replaces a newer one: the store went back.
        Found::Open(version) if version.number < known_number => assert_own(local, need, known),
        Found::Open(version) => follow(local, need, known, version),
    }
}

/// The record says nothing new: it is to say what is known here.
fn assert_own(local: Local, need: Need, known: Option<Version>) -> Step {
    let next = |content| Step::Publish(Version { number: next(known), content });
    match (local, known.map(|known| known.content)) {
        (Local::Text(digest), _) => next(Content::Text(digest)),
        (Local::Unfit, _) => Step::Wait(Obstacle::Unfit),
        (Local::Missing, None) => Step::Rest,
        (Local::Missing, Some(Content::Gone)) => next(Content::Gone),
        (Local::Missing, Some(Content::Text(_))) => match need {
            Need::Needed => Step::Wait(Obstacle::Lost),
            Need::Spare => next(Content::Gone),
        },
    }
}

/// The record is `found`, which is at least as new as what is known.
fn follow(local: Local, need: Need, known: Option<Version>, found: Version) -> Step {
    let is_same = match (local, found.content) {
        (Local::Text(here), Content::Text(there)) => here == there,
        (Local::Missing, Content::Gone) => true,
        _ => false,
    };
    if is_same {
        return if known == Some(found) { Step::Rest } else { Step::Remember(found) };
    }
    if known == Some(found) {
        return changed_here(local, need, found);
    }
    // What is here may be what was last shared: then the cluster had it, and nothing is lost with it.
    let replaced = match (local, known.map(|known| known.content)) {
        (Local::Missing, _) => Replaced::Dropped,
        (Local::Text(here), Some(Content::Text(shared))) if here == shared => Replaced::Dropped,
        _ => Replaced::Aside,
    };
    match (local, known, found.content) {
        (Local::Text(_), None, Content::Text(_)) => Step::Wait(Obstacle::Strangers),
        (_, _, Content::Text(_)) => Step::TakeOver(found, replaced),
        // Deleted elsewhere, where it was not needed. It is needed here.
        (Local::Text(digest), _, Content::Gone) if need == Need::Needed => {
            Step::Publish(Version { number: next(Some(found)), content: Content::Text(digest) })
        }
        (Local::Unfit, _, Content::Gone) if need == Need::Needed => Step::Wait(Obstacle::Unfit),
        (_, _, Content::Gone) => Step::Remove(found, replaced),
    }
}

/// The record is what was last shared, `shared`, and the file is not.
fn changed_here(local: Local, need: Need, shared: Version) -> Step {
    let publish = |content| Step::Publish(Version { number: next(Some(shared)), content });
    match (local, need) {
        (Local::Text(digest), _) => publish(Content::Text(digest)),
        (Local::Unfit, _) => Step::Wait(Obstacle::Unfit),
        (Local::Missing, Need::Spare) => publish(Content::Gone),
        // Nobody deletes by intent what the configuration names; a disk may have lost it.
        (Local::Missing, Need::Needed) => Step::TakeOver(shared, Replaced::Dropped),
    }
}

/// The number after that of `version`. Files change so seldom that numbers never end.
fn next(version: Option<Version>) -> u64 {
    version.map_or(0, |version| version.number).saturating_add(1)
}
