//! The journal as lines of text: a beginning, one line an entry, and an end, so that what is missing shows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChainBeginning, ChainCheck, ChainFinding, ChainMark, ChainReport, Link, LinkHash};

/// What stands around the octets of an entry, which are as they were hashed.
const PREVIOUS: &str = "{\"previous\":\"";
const HASH: &str = "\",\"hash\":\"";
const ENTRY: &str = "\",\"entry\":";

/// The first line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportHead {
    /// `waypost.audit/1`
    pub schema: String,
    /// The node whose journal it is.
    pub node: String,
    /// When it was made.
    pub exported: Timestamp,
    /// Where the lines begin: the hash before the first.
    pub begins: ChainBeginning,
}

impl ExportHead {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.audit/1";
}

/// The last line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEnd {
    /// The last entry of the export; `None` if it has none.
    pub ends: Option<ChainMark>,
    /// The newest entry of the journal then.
    pub head: Option<ChainMark>,
}

/// `link`, which follows the link of hash `previous`, as a line without its end.
#[must_use]
pub fn export_line(previous: LinkHash, link: &Link) -> String {
    format!("{PREVIOUS}{previous}{HASH}{}{ENTRY}{}}}", link.hash, link.entry)
}

/// Reads what [`export_line`] wrote.
fn read_line(line: &str) -> Option<Link> {
    let rest = line.strip_prefix(PREVIOUS)?;
    let (previous, rest) = rest.split_at_checked(64)?;
    let (hash, rest) = rest.strip_prefix(HASH)?.split_at_checked(64)?;
    let entry = rest.strip_prefix(ENTRY)?.strip_suffix('}')?;
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    let Numbered { id } = serde_json::from_str(entry).ok()?;
    Some(Link { id, entry: entry.to_owned(), previous: Some(previous.parse().ok()?), hash: hash.parse().ok()? })
}

/// Finds what is wrong with an export, line by line.
#[derive(Debug, Default)]
pub struct ExportCheck {
    known: Vec<ChainMark>,
    head: Option<ExportHead>,
    check: Option<ChainCheck>,
    end: Option<ExportEnd>,
    line: u64,
}

impl ExportCheck {
    /// A check of an export, of which the places `known` were written down elsewhere.
    #[must_use]
    pub fn new(known: Vec<ChainMark>) -> Self {
        Self { known, ..Self::default() }
    }

    /// Takes the next line, without its end.
    pub fn take(&mut self, line: &str) {
        self.line = self.line.saturating_add(1);
        let (number, known) = (self.line, std::mem::take(&mut self.known));
        let Some(check) = &mut self.check else {
            let head = serde_json::from_str::<ExportHead>(line).ok().filter(|head| head.schema == ExportHead::SCHEMA);
            let begins = head.as_ref().map_or(
                ChainBeginning { first: 1, previous: LinkHash::GENESIS, cause: super::BeginningCause::New },
                |head| head.begins,
            );
            let mut check = ChainCheck::of_part(&begins, known);
            if head.is_none() {
                check.find(ChainFinding::Unreadable { line: number, why: "an export begins with its head".to_owned() });
            }
            (self.head, self.check) = (head, Some(check));
            return;
        };
        if self.end.is_some() {
            check.find(ChainFinding::Unreadable { line: number, why: "it stands behind the end".to_owned() });
        } else if let Some(link) = read_line(line) {
            check.take(&link);
        } else if let Ok(end) = serde_json::from_str::<ExportEnd>(line) {
            self.end = Some(end);
        } else {
            let why = "it is not as the node wrote it, octet for octet".to_owned();
            check.find(ChainFinding::Unreadable { line: number, why });
        }
    }

    /// What was found, once all lines were taken, with what the export says of itself.
    #[must_use]
    pub fn end(self) -> (ChainReport, Option<ExportHead>) {
        let line = self.line.saturating_add(1);
        let Some(mut check) = self.check else {
            let why = "nothing is there".to_owned();
            let findings = vec![ChainFinding::Unreadable { line: 1, why }];
            return (ChainReport { findings, uncompared: self.known.len(), ..ChainReport::default() }, None);
        };
        if self.end.is_none() {
            let why = "the line that ends an export is missing, and with it whatever stood before it".to_owned();
            check.find(ChainFinding::Unreadable { line, why });
        }
        let (last, newest) = self.end.map_or((None, None), |end| (end.ends, end.head));
        (check.end(last, newest), self.head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BeginningCause;

    fn export() -> Vec<String> {
        let begins = ChainBeginning { first: 5, previous: LinkHash::GENESIS.next("cut"), cause: BeginningCause::Cut };
        let exported = Timestamp::UNIX_EPOCH;
        let head = ExportHead { schema: ExportHead::SCHEMA.into(), node: "ns1".into(), exported, begins };
        let mut lines = vec![serde_json::to_string(&head).unwrap()];
        let mut previous = begins.previous;
        for id in 5..=10 {
            let entry = format!(r#"{{"id":{id},"time":"2026-05-01T12:00:0{}Z","event":"stopped"}}"#, id % 10);
            let hash = previous.next(&entry);
            lines.push(export_line(previous, &Link { id, entry, previous: None, hash }));
            previous = hash;
        }
        let mark = Some(ChainMark { id: 10, hash: previous });
        lines.push(serde_json::to_string(&ExportEnd { ends: mark, head: mark }).unwrap());
        lines
    }

    fn findings(lines: &[String]) -> Vec<ChainFinding> {
        let mut check = ExportCheck::new(Vec::new());
        lines.iter().for_each(|line| check.take(line));
        check.end().0.findings
    }

    #[test]
    fn an_edited_a_removed_a_reordered_and_a_truncated_line_are_each_found() {
        let good = export();
        assert_eq!(findings(&good), []);
        for line in good.iter().skip(1) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value.is_object(), "each line is JSON by itself");
        }
        let mut edited = good.clone();
        edited[3] = edited[3].replace("12:00:07", "12:00:08");
        assert_eq!(findings(&edited), [ChainFinding::Edited { id: 7 }]);
        let mut removed = good.clone();
        removed.remove(3);
        assert_eq!(findings(&removed), [ChainFinding::Removed { first: 7, last: 7 }]);
        let mut reordered = good.clone();
        reordered.swap(3, 4);
        let found = findings(&reordered);
        assert!(found.contains(&ChainFinding::Reordered { id: 7, after: 8 }), "{found:?}");
        let mut truncated = good.clone();
        truncated.truncate(5);
        assert!(matches!(findings(&truncated)[..], [ChainFinding::Unreadable { line: 6, .. }]));
        truncated.push(good[7].clone());
        assert_eq!(findings(&truncated), [ChainFinding::Truncated { last: 8, known: 10 }]);
        let mut doubled = good.clone();
        doubled.insert(4, good[3].clone());
        assert!(findings(&doubled).contains(&ChainFinding::Reordered { id: 7, after: 7 }));
    }

    #[test]
    fn no_octet_can_be_changed_unseen() {
        let good = export();
        for (number, line) in good.iter().enumerate().skip(1) {
            for at in 0..line.len() {
                let mut octets = line.clone().into_bytes();
                octets[at] ^= 1;
                let Ok(changed) = String::from_utf8(octets) else { continue };
                let mut lines = good.clone();
                lines[number] = changed;
                // What the end says of the journal at large is of no account for the lines of this export.
                if number != good.len() - 1 {
                    assert_ne!(findings(&lines), [], "line {number} octet {at}");
                }
            }
        }
        assert_ne!(findings(&[]), []);
        assert_ne!(findings(&good[1..]), []);
    }
}
