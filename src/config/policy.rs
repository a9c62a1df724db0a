//! `policy`, `weights` and `geo` of a service: how the order of its sites is chosen (DESIGN section 8).

use std::ops::Range;

use super::defaults::WEIGHT_MOST;
use super::node::site_ix;
use super::reader::Reader;
use super::roster::Roster;
use super::service::some_sites;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{GeoRule, Policy, SiteIx};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Nearest,
    Geo,
    Failover,
    Weighted,
    Spread,
}

/// Continents as location databases name them.
const CONTINENTS: [(&str, [u8; 2]); 7] =
    [("AF", *b"AF"), ("AN", *b"AN"), ("AS", *b"AS"), ("EU", *b"EU"), ("NA", *b"NA"), ("OC", *b"OC"), ("SA", *b"SA")];

/// The policy of a service with `sites`; `nearest` by default.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, sites: &[SiteIx], roster: &Roster) -> Policy {
    let words = [
        ("nearest", Kind::Nearest),
        ("geo", Kind::Geo),
        ("failover", Kind::Failover),
        ("weighted", Kind::Weighted),
        ("spread", Kind::Spread),
    ];
    let kind = match table.get("policy") {
        Some(value) => reader.word(&value, &words),
        None => Some(Kind::Nearest),
    };
    let weights = match table.get("weights") {
        Some(value) => weights(reader, &value, sites, roster),
        None => Vec::new(),
    };
    let rules = match table.get("geo") {
        Some(value) => rules(reader, &value, sites, roster),
        None => Vec::new(),
    };
    for (key, owner, word) in [("weights", Kind::Weighted, "weighted"), ("geo", Kind::Geo, "geo")] {
        if kind == Some(owner) {
            let example = example(owner, sites, roster);
            reader.required(table, key, &format!("which policy \"{word}\" goes by"), &example);
        } else if let (Some(_), Some(value)) = (kind, table.get(key)) {
            let what = format!("{value} without effect");
            let expected = format!("it with policy \"{word}\" only");
            reader.warning(&value.key_span, what, expected, format!("write policy = \"{word}\", or delete {key}"));
        }
    }
    match kind {
        Some(Kind::Geo) => Policy::Geo(rules),
        Some(Kind::Failover) => Policy::Failover,
        Some(Kind::Weighted) => Policy::Weighted(weights),
        Some(Kind::Spread) => Policy::Spread,
        Some(Kind::Nearest) | None => Policy::Nearest,
    }
}

/// What the key of a policy may hold for these sites.
fn example(kind: Kind, sites: &[SiteIx], roster: &Roster) -> String {
    let names = sites.iter().map(|site| roster.name(site.get()));
    if kind == Kind::Geo {
        let names: Vec<String> = names.map(quoted).collect();
        return format!("[{{ default = true, sites = [{}] }}]", names.join(", "));
    }
    let weights: Vec<String> = names.map(|name| format!("{name} = 1")).collect();
    format!("{{ {} }}", weights.join(", "))
}

/// `weights = { fra = 3, iad = 1 }`: one for each site of the service, parallel to them.
fn weights(reader: &mut Reader<'_>, value: &Value<'_>, sites: &[SiteIx], roster: &Roster) -> Vec<u32> {
    let Some(table) = reader.table(value, "fra = 3, iad = 1") else { return Vec::new() };
    for entry in table.values() {
        if roster.position(&entry.key).is_none() {
            roster.unknown(reader, &entry.key_span, &entry.key, &value.to_string());
        } else {
            require_member(reader, &entry.key_span, &entry.key, &value.to_string(), sites, roster);
        }
        reader.integer::<u32>(&entry, 0..=WEIGHT_MOST);
    }
    let mut weights = Vec::with_capacity(sites.len());
    for site in sites {
        let name = roster.name(site.get());
        let entry = table.get(name);
        if entry.is_none() && !name.is_empty() {
            let what = format!("a weight for site {}", quoted(name));
            reader.missing(&table, &what, "one for each site of the service", format!("add {name} = 1"));
        }
        let weight = entry.and_then(|entry| entry.as_integer()).and_then(|weight| u32::try_from(weight).ok());
        weights.push(weight.unwrap_or(0));
    }
    let all_zero = table.values().all(|entry| entry.as_integer() == Some(0));
    if all_zero && table.values().next().is_some() {
        let what = format!("only zeros as {value}");
        reader.error(&value.span, what, "at least one weight above 0", "give a weight to a site that is to be used");
    }
    weights
}

/// Reports a declared site at `span` that does not take part in the service.
fn require_member(
    reader: &mut Reader<'_>,
    span: &Range<usize>,
    name: &str,
    place: &str,
    sites: &[SiteIx],
    roster: &Roster,
) {
    let member = roster.position(name).and_then(site_ix).is_some_and(|site| sites.contains(&site));
    if !member && reader.is_whole() {
        let what = format!("site {} as {place}, which is not in its sites", quoted(name));
        reader.error(span, what, "a site of the service", "add it to sites of the service, or delete it here");
    }
}

/// `geo = [{ country = "JP", sites = ["nrt"] }, …]`: the first rule that matches a client decides.
fn rules(reader: &mut Reader<'_>, value: &Value<'_>, sites: &[SiteIx], roster: &Roster) -> Vec<GeoRule> {
    let example = "{ country = \"JP\", sites = [\"nrt\"] }, { default = true, sites = [\"fra\"] }";
    let members = reader.some_list(value, "at least one rule", example).unwrap_or_default();
    let mut rules: Vec<GeoRule> = Vec::with_capacity(members.len());
    for member in members {
        let Some(rule) = rule(reader, &member, sites, roster) else { continue };
        if rules.iter().any(|earlier| shadows(earlier, &rule)) {
            let what = format!("a rule in {value} that an earlier one hides");
            let remedy = "move it before the wider rule, or delete it";
            reader.warning(&member.span, what, "narrow rules before wide ones; the first match decides", remedy);
        }
        rules.push(rule);
    }
    rules
}

/// Whether every client of `later` is one of `earlier`.
fn shadows(earlier: &GeoRule, later: &GeoRule) -> bool {
    match (earlier, later) {
        (GeoRule::Default(_), _) => true,
        (GeoRule::Network(wide, _), GeoRule::Network(narrow, _)) => wide.contains(narrow),
        (GeoRule::Country(one, _), GeoRule::Country(other, _)) => one == other,
        (GeoRule::Continent(one, _), GeoRule::Continent(other, _)) => one == other,
        _ => false,
    }
}

fn rule(reader: &mut Reader<'_>, value: &Value<'_>, sites: &[SiteIx], roster: &Roster) -> Option<GeoRule> {
    const SELECTORS: [&str; 4] = ["network", "country", "continent", "default"];
    const EXPECTED: &str = "one of network, country, continent, default";
    let table = reader.table(value, "country = \"JP\", sites = [\"nrt\"]")?;
    reader.allow(&table, &["network", "country", "continent", "default", "sites"]);

    let order = reader.required(&table, "sites", "the sites of these clients, best first", "[\"nrt\"]");
    let order = order.map(|value| rule_sites(reader, &value, sites, roster)).unwrap_or_default();
    let given: Vec<Value<'_>> = SELECTORS.iter().filter_map(|key| table.get(key)).collect();
    let [selector] = given.as_slice() else {
        if given.is_empty() {
            reader.missing(&table, "clients", EXPECTED, "add country = \"JP\", or default = true");
        } else {
            let both: Vec<&str> = given.iter().map(|value| value.key.as_ref()).collect();
            let what = format!("{} together in a rule", both.join(" and "));
            reader.error(&table.span, what, EXPECTED, "make a rule of each");
        }
        return None;
    };
    Some(match selector.key.as_ref() {
        "network" => GeoRule::Network(reader.network(selector)?, order),
        "country" => GeoRule::Country(reader.country(selector)?, order),
        "continent" => GeoRule::Continent(reader.word(selector, &CONTINENTS)?, order),
        _ => {
            if !reader.boolean(selector)? {
                reader.refuse(selector, "true", "write default = true, or delete the rule");
            }
            GeoRule::Default(order)
        }
    })
}

fn rule_sites(reader: &mut Reader<'_>, value: &Value<'_>, sites: &[SiteIx], roster: &Roster) -> Vec<SiteIx> {
    let order = some_sites(reader, value, roster);
    for member in reader.list(value).unwrap_or_default() {
        let Some(name) = member.as_text().filter(|name| roster.position(name).is_some()) else { continue };
        require_member(reader, &member.span, name, &value.to_string(), sites, roster);
    }
    order
}
