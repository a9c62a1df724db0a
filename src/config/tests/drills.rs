//! Schedules of drills: a mistake in one would be found when the drill does not come.

use std::time::Duration;

use jiff::civil::{Weekday, time};

use super::*;

const SCHEDULE: &str = "
[[drill]]
name = \"weekly\"
sites = [\"iad\", \"fra\"]
from = \"10:00\"
to = \"16:30\"
";

fn with(more: &str) -> String {
    format!("{EXAMPLE}{SCHEDULE}{more}")
}

fn errors(more: &str) -> String {
    let (_, report) = read_text(&with(more));
    assert!(report.errors().count() > 0, "accepted: {more}");
    report.to_string()
}

#[test]
fn a_schedule_has_defaults_and_takes_what_it_says() {
    let schedule = settings(&with("")).drills.remove(0);
    assert_eq!((schedule.name.as_str(), schedule.every_days, schedule.days.len()), ("weekly", 7, 7));
    assert_eq!((schedule.from, schedule.to), (time(10, 0, 0, 0), time(16, 30, 0, 0)));
    assert_eq!((schedule.length, schedule.notice), (Duration::from_secs(900), Duration::from_secs(3600)));
    assert_eq!(schedule.sites.iter().map(|site| site.get()).collect::<Vec<_>>(), [1, 0], "in the order given");
    let more = "service = \"mx\"\nevery = \"14d\"\ndays = [\"tue\", \"sun\"]\nzone = \"America/New_York\"\nfor = \"1h\"\nnotice = \"0s\"\n";
    let schedule = settings(&with(more)).drills.remove(0);
    assert_eq!((schedule.every_days, schedule.days), (14, vec![Weekday::Tuesday, Weekday::Sunday]));
    assert_eq!(schedule.zone.iana_name(), Some("America/New_York"));
    assert!(schedule.service.is_some());
}

#[test]
fn a_window_may_close_on_the_next_day() {
    for (from, to, read) in [("22:00", "02:00", time(2, 0, 0, 0)), ("20:00", "24:00", time(0, 0, 0, 0))] {
        let text = EXAMPLE.to_owned() + &SCHEDULE.replace("10:00", from).replace("16:30", to);
        let schedule = settings(&text).drills.remove(0);
        assert_eq!(schedule.to, read, "{from} to {to}");
    }
}

#[test]
fn mistakes_in_a_schedule_say_how_to_mend_them() {
    for (more, expected) in [
        ("zone = \"Europe/Berln\"", "Europe/Berlin"),
        ("every = \"36h\"", "whole days"),
        ("every = \"12h\"", "1d to 366d"),
        ("days = [\"tuesday\"]", "tue"),
        ("for = \"5h\"", "4h"),
        ("for = \"1s\"", "10s"),
        ("service = \"mz\"", "mx"),
        ("site = \"fra\"", "sites"),
    ] {
        let said = errors(more);
        assert!(said.contains(expected), "{more}: {said}");
    }
    let short = EXAMPLE.to_owned() + &SCHEDULE.replace("16:30", "10:10");
    assert!(read_text(&short).1.to_string().contains("make the window longer"));
    let short = EXAMPLE.to_owned() + &SCHEDULE.replace("10:00", "23:55").replace("16:30", "00:05");
    assert!(read_text(&short).1.to_string().contains("at least the time of for after from = \"23:55\""));
    let begins = EXAMPLE.to_owned() + &SCHEDULE.replace("10:00", "24:00");
    assert!(read_text(&begins).1.to_string().contains("00:00 to 23:59"), "no window opens at the end of a day");
    let hour = EXAMPLE.to_owned() + &SCHEDULE.replace("16:30", "16:60");
    assert!(read_text(&hour).1.to_string().contains("00:00 to 23:59"));
}
