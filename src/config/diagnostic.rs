//! Diagnostics: what is wrong in which line of which file, and what to do about it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

use serde::{Deserialize, Serialize, Serializer};

use super::bounds::{MAX_QUOTED, MAX_SHOWN};

/// Whether a diagnostic stops the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably not as meant.
    Warning,
}

impl Severity {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One mistake: where it is, what was found there, what is expected instead, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnostic {
    /// Whether the file can still be used.
    pub severity: Severity,
    /// The file, as the operator named it.
    #[serde(serialize_with = "lossy")]
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Line, from 1; 0 is the whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 is the whole file.
    pub column: usize,
    /// How many characters of the line are meant; 0 is a point between two.
    pub length: usize,
    /// What was found, as a noun phrase: `unknown key "nmae" in [node]`.
    pub what: String,
    /// What is expected instead, as a noun phrase; empty where `what` says it all.
    pub expected: String,
    /// What to do, as an instruction: `write "30s"`.
    pub remedy: String,
}

/// A path that is not Unicode must not make a whole report unserializable.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: error: found …; expected …; remedy: …` in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}: found {}", self.severity, OneLine(&self.what))?;
        if !self.expected.is_empty() {
            write!(f, "; expected {}", OneLine(&self.expected))?;
        }
        if !self.remedy.is_empty() {
            write!(f, "; remedy: {}", OneLine(&self.remedy))?;
        }
        Ok(())
    }
}

/// A text without control characters: logs take one line a diagnostic, and a file must not write to the terminal.
pub(super) struct OneLine<'a>(pub(super) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ix, part) in self.0.split(char::is_control).enumerate() {
            if ix > 0 {
                f.write_str(" ")?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// All diagnostics of a run, with the texts that they quote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    /// Texts by file; only what is rendered for people quotes them.
    #[serde(skip)]
    sources: BTreeMap<PathBuf, String>,
}

impl Report {
    /// A report of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `diagnostic` at the end.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Keeps the text of `file` so that diagnostics can quote its lines.
    pub fn add_source(&mut self, file: PathBuf, text: String) {
        self.sources.insert(file, text);
    }

    /// Adds everything that `other` holds at the end.
    pub fn merge(&mut self, other: Self) {
        self.diagnostics.extend(other.diagnostics);
        self.sources.extend(other.sources);
    }

    /// Whether any diagnostic is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Whether there is neither an error nor a warning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// All diagnostics, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter()
    }

    /// The errors, in the order they were added.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Error)
    }

    /// The warnings, in the order they were added.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.of(Severity::Warning)
    }

    fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(move |diagnostic| diagnostic.severity == severity)
    }

    /// Puts the diagnostics, all of one file, in the order of its lines.
    pub(super) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.line, diagnostic.column, diagnostic.severity));
    }

    /// Keeps the first errors and warnings about `file`, and says how many more there were: nobody reads thousands, and
    /// showing them takes its time.
    pub(super) fn shorten(&mut self, file: &Path) {
        for (severity, plural) in [(Severity::Error, "errors"), (Severity::Warning, "warnings")] {
            let mut count = 0_usize;
            self.diagnostics.retain(|diagnostic| {
                count += usize::from(diagnostic.severity == severity);
                diagnostic.severity != severity || count <= MAX_SHOWN
            });
            if let Some(more @ 1..) = count.checked_sub(MAX_SHOWN) {
                self.diagnostics.push(Diagnostic {
                    severity,
                    file: file.to_path_buf(),
                    line: 0,
                    column: 0,
                    length: 0,
                    what: format!("{more} more {plural} than are shown here"),
                    expected: String::new(),
                    remedy: "correct those shown and check again".to_owned(),
                });
            }
        }
    }

    /// The lines (from 1) that diagnostics are about, by file, where their texts are known and the lines not too long to
    /// be read: each text is gone through once, however many diagnostics are at its end.
    pub(super) fn quotes(&self) -> HashMap<(&Path, usize), &str> {
        let wanted: HashSet<_> = self.iter().map(|diagnostic| (diagnostic.file.as_path(), diagnostic.line)).collect();
        let lines = self.sources.iter().flat_map(|(file, text)| {
            (1..).zip(text.lines()).map(move |(number, line)| ((file.as_path(), number), line))
        });
        lines.filter(|(place, line)| line.len() <= MAX_QUOTED && wanted.contains(place)).collect()
    }
}

impl fmt::Display for Report {
    /// One line a diagnostic, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ix, diagnostic) in self.diagnostics.iter().enumerate() {
            if ix > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}
