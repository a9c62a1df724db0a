//! Countries: which two letters are one.

use super::reader::Reader;
use super::value::Value;
use crate::model::Country;

/// ISO 3166-1 alpha-2 codes, and XK, which location databases use for Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Codes that people write and that are no country: with what they mean.
const SLIPS: [(&str, &str); 3] = [("UK", "GB"), ("EL", "GR"), ("EN", "GB")];

/// The country of the code `text`, which must be in capitals.
pub(super) fn country(text: &str) -> Option<Country> {
    let known = CODES.split_ascii_whitespace().any(|code| code == text);
    if known { text.parse().ok() } else { None }
}

impl Reader<'_> {
    /// A country by its code.
    pub(super) fn country(&mut self, value: &Value<'_>) -> Option<Country> {
        let text = self.string(value)?;
        let found = country(text);
        if found.is_none() {
            let upper = text.to_uppercase();
            let slip = SLIPS.iter().find(|(slip, _)| *slip == upper).map(|(_, code)| *code);
            let remedy = match (slip, country(&upper)) {
                (Some(code), _) => format!("write \"{code}\""),
                (None, Some(code)) => format!("write \"{code}\""),
                (None, None) => "write two capital letters, as in \"DE\"".to_owned(),
            };
            self.refuse(value, "a country by its ISO 3166-1 alpha-2 code", remedy);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_iso_3166_are_countries() {
        assert_eq!(CODES.split_ascii_whitespace().count(), 250);
        assert!(CODES.split_ascii_whitespace().all(|code| country(code).is_some_and(|found| found.as_str() == code)));
        for text in ["UK", "de", "", "DEU", "EU", "D "] {
            assert_eq!(country(text), None, "{text}");
        }
        assert!(SLIPS.iter().all(|(slip, code)| country(slip).is_none() && country(code).is_some()));
    }
}
