//! The reader: records what is wrong with one file, where it stands.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::position::{Lines, Position};
use super::syntax::starts_section;
use super::value::{Table, Value};
use super::{Diagnostic, Report, Severity};
use crate::model::{ProbeFile, ProbeFileKind};

/// Collects what is wrong with one file.
pub(super) struct Reader<'t> {
    file: PathBuf,
    lines: Lines<'t>,
    report: Report,
    /// Lines with syntax errors. What the parser made of them is not judged.
    damaged: BTreeSet<usize>,
    probe_files: Vec<ProbeFile>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Self {
        let mut report = Report::new();
        report.add_source(file.to_owned(), text.to_owned());
        Self {
            file: file.to_owned(),
            lines: Lines::new(text),
            report,
            damaged: BTreeSet::new(),
            probe_files: Vec::new(),
        }
    }

    /// The report, in the order of the text.
    pub(super) fn finish(mut self) -> Report {
        self.report.sort();
        self.report.shorten(&self.file);
        self.report
    }

    /// Notes that a monitor reads the file `path`, named by `value`. Whoever loads the files looks whether it can be read.
    pub(super) fn note_probe_file(&mut self, value: &Value<'_>, path: &Path, holds: ProbeFileKind) {
        let Position { line, column, length } = self.lines.position(&value.span);
        let named = format!("{} = {} in {}", value.key, self.text(&value.span), value.owner);
        self.probe_files.push(ProbeFile { path: path.to_owned(), holds, named, line, column, length });
    }

    /// The files that monitors read.
    pub(super) fn take_probe_files(&mut self) -> Vec<ProbeFile> {
        std::mem::take(&mut self.probe_files)
    }

    /// The text of the file at `span`.
    pub(super) fn text(&self, span: &Range<usize>) -> &'t str {
        self.lines.text(span)
    }

    /// `span` widened to the whole of a bare word.
    pub(super) fn bare_word(&self, span: &Range<usize>) -> Range<usize> {
        self.lines.bare_word(span)
    }

    /// The line that `span` starts in.
    pub(super) fn line_text(&self, span: &Range<usize>) -> &'t str {
        self.lines.line(self.lines.position(span).line)
    }

    /// The column that `span` starts in.
    pub(super) fn column(&self, span: &Range<usize>) -> usize {
        self.lines.position(span).column
    }

    /// The number of the line that `span` starts in.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.lines.position(span).line
    }

    /// `path` as seen from the directory of the file.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Records a mistake at `span`.
    pub(super) fn error(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let position = self.lines.position(span);
        // Where a value is missing, the parser fills in one that stands nowhere.
        let invented = !self.is_whole() && *span == (0..0);
        if !invented && !self.damaged.contains(&position.line) {
            self.push(Severity::Error, position, what.into(), expected.into(), remedy.into());
        }
    }

    /// Records something at `span` that is probably not meant. A damaged file has worse problems.
    pub(super) fn warning(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            let position = self.lines.position(span);
            self.push(Severity::Warning, position, what.into(), expected.into(), remedy.into());
        }
    }

    /// Records that something is missing from `table`; in a damaged file it may only have been lost.
    pub(super) fn missing(
        &mut self,
        table: &Table<'_>,
        what: &str,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            let position = self.lines.position(&table.span);
            let what = format!("{} without {what}", table.title);
            self.push(Severity::Error, position, what, expected.into(), remedy.into());
        }
    }

    /// Records something about the file as a whole; in a damaged file it may only seem so.
    pub(super) fn whole_file(
        &mut self,
        severity: Severity,
        what: &str,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            self.push(severity, Position::FILE, what.to_owned(), expected.into(), remedy.into());
        }
    }

    /// Records a syntax error at `span`, once a line, and that its line is not to be judged further. Below a bad
    /// header the parser may have put keys into another section, so that they are not judged either.
    pub(super) fn syntax(&mut self, span: &Range<usize>, what: String, expected: String, remedy: String) {
        let position = self.lines.position(span);
        if !self.damaged.insert(position.line) {
            return;
        }
        if starts_section(self.lines.line(position.line)) {
            let below =
                (position.line + 1..=self.lines.count()).take_while(|line| !starts_section(self.lines.line(*line)));
            self.damaged.extend(below);
        }
        self.push(Severity::Error, position, what, expected, remedy);
    }

    /// Records that nothing from `span` on is to be judged.
    pub(super) fn give_up(&mut self, span: &Range<usize>) {
        self.damaged.extend(self.line(span)..=self.lines.count());
    }

    /// Whether the file had no syntax error, so that what is not there is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.damaged.is_empty()
    }

    /// Whether no error was found so far, so that what seems unused is not the consequence of one.
    pub(super) fn is_good(&self) -> bool {
        !self.report.has_errors()
    }

    fn push(&mut self, severity: Severity, position: Position, what: String, expected: String, remedy: String) {
        let Position { line, column, length } = position;
        self.report.push(Diagnostic {
            severity,
            file: self.file.clone(),
            line,
            column,
            length,
            what,
            expected,
            remedy,
        });
    }
}
