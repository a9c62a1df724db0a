//! Durations as operators write them: `500ms`, `30s`, `1m30s`, `14d`.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::defaults::DAY;
use super::reader::Reader;
use super::value::Value;

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Other spellings of units, for remedies.
const SPELLINGS: [(&str, &str); 14] = [
    ("day", "d"),
    ("days", "d"),
    ("hour", "h"),
    ("hours", "h"),
    ("hr", "h"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("msec", "ms"),
];

impl Reader<'_> {
    /// A duration in `range`, with unit.
    pub(super) fn duration(&mut self, value: &Value<'_>, range: &RangeInclusive<Duration>) -> Option<Duration> {
        let bounds = format!("{} to {}", written(*range.start()), written(*range.end()));
        let text = match (value.as_text(), value.as_integer()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(number)) => number.to_string(),
            (None, None) => String::new(),
        };
        let duration = value.as_text().and_then(parse);
        match duration {
            Some(duration) if range.contains(&duration) => return Some(duration),
            Some(duration) => {
                let nearest = if duration < *range.start() { range.start() } else { range.end() };
                self.refuse(value, bounds, format!("write {} = \"{}\"", value.key, written(*nearest)));
            }
            None => {
                // Spans of days are thought of in days.
                let unit = if *range.end() > DAY { "d" } else { "s" };
                let example = meant(&text, unit).unwrap_or_else(|| "1m30s".to_owned());
                let expected = format!("a duration with unit (ms, s, m, h, d), {bounds}");
                self.refuse(value, expected, format!("write {} = \"{example}\"", value.key));
            }
        }
        None
    }
}

/// Reads whole numbers with units, the larger unit first, each unit once at most.
fn parse(text: &str) -> Option<Duration> {
    let mut total = 0_u64;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// What a text that is no duration was probably meant to be; `bare` is the unit of a number without one.
fn meant(text: &str, bare: &'static str) -> Option<String> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_lowercase();
    if parse(&text).is_some() {
        return Some(text);
    }
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.strip_prefix(number)?;
    let unit = match unit {
        "" => bare,
        unit => SPELLINGS.iter().find(|(spelling, _)| *spelling == unit).map(|(_, unit)| *unit)?,
    };
    let meant = format!("{number}{unit}");
    parse(&meant).is_some().then_some(meant)
}

/// `duration` as it is read.
pub(super) fn written(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        if rest >= millis {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_carry_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("0s", 0),
            ("14d", 1_209_600_000),
            ("1h1ms", 3_600_001),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "30", "s", "1.5s", "-1s", "30s1m", "1s1s", "5min", "1 s", "99999999999999999999s", "9999999999999d"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn slips_have_a_remedy() {
        for (text, better) in [("30", "30s"), ("5min", "5m"), ("1h 30m", "1h30m"), ("10 Seconds", "10s"), ("2S", "2s")]
        {
            assert_eq!(meant(text, "s").as_deref(), Some(better), "{text}");
        }
        for text in ["", "soon", "1.5s", "-3"] {
            assert_eq!(meant(text, "s"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0_u64..10_000_000_000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&written(duration)), Some(duration));
        }

        #[test]
        fn any_text_is_a_duration_or_none(text in "[0-9msdh öéÉ.-]{0,20}") {
            let _ = (parse(&text), meant(&text, "d"));
        }
    }
}
