//! `[[zone]]`: zone files and the zones made from them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use super::Severity;
use super::reader::Reader;
use super::value::Table;
use crate::model::{Name, ZoneContent, ZoneOrigins, ZonePolicy, ZoneSource};

/// All zones, in file order.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>]) -> Vec<ZoneSource> {
    if tables.is_empty() {
        let remedy = "add [[zone]] with origin = \"example.org\" and file = \"zones/example.org.zone\"";
        reader.whole_file(Severity::Warning, "no [[zone]]", "a zone; without any, every question is refused", remedy);
    }
    let mut origins: BTreeMap<Name, Range<usize>> = BTreeMap::new();
    let mut lists: BTreeMap<PathBuf, Range<usize>> = BTreeMap::new();
    let mut zones = Vec::with_capacity(tables.len());
    for table in tables {
        reader.allow(table, &["origin", "origins", "file"]);
        let file = reader.required(table, "file", "the RFC 1035 master file", "\"zones/example.org.zone\"");
        let file = file.and_then(|value| reader.path(&value)).unwrap_or_default();
        let found = match (table.get("origin"), table.get("origins")) {
            (Some(value), None) => reader.domain(&value).map(|name| {
                if name.is_wildcard() {
                    reader.refuse(&value, "the name of a zone", "write it without the asterisk");
                }
                report_second(reader, &mut origins, name.clone(), &value.span, &name.to_string());
                ZoneOrigins::One(name)
            }),
            (None, Some(value)) => reader.path(&value).map(|list| {
                report_second(reader, &mut lists, list.clone(), &value.span, &list.display().to_string());
                ZoneOrigins::Listed(list)
            }),
            (Some(_), Some(value)) => {
                let expected = "origin for one zone, or origins for a list of them";
                reader.error(&value.key_span, "both origin and origins in [[zone]]", expected, "delete one of the two");
                None
            }
            (None, None) => {
                let remedy = "add origin = \"example.org\"";
                reader.missing(table, "origin", "origin, or origins with the path of a list", remedy);
                None
            }
        };
        if let Some(origins) = found {
            zones.push(ZoneSource { origins, content: ZoneContent::File(file), policy: ZonePolicy::default() });
        }
    }
    zones
}

/// Reports `key`, at `span`, if an earlier section has it too.
fn report_second<K: Ord>(
    reader: &mut Reader<'_>,
    seen: &mut BTreeMap<K, Range<usize>>,
    key: K,
    span: &Range<usize>,
    shown: &str,
) {
    if let Some(earlier) = seen.get(&key) {
        let line = reader.line(earlier);
        let what = format!("a second [[zone]] for {shown}; the first is in line {line}");
        reader.error(span, what, "each zone once", "delete one");
    } else {
        seen.insert(key, span.clone());
    }
}
