//! Whatever the file holds, reading ends with settings or with errors that can be shown.

use proptest::prelude::*;

use super::*;

/// Reads `text` and shows what is wrong with it, in every way it can be shown.
fn check(text: &str) -> Result<(), TestCaseError> {
    let (settings, report) = read_text(text);
    prop_assert_eq!(settings.is_some(), !report.has_errors());
    prop_assert_eq!(report.to_string().lines().count(), report.iter().count());
    let lines = text.split('\n').count();
    for diagnostic in report.iter() {
        prop_assert!(diagnostic.line <= lines);
        prop_assert!(!diagnostic.what.is_empty() && !diagnostic.remedy.is_empty());
    }
    prop_assert_eq!(report.render(Color::Never).is_empty(), report.is_empty());
    let _ = (report.render(Color::Always), serde_json::to_string(&report));
    Ok(())
}

/// Pieces that files are made of, so that arbitrary files get past the first line.
fn piece() -> impl Strategy<Value = String> {
    let word = prop::sample::select(EXAMPLE.split_inclusive([' ', '\n', '"', '[', ']', '=', ',']).collect::<Vec<_>>());
    prop_oneof![word.prop_map(str::to_owned), ".{0,4}", Just("\n".to_owned()), Just("{".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_shuffle_of_good_pieces_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..80)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn any_change_of_octets_in_a_good_file_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        let mut octets = EXAMPLE.as_bytes().to_vec();
        for (place, octet, how) in changes {
            let place = place.index(octets.len());
            match how {
                0 => octets[place] = octet,
                1 => octets.insert(place, octet),
                _ => drop(octets.remove(place)),
            }
        }
        check(&String::from_utf8_lossy(&octets))?;
    }

    #[test]
    fn any_value_in_the_place_of_another_is_read_or_refused(
        line in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "0", "-1", "1e400", "nan", "99999999999999999999", "0xff", "true", "\"\"", "\"\\u0000\"", "[]", "[[]]", "{}",
            "[1, \"a\", {}]", "{ a = { b = [] } }", "1979-05-27", "\"*\"", "\".\"", "\"::/0\"", "\"0s\"", "\"none\"",
            "\"fra\"", "[\"fra\", \"fra\"]", "'''\n'''",
        ]),
    ) {
        let assigned: Vec<usize> = (1..=EXAMPLE.lines().count())
            .filter(|line| EXAMPLE.lines().nth(line - 1).unwrap().split_once(" = ").is_some_and(|(key, _)| !key.starts_with('#')))
            .collect();
        let line = *line.get(&assigned);
        let (key, _) = EXAMPLE.lines().nth(line - 1).unwrap().split_once(" = ").unwrap();
        check(&example_with(line, &format!("{key} = {value}")))?;
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for open in ["[", "{a=", "[{a="] {
        check(&format!("x = {}", open.repeat(20_000))).unwrap();
    }
    check(&format!("[{}a]", "a.".repeat(20_000))).unwrap();
}
