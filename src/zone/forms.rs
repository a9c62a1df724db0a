//! The presentation formats that the `domain` crate does not read, or not in all their forms, field by field.

use domain::base::iana::Rtype;

use super::fields::{Fields, number};
use super::lexer::Token;
use super::rdata::RdataFault;
use super::{forms_addresses, forms_keys, forms_location, forms_services};
use crate::model::Name;

/// A step of reading record data.
type Step = fn(&mut Fields<'_, '_>) -> Result<(), RdataFault>;

const U8: Step = |fields| fields.u8();
const U16: Step = |fields| fields.u16();
const U32: Step = |fields| fields.u32();
const NAME: Step = |fields| fields.name();
const STRING: Step = |fields| fields.string();
const TEXT: Step = |fields| fields.text();
const REST: Step = |fields| fields.rest();
const HEX: Step = |fields| fields.hex(None);
const BASE64: Step = |fields| fields.base64();
const TYPES: Step = |fields| fields.types();
const OPTIONAL_STRING: Step = |fields| if fields.peek().is_some() { fields.string() } else { Ok(()) };

/// The octets of the data of `rtype`; `None` if the type is read by the `domain` crate, or in RFC 3597's form only.
pub(super) fn read(rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Option<Result<Vec<u8>, RdataFault>> {
    let steps = steps(rtype)?;
    let mut fields = Fields::new(rtype, tokens, origin);
    Some(steps.iter().try_for_each(|step| step(&mut fields)).and_then(|()| fields.finish()))
}

const fn steps(rtype: Rtype) -> Option<&'static [Step]> {
    Some(match rtype {
        // RFC 1183, 2230, 6742: a preference or subtype, and a host.
        Rtype::AFSDB | Rtype::RT | Rtype::KX | Rtype::LP => &[U16, NAME],
        Rtype::X25 => &[STRING],
        Rtype::ISDN => &[STRING, OPTIONAL_STRING],
        // RFC 2163.
        Rtype::PX => &[U16, NAME, NAME],
        Rtype::NSAPPTR => &[NAME],
        Rtype::TALINK => &[NAME, NAME],
        // RFC 1712: longitude, latitude and altitude as strings.
        Rtype::GPOS => &[STRING, STRING, STRING],
        Rtype::LOC => &[forms_location::read],
        // RFC 7553.
        Rtype::URI => &[U16, U16, TEXT],
        // RFC 4398.
        Rtype::CERT => &[forms_keys::certificate_type, U16, forms_keys::algorithm, BASE64],
        // RFC 2535: keys of SIG(0).
        Rtype::KEY | Rtype::RKEY => &[U16, U8, forms_keys::algorithm, BASE64],
        // RFC 4034, 7344: the `domain` crate knows algorithms by number only.
        Rtype::DNSKEY | Rtype::CDNSKEY => &[U16, U8, forms_keys::algorithm, BASE64],
        // RFC 4034, 7344, 4431; TA has the same form.
        Rtype::DS | Rtype::CDS | Rtype::DLV | Rtype::TA => &[U16, forms_keys::algorithm, forms_keys::digest],
        // RFC 6698, 8162.
        Rtype::TLSA | Rtype::SMIMEA => &[U8, U8, U8, HEX],
        // RFC 4255.
        Rtype::SSHFP => &[U8, forms_keys::fingerprint],
        // RFC 8976.
        Rtype::ZONEMD => &[U32, U8, forms_keys::zone_digest],
        // RFC 8659.
        Rtype::CAA => &[U8, forms_keys::tag, REST],
        // RFC 9460: the `domain` crate has no escapes in lists.
        Rtype::SVCB | Rtype::HTTPS => &[U16, NAME, forms_services::parameters],
        // RFC 3403.
        Rtype::NAPTR => &[U16, U16, STRING, STRING, forms_services::expression, NAME],
        // RFC 4701.
        Rtype::DHCID => &[BASE64],
        // RFC 7477.
        Rtype::CSYNC => &[U32, U16, TYPES],
        // RFC 3123.
        Rtype::APL => &[forms_addresses::prefixes],
        // RFC 7043.
        Rtype::EUI48 => &[forms_addresses::eui48],
        Rtype::EUI64 => &[forms_addresses::eui64],
        // RFC 6742.
        Rtype::NID | Rtype::L64 => &[U16, forms_addresses::locator],
        Rtype::L32 => &[U16, forms_addresses::ipv4],
        _ => return None,
    })
}

/// Types whose data is written like that of another one, which the `domain` crate reads.
pub(super) const fn written_as(rtype: Rtype) -> Rtype {
    match rtype {
        Rtype::SPF | Rtype::NINFO | Rtype::AVC => Rtype::TXT,
        _ => rtype,
    }
}

/// The number that one of `names` or decimal digits say.
pub(super) fn mnemonic<T: Copy + std::str::FromStr>(word: &str, names: &[(&str, T)]) -> Option<T> {
    let named = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value);
    named.or_else(|| number(word))
}
