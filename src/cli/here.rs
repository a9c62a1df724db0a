//! Commands that need no running node: `serve`, `check`, `demo`.

use std::error::Error;
use std::path::Path;

use super::arguments::Global;
use super::client::configuration;
use super::exit::{Exit, Failure};
use super::output::{Format, Output, Palette};
use crate::config::{Color, Report};

/// What the program does by itself, without a running node.
pub trait Local {
    /// Runs a node with the configuration in `file` until it is told to stop.
    ///
    /// # Errors
    /// If it cannot start.
    fn serve(&self, file: &Path) -> Result<(), Box<dyn Error>>;

    /// Reads the configuration in `file` and all that it names.
    fn check(&self, file: &Path) -> Report;

    /// Runs the demonstration until it is told to stop.
    ///
    /// # Errors
    /// If it cannot start.
    fn demo(&self) -> Result<(), Box<dyn Error>>;
}

pub(super) fn serve(global: &Global, local: &dyn Local) -> Result<Exit, Failure> {
    local.serve(&configuration(global)?).map_err(|error| Failure::Negative(error.to_string()))?;
    Ok(Exit::Done)
}

pub(super) fn demo(local: &dyn Local) -> Result<Exit, Failure> {
    local.demo().map_err(|error| Failure::Negative(error.to_string()))?;
    Ok(Exit::Done)
}

pub(super) fn check(global: &Global, local: &dyn Local, output: &Output) -> Result<Exit, Failure> {
    let file = configuration(global)?;
    let report = local.check(&file);
    match output.format() {
        Format::Json => output.json(&report)?,
        Format::Table => {
            let (errors, warnings) = (report.errors().count(), report.warnings().count());
            if errors + warnings > 0 {
                let color = match output.palette() {
                    Palette::Colours => Color::Always,
                    Palette::Plain => Color::Never,
                };
                output.line(report.render(color).trim_end())?;
            }
            let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
            output.progress(&format!("{}: {}, {}", file.display(), count(errors, "error"), count(warnings, "warning")));
        }
    }
    Ok(if report.has_errors() { Exit::Negative } else { Exit::Done })
}
