//! Configuration files.

use std::path::Path;

use waypost::config::{self, Color};

use super::Watch;

/// Reads the input as a configuration, and writes the report as an operator would see it.
pub fn run(input: &[u8], watch: &impl Watch) {
    let text = String::from_utf8_lossy(input);
    let (settings, report) = watch.timed("reading a configuration", || config::read(Path::new("waypost.toml"), &text));
    assert_eq!(settings.is_none(), report.has_errors());
    let said = watch.timed("writing a report", || report.to_string());
    assert_eq!(said.is_empty(), report.is_empty());
    let shown = watch.timed("showing a report", || report.render(Color::Never));
    assert_eq!(shown.is_empty(), report.is_empty());
}
