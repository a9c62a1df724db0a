//! Findings: what is wrong in a zone file, on its way to a report.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::bounds::{MAX_FINDINGS, MAX_QUOTE};
use super::lexer::Spot;
use crate::config::{Diagnostic, Report, Severity};

/// A file and its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'t> {
    /// As the operator named it.
    pub(super) file: &'t Path,
    /// Its text.
    pub(super) text: &'t str,
}

/// What was found, what is expected instead, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// Whether the zone can still be served.
    pub(super) severity: Severity,
    /// A noun phrase.
    pub(super) what: String,
    /// A noun phrase; empty where `what` says it all.
    pub(super) expected: String,
    /// An instruction.
    pub(super) remedy: String,
}

impl Finding {
    /// The zone cannot be served.
    pub(super) fn error(what: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Error, what: what.into(), expected: expected.into(), remedy: remedy.into() }
    }

    /// The zone can be served, but probably not as meant.
    pub(super) fn warning(what: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what, expected, remedy) }
    }

    /// The finding at a place.
    pub(super) fn at(self, file: &Path, line: usize, column: usize, length: usize) -> Diagnostic {
        Diagnostic {
            severity: self.severity,
            file: file.to_path_buf(),
            line,
            column,
            length,
            what: self.what,
            expected: self.expected,
            remedy: self.remedy,
        }
    }
}

/// The findings of one file and what it includes.
#[derive(Debug, Default)]
pub(super) struct Findings {
    report: Report,
    quoted: BTreeSet<PathBuf>,
    errors: usize,
    warnings: usize,
}

impl Findings {
    /// Adds a finding about a stretch of `source`.
    pub(super) fn push(&mut self, source: Source<'_>, spot: Spot, finding: Finding) {
        if !self.admit(finding.severity) {
            return;
        }
        let characters = |from: usize, to: usize| source.text.get(from..to).map_or(0, |text| text.chars().count());
        let column = characters(spot.line_start, spot.start) + 1;
        let length = characters(spot.start, spot.end);
        self.report.push(finding.at(source.file, spot.line, column, length));
        // Texts may be large: only one that is quoted is kept.
        if self.quoted.insert(source.file.to_path_buf()) {
            self.report.add_source(source.file.to_path_buf(), source.text.to_owned());
        }
    }

    /// Adds a finding about a line, or with line 0 about the whole file.
    pub(super) fn push_line(&mut self, file: &Path, line: usize, finding: Finding) {
        if self.admit(finding.severity) {
            self.report.push(finding.at(file, line, usize::from(line > 0), 0));
        }
    }

    /// How many errors there were.
    pub(super) const fn errors(&self) -> usize {
        self.errors
    }

    /// Whether there was an error.
    pub(super) const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The report; ends with how many findings were left out of it.
    pub(super) fn finish(mut self, file: &Path) -> Report {
        for (count, plural, severity) in
            [(self.errors, "errors", Severity::Error), (self.warnings, "warnings", Severity::Warning)]
        {
            if let Some(more @ 1..) = count.checked_sub(MAX_FINDINGS) {
                let what = format!("{more} more {plural} than are shown here");
                let finding = Finding::error(what, "", "correct those shown and check again");
                self.report.push(Finding { severity, ..finding }.at(file, 0, 0, 0));
            }
        }
        self.report
    }

    const fn admit(&mut self, severity: Severity) -> bool {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        *count <= MAX_FINDINGS
    }
}

/// A token in quotes, short enough to read.
pub(super) fn quote(raw: &str) -> String {
    match raw.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("'{}…'", raw.get(..end).unwrap_or_default()),
        None => format!("'{raw}'"),
    }
}
