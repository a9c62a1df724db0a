//! Many mistakes: all are reported in one run, in the order of the file, without consequences of one another.

use super::*;

/// The lines that errors are reported in.
fn lines(text: &str) -> Vec<usize> {
    read_text(text).1.errors().map(|error| error.line).collect()
}

#[test]
fn all_mistakes_of_a_file_are_reported_in_its_order() {
    let text = "\
[node]
name = 1
site = \"fro\"
[[site]]
name = \"fra\"
networks = [\"192.0.2.1/24\", \"x\"]
[[service]]
name = \"mx\"
names = [\"example.org\"]
ttl = 30
polcy = \"nearest\"
monitors = [\"smtp\", \"web\"]
[monitor.smtp]
kind = \"smtp\"
interval = \"1\"
[[zone]]
origin = \"example.org\"
";
    assert_eq!(lines(text), [2, 3, 6, 6, 10, 11, 12, 15, 16]);
    let (settings, report) = read_text(text);
    assert_eq!(settings, None);
    assert_eq!(report.to_string().lines().count(), 9);
}

#[test]
fn a_site_with_a_mistake_may_still_be_named_by_others() {
    assert_eq!(lines(&example_with(23, "capacity = -1")), [23]);
    assert_eq!(lines(&example_with(27, "location = 1")), [27]);
}

#[test]
fn after_a_syntax_error_what_can_be_read_is_checked_and_nothing_is_missed_wrongly() {
    let text = example_with(39, "ttl = 30 s").replace("port = 25", "port = 0");
    assert_eq!(lines(&text), [39, 45]);
    // Nothing below a line that is no assignment is built, so nothing below it may be called missing.
    assert_eq!(lines(&example_with(20, "name fra")), [20]);
    assert_eq!(lines(&example_with(1, "[node").replace("port = 25", "port = 0")), [1, 45]);
}

#[test]
fn an_empty_file_lacks_a_node_and_zones() {
    let (settings, report) = read_text("");
    assert_eq!(settings, None);
    assert_eq!(
        report.to_string(),
        "/etc/waypost/waypost.toml: error: found no [node]; expected [node] with the name of this node; \
         remedy: add [node] and below it name = \"fra-ns1\"\n\
         /etc/waypost/waypost.toml: warning: found no [[zone]]; expected a zone; without any, every question is refused; \
         remedy: add [[zone]] with origin = \"example.org\" and file = \"zones/example.org.zone\""
    );
}

#[test]
fn brackets_that_are_wrong_say_which_are_right() {
    for (text, remedy) in [
        ("[site]\nname = \"fra\"", "write [[site]]"),
        ("[site.fra]\nnetworks = []", "write [[site]]"),
        ("site = 1", "write [[site]]"),
        ("site = [1]", "write [[site]]"),
        ("[[node]]\nname = \"a\"", "write [node] once"),
        ("[[monitor]]\nkind = \"tcp\"", "write [monitor.NAME]"),
        ("[monitor]\nkind = \"tcp\"", "put it below [monitor.NAME]"),
    ] {
        let (_, report) = read_text(text);
        assert!(report.errors().any(|error| error.remedy.contains(remedy)), "{text}:\n{report}");
    }
}

#[test]
fn more_sites_than_a_set_holds_are_refused() {
    let sites: String = (0..65)
        .map(|ix| {
            format!("[[site]]\nname = \"s{ix}\"\nlocation = {{ country = \"DE\" }}\nnetworks = [\"10.0.{ix}.0/24\"]\n")
        })
        .collect();
    let (_, report) = read_text(&format!("[node]\nname = \"a\"\n{sites}"));
    let errors: Vec<_> = report.errors().collect();
    assert_eq!(errors.len(), 1, "{report}");
    assert_eq!((errors[0].line, errors[0].what.as_str(), errors[0].expected.as_str()), (259, "65 sites", "at most 64"));
}

#[test]
fn a_service_needs_a_site() {
    let text = "[node]\nname = \"a\"\n[[service]]\nname = \"mx\"\nnames = [\"a.example\"]\nmonitors = []\n";
    let (_, report) = read_text(text);
    let errors: Vec<_> = report.errors().collect();
    assert_eq!(errors.len(), 1, "{report}");
    assert!(errors[0].what.contains("without sites to steer between") && errors[0].remedy.contains("[[site]]"));
}
