//! The layout of the source tree: which room may import which, what the core never touches, what lies at the top.
//!
//! Broken, the decisions could no longer be simulated and replayed, and a reader could no longer trust the map.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms without clock, I/O or randomness; each imports only those before it.
const CORE: [&str; 9] = ["model", "config", "tsig", "dnssec", "zone", "health", "plan", "steer", "answer"];
/// Rooms that do I/O; they import the core, never each other.
const SHELL: [&str; 8] = ["probe", "serve", "transfer", "store", "admin", "drill", "notify", "cli"];
/// What a shell room may import of its peers all the same.
const EXCEPTIONS: [(&str, &[&str]); 2] = [("cli", &["admin", "api"]), ("cli", &["node"])];
/// Files and folders that join rooms.
const JOINTS: [&str; 4] = ["lib", "main", "node", "node.rs"];
/// Paths that the core never names, as runs of segments.
const IMPURE: [&[&str]; 23] = [
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["net", "TcpStream"],
    &["net", "TcpListener"],
    &["net", "UdpSocket"],
    &["net", "ToSocketAddrs"],
    &["time", "Instant"],
    &["time", "SystemTime"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["tokio"],
    &["rand"],
    &["getrandom"],
    &["reqwest"],
    &["axum"],
    &["redb"],
    &["socket2"],
    &["rustls"],
    &["hickory_server"],
];
/// What may lie at the top of the repository.
const TOP: [&str; 26] = [
    ".cargo",
    ".ci",
    ".git",
    ".github",
    ".gitignore",
    ".dockerignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "dashboards",
    "deny.toml",
    "deploy",
    "docs",
    "justfile",
    "rustfmt.toml",
    "src",
    "target",
    "tests",
    "zones",
];

#[test]
fn rooms_import_only_what_their_place_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut findings = Vec::new();
    for file in rust_files(&root) {
        let place = file.strip_prefix(&root).unwrap();
        findings.extend(examine(place, &fs::read_to_string(&file).unwrap()));
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn only_known_entries_lie_at_the_top() {
    let entries = fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let strangers: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !TOP.contains(&name.as_str()))
        .collect();
    assert!(strangers.is_empty(), "unexpected at the top of the repository: {strangers:?}");
}

#[test]
fn the_documents_say_why_each_dependency_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let documents = text("README.md") + &text("ARCHITECTURE.md");
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let missing: Vec<_> = ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(toml::Table::keys)
        .filter(|name| !names_word(&documents, name))
        .collect();
    assert!(missing.is_empty(), "neither README.md nor ARCHITECTURE.md names {missing:?}");
}

#[test]
fn the_scanner_finds_what_is_wrong_with_a_bad_file() {
    let bad = r#"
        //! Prose may mention crate::serve and std::fs.
        use crate::model::{Site, SiteIx};
        use crate::{config::Report, answer};
        use std::{fs, net::{IpAddr, TcpStream}, time::{self, Duration}};
        use super::super::steer::Atlas;
        const TEXT: &str = "crate::admin std::env";
        const RAW: &str = r"tokio::spawn \";
        fn plan<'a>(c: char) { let _ = (c == '"', time::Instant::now(), crate::serve::Server); /* crate::store /* */ */ }
        #[cfg(test)]
        mod tests { use crate::probe; fn f() { if true { let _ = std::env::args(); } } }
        fn after() { let _ = jiff::Timestamp::now(); }
    "#;
    let found = examine(Path::new("plan/tiers.rs"), bad);
    let expected = [
        "src/plan/tiers.rs:4: room plan imports answer",
        "src/plan/tiers.rs:5: core room plan names std::fs",
        "src/plan/tiers.rs:5: core room plan names std::net::TcpStream",
        "src/plan/tiers.rs:6: room plan imports steer",
        "src/plan/tiers.rs:9: core room plan names time::Instant::now",
        "src/plan/tiers.rs:9: room plan imports serve",
        "src/plan/tiers.rs:12: core room plan names jiff::Timestamp::now",
    ];
    assert_eq!(found, expected);
}

#[test]
fn the_shell_may_read_clocks_and_the_core_but_not_its_peers() {
    let code = "use std::time::Instant; use crate::answer::Tables; use crate::admin::api::Status; use crate::node;";
    assert!(examine(Path::new("cli/status.rs"), code).is_empty());
    let code = "use crate::store::Store; use crate::admin::Control; use super::bounds;";
    assert_eq!(
        examine(Path::new("cli/status.rs"), code),
        ["src/cli/status.rs:1: room cli imports store", "src/cli/status.rs:1: room cli imports admin"]
    );
    assert!(examine(Path::new("node/engine.rs"), code).is_empty());
    assert_eq!(examine(Path::new("utils/mod.rs"), ""), ["src/utils/mod.rs: no room is called utils"]);
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong with the file at `place` below `src/`.
fn examine(place: &Path, code: &str) -> Vec<String> {
    let first = place.iter().next().unwrap().to_str().unwrap();
    let room = first.strip_suffix(".rs").unwrap_or(first);
    if JOINTS.contains(&room) {
        return Vec::new();
    }
    let Some(earlier) = allowed(room) else {
        return vec![format!("src/{}: no room is called {room}", place.display())];
    };
    // `super` in src/plan/mod.rs is the crate; in src/plan/tiers.rs it is the room.
    let is_mod = place.file_name().is_some_and(|name| name == "mod.rs");
    let depth = place.iter().count() - usize::from(is_mod);
    let mut findings = Vec::new();
    for (line, path) in paths(&without_tests(tokens(code))) {
        let place = format!("src/{}:{line}", place.display());
        if let Some(imported) = from_crate(&path, depth) {
            let target = imported.first().map_or("", String::as_str);
            let known = CORE.contains(&target) || SHELL.contains(&target) || target == "node";
            let excepted = EXCEPTIONS.iter().any(|(from, to)| *from == room && starts_with(imported, to));
            if known && target != room && !earlier.contains(&target) && !excepted {
                findings.push(format!("{place}: room {room} imports {target}"));
            }
        }
        if CORE.contains(&room) && IMPURE.iter().any(|run| contains_run(&path, run)) {
            findings.push(format!("{place}: core room {room} names {}", path.join("::")));
        }
    }
    findings
}

/// The rooms that `room` may import; `None` if there is no such room.
fn allowed(room: &str) -> Option<&'static [&'static str]> {
    match CORE.iter().position(|core| *core == room) {
        Some(position) => Some(&CORE[..position]),
        None => SHELL.contains(&room).then_some(&CORE),
    }
}

/// The part of `path` behind the crate's root, if it starts there, said as `crate::` or by enough `super::`.
fn from_crate(path: &[String], depth: usize) -> Option<&[String]> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    match path.first()?.as_str() {
        "crate" => Some(&path[1..]),
        "super" if supers >= depth => Some(&path[supers..]),
        _ => None,
    }
}

fn starts_with(path: &[String], run: &[&str]) -> bool {
    path.len() >= run.len() && path.iter().zip(run).all(|(segment, wanted)| segment == wanted)
}

fn contains_run(path: &[String], run: &[&str]) -> bool {
    // A crate's name counts only as the first segment: `model::rand` would be ours.
    if run.len() == 1 { starts_with(path, run) } else { (0..path.len()).any(|start| starts_with(&path[start..], run)) }
}

fn names_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(part_of_word) && !text[start + word.len()..].starts_with(part_of_word)
    })
}

/// A word or a mark of Rust code, with its line.
type Token = (usize, String);

/// The words and marks of `code` without comments, strings and character literals.
fn tokens(code: &str) -> Vec<Token> {
    let chars: Vec<char> = code.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        let next = chars.get(at + 1).copied().unwrap_or(' ');
        match chars[at] {
            '/' if next == '/' => at = find(&chars, at, |rest| rest[0] == '\n'),
            '/' if next == '*' => at = comment_end(&chars, at),
            '"' => at = string_end(&chars, at),
            'r' | 'b' | 'c' if raw_string_end(&chars, at).is_some() => at = raw_string_end(&chars, at).unwrap(),
            '\'' if next == '\\' => at = find(&chars, at + 3, |rest| rest[0] == '\'') + 1,
            '\'' if chars.get(at + 2) == Some(&'\'') => at += 3,
            ':' if next == ':' => {
                tokens.push((line, "::".to_owned()));
                at += 2;
            }
            c if c.is_alphanumeric() || c == '_' => {
                at = find(&chars, at, |rest| !(rest[0].is_alphanumeric() || rest[0] == '_'));
                tokens.push((line, chars[start..at].iter().collect()));
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push((line, c.to_string()));
                }
                at += 1;
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn find(chars: &[char], from: usize, wanted: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| wanted(&chars[*at..])).unwrap_or(chars.len())
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The end of `r"…"`, `r#"…"#`, `br"…"` or the like that starts here, if one does.
fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let is_new_word = start == 0 || !(chars[start - 1].is_alphanumeric() || chars[start - 1] == '_');
    let marker = if chars[start] == 'r' { start } else { start + 1 };
    if !is_new_word || chars.get(marker) != Some(&'r') {
        return None;
    }
    let hashes = chars[marker + 1..].iter().take_while(|c| **c == '#').count();
    let open = marker + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    Some(find(chars, open + 1, |rest| rest.starts_with(&close)) + close.len())
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens.len() - at >= MARK.len() && MARK.iter().zip(&tokens[at..]).all(|(mark, token)| token.1 == *mark) {
            at = item_end(&tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Behind the semicolon or the closing brace of the item at `start`.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, (_, token)) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth <= 1 => return at + 1,
            "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Every path of the code with its line; `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(tokens: &[Token]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if is_word(&tokens[at].1) { path(tokens, at, &[], &mut found) } else { at + 1 };
    }
    found
}

fn path(tokens: &[Token], start: usize, prefix: &[String], found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let mut segments = prefix.to_vec();
    let mut at = start;
    while let Some((line, token)) = tokens.get(at) {
        if token == "{" && at > start {
            return group(tokens, at + 1, &segments, found);
        }
        if !is_word(token) {
            break;
        }
        // `time::{self, …}` means `time`.
        if token != "self" || segments.is_empty() {
            segments.push(token.clone());
        }
        at += 1;
        if tokens.get(at).is_none_or(|(_, token)| token != "::") {
            found.push((*line, segments));
            return at;
        }
        at += 1;
    }
    // Ended by `*`, `<` or the like.
    found.push((tokens[start].0, segments));
    at.max(start + 1)
}

fn group(tokens: &[Token], start: usize, prefix: &[String], found: &mut Vec<(usize, Vec<String>)>) -> usize {
    let mut at = start;
    while let Some((_, token)) = tokens.get(at) {
        if token == "}" {
            return at + 1;
        }
        at = if is_word(token) { path(tokens, at, prefix, found) } else { at + 1 };
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
