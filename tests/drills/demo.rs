//! Broken here, and what the README lets a new engineer try does not work.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::PATIENCE;

struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // In order, so that it ends its sites and removes its directory.
        let _ended = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_drill_on_the_demo_runs_reports_and_restores() {
    let child = Command::new(executable())
        .arg("demo")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut demo = Demo(child);
    // The rest of what it says must go somewhere.
    let mut errors = demo.0.stderr.take().unwrap();
    std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
    let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let named = |line: String| {
        let (_, after) = line.split_once("--config ")?;
        Some(after.split(['\'', ' ']).next()?.to_owned())
    };
    let configuration = lines.by_ref().find_map(named).expect("the guide names the configuration");
    std::thread::spawn(move || lines.for_each(drop));
    let command = |arguments: &[&str]| {
        let output = Command::new(executable()).args(arguments).args(["--config", &configuration]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
    };
    let mut said = String::new();
    wait_until("a drill may begin", PATIENCE, || {
        let (code, text) = command(&["drill", "run", "fra", "--for", "40s", "--dry-run"]);
        said = text;
        code == 0
    });
    let (code, said) =
        command(&["drill", "run", "fra", "--for", "40s", "--reason", "the README says so", "--wait", "--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("SUCCEEDED"), "{said}");
    let (_, listed) = command(&["drill", "list", "-o", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let (code, report) = command(&["drill", "report", listed["drills"][0]["id"].as_str().unwrap()]);
    assert!(code == 0 && report.contains("SUCCEEDED") && report.contains("| smtp |"), "{report}");
    let (_, status) = command(&["status", "-o", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["orders"].as_array().unwrap().is_empty());
    assert_eq!(status["services"][0]["sites"][0]["standing"], "serving");
}
