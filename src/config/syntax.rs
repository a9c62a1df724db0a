//! Syntax errors of TOML in the words of this configuration.

use toml::de::Error;

use super::reader::{Reader, quoted};

/// Reports every syntax error, at most one a line: what follows on the same line is mostly its consequence.
pub(super) fn report(reader: &mut Reader<'_>, faults: &[Error]) {
    for fault in faults {
        let span = fault.span().unwrap_or(0..0);
        let there = reader.text(&span).lines().next().unwrap_or_default();
        let (fault, expected) = match fault.message().split_once(", expected ") {
            Some((fault, expected)) => (fault, expected),
            None => (fault.message(), ""),
        };
        let what = if there.is_empty() { fault.to_owned() } else { format!("{fault} {}", quoted(there)) };
        let (expected, remedy) = match fault {
            "duplicate key" => (
                "each key and each [section] once".to_owned(),
                format!("delete one {}; sections that repeat take two brackets, as in [[site]]", quoted(there)),
            ),
            "string values must be quoted" => {
                ("a text in quotes".to_owned(), format!("put it in quotes: {}", quoted(there.trim())))
            }
            _ => {
                let expected = if expected.is_empty() { "TOML".to_owned() } else { expected.to_owned() };
                (expected, remedy(fault).to_owned())
            }
        };
        reader.syntax(&span, what, expected, remedy);
    }
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
        "unexpected content" => "start a new line, or put # before a comment",
        _ => "correct this line; every line is key = value, [section] or # comment",
    }
}
