//! Tables and values of the parsed document, with the words that messages call them by.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::words::{cut, quoted};

/// A table of the document and the words that messages call it by.
#[derive(Clone)]
pub(super) struct Table<'d> {
    pub(super) entries: &'d DeTable<'d>,
    /// Where it starts: its header, or the whole of an inline table.
    pub(super) span: Range<usize>,
    /// As in `[node]` or `[[site]] "fra"`.
    pub(super) title: String,
}

/// A value of the document and the key it was found under.
#[derive(Clone)]
pub(super) struct Value<'d> {
    pub(super) item: &'d DeValue<'d>,
    pub(super) span: Range<usize>,
    /// The key, as in `ttl`.
    pub(super) key: Cow<'d, str>,
    pub(super) key_span: Range<usize>,
    /// The title of the table that holds the key.
    pub(super) owner: String,
}

impl<'d> Table<'d> {
    /// The whole document.
    pub(super) fn root(document: &'d Spanned<DeTable<'d>>) -> Self {
        Self { entries: document.get_ref(), span: 0..0, title: "the file".to_owned() }
    }

    /// The value of `key`, where present.
    pub(super) fn get(&self, key: &str) -> Option<Value<'d>> {
        self.entries.get_key_value(key).map(|(key, value)| self.value(key, value))
    }

    /// All values, in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'d>> {
        self.entries.iter().map(|(key, value)| self.value(key, value))
    }

    fn value(&self, key: &'d Spanned<Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Value<'d> {
        Value {
            item: value.get_ref(),
            span: value.span(),
            key: Cow::Borrowed(key.get_ref()),
            key_span: key.span(),
            owner: self.title.clone(),
        }
    }

    /// The same table under the name that it gives itself: `[[site]]` becomes `[[site]] "fra"`.
    pub(super) fn titled_by_name(mut self) -> Self {
        if let Some(name) = self.get("name").as_ref().and_then(Value::as_text) {
            self.title = format!("{} {}", self.title, quoted(name));
        }
        self
    }
}

impl<'d> Value<'d> {
    /// The text, if it is one; says nothing otherwise.
    pub(super) fn as_text(&self) -> Option<&'d str> {
        self.item.as_str()
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        self.item.is_table()
    }

    /// Whether the value is an array.
    pub(super) fn is_array(&self) -> bool {
        self.item.is_array()
    }

    /// The integer, if it is one; says nothing otherwise.
    pub(super) fn as_integer(&self) -> Option<i64> {
        let integer = self.item.as_integer()?;
        i64::from_str_radix(integer.as_str(), integer.radix()).ok()
    }

    /// What stands there, in words.
    pub(super) fn found(&self) -> String {
        match self.item {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(integer) => format!("the integer {}", cut(&integer.to_string())),
            DeValue::Float(float) => format!("the number {}", cut(&float.to_string())),
            DeValue::Boolean(boolean) => boolean.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "an array".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// What stands there and as what: `the integer 30 as ttl of [[service]] "mx"`.
    pub(super) fn as_found(&self) -> String {
        format!("{} as {self}", self.found())
    }
}

impl fmt::Display for Value<'_> {
    /// `ttl of [[service]] "mx"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", cut(&self.key), self.owner)
    }
}
