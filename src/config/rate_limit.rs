//! `[rate_limit]`: how many identical responses a client network gets over UDP.

use ipnet::IpNet;

use super::defaults::{PREFIX_V4_RANGE, PREFIX_V6_RANGE, RESPONSES_RANGE, SLIP_RANGE};
use super::network::overlap;
use super::reader::Reader;
use super::value::{Table, Value};
use crate::model::RateLimitSettings;

/// The word that turns rate limiting off.
const OFF: &str = "off";

/// `[rate_limit]`. What is looser than the default needs `loosen = true` beside it: nobody should become a tool against
/// others by a typing mistake.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>) -> RateLimitSettings {
    let default = RateLimitSettings::default();
    let Some(table) = reader.section(root, "rate_limit") else { return default };
    reader.allow(&table, &["responses_per_second", "slip", "prefix_v4", "prefix_v6", "exempt", "loosen"]);
    let loosen = table.get("loosen");
    let loosened = loosen.as_ref().and_then(|value| reader.boolean(value)).unwrap_or(false);
    let mut looser = false;
    let mut bounded = |reader: &mut Reader<'_>, key: &str, range, most: u32| {
        let value = table.get(key)?;
        let number: u32 = reader.integer(&value, range)?;
        if number > most {
            looser = true;
            if !loosened {
                let remedy = format!("write {most}, or loosen = true below it if you mean it");
                reader.refuse(&value, format!("at most {most}, the default, unless loosen = true"), remedy);
            }
        }
        Some(number)
    };
    let default_rate = default.responses_per_second.unwrap_or_default();
    let rate = table.get("responses_per_second");
    let responses_per_second = match rate.as_ref().and_then(Value::as_text) {
        Some(OFF) => None,
        _ => Some(bounded(reader, "responses_per_second", RESPONSES_RANGE, default_rate).unwrap_or(default_rate)),
    };
    let prefix_v4 = bounded(reader, "prefix_v4", PREFIX_V4_RANGE, default.prefix_v4.into());
    let prefix_v6 = bounded(reader, "prefix_v6", PREFIX_V6_RANGE, default.prefix_v6.into());
    let slip = table.get("slip").and_then(|value| reader.integer(&value, SLIP_RANGE));
    let exempt = table.get("exempt").map(|value| exempt(reader, &value)).unwrap_or_default();
    if let (Some(rate), None) = (&rate, responses_per_second) {
        let expected = format!("a number of responses, {default_rate} by default");
        let remedy = "delete it; without rate limiting, forged queries turn this server against others";
        reader.warning(&rate.span, "rate limiting turned off", expected, remedy);
    } else if let Some(value) = loosen.filter(|_| loosened && !looser && reader.is_good()) {
        let expected = "it beside a value above its default";
        reader.warning(&value.key_span, format!("{value} without effect"), expected, "delete it");
    }
    RateLimitSettings {
        responses_per_second,
        slip: slip.unwrap_or(default.slip),
        prefix_v4: narrow(prefix_v4, default.prefix_v4),
        prefix_v6: narrow(prefix_v6, default.prefix_v6),
        exempt,
    }
}

fn narrow(prefix: Option<u32>, default: u8) -> u8 {
    prefix.and_then(|prefix| u8::try_from(prefix).ok()).unwrap_or(default)
}

fn exempt(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<IpNet> {
    let members = reader.some_list(value, "networks that are never limited", "\"192.0.2.0/24\"").unwrap_or_default();
    let mut networks: Vec<IpNet> = Vec::with_capacity(members.len());
    for member in members {
        let Some(network) = reader.network(&member) else { continue };
        if network.prefix_len() == 0 {
            let remedy = "name the networks of your own resolvers; responses_per_second = \"off\" exempts everyone";
            reader.refuse(&member, "a part of all addresses", remedy);
        } else if let Some(other) = networks.iter().find(|other| overlap(other, &network)) {
            let what = format!("{network}, which shares addresses with {other}, as {value}");
            reader.warning(&member.span, what, "each address once", "delete the narrower of the two");
        }
        networks.push(network);
    }
    networks
}
