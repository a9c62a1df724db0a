//! Time series as the Prometheus text format names them: a metric and its labels.

use std::fmt;
use std::str::FromStr;

/// A metric name and its labels: of a sample, or as a selector of samples.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The metric's name, as in `node_load1`.
    pub name: String,
    /// Names and values of its labels, in the order of names.
    pub labels: Vec<(String, String)>,
}

/// Why a text names no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// No metric name at the beginning.
    #[error("it does not begin with the name of a metric")]
    Name,
    /// No label name where one must be.
    #[error("a label has no name of letters, digits and _")]
    Label,
    /// Something else than `=` behind a label name.
    #[error("only labels with = can be matched")]
    Matcher,
    /// No quoted value, or one that does not end.
    #[error("the value of a label is not between double quotes")]
    Value,
    /// A backslash before something else than a backslash, a quote or n.
    #[error("a backslash must stand before \\, \" or n")]
    Escape,
    /// Neither a comma nor the closing brace behind a label.
    #[error("labels must be separated by commas and end with }}")]
    Separator,
    /// The same label twice.
    #[error("a label stands there twice")]
    Twice,
    /// Something behind the series.
    #[error("something stands behind the series")]
    Rest,
}

impl Series {
    /// Reads the series that `text` begins with, as the exposition format 0.0.4 writes it; gives what follows.
    ///
    /// # Errors
    /// If `text` does not begin with one.
    pub fn read(text: &str) -> Result<(Self, &str), SeriesError> {
        let (name, mut rest) = word(text, is_metric_letter).ok_or(SeriesError::Name)?;
        let mut series = Self { name: name.to_owned(), labels: Vec::new() };
        let Some(inside) = blanks(rest).strip_prefix('{') else { return Ok((series, rest)) };
        rest = blanks(inside);
        loop {
            if let Some(behind) = rest.strip_prefix('}') {
                series.labels.sort_unstable();
                let twice = series.labels.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0));
                return if twice { Err(SeriesError::Twice) } else { Ok((series, behind)) };
            }
            let (label, behind) =
                word(rest, |letter| is_metric_letter(letter) && letter != ':').ok_or(SeriesError::Label)?;
            let behind = blanks(behind).strip_prefix('=').ok_or(SeriesError::Matcher)?;
            let (value, behind) = quoted(blanks(behind))?;
            series.labels.push((label.to_owned(), value));
            rest = blanks(behind);
            // A comma may stand behind the last label too.
            match rest.strip_prefix(',') {
                Some(behind) => rest = blanks(behind),
                None if rest.starts_with('}') => {}
                None => return Err(SeriesError::Separator),
            }
        }
    }

    /// Whether this, as a selector, matches `sample`: the same name, and every label of the selector with its value. A label
    /// that a sample does not have is one with an empty value.
    #[must_use]
    pub fn matches(&self, sample: &Self) -> bool {
        self.name == sample.name && self.labels.iter().all(|(label, value)| sample.label(label) == value)
    }

    fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

impl FromStr for Series {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, SeriesError> {
        let (series, rest) = Self::read(blanks(text))?;
        if blanks(rest).is_empty() { Ok(series) } else { Err(SeriesError::Rest) }
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (position, (label, value)) in self.labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(f, "{}{label}=\"{value}\"", if position == 0 { '{' } else { ',' })?;
        }
        if self.labels.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

const fn is_metric_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == ':'
}

/// The word of `letters` that `text` begins with, and what follows; no word begins with a digit.
fn word(text: &str, letters: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|letter| !letters(letter)).unwrap_or(text.len());
    let begins_well = text.chars().next().is_some_and(|letter| !letter.is_ascii_digit());
    if end > 0 && begins_well { text.split_at_checked(end) } else { None }
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The value between double quotes that `text` begins with, its escapes resolved, and what follows.
fn quoted(text: &str) -> Result<(String, &str), SeriesError> {
    let inside = text.strip_prefix('"').ok_or(SeriesError::Value)?;
    let mut value = String::new();
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, inside.get(at + 1..).unwrap_or_default())),
            '\\' => match letters.next() {
                Some((_, '\\')) => value.push('\\'),
                Some((_, '"')) => value.push('"'),
                Some((_, 'n')) => value.push('\n'),
                _ => return Err(SeriesError::Escape),
            },
            letter => value.push(letter),
        }
    }
    Err(SeriesError::Value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(text: &str) -> Series {
        text.parse().unwrap()
    }

    #[test]
    fn series_are_read_as_exporters_write_them() {
        assert_eq!(series("up"), Series { name: "up".into(), labels: vec![] });
        assert_eq!(series("job:mail:rate5m{}").labels, []);
        assert_eq!(
            series(" q { b = \"2\" ,\ta=\"a \\\"b\\\" \\\\ \\n\", } ").labels,
            [("a".to_owned(), "a \"b\" \\ \n".to_owned()), ("b".to_owned(), "2".to_owned())]
        );
        assert_eq!(Series::read("up 1").unwrap().1, " 1");
        assert_eq!(Series::read("up{a=\"}\"}1").unwrap().1, "1");
    }

    #[test]
    fn what_is_no_series_says_why() {
        for (text, error) in [
            ("", SeriesError::Name),
            ("1up", SeriesError::Name),
            ("{a=\"b\"}", SeriesError::Name),
            ("up{1=\"b\"}", SeriesError::Label),
            ("up{a:b=\"b\"}", SeriesError::Matcher),
            ("up{a=~\"b.*\"}", SeriesError::Value),
            ("up{a!=\"b\"}", SeriesError::Matcher),
            ("up{a=b}", SeriesError::Value),
            ("up{a=\"b}", SeriesError::Value),
            ("up{a=\"\\t\"}", SeriesError::Escape),
            ("up{a=\"b\" c=\"d\"}", SeriesError::Separator),
            ("up{,}", SeriesError::Label),
            ("up{a=\"b\",a=\"c\"}", SeriesError::Twice),
            ("up > 5", SeriesError::Rest),
        ] {
            assert_eq!(text.parse::<Series>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_selector_matches_by_name_and_its_own_labels() {
        let sample = series("q{queue=\"deferred\",host=\"mx1\"}");
        for (selector, matches) in [
            ("q", true),
            ("q{queue=\"deferred\"}", true),
            ("q{queue=\"deferred\",zone=\"\"}", true),
            ("q{queue=\"active\"}", false),
            ("q{zone=\"x\"}", false),
            ("qq", false),
        ] {
            assert_eq!(series(selector).matches(&sample), matches, "{selector}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
            labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", any::<String>(), 0..4),
            rest in "( .*)?",
        ) {
            let written = Series { name, labels: labels.into_iter().collect() };
            let text = written.to_string();
            prop_assert_eq!(text.parse::<Series>().unwrap(), written.clone());
            // What follows a bare name may be taken for its labels.
            prop_assume!(!written.labels.is_empty() || !blanks(&rest).starts_with('{'));
            let text = format!("{text}{rest}");
            prop_assert_eq!(Series::read(&text), Ok((written, rest.as_str())));
        }

        #[test]
        fn any_text_is_a_series_or_none(text in "\\PC*|[a-c{}=\", \\\\~]{0,30}") {
            if let Ok((series, _)) = Series::read(&text) {
                prop_assert_eq!(series.to_string().parse::<Series>(), Ok(series));
            }
        }
    }
}
