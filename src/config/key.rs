//! `[[key]]`: secrets shared with other servers, and the names by which zones refer to them.

use std::ops::Range;

use super::reader::Reader;
use super::value::{Table, Value};
use super::words::{quoted, similar};
use crate::model::{KeySource, Name, TsigAlgorithm};

const ALGORITHMS: [(&str, TsigAlgorithm); 3] = [
    ("hmac-sha256", TsigAlgorithm::HmacSha256),
    ("hmac-sha384", TsigAlgorithm::HmacSha384),
    ("hmac-sha512", TsigAlgorithm::HmacSha512),
];

/// The word that stands where no key is wanted.
const NONE: &str = "none";

/// All keys, in file order. `algorithm` defaults to hmac-sha256.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>]) -> Vec<KeySource> {
    let mut keys: Vec<(KeySource, Range<usize>)> = Vec::with_capacity(tables.len());
    for table in tables {
        reader.allow(table, &["name", "algorithm", "secret"]);
        let value = reader.required(table, "name", "the same as at the other server", "\"xfer\"");
        let name = value.as_ref().and_then(|value| key_name(reader, value));
        let algorithm = table.get("algorithm").and_then(|value| reader.word(&value, &ALGORITHMS)).unwrap_or_default();
        let secret = reader.required(table, "secret", "the file that holds it in base64", "\"keys/xfer.secret\"");
        let secret = secret.and_then(|value| reader.path(&value)).unwrap_or_default();
        let (Some(value), Some(name)) = (value, name) else { continue };
        if let Some((_, earlier)) = keys.iter().find(|(key, _)| key.name == name) {
            let line = reader.line(earlier);
            let what = format!("a second key called {}; the first is in line {line}", quoted(&shown(&name)));
            reader.error(&value.span, what, "each key once", "rename or delete one key");
        }
        keys.push((KeySource { name, algorithm, secret }, value.span.clone()));
    }
    keys.into_iter().map(|(key, _)| key).collect()
}

fn key_name(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Name> {
    if value.as_text() == Some(NONE) {
        reader.refuse(value, "another name; \"none\" stands for no key", "rename the key here and at the other server");
        return None;
    }
    reader.domain(value)
}

/// The key that `value` names; reports one that is not declared.
pub(super) fn resolve(reader: &mut Reader<'_>, value: &Value<'_>, keys: &[KeySource]) -> Option<Name> {
    let text = reader.string(value)?;
    let found = text.parse::<Name>().ok().and_then(|name| keys.iter().find(|key| key.name == name));
    if found.is_none() && reader.is_whole() {
        let known: Vec<String> = keys.iter().map(|key| shown(&key.name)).collect();
        let remedy = match similar(text, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "declare it in a [[key]], or use another".to_owned(),
        };
        let expected = match known.as_slice() {
            [] => "a declared key; there is none".to_owned(),
            known => format!("a declared key: {}", known.join(", ")),
        };
        reader.error(&value.span, format!("unknown key {} as {value}", quoted(text)), expected, remedy);
    }
    found.map(|key| key.name.clone())
}

/// The key that `value` names, `Some(None)` for the word `none`.
pub(super) fn resolve_or_none(reader: &mut Reader<'_>, value: &Value<'_>, keys: &[KeySource]) -> Option<Option<Name>> {
    if value.as_text() == Some(NONE) {
        return Some(None);
    }
    resolve(reader, value, keys).map(Some)
}

/// A key's name as people write it.
fn shown(name: &Name) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}
