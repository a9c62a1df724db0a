//! What commands print as JSON is as the published schemas say, for a validator that is not ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::last_incident;
use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// The published schema of a document.
fn schema(name: &str) -> Value {
    let output = Command::new(executable()).args(["schema", name]).output().unwrap();
    assert!(output.status.success(), "{name} has no schema: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A target that nobody answers for.
const CHAT: &str = "[[notify]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"http://127.0.0.1:1/\"\n";

#[test]
fn what_is_printed_is_as_published() {
    let mut scene = Scene::with(|text| format!("{text}\n[safety]\nsettle = \"0s\"\n{CHAT}"));
    let text = fs::read_to_string(scene.path("waypost.toml")).unwrap();
    fs::write(scene.path("other.toml"), text.replace("ttl = \"2s\"", "ttl = \"1s\"")).unwrap();
    fs::write(scene.path("wrong.toml"), text.replace("ttl = \"2s\"", "tll = \"2s\"")).unwrap();
    let keys = scene.path("keys").to_string_lossy().into_owned();
    let all = |scene: &Scene| scene.status()["verdict"].as_str().is_some_and(|verdict| verdict.starts_with("All"));
    wait_until("all sites are up", PATIENCE, || all(&scene));
    let rehearsal = ["drill", "run", "nrt", "--dry-run", "-o", "json"];
    wait_until("a drill may begin", PATIENCE, || scene.node.command(&rehearsal).status.success());
    let drill = scene.node.order(&["drill", "run", "nrt", "--for", "1m", "--yes", "-o", "name"]).trim().to_owned();
    scene.node.order(&["drill", "abort", &drill]);
    wait_until("a drill may begin again", PATIENCE, || scene.node.command(&rehearsal).status.success());
    let begun: Value = serde_json::from_str(&scene.node.order(&rehearsal)).unwrap();
    scene.close("fra");
    wait_until("fra is down", PATIENCE, || !scene.names("fra"));
    wait_until("its incident is known", PATIENCE, || last_incident(&scene).is_some());
    let (past, incident) = (jiff::Timestamp::now().to_string(), last_incident(&scene).unwrap());
    let export = scene.node.order(&["audit", "export"]);
    let head: Value = serde_json::from_str(export.lines().next().unwrap()).unwrap();
    fs::write(scene.path("edited.jsonl"), export.replace("connection refused", "nothing happened")).unwrap();
    let commands: Vec<Vec<&str>> = vec![
        vec!["status"],
        vec!["drill", "list"],
        vec!["drill", "show", &drill],
        vec!["drill", "report", &drill],
        vec!["events"],
        vec!["explain", "example.org", "MX", "--client", "80.128.0.1"],
        vec!["explain", "nowhere.example", "A"],
        vec!["explain", "example.org", "MX", "--client", "80.128.0.1", "--at", &past],
        vec!["audit", "status"],
        vec!["audit", "verify"],
        vec!["audit", "verify", "edited.jsonl"],
        vec!["incident", &incident],
        vec!["whatif", "--fail", "iad"],
        vec!["probe", "mx"],
        vec!["drain", "nrt", "--reason", "x", "--force", "--confirm=nrt", "--in", "2h"],
        vec!["drain", "nrt", "--reason", "x", "--force", "--confirm=nrt", "--dry-run"],
        vec!["isolate", "nrt", "--reason", "x", "--force", "--confirm=nrt", "--for", "1h"],
        vec!["status"],
        vec!["undrain", "nrt"],
        vec!["undrain", "nrt"],
        vec!["pin", "nrt", "--reason", "x", "--confirm=nrt", "--until-cleared"],
        vec!["drain", "fra", "--reason", "x", "--confirm=fra", "--wait"],
        vec!["wait", "fra"],
        vec!["reload"],
        vec!["diff", "--answers", "other.toml"],
        vec!["diff", "--answers", "waypost.toml"],
        vec!["replay", "state/recording.jsonl"],
        vec!["check"],
        vec!["check", "--config", "wrong.toml"],
        vec!["token", "create", "ci", "--role", "viewer", "--for", "1h"],
        vec!["token", "list"],
        vec!["store", "status"],
        vec!["store", "accept"],
        vec!["incident"],
        vec!["objectives"],
        vec!["notify", "list"],
        vec!["notify", "test", "chat"],
        vec!["key", "generate", "example.org", "--dir", &keys],
        vec!["key", "list", "--dir", &keys],
        vec!["key", "ds", "example.org", "--dir", &keys],
        vec!["events", "-n", "100"],
    ];
    let mut schemas = BTreeMap::new();
    let mut pairs = Vec::new();
    for command in &commands {
        for format in ["json", "jsonl"] {
            if format == "jsonl" && command.starts_with(&["key", "generate"]) {
                continue;
            }
            let again = if command.starts_with(&["token", "create"]) && format == "jsonl" { "more" } else { "ci" };
            let typed: Vec<&str> = command.iter().map(|word| if *word == "ci" { again } else { *word }).collect();
            let mut program = Command::new(executable());
            program.args(&typed).args(["-o", format]).current_dir(scene.directory.path());
            let output = program.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let documents: Vec<Value> =
                serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect();
            let is_list = format == "jsonl" && command[0] != "objectives";
            assert!(is_list || !documents.is_empty(), "{typed:?}: {}", String::from_utf8_lossy(&output.stderr));
            for document in documents {
                let name =
                    document["schema"].as_str().unwrap_or_else(|| panic!("{typed:?} {format}: no schema")).to_owned();
                let schema = schemas.entry(name.clone()).or_insert_with(|| schema(&name)).clone();
                pairs.push(json!({ "command": format!("{} -o {format}", typed.join(" ")), "schema": schema, "document": document }));
            }
        }
    }
    let refused = scene.node.command(&["drain", "atlantis", "--reason", "x", "-o", "json"]);
    let problem: Value = serde_json::from_slice(&refused.stderr).unwrap();
    pairs.push(json!({ "command": "drain atlantis", "schema": schema("problem"), "document": problem }));
    pairs.push(json!({ "command": "drill run", "schema": schema("waypost.drill-begun/1"), "document": begun }));
    pairs.push(json!({ "command": "audit export", "schema": schema("waypost.audit/1"), "document": head }));
    // A schema that takes anything would prove nothing.
    let broken = json!({ "schema": "waypost.status/1", "node": 7 });
    let said = validate(&[json!({ "command": "broken", "schema": schema("waypost.status/1"), "document": broken })]);
    assert!(said.contains("broken: "), "a document that is none must be found: {said}");
    assert_eq!(validate(&pairs), "");
    let published = scene.node.order(&["schema", "-o", "name"]);
    let met = |name: &&str| {
        ["problem", "waypost.audit/1", "waypost.drill-begun/1"].contains(name) || schemas.contains_key(*name)
    };
    assert_eq!(published.lines().filter(|name| !met(name)).collect::<Vec<_>>(), [""; 0]);
}

/// What does not fit.
fn validate(pairs: &[Value]) -> String {
    let mut python = Command::new("/usr/bin/python3")
        .arg(crate::transcripts().join("validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = pairs.iter().map(|pair| format!("{pair}\n")).collect();
    let mut stdin = python.stdin.take().unwrap();
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
