//! Sections: `[key]` once, `[[key]]` many times, `[key.NAME]` by name; and the brackets that people get wrong.

use super::reader::Reader;
use super::value::{Table, Value};
use super::words::{cut, quoted};

impl Reader<'_> {
    /// The section `[key]`, where present.
    pub(super) fn section<'d>(&mut self, root: &Table<'d>, key: &str) -> Option<Table<'d>> {
        let value = root.get(key)?;
        let Some(entries) = value.item.as_table() else {
            let what =
                format!("{} as {key}", if value.is_array() { "several sections".to_owned() } else { value.found() });
            self.error(&value.span, what, format!("one section [{key}]"), format!("write [{key}] once"));
            return None;
        };
        Some(Table { entries, span: value.span, title: format!("[{key}]") })
    }

    /// The sections `[[key]]`, or `[[outer.key]]` of a section, in file order.
    pub(super) fn sections<'d>(&mut self, outer: &Table<'d>, key: &str) -> Vec<Table<'d>> {
        let Some(value) = outer.get(key) else { return Vec::new() };
        let path = match outer.title.strip_prefix('[').and_then(|title| title.strip_suffix(']')) {
            Some(title) => format!("{title}.{key}"),
            None => key.to_owned(),
        };
        let Some(array) = value.item.as_array() else {
            let what = if value.is_table() { format!("a single section [{path}]") } else { value.as_found() };
            let remedy = format!("write [[{path}]] with two brackets, and name = \"…\" below it");
            self.error(&value.span, what, format!("sections [[{path}]]"), remedy);
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for item in array {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let table = Table { entries, span: item.span(), title: format!("[[{path}]]") };
                    tables.push(table.titled_by_name());
                }
                None => self.error(
                    &item.span(),
                    format!("a value that is no table in {path}"),
                    format!("sections [[{path}]]"),
                    format!("write [[{path}]] above the keys of each"),
                ),
            }
        }
        tables
    }

    /// The sections `[key.NAME]` with the values that name them, in name order.
    pub(super) fn named_sections<'d>(&mut self, root: &Table<'d>, key: &str) -> Vec<(Value<'d>, Table<'d>)> {
        let Some(value) = root.get(key) else { return Vec::new() };
        let Some(entries) = value.item.as_table() else {
            let remedy = format!("write [{key}.NAME] with one pair of brackets and the name in it");
            self.error(&value.span, value.as_found(), format!("sections [{key}.NAME]"), remedy);
            return Vec::new();
        };
        let outer = Table { entries, span: value.span, title: format!("[{key}]") };
        let mut tables = Vec::new();
        for value in outer.values() {
            match value.item.as_table() {
                Some(entries) => {
                    let title = format!("[{key}.{}]", cut(&value.key));
                    tables.push((value.clone(), Table { entries, span: value.span.clone(), title }));
                }
                None => {
                    let what = format!("{} directly in [{key}]", quoted(&value.key));
                    self.error(
                        &value.key_span,
                        what,
                        format!("sections [{key}.NAME]"),
                        format!("put it below [{key}.NAME]"),
                    );
                }
            }
        }
        tables
    }
}
