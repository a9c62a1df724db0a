//! Lists of origins: the zones that share one template.

use std::hash::RandomState;
use std::path::Path;

use hashbrown::HashTable;

use super::bounds::MAX_ORIGINS;
use super::findings::{Finding, Findings, Source, quote};
use super::lexer::Spot;
use super::table::hash_of;
use crate::config::Report;
use crate::model::Name;

/// Reads one name a line; `#` and `;` start comments, blank lines are skipped. Names are absolute.
///
/// `file` names the text in diagnostics. The good lines are given even where others are errors.
#[must_use]
pub fn origins(file: &Path, text: &str) -> (Vec<Name>, Report) {
    let source = Source { file, text };
    let mut findings = Findings::default();
    // A guess that wastes nothing where it matters: lists of a million are mostly one bare name a line.
    let mut names = Vec::with_capacity(text.bytes().filter(|octet| *octet == b'\n').count() + 1);
    let mut seen = Seen::default();
    let mut line_start = 0;
    for (ix, whole) in text.split_inclusive('\n').enumerate() {
        let content = whole.trim_start_matches('\u{feff}').split(['#', ';']).next().unwrap_or_default();
        let word = content.trim();
        if !word.is_empty() {
            let start = line_start + whole.find(word).unwrap_or(0);
            let spot = Spot { line: ix + 1, line_start, start, end: start + word.len() };
            match origin(word) {
                Err(finding) => findings.push(source, spot, finding),
                Ok(name) if seen.contains(&names, &name) => {
                    let what = format!("{name} a second time");
                    findings.push(source, spot, Finding::warning(what, "every name once", "remove this line"));
                }
                Ok(_) if names.len() >= MAX_ORIGINS => {
                    let what = format!("more than {MAX_ORIGINS} names");
                    let remedy = "spread them over several nodes";
                    findings.push(source, spot, Finding::error(what, "a shorter list", remedy));
                    break;
                }
                Ok(name) => {
                    seen.insert(&names, &name);
                    names.push(name);
                }
            }
        }
        line_start += whole.len();
    }
    names.shrink_to_fit();
    if names.is_empty() && !findings.has_errors() {
        let finding = Finding::warning("no name", "one name a line", "list the zones, or remove the [[zone]]");
        findings.push_line(file, 0, finding);
    }
    (names, findings.finish(file))
}

/// Which names there were, by their positions: a copy of each of a million would take more than all else that is kept.
#[derive(Default)]
struct Seen {
    positions: HashTable<u32>,
    hasher: RandomState,
}

impl Seen {
    fn contains(&self, names: &[Name], name: &Name) -> bool {
        let is_same = |ix: &u32| usize::try_from(*ix).ok().and_then(|ix| names.get(ix)) == Some(name);
        self.positions.find(self.hash(name), is_same).is_some()
    }

    /// Notes that `name` comes behind `names`.
    fn insert(&mut self, names: &[Name], name: &Name) {
        let Ok(ix) = u32::try_from(names.len()) else { return };
        let at = |ix: &u32| usize::try_from(*ix).ok().and_then(|ix| names.get(ix));
        let (hash, hasher) = (self.hash(name), &self.hasher);
        let hash_at = |ix: &u32| at(ix).map_or(hash, |name| hash_of(hasher, name.as_wire()));
        self.positions.insert_unique(hash, ix, hash_at);
    }

    fn hash(&self, name: &Name) -> u64 {
        hash_of(&self.hasher, name.as_wire())
    }
}

fn origin(word: &str) -> Result<Name, Finding> {
    if word.contains(char::is_whitespace) {
        let what = format!("{} on one line", quote(word));
        return Err(Finding::error(what, "one name a line", "put every name on its own line"));
    }
    if !word.is_ascii() {
        return Err(super::rdata::non_ascii(word));
    }
    word.parse().map_err(|why| {
        let what = format!("{}, where {why}", quote(word));
        Finding::error(what, "the name of a zone, as in example.org", "correct or remove the line")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_comments_blank_lines_and_repetitions() {
        let text = "# hosted\r\n\r\nalpha.example ; first\r\n  Beta.example.\nALPHA.example\ngamma.example#x";
        let (names, report) = origins(Path::new("list"), text);
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["alpha.example.", "Beta.example.", "gamma.example."]);
        assert!(!report.has_errors());
        assert_eq!(report.warnings().map(|warning| warning.line).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn bad_lines_are_all_reported_and_the_others_kept() {
        let text = "good.example\na..b\ntwo names\nbücher.example\n";
        let (names, report) = origins(Path::new("list"), text);
        assert_eq!(names.len(), 1);
        let places: Vec<_> = report.errors().map(|error| (error.line, error.column)).collect();
        assert_eq!(places, [(2, 1), (3, 1), (4, 1)]);
    }

    #[test]
    fn an_empty_list_is_a_warning() {
        let (names, report) = origins(Path::new("list"), "# nothing yet\n");
        assert!(names.is_empty() && !report.has_errors() && !report.is_empty());
    }
}
