//! Guides and runbooks: every command, option, metric, file and link that they name exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{done, repository, said, text};

/// Every guide and runbook, with its text.
fn guides() -> Vec<(PathBuf, String)> {
    let directories = ["deploy/guides", "deploy/runbooks", "deploy/cluster"];
    let files = directories.iter().flat_map(|directory| fs::read_dir(repository(directory)).unwrap());
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md"));
    let guides: Vec<_> = files.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    assert!(guides.len() >= 10, "{guides:?}");
    guides
}

/// What a guide shows to be typed: lines of code with those that they go on in, and code within prose.
fn code(guide: &str) -> Vec<String> {
    let (mut code, mut fenced, mut going_on) = (Vec::<String>::new(), false, false);
    for line in guide.lines() {
        let typed = line.trim();
        if typed.starts_with("```") {
            fenced = !fenced;
        } else if going_on {
            code.last_mut().unwrap().push_str(typed.trim_end_matches('\\'));
            going_on = typed.ends_with('\\');
        } else if fenced || (line.starts_with("    ") && !typed.starts_with('|')) {
            code.push(typed.trim_end_matches('\\').to_owned());
            going_on = typed.ends_with('\\');
        } else {
            code.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// The words of every call of `program` in a line of shell, without what the shell keeps for itself.
fn calls(line: &str, program: &str) -> Vec<Vec<String>> {
    let mut calls = vec![Vec::new()];
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"').and_then(|inside| inside.split_once('"')) {
            Some(quoted) => quoted,
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        match word {
            _ if word.starts_with('#') => break,
            "&&" | "|" | ";" => calls.push(Vec::new()),
            _ if word.starts_with(['<', '>']) => {}
            _ => calls.last_mut().unwrap().push(word.to_owned()),
        }
        rest = after.trim_start();
    }
    let is_it = |call: &Vec<String>| call.first().is_some_and(|word| word.rsplit('/').next() == Some(program));
    calls.into_iter().filter(is_it).collect()
}

/// The help of a command, by its words.
struct Helps(BTreeMap<String, String>);

impl Helps {
    fn of(&mut self, words: &[&str]) -> &str {
        self.0
            .entry(words.join(" "))
            .or_insert_with(|| done(Command::new(env!("CARGO_BIN_EXE_waypost")).args(words).arg("--help")))
    }
}

/// The line of a help that explains `option`.
fn explained<'h>(help: &'h str, option: &str) -> Option<&'h str> {
    help.lines().find(|line| {
        let names = line.trim_start();
        names.starts_with('-') && names.split([' ', ',', '=', '[']).any(|name| name == option)
    })
}

/// The first thing in a call of waypost that does not exist.
fn unknown(helps: &mut Helps, call: &[String]) -> Option<String> {
    let mut path: Vec<&str> = Vec::new();
    let mut words = call.iter().skip(1).map(String::as_str);
    while let Some(word) = words.next() {
        let help = helps.of(&path);
        let wrong = || Some(format!("waypost {} {word}", path.join(" ")).replace("  ", " "));
        if word.starts_with('-') {
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let Some(explained) = explained(help, name) else { return wrong() };
            if explained.contains('<') && value.is_none() {
                words.next();
            }
        } else if let Some((_, commands)) = help.split_once("\nCommands:\n") {
            let commands = commands.split("\n\n").next().unwrap();
            if !commands.lines().any(|line| line.split_whitespace().next() == Some(word)) {
                return wrong();
            }
            path.push(word);
        }
    }
    None
}

/// The first thing in a call of etcdctl that does not exist.
fn unknown_to_etcdctl(call: &[String]) -> Option<String> {
    let bare: Vec<&str> = call.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let help = |words: &[&str]| {
        let output = Command::new("etcdctl").env("ETCDCTL_API", "3").args(words).arg("--help").output().unwrap();
        let help = said(&output);
        let is_command = help.contains(&format!("NAME:\n\t{} - ", words.join(" "))) && !help.contains("\nCOMMANDS:\n");
        is_command.then_some(help)
    };
    // Words before the command are values of global options.
    let found = (0..bare.len()).find_map(|at| {
        let two = bare.get(at..at + 2).and_then(&help);
        two.or_else(|| help(&bare[at..=at]))
    });
    let Some(help) = found else { return Some(call.join(" ")) };
    let options = call.iter().filter(|word| word.starts_with("--")).map(|word| word.split('=').next().unwrap());
    let unknown = options.into_iter().find(|option| explained(&help, option).is_none());
    unknown.map(|option| format!("{} has no {option}", call.join(" ")))
}

/// Words of `text` that begin with `start`.
pub fn words_with(text: &str, start: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with(start) && word.len() > start.len()).map(str::to_owned).collect()
}

/// Whether something in the program registers `metric`.
fn is_registered(metric: &str, sources: &str) -> bool {
    let name = metric.trim_start_matches("waypost_");
    // The page adds to a name what kind of metric it is, or its unit.
    [name, name.trim_end_matches("_total"), name.trim_end_matches("_seconds")]
        .iter()
        .any(|name| sources.contains(&format!("\"{name}\"")))
}

fn sources(directory: &Path) -> String {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { sources(&path) } else { fs::read_to_string(path).unwrap_or_default() })
        .collect()
}

#[test]
fn everything_that_a_guide_names_exists() {
    let (mut helps, sources) = (Helps(BTreeMap::new()), sources(&repository("src")));
    let (mut absent, mut called) = (BTreeSet::new(), 0);
    for (path, guide) in guides() {
        for line in code(&guide) {
            for call in calls(&line, "waypost") {
                absent.extend(unknown(&mut helps, &call));
                called += 1;
            }
            for call in calls(&line, "etcdctl") {
                absent.extend(unknown_to_etcdctl(&call));
                called += 1;
            }
        }
        let metrics = words_with(&guide, "waypost_");
        absent
            .extend(metrics.iter().filter(|name| !is_registered(name, &sources)).map(|name| format!("metric {name}")));
        let links = guide.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let gone = |link: &&str| !link.contains("://") && !path.parent().unwrap().join(link).exists();
        absent.extend(links.filter(gone).map(|link| format!("link {link}")));
    }
    assert!(called > 60, "only {called} calls were found");
    assert_eq!(absent, BTreeSet::new());
}

#[test]
fn the_guide_shows_what_the_script_runs() {
    let script = text("deploy/cluster/access.sh");
    let guide = text("deploy/guides/several-nodes.md");
    let shown: Vec<String> = code(&guide)
        .into_iter()
        .filter(|line| ["etcdctl user ", "etcdctl role ", "etcdctl auth "].iter().any(|start| line.starts_with(start)))
        .filter(|line| !line.starts_with("etcdctl user passwd"))
        .collect();
    assert_eq!(shown.len(), 7, "{shown:?}");
    let mut rest = script.as_str();
    for line in shown {
        let run = line.replace("/waypost/prod/", "\"$prefix/\"").replace("<etcd.pw", "<\"$password\"");
        let at = rest.find(&run).unwrap_or_else(|| panic!("access.sh does not run, at this place: {run}"));
        rest = &rest[at..];
    }
}

#[test]
fn a_name_that_does_not_exist_would_be_found() {
    let mut helps = Helps(BTreeMap::new());
    let mut first = |line: &str| calls(line, "waypost").iter().find_map(|call| unknown(&mut helps, call));
    assert_eq!(first("waypost drain fra --for 2h --reason \"a b --c\" | waypost status # waypost nonsense"), None);
    assert_eq!(first("waypost --output json status >file && waypost nonsense").as_deref(), Some("waypost nonsense"));
    assert_eq!(first("/usr/bin/waypost drain fra --fro 2h").as_deref(), Some("waypost drain --fro"));
    assert_eq!(first("waypost token crate x").as_deref(), Some("waypost token crate"));
    let etcdctl = |line: &str| calls(line, "etcdctl").iter().find_map(|call| unknown_to_etcdctl(call));
    assert_eq!(etcdctl("etcdctl --endpoints https://a:2379 member list -w table"), None);
    assert!(etcdctl("etcdctl member lists").is_some());
    assert!(etcdctl("etcdctl get --prefixx /a").is_some());
    assert!(!is_registered("waypost_nonsense_total", "\"nonsens\"") && is_registered("waypost_a_total", "\"a\""));
}
