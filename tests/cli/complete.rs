//! The transcripts leave out no command and no exit code.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::node::executable;

fn all() -> String {
    let files = fs::read_dir(crate::transcripts()).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "trycmd"));
    files.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The commands below `words`, as the help lists them.
fn commands(words: &[String]) -> Vec<String> {
    let output = Command::new(executable()).args(words).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_is_typed_and_explained() {
    let transcripts = all();
    // A node that serves and a demo that runs are what other tests are about.
    let elsewhere = BTreeSet::from(["serve", "demo"]);
    let mut missing = Vec::new();
    for command in commands(&[]) {
        let below = commands(std::slice::from_ref(&command));
        let calls = if below.is_empty() {
            vec![command.clone()]
        } else {
            below.iter().map(|below| format!("{command} {below}")).collect()
        };
        for call in calls {
            if !transcripts.contains(&format!("$ waypost {call} --help\n")) {
                missing.push(format!("{call} --help"));
            }
            let mut typed = transcripts.lines().filter(|line| !line.ends_with("--help"));
            let is_typed = typed
                .any(|line| line == format!("$ waypost {call}") || line.starts_with(&format!("$ waypost {call} ")));
            if !is_typed && !elsewhere.contains(call.as_str()) {
                missing.push(call);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn every_exit_code_is_met() {
    let transcripts = all();
    let met: BTreeSet<u8> = transcripts.lines().filter_map(|line| line.strip_prefix("? ")?.parse().ok()).collect();
    // 0 is what no line says.
    assert_eq!(met, (1..=7).collect());
}
