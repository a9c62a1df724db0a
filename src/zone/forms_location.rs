//! LOC (RFC 1876): a place on earth in degrees, minutes, seconds and meters.

use super::fields::{Fields, number};
use super::rdata::RdataFault;

/// The equator and the prime meridian, in thousandths of an arc second.
const ORIGIN: u32 = 1 << 31;
/// How far below the WGS 84 spheroid altitudes start, in centimeters.
const ALTITUDE_BASE: i64 = 10_000_000;
/// The highest altitude that fits, in centimeters above the spheroid.
const MAX_ALTITUDE: i64 = u32::MAX as i64 - ALTITUDE_BASE;
/// Centimeters of the largest size or precision: nine times ten to the ninth.
const MAX_PRECISION: u64 = 9_000_000_000;
/// Size, horizontal and vertical precision where they are left out: 1 m, 10 km, 10 m in centimeters.
const DEFAULTS: [u64; 3] = [100, 1_000_000, 1_000];

/// Latitude, longitude, altitude, and optionally size and precisions, 16 octets.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let latitude = angle(fields, 90, ["N", "S"])?;
    let longitude = angle(fields, 180, ["E", "W"])?;
    let altitude = fields.word("an altitude from -100000.00m to 42849672.95m", |word| {
        let (is_below, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
        let value = i64::try_from(centimeters(digits)?).ok()?;
        let value = if is_below { -value } else { value };
        let in_range = (-ALTITUDE_BASE..=MAX_ALTITUDE).contains(&value);
        in_range.then(|| u32::try_from(value + ALTITUDE_BASE).ok()).flatten()
    })?;
    // The version of the format.
    fields.put(&[0]);
    for default in DEFAULTS {
        let value = if fields.peek().is_some() {
            let what = "a size or precision from 0m to 90000000.00m";
            fields.word(what, |word| centimeters(word).filter(|value| *value <= MAX_PRECISION))?
        } else {
            default
        };
        fields.put(&[mantissa_and_exponent(value)]);
    }
    for value in [latitude, longitude, altitude] {
        fields.put(&value.to_be_bytes());
    }
    Ok(())
}

/// Degrees, optionally minutes and seconds, and the hemisphere; the first of `hemispheres` is the positive one.
fn angle(fields: &mut Fields<'_, '_>, most: u32, hemispheres: [&str; 2]) -> Result<u32, RdataFault> {
    let [positive, negative] = hemispheres;
    let what = format!("degrees up to {most}");
    let degrees: u32 = fields.word(&what, |word| number(word).filter(|degrees| *degrees <= most))?;
    let mut thousandths = degrees * 3_600_000;
    let mut is_done = false;
    let unit = |word: &str| (word.eq_ignore_ascii_case(positive), word.eq_ignore_ascii_case(negative));
    for (name, read) in [("minutes", minutes as fn(&str) -> Option<u32>), ("seconds", seconds)] {
        if fields.peek().is_some_and(|token| matches!(unit(token.raw), (true, _) | (_, true))) {
            is_done = true;
        }
        if !is_done {
            let what = format!("{name} below 60, or {positive} or {negative}");
            thousandths += fields.word(&what, read)?;
        }
    }
    let is_negative = fields.word(&format!("{positive} or {negative}"), |word| match unit(word) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => None,
    })?;
    if thousandths > most * 3_600_000 {
        return Err(fields.refuse(&format!("at most {most} degrees in all")));
    }
    Ok(if is_negative { ORIGIN - thousandths } else { ORIGIN + thousandths })
}

fn minutes(word: &str) -> Option<u32> {
    number(word).filter(|minutes: &u32| *minutes < 60).map(|minutes| minutes * 60_000)
}

/// Seconds with up to three decimals.
fn seconds(word: &str) -> Option<u32> {
    decimal(word, 3).and_then(|value| u32::try_from(value).ok()).filter(|thousandths| *thousandths < 60_000)
}

/// Meters with up to two decimals, `m` behind them or not.
fn centimeters(word: &str) -> Option<u64> {
    decimal(word.strip_suffix(['m', 'M']).unwrap_or(word), 2)
}

/// A decimal number times ten to the power of `places`, which is the most decimals that it has.
fn decimal(word: &str, places: usize) -> Option<u64> {
    let (whole, decimals) = word.split_once('.').unwrap_or((word, ""));
    if decimals.len() > places || whole.len() > 9 {
        return None;
    }
    number(&format!("{whole}{decimals:0<places$}")).filter(|_| !whole.is_empty())
}

/// Four bits of the leading digit and four of the power of ten; what does not fit is cut off.
fn mantissa_and_exponent(centimeters: u64) -> u8 {
    let (mut mantissa, mut exponent) = (centimeters, 0_u8);
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    // At most 9 by the loop above.
    u8::try_from(mantissa).unwrap_or(9) << 4 | exponent
}

#[cfg(test)]
mod tests {
    use domain::base::iana::Rtype;

    use super::*;
    use crate::model::Name;
    use crate::zone::lexer::Lexer;

    fn octets(text: &str) -> Option<Vec<u8>> {
        let mut tokens = Vec::new();
        Lexer::new(text).next_entry(&mut tokens);
        let root = Name::root();
        let mut fields = Fields::new(Rtype::LOC, &tokens, &root);
        read(&mut fields).and_then(|()| fields.finish()).ok()
    }

    #[test]
    fn a_place_is_read_as_rfc_1876_says() {
        let full = octets("52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m").unwrap();
        assert_eq!(full[..4], [0, 0x00, 0x16, 0x13]);
        let latitude = (1_u32 << 31) + ((52 * 60 + 22) * 60 + 23) * 1000;
        assert_eq!(full[4..8], latitude.to_be_bytes());
        assert_eq!(full[12..], (10_000_000_u32 - 200).to_be_bytes());
        let short = octets("0 S 180 w 42849672.95").unwrap();
        assert_eq!(short[..4], [0, 0x12, 0x16, 0x13]);
        assert_eq!(short[8..12], ((1_u32 << 31) - 648_000_000).to_be_bytes());
        assert_eq!(short[12..], u32::MAX.to_be_bytes());
        assert!(octets("1 2 3.4 n 1 e -100000.00m 90000000.00m").is_some());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "91 N 0 E 0m",
            "90 1 N 0 E 0m",
            "1 60 N 0 E 0m",
            "1 1 60 N 0 E 0m",
            "1 1 1 1 N 0 E 0m",
            "1 1 1.0001 N 0 E 0m",
            "1 E 1 N 0m",
            "1 N 1 E",
            "1 N 1 E -100000.01m",
            "1 N 1 E 42849672.96m",
            "1 N 1 E 0m 90000000.01m",
            "1 N 1 E 0m 1m 1m 1m 1m",
            "-1 N 1 E 0m",
            "1 N 1 E 0.m.",
            "1 N 1 E .5m",
        ] {
            assert_eq!(octets(text), None, "{text}");
        }
    }
}
