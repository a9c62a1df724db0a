//! What comes next in the life of a keyset, in words.

use comfy_table::Cell;
use jiff::Timestamp;

use super::super::table::{Page, table};
use crate::admin::api::words::{moment, moment_and_distance};
use crate::dnssec::{KeptKey, Keyset};

/// What comes next for one key.
pub(super) fn next(keyset: &Keyset, key: &KeptKey, now: Timestamp) -> Option<(Option<Timestamp>, String)> {
    let tag = key.key().tag();
    if let Some(coming) = keyset.coming(now).into_iter().find(|coming| coming.tag == tag) {
        return Some((Some(coming.time), coming.turn.as_str().to_owned()));
    }
    let awaited = keyset.awaited(now)?;
    if awaited.key.tag() == tag {
        return Some((None, "waits for its DS at the parent".to_owned()));
    }
    let replaced = awaited.replaces.contains(&tag);
    replaced.then(|| (None, format!("retires after the parent has the DS of key {}", awaited.key.tag())))
}

/// `next` in one text.
pub(super) fn next_text(keyset: &Keyset, key: &KeptKey, now: Timestamp) -> String {
    match next(keyset, key, now) {
        Some((Some(time), what)) => format!("{what} {}", moment_and_distance(time, now)),
        Some((None, what)) => what,
        None => "-".to_owned(),
    }
}

/// Everything that happens by itself after `now`, and what the operator has to do, as a table in the order of time.
/// `told` is the command that tells of the DS.
pub(super) fn timeline(keyset: &Keyset, now: Timestamp, told: &str, page: Page) -> Option<String> {
    let mut rows: Vec<(Timestamp, String, String)> = keyset
        .coming(now)
        .into_iter()
        .map(|coming| {
            let when = moment_and_distance(coming.time, now);
            (coming.time, when, format!("key {} {}", coming.tag, coming.turn.as_str()))
        })
        .collect();
    if let Some(awaited) = keyset.awaited(now) {
        let tag = awaited.key.tag();
        let when = if awaited.from > now { format!("from {} on", moment(awaited.from)) } else { "now".to_owned() };
        let after = match awaited.replaces.as_slice() {
            [] => String::new(),
            replaced => {
                let tags: Vec<String> = replaced.iter().map(ToString::to_string).collect();
                format!("; key {} retires when caches know", tags.join(", "))
            }
        };
        let what = format!("you: have the parent take the DS of key {tag}, then run '{told}'{after}");
        rows.push((awaited.from.max(now), when, what));
    }
    if rows.is_empty() {
        return None;
    }
    rows.sort();
    let cells = rows.into_iter().map(|(_, when, what)| vec![Cell::new(when), Cell::new(what)]);
    Some(table(page, &["WHEN", "WHAT"], cells.collect()))
}
