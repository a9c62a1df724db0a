//! Durations as operators type them: `90s`, `1h30m`, `2d`.

use std::time::Duration;

/// Reads a duration: numbers with a unit each, largest or smallest first, no spaces.
pub(super) fn read(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration; expected numbers with units, as in 90s, 15m, 1h30m or 2d");
    let mut rest = text.trim();
    let mut seconds = 0_u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit: u64 = match unit {
            "s" => 1,
            "m" | "min" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit).ok_or_else(wrong)?;
        seconds = seconds.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_units() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("15min", 900), ("1h30m", 5400), ("2d", 172_800), ("0s", 0)]
        {
            assert_eq!(read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "90", "s", "1x", "1h30", "-1h", "1.5h", "99999999999999999999s", "999999999999999999d"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
