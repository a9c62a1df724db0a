//! `[rate_limit]` and `[cookies]`: nobody loosens a bound by a typing mistake.

use super::*;
use crate::model::RateLimitSettings;

/// The example with `text` below it.
fn with(text: &str) -> (Option<Settings>, Report) {
    read_text(&format!("{EXAMPLE}\n{text}\n"))
}

/// The line in which `text` begins.
fn first_line() -> usize {
    EXAMPLE.lines().count() + 2
}

#[test]
fn what_is_written_is_what_holds() {
    let (settings, report) = with("[cookies]");
    assert!(report.is_empty(), "{report}");
    let settings = settings.unwrap();
    assert_eq!(settings.rate_limit, RateLimitSettings::default());
    assert_eq!(settings.cookies.secrets, None);
    let (settings, report) = with(
        "[rate_limit]\nresponses_per_second = 50\nslip = 0\nprefix_v4 = 20\nprefix_v6 = 48\n\
         exempt = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n[cookies]\nsecrets = \"cookie.secrets\"",
    );
    assert!(report.is_empty(), "{report}");
    let settings = settings.unwrap();
    assert_eq!(
        settings.rate_limit,
        RateLimitSettings {
            responses_per_second: Some(50),
            slip: 0,
            prefix_v4: 20,
            prefix_v6: 48,
            exempt: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        }
    );
    assert_eq!(settings.cookies.secrets, Some("/etc/waypost/cookie.secrets".into()));
}

#[test]
fn looser_values_are_meant_or_refused() {
    let (settings, report) = with("[rate_limit]\nresponses_per_second = 1000\nprefix_v4 = 32\nloosen = true");
    assert!(report.is_empty(), "{report}");
    let settings = settings.unwrap().rate_limit;
    assert_eq!((settings.responses_per_second, settings.prefix_v4), (Some(1000), 32));
    let (settings, report) = with("[rate_limit]\nresponses_per_second = \"off\"");
    assert_eq!(settings.unwrap().rate_limit.responses_per_second, None);
    assert_eq!((report.warnings().count(), report.errors().count()), (1, 0), "{report}");
}

/// A text, where the one diagnostic is (line from its first, column), and words of it: found, expected, remedy.
type Mistake = (&'static str, (usize, usize), &'static str, &'static str, &'static str);

#[rustfmt::skip]
const ERRORS: &[Mistake] = &[
    ("[rate_limit]\nresponses_per_second = 201", (1, 24), "the integer 201", "at most 200", "loosen = true"),
    ("[rate_limit]\nresponses_per_second = 0", (1, 24), "the integer 0", "1 to 1000000", "whole number"),
    ("[rate_limit]\nresponses_per_second = \"none\"", (1, 24), "\"none\" as responses_per_second", "whole number", "whole number"),
    ("[rate_limit]\nprefix_v4 = 25", (1, 13), "the integer 25 as prefix_v4", "at most 24", "loosen = true"),
    ("[rate_limit]\nprefix_v6 = 129\nloosen = true", (1, 13), "the integer 129 as prefix_v6", "16 to 128", "whole number"),
    ("[rate_limit]\nslip = 11", (1, 8), "the integer 11 as slip", "0 to 10", "whole number"),
    ("[rate_limit]\nexempt = \"192.0.2.0/24\"", (1, 10), "\"192.0.2.0/24\" as exempt", "an array", "[\"192.0.2.0/24\"]"),
    ("[rate_limit]\nexempt = [\"192.0.2.1/24\"]", (1, 11), "\"192.0.2.1/24\" as exempt", "no bits", "192.0.2.0/24"),
    ("[rate_limit]\nexempt = [\"0.0.0.0/0\"]", (1, 11), "\"0.0.0.0/0\" as exempt", "a part of all", "\"off\""),
    ("[rate_limit]\nloosen = 1", (1, 10), "the integer 1 as loosen", "true or false", "without quotes"),
    ("[rate_limit]\nrespones_per_second = 10", (1, 1), "unknown key \"respones_per_second\"", "slip", "did you mean \"responses_per_second\"?"),
    ("[ratelimit]\nslip = 1", (0, 2), "unknown key \"ratelimit\"", "rate_limit", "did you mean \"rate_limit\"?"),
    ("[[rate_limit]]\nslip = 1", (0, 1), "several sections as rate_limit", "one section", "write [rate_limit] once"),
    ("[cookies]\nsecrets = 1", (1, 11), "the integer 1 as secrets of [cookies]", "a text in quotes", "quotes"),
    ("[cookies]\nsecrets = \"\"", (1, 11), "\"\" as secrets", "a path", "delete secrets"),
    ("[cookies]\nsecret = \"x\"", (1, 1), "unknown key \"secret\" in [cookies]", "secrets", "did you mean \"secrets\"?"),
];

#[rustfmt::skip]
const WARNINGS: &[Mistake] = &[
    ("[rate_limit]\nresponses_per_second = \"off\"", (1, 24), "rate limiting turned off", "200 by default", "delete it"),
    ("[rate_limit]\nslip = 1\nloosen = true", (2, 1), "loosen of [rate_limit] without effect", "above its default", "delete it"),
    ("[rate_limit]\nexempt = [\"10.0.0.0/8\", \"10.1.0.0/16\"]", (1, 25), "shares addresses with 10.0.0.0/8", "once", "narrower"),
];

#[test]
fn every_mistake_is_found_where_it_is_with_its_remedy() {
    for (mistakes, severity) in [(ERRORS, Severity::Error), (WARNINGS, Severity::Warning)] {
        for (text, (line, column), what, expected, remedy) in mistakes {
            let (settings, report) = with(text);
            let found: Vec<&Diagnostic> = report.iter().collect();
            let [one] = found.as_slice() else { panic!("{text}: {report}") };
            assert_eq!((one.severity, one.line, one.column), (severity, first_line() + line, *column), "{report}");
            assert!(one.what.contains(what), "{what}: {report}");
            assert!(one.expected.contains(expected), "{expected}: {report}");
            assert!(one.remedy.contains(remedy), "{remedy}: {report}");
            assert_eq!(settings.is_some(), severity == Severity::Warning);
        }
    }
}
