//! Rosters: the names that a file declares, so that references to them can be resolved and explained.

use std::collections::BTreeMap;
use std::ops::Range;

use super::defaults::NAME_OCTETS;
use super::reader::Reader;
use super::value::{Table, Value};
use super::words::{quoted, similar};

/// The most declared names that a message lists.
const LISTED: usize = 8;

/// The names of all sites, services or monitors, with their positions in the file.
pub(super) struct Roster {
    /// As in `site`.
    noun: &'static str,
    /// `None` where a declaration has no readable name; its position counts all the same.
    names: Vec<Option<String>>,
}

impl Roster {
    /// The names of the sections `[[noun]]`; reports bad, missing and repeated ones.
    pub(super) fn of_sections(reader: &mut Reader<'_>, noun: &'static str, tables: &[Table<'_>]) -> Self {
        let mut first: BTreeMap<&str, Range<usize>> = BTreeMap::new();
        let mut names = Vec::with_capacity(tables.len());
        for table in tables {
            let expected = format!("unique and of {NAME_LETTERS}");
            let value = reader.required(table, "name", &expected, &format!("\"{noun}-1\""));
            let name = value.as_ref().and_then(|value| reader.string(value));
            if let (Some(value), Some(name)) = (&value, name) {
                check_name(reader, &value.span, noun, name);
                if let Some(earlier) = first.get(name) {
                    let line = reader.line(earlier);
                    let what = format!("a second {noun} called {}; the first is in line {line}", quoted(name));
                    reader.error(
                        &value.span,
                        what,
                        format!("each {noun} once"),
                        format!("rename or delete one {noun}"),
                    );
                } else {
                    first.insert(name, value.span.clone());
                }
            }
            names.push(name.map(str::to_owned));
        }
        Self { noun, names }
    }

    /// The names of the sections `[noun.NAME]`; reports bad ones. TOML itself refuses repeated ones.
    pub(super) fn of_named(reader: &mut Reader<'_>, noun: &'static str, tables: &[(Value<'_>, Table<'_>)]) -> Self {
        for (value, _) in tables {
            check_name(reader, &value.key_span, noun, &value.key);
        }
        Self { noun, names: tables.iter().map(|(value, _)| Some(value.key.to_string())).collect() }
    }

    /// How many are declared.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name at `position`; empty where it is not readable.
    pub(super) fn name(&self, position: usize) -> &str {
        self.names.get(position).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The position of `name`.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.as_deref() == Some(name))
    }

    /// The position of the name that `value` holds; reports an unknown one.
    pub(super) fn resolve(&self, reader: &mut Reader<'_>, value: &Value<'_>) -> Option<usize> {
        let name = reader.string(value)?;
        let position = self.position(name);
        if position.is_none() {
            self.unknown(reader, &value.span, name, &value.to_string());
        }
        position
    }

    /// Reports that `name` is not declared; in a damaged file the declaration may only have been lost.
    pub(super) fn unknown(&self, reader: &mut Reader<'_>, span: &Range<usize>, name: &str, place: &str) {
        if !reader.is_whole() {
            return;
        }
        let noun = self.noun;
        let remedy = match similar(name, self.known()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None if noun == "monitor" => {
                format!("declare it as [monitor.{}], or use another", super::words::cut(name))
            }
            None => format!("declare it in a [[{noun}]], or use another"),
        };
        reader.error(span, format!("unknown {noun} {} as {place}", quoted(name)), self.expected(), remedy);
    }

    /// `a declared site: fra, iad`.
    pub(super) fn expected(&self) -> String {
        let known: Vec<&str> = self.known().take(LISTED).collect();
        match (known.is_empty(), self.known().count() > LISTED) {
            (true, _) => format!("a declared {}; there is none", self.noun),
            (false, false) => format!("a declared {}: {}", self.noun, known.join(", ")),
            (false, true) => format!("a declared {}: {}, …", self.noun, known.join(", ")),
        }
    }

    fn known(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flatten().map(String::as_str)
    }
}

/// What names consist of; they appear in URLs, metrics and file names.
const NAME_LETTERS: &str = "1 to 63 lower-case letters, digits and hyphens";

fn check_name(reader: &mut Reader<'_>, span: &Range<usize>, noun: &str, name: &str) {
    let allowed = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    if (1..=NAME_OCTETS).contains(&name.len()) && name.bytes().all(allowed) {
        return;
    }
    let mut better: String =
        name.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    better.truncate(NAME_OCTETS);
    let remedy = match better.trim_matches('-') {
        "" => format!("give the {noun} a name"),
        better => format!("write \"{better}\""),
    };
    reader.error(span, format!("{} as name of a {noun}", quoted(name)), NAME_LETTERS, remedy);
}
