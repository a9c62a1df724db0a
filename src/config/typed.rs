//! Typed values: a text, a number, a list where one is expected, or a diagnostic that says what to write.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::reader::Reader;
use super::value::{Table, Value};
use super::words::{cut, quoted, similar};
use crate::model::ProbeFileKind;

impl Reader<'_> {
    /// Reports every key of `table` that is not one of `known`.
    pub(super) fn allow(&mut self, table: &Table<'_>, known: &[&str]) {
        for value in table.values().filter(|value| !known.contains(&value.key.as_ref())) {
            let remedy = match similar(&value.key, known.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "delete it".to_owned(),
            };
            let what = format!("unknown key {} in {}", quoted(&value.key), table.title);
            self.error(&value.key_span, what, format!("one of {}", known.join(", ")), remedy);
        }
    }

    /// The value of `key`, whose absence is a mistake.
    pub(super) fn required<'d>(
        &mut self,
        table: &Table<'d>,
        key: &str,
        expected: &str,
        example: &str,
    ) -> Option<Value<'d>> {
        let value = table.get(key);
        if value.is_none() {
            self.missing(table, key, format!("{key}, {expected}"), format!("add {key} = {example}"));
        }
        value
    }

    /// Reports that `value` is not what its key takes.
    pub(super) fn refuse(&mut self, value: &Value<'_>, expected: impl Into<String>, remedy: impl Into<String>) {
        self.error(&value.span, value.as_found(), expected, remedy);
    }

    pub(super) fn string<'d>(&mut self, value: &Value<'d>) -> Option<&'d str> {
        let text = value.as_text();
        if text.is_none() {
            let bare = cut(self.text(&value.span).lines().next().unwrap_or_default());
            let remedy = match value.item {
                DeValue::Array(_) => "write one text in quotes, without brackets".to_owned(),
                DeValue::Table(_) => "write a text in quotes".to_owned(),
                _ => format!("put it in quotes: \"{bare}\""),
            };
            self.refuse(value, "a text in quotes", remedy);
        }
        text
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>) -> Option<bool> {
        let boolean = value.item.as_bool();
        if boolean.is_none() {
            self.refuse(value, "true or false", "write true or false, without quotes");
        }
        boolean
    }

    /// A whole number in `range`.
    pub(super) fn integer<T: TryFrom<i64>>(&mut self, value: &Value<'_>, range: RangeInclusive<i64>) -> Option<T> {
        let number = value.as_integer().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let expected = match *most {
                i64::MAX => format!("a whole number from {least} on"),
                _ => format!("a whole number from {least} to {most}"),
            };
            let inner = value.as_text().and_then(|text| text.trim().parse::<i64>().ok());
            let remedy = match inner.filter(|number| range.contains(number)) {
                Some(number) => format!("write {number} without quotes"),
                None => format!("write {expected}"),
            };
            self.refuse(value, expected, remedy);
        }
        number.and_then(|number| T::try_from(number).ok())
    }

    /// A number in `range`, with or without a fraction.
    pub(super) fn number(&mut self, value: &Value<'_>, range: RangeInclusive<f64>) -> Option<f64> {
        // Whole numbers of this room's ranges are far below what a float holds exactly; others are out of range.
        #[allow(clippy::cast_precision_loss)]
        let number = match value.item {
            DeValue::Float(float) => float.as_str().parse().ok(),
            _ => value.as_integer().map(|integer| integer as f64),
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let expected = format!("a number from {} to {}", range.start(), range.end());
            self.refuse(value, expected.clone(), format!("write {expected}, without quotes"));
        }
        number
    }

    /// One of the words in `meanings`.
    pub(super) fn word<T: Clone>(&mut self, value: &Value<'_>, meanings: &[(&str, T)]) -> Option<T> {
        let text = self.string(value)?;
        let meaning = meanings.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone());
        if meaning.is_none() {
            let words: Vec<&str> = meanings.iter().map(|(word, _)| *word).collect();
            let remedy = match similar(text, words.iter().copied()) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("write {} = \"{}\"", value.key, words.first().unwrap_or(&"")),
            };
            let expected = match words.as_slice() {
                [only] => (*only).to_owned(),
                words => format!("one of {}", words.join(", ")),
            };
            self.refuse(value, expected, remedy);
        }
        meaning
    }

    /// The members of an array.
    pub(super) fn list<'d>(&mut self, value: &Value<'d>) -> Option<Vec<Value<'d>>> {
        let Some(array) = value.item.as_array() else {
            let remedy = match value.item {
                DeValue::Table(_) => "write an array in brackets".to_owned(),
                _ => format!("put it in brackets: [{}]", cut(self.text(&value.span))),
            };
            self.refuse(value, "an array", remedy);
            return None;
        };
        let member =
            |item: &'d Spanned<DeValue<'d>>| Value { item: item.get_ref(), span: item.span(), ..value.clone() };
        Some(array.iter().map(member).collect())
    }

    /// The members of an array that must have some.
    pub(super) fn some_list<'d>(&mut self, value: &Value<'d>, expected: &str, example: &str) -> Option<Vec<Value<'d>>> {
        let list = self.list(value)?;
        if list.is_empty() {
            self.error(
                &value.span,
                format!("an empty array as {value}"),
                expected,
                format!("write {} = [{example}]", value.key),
            );
        }
        Some(list)
    }

    /// An inline table, or one under a dotted key; `example` shows its inside.
    pub(super) fn table<'d>(&mut self, value: &Value<'d>, example: &str) -> Option<Table<'d>> {
        let Some(entries) = value.item.as_table() else {
            self.refuse(value, format!("a table {{ {example} }}"), format!("write {} = {{ {example} }}", value.key));
            return None;
        };
        Some(Table { entries, span: value.span.clone(), title: value.to_string() })
    }

    /// A file system path; a relative one is joined with the directory of the configuration file.
    pub(super) fn path(&mut self, value: &Value<'_>) -> Option<PathBuf> {
        let text = self.string(value)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(value, "a path", format!("write the path of a file, or delete {}", value.key));
            return None;
        }
        Some(self.beside(text))
    }

    /// The path of a file that a monitor reads when it probes.
    pub(super) fn probe_file(&mut self, value: &Value<'_>, holds: ProbeFileKind) -> Option<PathBuf> {
        let path = self.path(value)?;
        self.note_probe_file(value, &path, holds);
        Some(path)
    }
}
