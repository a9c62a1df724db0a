//! What the last load found in configuration and zones, kept for whoever looks.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::admin::api::{Findings, FoundLine, RefusedLoad};
use crate::config::{Diagnostic, Report};

/// Findings of a load that are kept; a reader corrects the first ones and loads again.
const KEPT: usize = 200;

/// What was found. Written by loads, read by pages.
#[derive(Debug, Default)]
pub struct Lint(Mutex<Findings>);

impl Lint {
    /// What `report` found in what is in force from `time` on.
    #[must_use]
    pub fn of(report: &Report, time: Timestamp) -> Self {
        let lint = Self::default();
        lint.loaded(report, time);
        lint
    }

    /// A load succeeded.
    pub fn loaded(&self, report: &Report, time: Timestamp) {
        let warnings = report.warnings().count();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Findings {
            loaded: time,
            warnings: kept(report.warnings()),
            warnings_more: warnings.saturating_sub(KEPT),
            refused: None,
        };
    }

    /// A load was refused; what was loaded before stays.
    pub fn refused(&self, report: &Report, time: Timestamp) {
        let errors_more = report.errors().count().saturating_sub(KEPT);
        let refused = RefusedLoad { time, errors: kept(report.errors()), errors_more };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused = Some(refused);
    }

    /// All of it.
    #[must_use]
    pub fn findings(&self) -> Findings {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn kept<'d>(diagnostics: impl Iterator<Item = &'d Diagnostic>) -> Vec<FoundLine> {
    diagnostics.take(KEPT).map(line).collect()
}

fn line(diagnostic: &Diagnostic) -> FoundLine {
    let file = diagnostic.file.display();
    FoundLine {
        place: match diagnostic.line {
            0 => file.to_string(),
            line => format!("{file}:{line}:{}", diagnostic.column),
        },
        found: diagnostic.what.clone(),
        expected: diagnostic.expected.clone(),
        remedy: diagnostic.remedy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    fn report(severity: Severity, count: usize) -> Report {
        let mut report = Report::new();
        for line in 0..count {
            report.push(Diagnostic {
                severity,
                file: "example.org.zone".into(),
                line,
                column: 5,
                length: 1,
                what: "an MX that is an alias".into(),
                expected: "a name with addresses".into(),
                remedy: "name the host itself".into(),
            });
        }
        report
    }

    #[test]
    fn a_refused_load_is_told_until_one_succeeds() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let lint = Lint::of(&report(Severity::Warning, 2), at(1));
        lint.refused(&report(Severity::Error, KEPT + 3), at(2));
        let found = lint.findings();
        assert_eq!((found.loaded, found.warnings.len()), (at(1), 2), "what is in force is as it was");
        assert_eq!(found.warnings[0].place, "example.org.zone", "line 0 is the whole file");
        assert_eq!(found.warnings[1].place, "example.org.zone:1:5");
        let refused = found.refused.unwrap();
        assert_eq!((refused.time, refused.errors.len(), refused.errors_more), (at(2), KEPT, 3));
        lint.loaded(&Report::new(), at(3));
        assert_eq!(lint.findings(), Findings { loaded: at(3), ..Findings::default() });
    }
}
