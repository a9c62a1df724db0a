//! The check of a chain: what was edited, removed, moved or cut off.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BeginningCause, ChainBeginning, ChainMark, Link, LinkHash};

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// The beginning is missing: an entry of the chain is known that lies before it, and no cut by the node.
    Shortened {
        /// The first entry that is there.
        first: u64,
        /// The entry that is known to have been there.
        known: u64,
    },
    /// None of the places that were written down elsewhere lies in what was checked.
    Uncompared {
        /// The newest of them.
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
            Self::Shortened { first, known } => write!(
                f,
                "the beginning was cut off, and not by the node: entry {known} was written, and the first that is there is {first}"
            ),
            Self::Uncompared { known } => write!(
                f,
                "no checkpoint could be compared: the newest is of entry {known}, which is not among what was checked"
            ),
            Self::Rewritten { id } => {
                write!(f, "the chain was made anew: entry {id} has another hash than was written down elsewhere")
            }
            Self::Unreadable { line, why } => write!(f, "line {line} is no entry: {why}"),
        }
    }
}

/// Findings that are told one by one; more only say that all of it is worthless.
const FINDINGS_MOST: usize = 100;

/// What a check of a chain came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// What is wrong; empty if nothing is.
    pub findings: Vec<ChainFinding>,
    /// Entries that were checked.
    pub entries: u64,
    /// Places written down elsewhere that were compared.
    pub compared: usize,
    /// Those that lie outside of what was checked.
    pub uncompared: usize,
}

/// Follows a chain from its beginning and finds what is wrong with it.
///
/// What a chain says of its own beginning and end is only its word: whoever can make it anew can move both. So what was written
/// down elsewhere is held against the beginning too.
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
    /// A check of a part of a chain, which begins at `beginning`; the places `known` were written down elsewhere.
    #[must_use]
    pub fn of_part(beginning: &ChainBeginning, mut known: Vec<ChainMark>) -> Self {
        known.sort_by_key(|mark| (mark.id, *mark.hash.octets()));
        known.dedup();
        let last = beginning.first.saturating_sub(1);
        let mut check =
            Self { last, hash: beginning.previous, begins: beginning.first, findings: Vec::new(), known, entries: 0 };
        // What the first entry follows is known though it is not there.
        if last > 0 && check.differs(last, beginning.previous) {
            check.find(ChainFinding::Rewritten { id: last });
        }
        check
    }

    /// A check of a whole chain as a node keeps it. The node writes down what each of its cuts leaves the rest to follow, so that
    /// a beginning which it did not make shows wherever anything older was written down.
    #[must_use]
    pub fn of_all(beginning: &ChainBeginning, known: Vec<ChainMark>) -> Self {
        let mut check = Self::of_part(beginning, known);
        let first = beginning.first;
        let last = first.saturating_sub(1);
        let (before, rest) = check.known.split_at(check.known.partition_point(|mark| mark.id < last));
        let older = before.last().map(|mark| mark.id);
        let is_cut_known = rest.first().is_some_and(|mark| mark.id == last);
        let missing = match beginning.cause {
            BeginningCause::New => (first > 1).then_some(last),
            BeginningCause::Unchained if is_cut_known => Some(last),
            BeginningCause::Unchained => older,
            BeginningCause::Cut if is_cut_known => None,
            BeginningCause::Cut => older,
        };
        if let Some(known) = missing {
            check.find(ChainFinding::Shortened { first, known });
        }
        check
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
        if self.differs(link.id, link.hash) {
            self.find(ChainFinding::Rewritten { id: link.id });
        }
    }

    /// What was found, once all links were taken. By what the chain itself says, they end with `last`, and its newest entry was
    /// `newest`.
    #[must_use]
    pub fn end(mut self, last: Option<ChainMark>, newest: Option<ChainMark>) -> ChainReport {
        let before = self.begins.saturating_sub(1);
        if let Some(last) = last {
            if last.id > self.last {
                self.find(ChainFinding::Truncated { last: self.last, known: last.id });
            } else if last.id == self.last && last.hash != self.hash {
                self.find(ChainFinding::Edited { id: last.id });
            }
        }
        // What lies between the end of a part and the newest entry is not there and need not be.
        let newest = newest.or(last).filter(|newest| newest.id >= self.last);
        if let Some(newest) = newest.filter(|newest| self.differs(newest.id, newest.hash)) {
            self.find(ChainFinding::Rewritten { id: newest.id });
        }
        let end = newest.map_or(self.last, |newest| newest.id);
        if let Some(known) = self.known.last().copied().filter(|known| known.id > end) {
            self.find(ChainFinding::Truncated { last: self.last, known: known.id });
        }
        let is_compared = |mark: &&ChainMark| (before..=self.last).contains(&mark.id) || mark.id == end;
        let compared = self.known.iter().filter(is_compared).count();
        if let Some(known) = self.known.last().filter(|_| compared == 0 && self.findings.is_empty()).copied() {
            self.find(ChainFinding::Uncompared { known: known.id });
        }
        let uncompared = self.known.len().saturating_sub(compared);
        ChainReport { findings: self.findings, entries: self.entries, compared, uncompared }
    }

    /// Whether another hash than `hash` was written down for the link of entry `id`.
    fn differs(&self, id: u64, hash: LinkHash) -> bool {
        let at = self.known.partition_point(|mark| mark.id < id);
        self.known.iter().skip(at).take_while(|mark| mark.id == id).any(|mark| mark.hash != hash)
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
            let mut check = ChainCheck::of_all(&beginning, known.clone());
            for link in links {
                let previous = link.previous.filter(|_| is_export);
                check.take(&Link { previous, ..link.clone() });
            }
            check.end(Some(head), Some(head)).findings
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
        for since in 2..20 {
            let previous = head(&all[..since - 1]);
            let beginning = ChainBeginning { first: since as u64, previous: previous.hash, cause: BeginningCause::Cut };
            let known = vec![head(&all[..1]), previous, head(&all)];
            let mut late = ChainCheck::of_all(&beginning, known.clone());
            all[since - 1..].iter().for_each(|link| late.take(link));
            let report = late.end(Some(head(&all)), Some(head(&all)));
            let outside = usize::from(since > 2);
            assert_eq!((report.findings, report.entries), (vec![], 21 - since as u64));
            assert_eq!(report.uncompared, outside);
        }
    }

    /// What is found where the first `cut` of 12 entries are gone and the chain says that it begins behind them.
    fn without_beginning(cut: usize, previous: LinkHash, cause: BeginningCause, known: &[usize]) -> Vec<ChainFinding> {
        let all = links(12);
        let beginning = ChainBeginning { first: cut as u64 + 1, previous, cause };
        let known = known.iter().map(|id| head(&all[..*id])).collect();
        let mut check = ChainCheck::of_all(&beginning, known);
        let mut hash = previous;
        for link in &all[cut..] {
            // Made anew, so that nothing in it tells.
            let next = hash.next(&link.entry);
            check.take(&Link { previous: Some(hash), hash: next, ..link.clone() });
            hash = next;
        }
        let end = Some(ChainMark { id: 12, hash });
        check.end(end, end).findings
    }

    #[test]
    fn a_beginning_that_the_node_did_not_make_is_found_by_what_was_written_down_elsewhere() {
        use BeginningCause::{Cut, New, Unchained};
        let all = links(12);
        let (true_hash, other) = (all[4].hash, LinkHash::GENESIS.next("invented"));
        assert_eq!(without_beginning(5, true_hash, Cut, &[]), [], "nothing in it tells");
        assert_eq!(without_beginning(5, true_hash, Cut, &[3, 5]), [], "the node wrote down that it cut");
        assert_eq!(without_beginning(5, true_hash, Cut, &[3, 12]), [ChainFinding::Shortened { first: 6, known: 3 }]);
        let found = without_beginning(5, other, Cut, &[3, 5]);
        assert_eq!(found, [ChainFinding::Rewritten { id: 5 }]);
        let found = without_beginning(5, LinkHash::GENESIS, Unchained, &[3]);
        assert_eq!(found, [ChainFinding::Shortened { first: 6, known: 3 }]);
        assert!(!without_beginning(5, LinkHash::GENESIS, Unchained, &[5]).is_empty());
        assert_eq!(without_beginning(5, LinkHash::GENESIS, Unchained, &[]), [], "an earlier version wrote the rest");
        assert_eq!(without_beginning(5, true_hash, New, &[]), [ChainFinding::Shortened { first: 6, known: 5 }]);
    }

    #[test]
    fn a_part_says_which_checkpoints_it_could_not_be_held_against() {
        let all = links(12);
        let beginning = ChainBeginning { first: 5, previous: all[3].hash, cause: BeginningCause::Cut };
        let part = |known: &[usize]| {
            let mut check = ChainCheck::of_part(&beginning, known.iter().map(|id| head(&all[..*id])).collect());
            all[4..9].iter().for_each(|link| check.take(link));
            check.end(Some(head(&all[..9])), Some(head(&all)))
        };
        for (known, compared, uncompared) in [(&[4, 6, 12][..], 3, 0), (&[2, 9, 10], 1, 2), (&[], 0, 0)] {
            let report = part(known);
            assert_eq!((report.findings, report.compared, report.uncompared), (vec![], compared, uncompared));
        }
        for known in [&[2][..], &[10], &[2, 3, 11]] {
            let newest = *known.last().unwrap() as u64;
            assert_eq!(part(known).findings, [ChainFinding::Uncompared { known: newest }]);
        }
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
}
