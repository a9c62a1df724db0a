//! The part of YAML that the files of `deploy/` are written in: blocks of mappings and lists, and lists in brackets on one
//! line. Anything else is refused, so that the files stay in it.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(BTreeMap<String, Yaml>),
}

impl Yaml {
    /// Reads a document.
    pub fn read(text: &str) -> Self {
        let lines: Vec<Line<'_>> = text.lines().enumerate().filter_map(|(ix, line)| Line::read(ix + 1, line)).collect();
        let mut rest = lines.as_slice();
        let read = block(&mut rest, 0);
        assert!(rest.is_empty(), "line {}: not indented as the lines above it", rest[0].number);
        read
    }

    /// The value at a path of keys.
    pub fn at(&self, keys: &[&str]) -> &Self {
        keys.iter().fold(self, |value, key| value.map().get(*key).unwrap_or_else(|| panic!("no {key} in {value:?}")))
    }

    pub fn map(&self) -> &BTreeMap<String, Self> {
        let Self::Map(map) = self else { panic!("{self:?} is no mapping") };
        map
    }

    pub fn list(&self) -> &[Self] {
        let Self::List(list) = self else { panic!("{self:?} is no list") };
        list
    }

    pub fn text(&self) -> &str {
        let Self::Text(text) = self else { panic!("{self:?} is no text") };
        text
    }

    pub fn keys(&self) -> Vec<&str> {
        self.map().keys().map(String::as_str).collect()
    }

    pub fn texts(&self) -> Vec<&str> {
        self.list().iter().map(Self::text).collect()
    }
}

struct Line<'t> {
    number: usize,
    indent: usize,
    text: &'t str,
}

impl<'t> Line<'t> {
    /// A line that says something.
    fn read(number: usize, line: &'t str) -> Option<Self> {
        assert!(!line.contains('\t') && line.trim_end() == line, "line {number}: a tab, or blanks at the end");
        let text = line.trim_start();
        let indent = line.len() - text.len();
        (!text.is_empty() && !text.starts_with('#')).then_some(Self { number, indent, text })
    }
}

/// The lines at `indent` from the first of `rest` on, and those below them.
fn block(rest: &mut &[Line<'_>], indent: usize) -> Yaml {
    if rest[0].text.starts_with("- ") {
        let mut list = Vec::new();
        while let Some(line) = rest.first().filter(|line| line.indent == indent) {
            let item = line.text.strip_prefix("- ").unwrap_or_else(|| panic!("line {}: not an item", line.number));
            let pair = item.split_once(": ").filter(|(key, _)| !key.starts_with(['"', '\'']));
            list.push(match pair {
                Some((key, value)) => Yaml::Map([(key.to_owned(), scalar(line.number, value))].into()),
                None => scalar(line.number, item),
            });
            *rest = &rest[1..];
        }
        return Yaml::List(list);
    }
    let mut map = BTreeMap::new();
    while let Some(line) = rest.first().filter(|line| line.indent == indent) {
        let number = line.number;
        let (key, value) = match line.text.split_once(": ") {
            Some((key, value)) => (key, Some(value)),
            None => (line.text.strip_suffix(':').unwrap_or_else(|| panic!("line {number}: no key")), None),
        };
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "line {number}: {key}");
        *rest = &rest[1..];
        let value = match value {
            Some(value) => scalar(number, value),
            None => {
                let below = rest.first().filter(|line| line.indent > indent);
                let below = below.unwrap_or_else(|| panic!("line {number}: nothing below {key}")).indent;
                block(rest, below)
            }
        };
        assert!(map.insert(key.to_owned(), value).is_none(), "line {number}: {key} a second time");
    }
    Yaml::Map(map)
}

fn scalar(number: usize, text: &str) -> Yaml {
    if text == "{}" {
        return Yaml::Map(BTreeMap::new());
    }
    if let Some(inside) = text.strip_prefix('[') {
        let inside = inside.strip_suffix(']').unwrap_or_else(|| panic!("line {number}: {text}"));
        return Yaml::List(inside.split(", ").map(|item| scalar(number, item)).collect());
    }
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            let inside = inside.strip_suffix(quote).unwrap_or_else(|| panic!("line {number}: {text}"));
            assert!(!inside.contains(quote) && (quote == '\'' || !inside.contains('\\')), "line {number}: {text}");
            return Yaml::Text(inside.to_owned());
        }
    }
    // What a reader of YAML would take for something else than this text.
    let special = text.contains(" #")
        || text.contains(": ")
        || text.ends_with(':')
        || text.starts_with(['&', '*', '!', '|', '>', '%', '@', '`', '{', ']', '-', '?']);
    assert!(!special, "line {number}: {text}");
    Yaml::Text(text.to_owned())
}
