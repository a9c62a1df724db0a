//! TTLs in presentation format: seconds, or BIND's units as in `1h30m`.

use super::bounds::MAX_TTL;

/// Why a text is not a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TtlError {
    /// Neither a number of seconds nor numbers with units.
    #[error("not a number of seconds, nor numbers with the units w, d, h, m, s")]
    Malformed,
    /// More than RFC 2181 section 8 allows.
    #[error("more than {MAX_TTL} seconds")]
    TooLarge,
}

/// The seconds that `text` says: `3600`, `1h`, `1h30m`, `1W2D`.
pub(super) fn seconds(text: &str) -> Result<u32, TtlError> {
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    let mut has_units = false;
    for octet in text.bytes() {
        let unit: u64 = match octet.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit - b'0')));
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return Err(TtlError::Malformed),
        };
        has_units = true;
        let count = number.take().ok_or(TtlError::Malformed)?;
        total = total.saturating_add(count.saturating_mul(unit));
    }
    match number {
        // A number without a unit stands alone: in `1h30` nobody knows of what there are 30.
        Some(_) if has_units => return Err(TtlError::Malformed),
        Some(count) => total = count,
        None if !has_units => return Err(TtlError::Malformed),
        None => {}
    }
    u32::try_from(total).ok().filter(|ttl| *ttl <= MAX_TTL).ok_or(TtlError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_seconds_or_numbers_with_units() {
        for (text, ttl) in
            [("0", 0), ("3600", 3600), ("1h30m", 5400), ("1W2D3h4M5s", 788_645), ("2147483647", 2_147_483_647)]
        {
            assert_eq!(seconds(text), Ok(ttl), "{text}");
        }
        for text in ["", "h", "1x", "1h30", "-1", "1.5h", "1 h"] {
            assert_eq!(seconds(text), Err(TtlError::Malformed), "{text}");
        }
        for text in ["2147483648", "99999999999999999999999", "4000w"] {
            assert_eq!(seconds(text), Err(TtlError::TooLarge), "{text}");
        }
    }
}
