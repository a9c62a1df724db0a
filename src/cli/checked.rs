//! What `check` prints for programs.

use std::path::Path;

use serde::Serialize;

use super::document::Document;
use crate::config::{Diagnostic, Report};

/// What was found in a configuration and the files that it names.
#[derive(Debug, Serialize)]
pub(super) struct Checked<'r> {
    schema: &'static str,
    configuration: String,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<&'r Diagnostic>,
}

impl<'r> Checked<'r> {
    pub(super) const SCHEMA: &'static str = "waypost.check/1";

    pub(super) fn of(file: &Path, report: &'r Report) -> Self {
        Self {
            schema: Self::SCHEMA,
            configuration: file.to_string_lossy().into_owned(),
            errors: report.errors().count(),
            warnings: report.warnings().count(),
            diagnostics: report.errors().chain(report.warnings()).collect(),
        }
    }
}

impl Document for Checked<'_> {
    const LIST: Option<(&'static str, &'static str)> = Some(("diagnostics", "waypost.diagnostic/1"));

    fn names(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|found| format!("{}:{}:{}", found.file.display(), found.line, found.column))
            .collect()
    }
}
