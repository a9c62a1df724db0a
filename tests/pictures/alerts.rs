//! The alert rules.

use std::process::Command;

use crate::dashboards::{metrics_in, unknown};
use crate::{repository, text};

const RULES: &str = "dashboards/prometheus/waypost.rules.yml";

fn values<'t>(rules: &'t str, key: &str) -> Vec<&'t str> {
    rules.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)).map(str::trim).collect()
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    for arguments in [["check", "rules", "waypost.rules.yml"], ["test", "rules", "waypost.tests.yml"]] {
        let mut promtool = Command::new("promtool");
        let output = promtool.args(arguments).current_dir(repository("dashboards/prometheus")).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
    }
    let (rules, tests) = (text(RULES), text("dashboards/prometheus/waypost.tests.yml"));
    for alert in values(&rules, "alert:") {
        // Once before it fires, and once when it does.
        let tested = tests.matches(&format!("alertname: {alert}\n")).count();
        assert!(tested >= 2, "{alert} is tested {tested} times");
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:")), "{alert} never fires");
    }
}

#[test]
fn each_alert_is_of_metrics_that_exist_and_links_a_runbook_that_exists() {
    let rules = text(RULES);
    let (alerts, runbooks) = (values(&rules, "alert:"), values(&rules, "runbook_url:"));
    assert!(alerts.len() >= 15);
    assert_eq!(alerts.len(), runbooks.len(), "each has its runbook");
    for url in runbooks {
        let file = url.strip_prefix("https://waypost.example/").unwrap();
        assert!(repository(file).is_file(), "there is no {file}");
    }
    assert_eq!(unknown(&rules), Vec::<String>::new());
    assert!(metrics_in(&rules).len() >= 15);
}
