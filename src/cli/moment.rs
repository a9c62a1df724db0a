//! Moments as operators type them: RFC 3339, or how long ago.

use jiff::{SignedDuration, Timestamp};

use super::span;

/// A moment of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past(pub(super) Timestamp);

/// Reads `2026-05-01T12:00:00Z`, with any offset from UTC.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("'{text}' is no time; write it as in 2026-05-01T12:00:00Z"))
}

/// Reads `2026-05-01T12:00:00Z`, or `1h30m` as that long before now.
pub(super) fn read(text: &str) -> Result<Past, String> {
    seen_from(text, Timestamp::now())
}

fn seen_from(text: &str, now: Timestamp) -> Result<Past, String> {
    if let Ok(time) = text.parse() {
        return Ok(Past(time));
    }
    let wrong = || format!("'{text}' is neither a time, as in 2026-05-01T12:00:00Z, nor a duration, as in 90m or 2d");
    let ago = span::read(text).map_err(|_| wrong())?;
    let ago = SignedDuration::try_from(ago).map_err(|_| wrong())?;
    now.checked_sub(ago).map(Past).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_its_day_and_its_offset() {
        assert!(time("2026-05-01T12:00:00.250Z").is_ok() && time("2026-05-01T12:00:00+02:00").is_ok());
        for text in ["23:00", "yesterday", "5m", "-1h", "2026-05-01T12:00:00", ""] {
            assert_eq!(time(text), Err(format!("'{text}' is no time; write it as in 2026-05-01T12:00:00Z")));
        }
    }

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        let read = |text| seen_from(text, now).map(|Past(time)| time.to_string());
        assert_eq!(read("2026-04-01T00:00:00Z").unwrap(), "2026-04-01T00:00:00Z");
        assert_eq!(read("2026-04-01T00:00:00+02:00").unwrap(), "2026-03-31T22:00:00Z");
        assert_eq!(read("90m").unwrap(), "2026-05-01T10:30:00Z");
        for text in ["yesterday", "", "90", "9999999999d"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
