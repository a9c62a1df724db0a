//! `key list`: keys, what they do and what comes next.

use comfy_table::Cell;
use jiff::Timestamp;

use super::super::arguments::Global;
use super::super::exit::{Exit, Failure};
use super::super::output::{Format, Output};
use super::super::table::table;
use super::arguments::List;
use super::documents::{KeysetDocument, Keysets};
use super::place::{Place, unread};
use super::words::next_text;
use crate::admin::api::words::moment;
use crate::dnssec::{Keyset, KeysetName};
use crate::model::Name;
use crate::node::keyset_files::{list as names_in, path_of};

pub(super) fn list(global: &Global, output: &Output, arguments: &List) -> Result<Exit, Failure> {
    let place = Place::find(global, &arguments.directory)?;
    let now = Timestamp::now();
    let names = match &arguments.name {
        Some(name) => vec![named(&place, name)?],
        None => names_in(&place.directory).map_err(unread)?,
    };
    let mut keysets: Vec<(KeysetName, Keyset)> = Vec::with_capacity(names.len());
    let mut problems = Vec::new();
    for name in names {
        match place.read(&name) {
            Ok(keyset) => keysets.push((name, keyset)),
            // One bad file does not hide the others.
            Err(problem) if arguments.name.is_none() => problems.push(problem),
            Err(problem) => return Err(problem),
        }
    }
    match output.format() {
        Format::Json | Format::Jsonl | Format::Name => output.show(
            &Keysets {
                schema: Keysets::SCHEMA,
                time: moment(now),
                keysets: keysets
                    .iter()
                    .map(|(name, keyset)| KeysetDocument::of(name, &path_of(&place.directory, name), keyset, now))
                    .collect(),
            },
            |_| Vec::new(),
        )?,
        Format::Table | Format::Wide => {
            let rows = keysets.iter().flat_map(|(name, keyset)| rows(name, keyset, now));
            let header = ["KEYSET", "TAG", "ROLE", "STATE", "PUBLISHED", "NEXT"];
            output.line(&table(output.page(), &header, rows.collect()))?;
        }
    }
    let mut exit = Exit::Done;
    for (name, keyset) in &keysets {
        for fault in keyset.faults(now) {
            output.progress(&format!("warning: {name}: {fault}\nremedy: {}", fault.remedy()));
            exit = Exit::Negative;
        }
    }
    for problem in problems {
        output.progress(&problem.to_string());
        exit = Exit::Negative;
    }
    Ok(exit)
}

/// The keyset of that name, or that of the zone of that name.
fn named(place: &Place, text: &str) -> Result<KeysetName, Failure> {
    if let Ok(name) = text.parse::<KeysetName>()
        && path_of(&place.directory, &name).exists()
    {
        return Ok(name);
    }
    let zone: Name =
        text.parse().map_err(|error| Failure::Usage(format!("'{text}' is no name of a zone or keyset: {error}")))?;
    Ok(place.keyset_of(&zone))
}

fn rows(name: &KeysetName, keyset: &Keyset, now: Timestamp) -> Vec<Vec<Cell>> {
    let rows = keyset.keys().iter().map(|key| {
        vec![
            Cell::new(name),
            Cell::new(key.key().tag()),
            Cell::new(key.duty().role().as_str()),
            Cell::new(keyset.use_of(key, now).as_str()),
            Cell::new(moment(key.published())),
            Cell::new(next_text(keyset, key, now)),
        ]
    });
    rows.collect()
}
