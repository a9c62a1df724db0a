//! Reports as a terminal shows them: the line quoted, what was found underlined, expected and remedy below.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::diagnostic::OneLine;
use super::{Diagnostic, Report, Severity};

/// Whether rendered text carries ANSI colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// For a terminal.
    Always,
    /// For files and pipes.
    Never,
}

impl Report {
    /// All diagnostics for people: position, quoted line, expected, remedy; an empty line between two.
    #[must_use]
    pub fn render(&self, color: Color) -> String {
        let renderer = match color {
            Color::Always => Renderer::styled(),
            Color::Never => Renderer::plain(),
        };
        let quotes = self.quotes();
        let quote = |diagnostic: &Diagnostic| quotes.get(&(diagnostic.file.as_path(), diagnostic.line)).copied();
        let rendered: Vec<String> =
            self.iter().map(|diagnostic| render_one(&renderer, diagnostic, quote(diagnostic))).collect();
        rendered.join("\n\n")
    }
}

/// The diagnostic with `quote`, the line that it is about.
fn render_one(renderer: &Renderer, diagnostic: &Diagnostic, quote: Option<&str>) -> String {
    let path = diagnostic.file.to_string_lossy();
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(OneLine(&diagnostic.what).to_string()));
    group = match quote {
        // Only the line itself is handed over: the renderer's work then does not grow with the file.
        Some(line) => group.element(
            Snippet::source(line)
                .line_start(diagnostic.line)
                .path(path)
                .annotation(AnnotationKind::Primary.span(octets(line, diagnostic.column, diagnostic.length))),
        ),
        None if diagnostic.line > 0 => {
            group.element(Origin::path(path).line(diagnostic.line).char_column(diagnostic.column))
        }
        None => group.element(Origin::path(path)),
    };
    for (name, text) in [("expected", &diagnostic.expected), ("remedy", &diagnostic.remedy)] {
        if !text.is_empty() {
            group = group.element(Level::NOTE.with_name(name).message(OneLine(text).to_string()));
        }
    }
    renderer.render(&[group])
}

/// The octets of `line` that `length` characters from `column` (from 1) on take; cut to the line.
fn octets(line: &str, column: usize, length: usize) -> Range<usize> {
    let at = |ix: usize| line.char_indices().nth(ix).map_or(line.len(), |(octet, _)| octet);
    let first = column.saturating_sub(1);
    at(first)..at(first.saturating_add(length))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn diagnostic(line: usize, column: usize) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: PathBuf::from("waypost.toml"),
            line,
            column,
            length: 4,
            what: "unknown key \"nmae\" in [node]".to_owned(),
            expected: "one of name, site, listen".to_owned(),
            remedy: "did you mean \"name\"?".to_owned(),
        }
    }

    #[test]
    fn the_line_is_quoted_and_the_place_underlined() {
        let mut report = Report::new();
        report.add_source(PathBuf::from("waypost.toml"), "[node]\n  nmae = \"a\"\n".to_owned());
        report.push(diagnostic(2, 3));
        assert_eq!(
            report.render(Color::Never),
            "error: unknown key \"nmae\" in [node]\n\
             \x20--> waypost.toml:2:3\n\
             \x20 |\n\
             2 |   nmae = \"a\"\n\
             \x20 |   ^^^^\n\
             \x20 |\n\
             \x20 = expected: one of name, site, listen\n\
             \x20 = remedy: did you mean \"name\"?"
        );
        assert!(report.render(Color::Always).contains('\u{1b}'));
        assert_eq!(
            report.to_string(),
            "waypost.toml:2:3: error: found unknown key \"nmae\" in [node]; \
             expected one of name, site, listen; remedy: did you mean \"name\"?"
        );
    }

    #[test]
    fn a_file_without_text_and_a_whole_file_are_still_named() {
        let mut report = Report::new();
        report.push(diagnostic(7, 2));
        report.push(diagnostic(0, 0));
        let text = report.render(Color::Never);
        assert!(text.contains("waypost.toml:7:2") && text.contains("remedy"), "{text}");
        let lines = report.to_string();
        assert!(lines.ends_with("did you mean \"name\"?") && lines.contains("\nwaypost.toml: error: found"), "{lines}");
    }

    #[test]
    fn a_line_that_would_fill_the_screen_is_named_and_not_quoted() {
        let mut report = Report::new();
        report.add_source(PathBuf::from("waypost.toml"), format!("[node]\n{}\n", "nmae,".repeat(500)));
        report.push(diagnostic(2, 2001));
        let text = report.render(Color::Never);
        assert!(text.contains("waypost.toml:2:2001") && text.contains("remedy") && text.len() < 500, "{text}");
    }

    #[test]
    fn a_report_survives_the_wire() {
        let mut report = Report::new();
        report.push(diagnostic(7, 2));
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.contains("\"severity\":\"error\"") && json.contains("\"line\":7"), "{json}");
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }

    #[test]
    fn text_from_a_file_cannot_write_to_the_terminal() {
        let mut report = Report::new();
        let mut wrong = diagnostic(0, 0);
        wrong.what = "a\u{1b}[2J\nb".to_owned();
        report.push(wrong);
        assert!(!report.to_string().contains(char::is_control));
        assert!(!report.render(Color::Never).contains('\u{1b}'));
    }
}
