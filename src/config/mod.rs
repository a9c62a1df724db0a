//! The configuration: TOML text to a checked [`Settings`], and the diagnostics that every loader reports with.
//!
//! May import [`crate::model`] only. Opens no file, asks no clock and resolves no name: text comes in as an argument.
//! Every mistake of a file is reported in one run. A value that was refused is reported where it stands and reading
//! goes on with a placeholder, which never leaves this room: [`read`] gives settings only when there was no error.
//! It never guesses: an unknown key is an error, not a remark.

mod admin;
mod assertion;
mod audit;
mod bounds;
mod cookies;
mod country;
mod defaults;
mod diagnostic;
mod dnssec;
mod document;
mod domain;
mod drill;
mod duration;
mod encrypted;
mod entrance;
mod etcd;
mod geo;
mod health;
mod hook;
mod key;
mod limits;
mod monitor;
mod network;
mod node;
mod notify;
mod objectives;
mod oidc;
mod password;
mod policy;
mod position;
mod rate_limit;
mod reader;
mod render;
mod requires;
mod roster;
mod safety;
mod secrets;
mod sections;
mod service;
mod site;
mod store_url;
mod syntax;
mod typed;
mod value;
mod words;
mod xdp;
mod zone;
mod zone_policy;

#[cfg(test)]
mod tests;

use std::path::Path;

use toml::de::DeTable;

pub use diagnostic::{Diagnostic, Report, Severity};
pub use render::Color;

use crate::model::Settings;
use reader::Reader;
use value::Table;

/// Reads a configuration file (DESIGN section 11) from its text.
///
/// `path` names the file in diagnostics; relative paths in the text are joined with its directory. The report holds
/// all errors and warnings in the order of the text; settings are given only when it holds no error. Of a file with
/// syntax errors, what could still be read is checked as well, except for what seems to be missing from it.
#[must_use]
pub fn read(path: &Path, text: &str) -> (Option<Settings>, Report) {
    let (document, faults) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(path, text);
    syntax::report(&mut reader, &faults);
    let settings = document::read(&mut reader, &Table::root(&document));
    let settings = Settings { path: path.to_owned(), text: text.into(), ..settings };
    let report = reader.finish();
    ((!report.has_errors()).then_some(settings), report)
}
