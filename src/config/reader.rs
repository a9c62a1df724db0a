//! The reader: typed access to the parsed document that records every problem where it stands.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::position::{Lines, Position};
use super::{Diagnostic, Report, Severity};

/// The longest text from the file that a message repeats, in characters.
const QUOTED: usize = 60;
/// Longer texts than this are not compared with known words, in octets.
const COMPARED: usize = 64;

/// Collects what is wrong with one file.
pub(super) struct Reader<'t> {
    file: PathBuf,
    lines: Lines<'t>,
    report: Report,
    /// Lines with syntax errors. What the parser made of them is not judged.
    damaged: BTreeSet<usize>,
}

/// A table of the document and the words that messages call it by.
#[derive(Clone)]
pub(super) struct Table<'d> {
    entries: &'d DeTable<'d>,
    /// Where it starts: its header, or the whole of an inline table.
    pub(super) span: Range<usize>,
    /// As in `[node]` or `[[site]] "fra"`.
    pub(super) title: String,
}

/// A value of the document and the key it was found under.
#[derive(Clone)]
pub(super) struct Value<'d> {
    item: &'d DeValue<'d>,
    pub(super) span: Range<usize>,
    /// The key, as in `ttl`.
    pub(super) key: Cow<'d, str>,
    pub(super) key_span: Range<usize>,
    /// The title of the table that holds the key.
    owner: String,
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
    fn titled_by_name(mut self) -> Self {
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

// ------------------------------------------------------------------------------------------------ recording

impl<'t> Reader<'t> {
    pub(super) fn new(file: &Path, text: &'t str) -> Self {
        let mut report = Report::new();
        report.add_source(file.to_owned(), text.to_owned());
        Self { file: file.to_owned(), lines: Lines::new(text), report, damaged: BTreeSet::new() }
    }

    /// The report, in the order of the text.
    pub(super) fn finish(mut self) -> Report {
        self.report.sort();
        self.report
    }

    /// The text of the file at `span`.
    pub(super) fn text(&self, span: &Range<usize>) -> &'t str {
        self.lines.text(span)
    }

    /// The number of the line that `span` starts in.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.lines.position(span).line
    }

    /// Records a mistake at `span`.
    pub(super) fn error(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let position = self.lines.position(span);
        if !self.damaged.contains(&position.line) {
            self.push(Severity::Error, position, what.into(), expected.into(), remedy.into());
        }
    }

    /// Records something at `span` that is probably not meant. A damaged file has worse problems.
    pub(super) fn warning(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            let position = self.lines.position(span);
            self.push(Severity::Warning, position, what.into(), expected.into(), remedy.into());
        }
    }

    /// Records that something is missing from `table`; in a damaged file it may only have been lost.
    pub(super) fn missing(
        &mut self,
        table: &Table<'_>,
        what: &str,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            let position = self.lines.position(&table.span);
            let what = format!("{} without {what}", table.title);
            self.push(Severity::Error, position, what, expected.into(), remedy.into());
        }
    }

    /// Records something about the file as a whole; in a damaged file it may only seem so.
    pub(super) fn whole_file(
        &mut self,
        severity: Severity,
        what: &str,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        if self.is_whole() {
            self.push(severity, Position::FILE, what.to_owned(), expected.into(), remedy.into());
        }
    }

    /// Records a syntax error at `span`, once a line, and that its line is not to be judged further.
    pub(super) fn syntax(&mut self, span: &Range<usize>, what: String, expected: String, remedy: String) {
        let position = self.lines.position(span);
        if self.damaged.insert(position.line) {
            self.push(Severity::Error, position, what, expected, remedy);
        }
    }

    /// Whether the file had no syntax error, so that what is not there is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.damaged.is_empty()
    }

    fn push(&mut self, severity: Severity, position: Position, what: String, expected: String, remedy: String) {
        let Position { line, column, length } = position;
        self.report.push(Diagnostic {
            severity,
            file: self.file.clone(),
            line,
            column,
            length,
            what,
            expected,
            remedy,
        });
    }
}

// ---------------------------------------------------------------------------------------------------- types

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
            self.refuse(value, format!("one of {}", words.join(", ")), remedy);
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

    /// The sections `[[key]]`, in file order.
    pub(super) fn sections<'d>(&mut self, root: &Table<'d>, key: &str) -> Vec<Table<'d>> {
        let Some(value) = root.get(key) else { return Vec::new() };
        let Some(array) = value.item.as_array() else {
            let what = if value.is_table() { format!("a single section [{key}]") } else { value.as_found() };
            let remedy = format!("write [[{key}]] with two brackets, and name = \"…\" below it");
            self.error(&value.span, what, format!("sections [[{key}]]"), remedy);
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for item in array {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let table = Table { entries, span: item.span(), title: format!("[[{key}]]") };
                    tables.push(table.titled_by_name());
                }
                None => self.error(
                    &item.span(),
                    format!("a value that is no table in {key}"),
                    format!("sections [[{key}]]"),
                    format!("write [[{key}]] above the keys of each"),
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

    /// A file system path; a relative one is joined with the directory of the configuration file.
    pub(super) fn path(&mut self, value: &Value<'_>) -> Option<PathBuf> {
        let text = self.string(value)?;
        if text.is_empty() || text.contains('\0') {
            self.refuse(value, "a path", format!("write the path of a file, or delete {}", value.key));
            return None;
        }
        Some(self.file.parent().unwrap_or(Path::new("")).join(text))
    }
}

// ---------------------------------------------------------------------------------------------------- words

/// The known word that `text` was probably meant to be.
pub(super) fn similar<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > COMPARED {
        return None;
    }
    let text = text.to_lowercase();
    // A third of the letters wrong, a swap counted once, is the most that still looks like a slip.
    let most = (text.chars().count() / 3).max(1);
    known
        .map(|word| (strsim::damerau_levenshtein(&text, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= most && *distance < word.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// `text` in quotes as messages show it: without control characters, cut when long.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// `text` without control characters, cut when long.
pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).flat_map(shown).collect();
    if text.chars().nth(QUOTED).is_some() {
        shown.push('…');
    }
    shown
}

/// Letters of any script as they are; what would move the cursor or hide itself as an escape.
fn shown(letter: char) -> impl Iterator<Item = char> {
    let plain = letter == '"' || letter == '\'' || letter == '\\';
    let escaped = (!plain).then(|| letter.escape_debug());
    escaped.into_iter().flatten().chain(plain.then_some(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["name", "networks", "capacity"];
        let meant = |text| similar(text, known.into_iter());
        assert_eq!(meant("nmae"), Some("name"));
        assert_eq!(meant("Networks"), Some("networks"));
        assert_eq!(meant("network"), Some("networks"));
        assert_eq!(meant("capasity"), Some("capacity"));
        assert_eq!(meant("weight"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"n".repeat(1000)), None);
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted("mx ö"), "\"mx ö\"");
        assert_eq!(quoted("a\u{1b}\n"), "\"a\\u{1b}\\n\"");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), QUOTED + 3);
    }
}
