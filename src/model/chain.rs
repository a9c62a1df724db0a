//! The chain of the journal: each entry's hash covers its own octets and the hash of the one before it, so that none can be
//! changed, taken out or moved without all that follow telling so.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What is hashed in front of each link: a hash of something else is none of ours.
const KIND: &[u8] = b"waypost journal 1\n";

/// SHA-256 of a link; hexadecimal as text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LinkHash([u8; 32]);

impl LinkHash {
    /// What stands before the first link of a chain.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of the link that holds `entry` and follows this one.
    #[must_use]
    pub fn next(self, entry: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(KIND);
        hash.update(self.0);
        hash.update(u64::try_from(entry.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(entry.as_bytes());
        Self(hash.finalize().into())
    }

    /// From its octets.
    #[must_use]
    pub const fn of(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Its octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for LinkHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LinkHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is no hash: expected 64 hexadecimal digits");
        let mut octets = [0; 32];
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (octet, digits) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *octet = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(octets))
    }
}

impl From<LinkHash> for String {
    fn from(hash: LinkHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for LinkHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainBeginning {
    /// The id of its first entry.
    pub first: u64,
    /// The hash that the first entry follows.
    pub previous: LinkHash,
    /// Why it begins there.
    pub cause: BeginningCause,
}

/// Why a chain begins where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeginningCause {
    /// The journal begins there.
    New,
    /// What lies before was written by a version that did not chain.
    Unchained,
    /// What lies before was too old to be kept.
    Cut,
}

/// A place in the chain: an entry's id and the hash of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainMark {
    /// The entry.
    pub id: u64,
    /// The hash of its link.
    pub hash: LinkHash,
}

impl fmt::Display for ChainMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id, self.hash)
    }
}

impl FromStr for ChainMark {
    type Err = String;

    /// Reads `ID:HASH`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("'{text}' is no checkpoint: expected ID:HASH, as the log of the node and audit verify show it");
        let (id, hash) = text.trim().split_once(':').ok_or_else(wrong)?;
        Ok(Self { id: id.parse().map_err(|_| wrong())?, hash: hash.parse()? })
    }
}

/// A place in the chain as it was written down elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When.
    pub time: Timestamp,
    /// The newest entry then.
    #[serde(flatten)]
    pub mark: ChainMark,
}

/// An entry as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its place.
    pub id: u64,
    /// Its octets: an event as JSON.
    pub entry: String,
    /// The hash of the link before, as kept; `None` where only its own is.
    pub previous: Option<LinkHash>,
    /// The hash of its link, as kept.
    pub hash: LinkHash,
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum ChainFinding {
    /// The entry is not the one that was written there.
    Edited {
        /// Which.
        id: u64,
    },
    /// Entries are not there.
    Removed {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The entry stands in another place than it was written in, or twice.
    Reordered {
        /// Which.
        id: u64,
        /// The entry before it.
        after: u64,
    },
    /// The end is missing.
    Truncated {
        /// The last entry that is there; 0 if there is none.
        last: u64,
        /// The entry that is known to have been there.
        known: u64,
    },
    /// The chain is consistent and not the one of which this place was written down: it was made anew.
    Rewritten {
        /// The place.
        id: u64,
    },
    /// What stands there is no entry.
    Unreadable {
        /// Line of the export, from 1.
        line: u64,
        /// Why.
        why: String,
    },
}

impl fmt::Display for ChainFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { id } => write!(f, "entry {id} was edited: it is not what was written there"),
            Self::Removed { first, last } if first == last => write!(f, "entry {first} was removed"),
            Self::Removed { first, last } => write!(f, "entries {first} to {last} were removed"),
            Self::Reordered { id, after } => {
                write!(f, "entry {id} was moved or doubled: it stands behind entry {after}")
            }
            Self::Truncated { last, known } => {
                write!(f, "the end was cut off: entry {known} was written, and the last that is there is {last}")
            }
            Self::Rewritten { id } => {
                write!(f, "the chain was made anew: entry {id} has another hash than was written down elsewhere")
            }
            Self::Unreadable { line, why } => write!(f, "line {line} is no entry: {why}"),
        }
    }
}

/// Findings that are told one by one; more only say that all of it is worthless.
const FINDINGS_MOST: usize = 100;

/// Follows a chain from its beginning and finds what is wrong with it.
#[derive(Debug)]
pub struct ChainCheck {
    /// The last link and what is to be found before the next.
    last: u64,
    hash: LinkHash,
    begins: u64,
    findings: Vec<ChainFinding>,
    /// Places known from elsewhere, in order.
    known: Vec<ChainMark>,
    entries: u64,
}

impl ChainCheck {
    /// A check of the chain that begins at `beginning`, of which the places `known` were written down elsewhere.
    #[must_use]
    pub fn new(beginning: &ChainBeginning, mut known: Vec<ChainMark>) -> Self {
        known.retain(|mark| mark.id >= beginning.first);
        known.sort_by_key(|mark| mark.id);
        let last = beginning.first.saturating_sub(1);
        Self { last, hash: beginning.previous, begins: beginning.first, findings: Vec::new(), known, entries: 0 }
    }

    /// Takes the next link.
    pub fn take(&mut self, link: &Link) {
        self.entries = self.entries.saturating_add(1);
        let expected = self.last.saturating_add(1);
        let previous = link.previous.unwrap_or(self.hash);
        if link.id < expected {
            self.find(ChainFinding::Reordered { id: link.id, after: self.last });
        } else {
            if link.id > expected {
                self.find(ChainFinding::Removed { first: expected, last: link.id.saturating_sub(1) });
            } else if previous != self.hash {
                // The one before was changed together with its hash.
                self.find(ChainFinding::Edited { id: link.id.saturating_sub(1).max(self.begins) });
            }
            self.last = link.id;
        }
        let is_moved = link.id < expected;
        // Where links are missing, only what the link itself says of the one before can be held against it.
        let follows = link.id == expected || link.previous.is_some();
        if follows && (previous.next(&link.entry) != link.hash || id_of(&link.entry) != Some(link.id)) {
            self.find(ChainFinding::Edited { id: link.id });
        }
        if !is_moved {
            self.hash = link.hash;
        }
        let is_other = |mark: &&ChainMark| mark.id == link.id && mark.hash != link.hash;
        if self.known.iter().any(|mark| is_other(&mark)) {
            self.find(ChainFinding::Rewritten { id: link.id });
        }
    }

    /// What was found, once all links were taken; `head` is the newest entry that the chain itself says it has.
    #[must_use]
    pub fn end(mut self, head: Option<ChainMark>) -> (Vec<ChainFinding>, u64) {
        let known = self.known.last().copied().into_iter().chain(head).max_by_key(|mark| mark.id);
        if let Some(known) = known.filter(|known| known.id > self.last) {
            self.find(ChainFinding::Truncated { last: self.last.max(self.begins.saturating_sub(1)), known: known.id });
        } else if let Some(head) = head
            && head.id == self.last
            && head.hash != self.hash
        {
            self.find(ChainFinding::Edited { id: head.id });
        }
        (self.findings, self.entries)
    }

    /// Adds what was found otherwise.
    pub fn find(&mut self, finding: ChainFinding) {
        if self.findings.len() < FINDINGS_MOST && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// The id that an entry says it has.
fn id_of(entry: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    serde_json::from_str::<Numbered>(entry).ok().map(|numbered| numbered.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(count: u64) -> Vec<Link> {
        let mut hash = LinkHash::GENESIS;
        let link = |id: u64| {
            let entry = format!(r#"{{"id":{id},"node":"ns1","event":"stopped"}}"#);
            let previous = hash;
            hash = hash.next(&entry);
            Link { id, entry, previous: Some(previous), hash }
        };
        (1..=count).map(link).collect()
    }

    fn check(links: &[Link], head: ChainMark, known: Vec<ChainMark>) -> Vec<ChainFinding> {
        let beginning = ChainBeginning { first: 1, previous: LinkHash::GENESIS, cause: BeginningCause::New };
        // As an export has them, and as the store does.
        let found = [true, false].map(|is_export| {
            let mut check = ChainCheck::new(&beginning, known.clone());
            for link in links {
                let previous = link.previous.filter(|_| is_export);
                check.take(&Link { previous, ..link.clone() });
            }
            check.end(Some(head)).0
        });
        assert_eq!(found[0].is_empty(), found[1].is_empty(), "{found:?}");
        found[0].clone()
    }

    fn head(links: &[Link]) -> ChainMark {
        links.last().map(|link| ChainMark { id: link.id, hash: link.hash }).unwrap()
    }

    #[test]
    fn an_untouched_chain_is_good_from_any_beginning() {
        let all = links(20);
        assert_eq!(check(&all, head(&all), vec![head(&all[..7]), head(&all)]), []);
        let beginning = ChainBeginning { first: 11, previous: all[9].hash, cause: BeginningCause::Cut };
        let mut late = ChainCheck::new(&beginning, vec![head(&all[..3])]);
        all[10..].iter().for_each(|link| late.take(link));
        assert_eq!(late.end(Some(head(&all))), (vec![], 10));
    }

    #[test]
    fn every_single_edit_removal_move_and_cut_is_found() {
        let all = links(12);
        for at in 0..12 {
            let mut edited = all.clone();
            edited[at].entry = edited[at].entry.replace("ns1", "ns2");
            assert!(check(&edited, head(&all), vec![]).contains(&ChainFinding::Edited { id: at as u64 + 1 }), "{at}");
            // Whoever hashes it anew has to do so with all that follow.
            edited[at].hash = edited[at].previous.unwrap().next(&edited[at].entry);
            assert!(!check(&edited, head(&all), vec![]).is_empty(), "{at}");
            let mut removed = all.clone();
            removed.remove(at);
            let id = at as u64 + 1;
            let expected = if at == 11 {
                ChainFinding::Truncated { last: 11, known: 12 }
            } else {
                ChainFinding::Removed { first: id, last: id }
            };
            assert_eq!(check(&removed, head(&all), vec![]), [expected]);
            if at > 0 {
                let mut moved = all.clone();
                moved.swap(at - 1, at);
                let found = check(&moved, head(&all), vec![]);
                assert!(found.iter().any(|finding| matches!(finding, ChainFinding::Reordered { .. })), "{found:?}");
            }
        }
        assert_eq!(check(&[], head(&all), vec![]), [ChainFinding::Truncated { last: 0, known: 12 }]);
    }

    #[test]
    fn a_chain_that_was_made_anew_or_cut_with_its_head_is_found_by_what_was_written_down_elsewhere() {
        let all = links(12);
        let cut = &all[..9];
        assert_eq!(check(cut, head(cut), vec![]), [], "nothing in it tells");
        assert_eq!(check(cut, head(cut), vec![head(&all)]), [ChainFinding::Truncated { last: 9, known: 12 }]);
        let mut hash = LinkHash::GENESIS;
        let mut anew = all.clone();
        for link in &mut anew {
            link.entry = link.entry.replace("ns1", "ns3");
            link.previous = Some(hash);
            hash = hash.next(&link.entry);
            link.hash = hash;
        }
        assert_eq!(check(&anew, head(&anew), vec![]), [], "nothing in it tells");
        assert_eq!(check(&anew, head(&anew), vec![head(&all[..5])]), [ChainFinding::Rewritten { id: 5 }]);
    }

    #[test]
    fn a_checkpoint_reads_what_it_prints() {
        let mark = head(&links(3));
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for text in ["", "3", "3:", "x:00", &format!("3:{}", "g".repeat(64))] {
            assert!(text.parse::<ChainMark>().is_err(), "{text}");
        }
    }
}
