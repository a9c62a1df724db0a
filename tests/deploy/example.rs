//! The example of one node. Broken, the first thing an operator copies does not work.

use std::path::Path;

use waypost::config::read;

const FILE: &str = "deploy/waypost.toml";
const EXAMPLE: &str = include_str!("../../deploy/waypost.toml");

#[test]
fn the_example_is_accepted_without_a_warning() {
    let (settings, report) = read(Path::new(FILE), EXAMPLE);
    assert!(report.is_empty(), "{report}");
    assert_eq!(settings.unwrap().sites.len(), 3);
}

#[test]
fn every_key_that_the_example_shows_in_a_comment_exists() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut keys = 0;
    for (at, line) in lines.iter().enumerate() {
        // The lines of an array that spans lines belong to its key.
        let is_key =
            line.strip_prefix("# ").and_then(|rest| rest.split_once(" = ")).is_some_and(|(key, _)| is_bare(key));
        if !is_key {
            continue;
        }
        let length =
            if line.contains("= [ ") { lines[at..].iter().position(|line| *line == "# ]").unwrap() + 1 } else { 1 };
        let section = section_of(&lines, at);
        let with_key = |(other, line): (usize, &&str)| {
            let wanted = (at..at + length).contains(&other) || section.contains(&other);
            if wanted { line.trim_start_matches("# ").to_owned() } else { (*line).to_owned() }
        };
        let text: Vec<String> = lines.iter().enumerate().map(with_key).collect();
        let (_, report) = read(Path::new(FILE), &text.join("\n"));
        let said = report.to_string();
        // A [[key]] of TSIG is another matter.
        let is_unknown = |line: &str| line.contains("unknown key") && !line.contains("a declared key");
        assert!(!said.lines().any(is_unknown), "line {}: {said}", at + 1);
        keys += 1;
    }
    assert!(keys > 30, "the example shows only {keys} keys");
}

/// The lines of the section in a comment that line `at` belongs to, if it does.
fn section_of(lines: &[&str], at: usize) -> std::ops::Range<usize> {
    let header = lines[..=at].iter().rposition(|line| line.starts_with('[') || line.starts_with("# ["));
    let start = header.filter(|start| lines[*start].starts_with("# ["));
    let end =
        |start: usize| start + lines[start..].iter().position(|line| line.is_empty()).unwrap_or(lines.len() - start);
    start.map_or(0..0, |start| start..end(start))
}

fn is_bare(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
