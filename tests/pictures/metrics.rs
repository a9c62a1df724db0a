//! The metrics page and the guide to it.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::prometheus::Prometheus;
use crate::scene::CANARY;
use crate::{shown, text};

/// Type and labels of a metric, as its series are called: counters end with `_total`.
type Known = BTreeMap<String, (String, Vec<String>)>;

/// What a page exports.
pub fn exported(page: &str) -> Known {
    let mut known = Known::new();
    for line in page.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            known.insert(name, (kind.to_owned(), Vec::new()));
        } else if !line.starts_with('#') && !line.is_empty() {
            let series = line.split(['{', ' ']).next().unwrap();
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| series.strip_suffix(end).filter(|name| known.contains_key(*name)))
                .unwrap_or(series);
            let labels =
                line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(labels, _)| labels);
            let mut labels: Vec<String> = labels
                .split("\",")
                .filter_map(|label| label.split_once('='))
                .map(|(name, _)| name.to_owned())
                .collect();
            labels.retain(|label| label != "le");
            labels.sort();
            known.get_mut(name).unwrap_or_else(|| panic!("{line} has no type")).1 = labels;
        }
    }
    known
}

/// What the guide lists.
fn documented() -> Known {
    let guide = text("deploy/guides/metrics.md");
    let rows = guide.lines().filter(|line| line.starts_with("| `waypost_"));
    let known = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        assert!(!cells[3].is_empty(), "{row}");
        let mut labels: Vec<String> = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        labels.sort();
        (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels))
    });
    known.collect()
}

#[test]
fn the_guide_lists_what_is_exported_and_nothing_else() {
    let (exported, documented) = (exported(&shown().page()), documented());
    let only = |one: &Known, other: &Known| -> Vec<String> {
        one.iter().filter(|(name, what)| other.get(*name) != Some(*what)).map(|row| format!("{row:?}")).collect()
    };
    assert_eq!(only(&exported, &documented), Vec::<String>::new(), "exported, and not so in the guide");
    assert_eq!(only(&documented, &exported), Vec::<String>::new(), "in the guide, and not so exported");
    assert!(exported.len() > 60, "{exported:?}");
}

/// The page in the older format, which is all that promtool reads: counters are called as their series.
fn older(page: &str) -> String {
    let mut counters = Vec::new();
    let lines = page.lines().filter(|line| !line.starts_with("# UNIT") && *line != "# EOF");
    for line in lines.clone() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.push(name.to_owned());
        }
    }
    let lines = lines.map(|line| {
        let name = line.split(' ').nth(2).unwrap_or_default();
        let is_counter = line.starts_with("# ") && counters.iter().any(|counter| counter == name);
        if is_counter { line.replacen(name, &format!("{name}_total"), 1) } else { line.to_owned() }
    });
    lines.map(|line| line + "\n").collect()
}

#[test]
fn promtool_finds_nothing_to_say_of_the_page() {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(older(&shown().page()).as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn a_real_prometheus_reads_the_page() {
    let scene = shown();
    let prometheus = Prometheus::of(scene.first.admin);
    let samples = prometheus.query("sum(scrape_samples_scraped{job=\"waypost\"})");
    let samples: f64 = samples[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!(samples > 150.0, "{samples}");
    assert_eq!(prometheus.query("waypost_build_info")[0]["metric"]["node"], "fra-ns1");
}

#[test]
fn no_secret_is_on_the_page() {
    let page = shown().page();
    let octets = data_encoding::BASE64.decode(CANARY.as_bytes()).unwrap();
    for secret in [CANARY.to_owned(), String::from_utf8(octets).unwrap(), "PRIVATE KEY".to_owned()] {
        assert!(!page.contains(&secret));
    }
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn a_name_in_a_query_or_zone_is_no_label() {
    let page = shown().page();
    for name in ["nowhere", "transferred.example", "example.org"] {
        assert!(!page.contains(name), "{name} in {page}");
    }
}
