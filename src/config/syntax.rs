//! Syntax errors of TOML in the words of this configuration.

use toml::de::Error;

use super::reader::Reader;
use super::words::{cut, quoted};

/// Reports every syntax error, at most one a line: what follows on the same line is mostly its consequence.
pub(super) fn report(reader: &mut Reader<'_>, faults: &[Error]) {
    let mut faults: Vec<&Error> = faults.iter().collect();
    faults.sort_by_key(|fault| fault.span().map_or(0, |span| span.start));
    for fault in faults {
        let span = fault.span().unwrap_or(0..0);
        let (fault, expected) = match fault.message().split_once(", expected ") {
            Some((fault, expected)) => (fault, expected),
            None => (fault.message(), "TOML"),
        };
        if is_in_open_array(fault, reader.line_text(&span), reader.column(&span)) {
            let what = "a new key or section inside an array that is not closed".to_owned();
            reader.syntax(&span, what, "`]`".to_owned(), "close the array above with ]".to_owned());
            // For the parser everything below is in the array.
            reader.give_up(&span);
            return;
        }
        let word = reader.bare_word(&span);
        if is_guess(fault) && !is_number(reader.text(&word)) {
            let text = reader.text(&word);
            let (what, expected, remedy) = match text {
                "" => ("no value".to_owned(), "value", remedy("missing value").to_owned()),
                _ => (
                    format!("{} without quotes", cut(text)),
                    "a text in quotes",
                    format!("put it in quotes: {}", quoted(text)),
                ),
            };
            reader.syntax(&word, what, expected.to_owned(), remedy);
            continue;
        }
        let there = reader.text(&span).lines().next().unwrap_or_default().trim();
        let remedy = match fault {
            "duplicate key" => {
                format!("delete one {}; sections that repeat take two brackets, as in [[site]]", quoted(there))
            }
            "unexpected key or value" if starts_section(reader.line_text(&span)) => {
                "write [section] or [[section]], with as many brackets on both sides".to_owned()
            }
            _ => remedy(fault).to_owned(),
        };
        let expected = if fault == "duplicate key" { "each key and each [section] once" } else { expected };
        let what = if there.is_empty() { fault.to_owned() } else { format!("{fault} {}", quoted(there)) };
        reader.syntax(&span, what, expected.to_owned(), remedy);
    }
}

/// Whether the parser, at `column` of `line`, takes a new key or section for an element of the array above.
fn is_in_open_array(fault: &str, line: &str, column: usize) -> bool {
    let at_start = line.chars().take(column.saturating_sub(1)).all(char::is_whitespace);
    match fault {
        "missing comma between array elements" => at_start && starts_anew(line),
        "unexpected `=` in array" => starts_anew(line),
        _ => false,
    }
}

/// Whether the parser took a bare text for the kind of value that its first letters suggest.
fn is_guess(fault: &str) -> bool {
    const OTHERS: [&str; 5] = ["string", "key", "comment", "inline table", "value"];
    fault == "string values must be quoted"
        || (fault.starts_with("invalid ") && !OTHERS.iter().any(|other| fault.contains(other)))
}

/// Whether `text` was rather meant as a number, in which case quotes would not help.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit() || matches!(octet, b'_' | b'+' | b'-'))
}

/// Whether a line starts a section.
pub(super) fn starts_section(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// Whether a line starts a section or an assignment.
fn starts_anew(line: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let line = line.trim_start();
    let key = line.trim_start_matches(word);
    starts_section(line) || (key.len() < line.len() && key.trim_start().starts_with('='))
}

/// What to do about a syntax error that the parser describes as `fault`.
fn remedy(fault: &str) -> &'static str {
    match fault {
        "key with no value" | "missing assignment between key-value pairs" => "write key = value",
        "missing value" | "missing value for key" => "write a value after the =, or delete the key",
        "unclosed array" => "close the array with ]",
        "unclosed table" => "close the header with ]",
        "unclosed array table" => "close the header with ]]",
        "unclosed inline table" => "close the table with }",
        "missing opening quote" => "put the text in quotes, one at each end",
        "missing comma between array elements" | "missing comma between key-value pairs" => "put a comma between them",
        "extra comma in array" | "extra comma in inline table" => "delete the extra comma",
        fault if fault.starts_with("invalid basic string") || fault.starts_with("invalid literal string") => {
            "close the text with the quote it starts with"
        }
        "unexpected content" | "unexpected key or value" => "start a new line, or put # before a comment",
        _ => "correct this line; every line is key = value, [section] or # comment",
    }
}
