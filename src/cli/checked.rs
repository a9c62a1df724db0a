//! What `check` prints for programs.

use std::path::Path;

use serde::Serialize;
use utoipa::ToSchema;

use super::document::Document;
use crate::config::{Diagnostic, Report};

/// What was found in a configuration and the files that it names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Checked {
    schema: &'static str,
    configuration: String,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Checked {
    pub(super) const SCHEMA: &'static str = "waypost.check/1";

    pub(super) fn of(file: &Path, report: &Report) -> Self {
        Self {
            schema: Self::SCHEMA,
            configuration: file.to_string_lossy().into_owned(),
            errors: report.errors().count(),
            warnings: report.warnings().count(),
            diagnostics: report.errors().chain(report.warnings()).cloned().collect(),
        }
    }
}

impl Document for Checked {
    const LIST: Option<(&'static str, &'static str)> = Some(("diagnostics", "waypost.diagnostic/1"));

    fn names(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|found| format!("{}:{}:{}", found.file.display(), found.line, found.column))
            .collect()
    }
}
