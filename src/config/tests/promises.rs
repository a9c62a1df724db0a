//! `[objectives]` and `[audit]`.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{AuditSettings, Objectives};

#[test]
fn what_is_promised_of_all_holds_for_each_unless_it_says_otherwise() {
    let text =
        format!("{EXAMPLE}\n[objectives]\nrto = \"45s\"\navailability = \"99.99%\"\n[objectives.mx]\nrto = \"1m\"\n");
    let read = settings(&text).objectives;
    let mx = read.of("mx");
    assert_eq!((mx.rto, mx.availability), (Some(Duration::from_secs(60)), "99.99%".parse().ok()));
    assert_eq!(read.of("another").rto, Some(Duration::from_secs(45)));
    assert_eq!(settings(EXAMPLE).objectives, Objectives::default());
}

#[test]
fn promises_that_nobody_can_keep_or_read_are_told_with_their_place() {
    let said = |section: &str| read_text(&format!("{EXAMPLE}\n{section}\n")).1.to_string();
    for (section, expected) in [
        ("[objectives]\nrto = \"30\"", "rto"),
        ("[objectives]\nrto = \"0s\"", "1s"),
        ("[objectives]\navailability = \"100%\"", "99.9999%"),
        ("[objectives]\navailability = 99.9", "in quotes"),
        ("[objectives]\navailabilty = \"99%\"", "did you mean \"availability\"?"),
        ("[objectives.mxx]\nrto = \"1m\"", "did you mean \"mx\"?"),
        ("[objectives.mx]\nrtoo = \"1m\"", "did you mean \"rto\"?"),
        ("[objectives]\nrto = \"20s\"", "live for 30s in caches"),
        ("[audit]\nkeep = \"1m\"", "1h"),
        ("[audit]\nevents = 5", "1000"),
        ("[audit]\nhistroy = 5", "did you mean \"history\"?"),
    ] {
        let said = said(section);
        assert!(said.contains(expected), "{section}: {said}");
    }
}

#[test]
fn the_past_is_kept_as_long_as_is_said() {
    let section = "[audit]\nkeep = \"30d\"\nevents = 2000\narchive = \"old\"\nhistory = 0\n";
    let read = settings(&format!("{EXAMPLE}\n{section}")).audit;
    let (keep, archive) = (Duration::from_secs(30 * 86_400), Some(PathBuf::from("/etc/waypost/old")));
    assert_eq!(read, AuditSettings { keep, events: 2_000, archive, history: 0 });
    assert_eq!(settings(EXAMPLE).audit, AuditSettings::default());
}
