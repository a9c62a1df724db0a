//! The dashboards for Grafana.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::metrics::exported;
use crate::prometheus::Prometheus;
use crate::{repository, shown};

/// The names of our metrics in a text.
pub fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("waypost_")).map(str::to_owned).collect()
}

/// Those of them that are not exported.
pub fn unknown(text: &str) -> Vec<String> {
    let known = exported(&shown().page());
    let is_known = |name: &String| {
        known.contains_key(name) || name.strip_suffix("_bucket").is_some_and(|name| known.contains_key(name))
    };
    metrics_in(text).into_iter().filter(|name| !is_known(name)).collect()
}

fn boards() -> Vec<(String, Value)> {
    let files = fs::read_dir(repository("dashboards/grafana")).unwrap().map(|file| file.unwrap().path());
    let boards = files.map(|path| {
        let board = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), board)
    });
    boards.collect()
}

/// All expressions below a value.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "expr" || name == "definition" => found.push(text.clone()),
                    member => expressions(member, found),
                }
            }
        }
        Value::Array(members) => members.iter().for_each(|member| expressions(member, found)),
        _ => {}
    }
}

#[test]
fn every_expression_is_of_metrics_that_exist_and_prometheus_takes_it() {
    let scene = shown();
    let prometheus = Prometheus::of(scene.first.admin);
    let boards = boards();
    assert_eq!(boards.len(), 4);
    for (file, board) in &boards {
        let mut found = Vec::new();
        expressions(board, &mut found);
        assert!(found.len() >= 8, "{file}: {found:?}");
        for expression in found {
            assert_eq!(unknown(&expression), Vec::<String>::new(), "{file}: {expression}");
            if !expression.starts_with("label_values(") {
                let anything = ["$service", "$site", "$instance"];
                let filled = anything.iter().fold(expression, |text, variable| text.replace(variable, ".*"));
                prometheus.query(&filled);
            }
        }
    }
}

#[test]
fn every_dashboard_asks_for_the_prometheus_to_use_and_needs_no_other() {
    for (file, board) in boards() {
        let variables = board["templating"]["list"].as_array().unwrap();
        assert!(variables.iter().any(|variable| variable["type"] == "datasource" && variable["name"] == "datasource"));
        for panel in board["panels"].as_array().unwrap() {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}: {}", panel["title"]);
        }
        let ids: BTreeSet<u64> =
            board["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), board["panels"].as_array().unwrap().len(), "{file}: ids are unique");
    }
}
