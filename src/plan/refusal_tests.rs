//! Whoever is refused reads which rule it was, by how much, and what to do instead.

use std::time::Duration;

use jiff::Timestamp;

use super::{Refusal, Shortfall};

/// Every refusal with the numbers that it has.
fn all() -> Vec<(Refusal, Vec<&'static str>)> {
    let text = str::to_owned;
    vec![
        (Refusal::UnknownSite { name: text("fro"), known: text("fra, iad") }, vec![]),
        (Refusal::UnknownService { name: text("mxx"), known: text("mx, imap") }, vec![]),
        (Refusal::NotOfService { site: text("fra"), service: text("imap"), sites: text("iad") }, vec![]),
        (Refusal::LastSite { site: text("fra"), service: text("mx") }, vec!["0 would be left"]),
        (
            Refusal::Settle {
                since: Duration::from_millis(1250),
                settle: Duration::from_secs(5),
                wait: Duration::from_millis(3750),
            },
            vec!["1.3 s ago", "at least 5 s", "in 3.8 s"],
        ),
        (
            Refusal::MinSites {
                order: text("drain fra"),
                service: text("mx"),
                left: 1,
                min_sites: 2,
                names: text("iad"),
            },
            vec!["1 of at least 2"],
        ),
        (
            Refusal::Assertion(Box::new(Shortfall {
                order: text("drain fra"),
                assertion: text("two-of-three"),
                service: text("mx"),
                left: 1,
                at_least: 2,
                of: text("fra, iad, nrt"),
                names: text("iad"),
            })),
            vec!["1 of at least 2"],
        ),
        (Refusal::StandsAlready { order: text("drain fra"), standing: text("isolate fra") }, vec![]),
        (
            Refusal::ScheduledAlready {
                order: text("drain fra"),
                standing: text("isolate fra"),
                from: Timestamp::UNIX_EPOCH,
            },
            vec!["1970-01-01T00:00:00Z"],
        ),
        (
            Refusal::Capacity {
                order: text("drain fra"),
                sites: text("iad 800 of 800"),
                missing: text("120"),
                total: text("2000"),
            },
            vec!["iad 800 of 800", "120 of 2000"],
        ),
        (Refusal::ForceWithoutReason { overrides: "min_sites" }, vec![]),
    ]
}

/// What an operator can do, in the words that a remedy begins with.
const REMEDIES: [&str; 6] = [
    "name one of",
    "lift the isolation",
    "repeat the order",
    "undrain or repair",
    "lift that one first",
    "add --reason",
];

#[test]
fn every_refusal_names_its_rule_its_numbers_and_a_remedy() {
    for (refusal, numbers) in all() {
        let said = refusal.to_string();
        assert!(said.contains(&format!("rule {}", refusal.rule())), "the rule: {said}");
        assert!(REMEDIES.iter().any(|remedy| said.contains(remedy)), "a remedy: {said}");
        for number in numbers {
            assert!(said.contains(number), "{number}: {said}");
        }
        let overridable = !matches!(refusal.rule(), "known_names" | "last_site" | "force_reason");
        assert_eq!(said.contains("force it with a reason"), overridable, "whether force helps: {said}");
    }
}

#[test]
fn every_refusal_is_among_them() {
    // Whoever adds a kind is led here by the compiler, and adds it above.
    let kind = |refusal: &Refusal| match refusal {
        Refusal::UnknownSite { .. } => 0,
        Refusal::UnknownService { .. } => 1,
        Refusal::NotOfService { .. } => 2,
        Refusal::LastSite { .. } => 3,
        Refusal::Settle { .. } => 4,
        Refusal::MinSites { .. } => 5,
        Refusal::Assertion(_) => 6,
        Refusal::StandsAlready { .. } => 7,
        Refusal::ScheduledAlready { .. } => 8,
        Refusal::Capacity { .. } => 9,
        Refusal::ForceWithoutReason { .. } => 10,
    };
    let kinds: Vec<usize> = all().iter().map(|(refusal, _)| kind(refusal)).collect();
    assert_eq!(kinds, (0..11).collect::<Vec<_>>());
}

#[test]
fn an_assertion_is_told_by_its_own_name() {
    let said =
        all().into_iter().map(|(refusal, _)| refusal.to_string()).find(|said| said.contains("assertion")).unwrap();
    let expected = "drain fra would leave service 'mx' with 1 of at least 2 of the sites fra, iad, nrt in service (iad) (rule \
                    assertion 'two-of-three'); undrain or repair another of them first, lower at_least, or force it with a \
                    reason";
    assert_eq!(said, expected);
}
