//! `[[service]]`: which RRsets are steered, among which sites, on the word of which monitors.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::defaults::{MIN_SITES, POSITIONS, SITE_FLOOR, TTL, TTL_RANGE};
use super::duration::written;
use super::health;
use super::node::site_ix;
use super::policy;
use super::reader::Reader;
use super::requires;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{MonitorIx, MxMode, Name, NamePattern, Policy, Service, Site, SiteIx};

const KEYS: [&str; 16] = [
    "name",
    "names",
    "types",
    "policy",
    "sites",
    "weights",
    "geo",
    "mx",
    "ttl",
    "monitors",
    "min_sites",
    "site_floor",
    "health",
    "requires",
    "demand",
    "spill",
];

/// Record types that can be steered; what `types` defaults to.
const STEERED: [RecordType; 4] = [RecordType::MX, RecordType::A, RecordType::AAAA, RecordType::SRV];

/// What the sections of services refer to.
struct Context<'a> {
    services: &'a Roster,
    sites: &'a Roster,
    monitors: &'a Roster,
}

/// An owner name or pattern with a type, and the position of the first service that claims it.
type Claims = BTreeMap<(Name, bool, RecordType), usize>;

/// All services, in file order. Defaults: all steerable types, `nearest`, all sites in file order, `rank`, 30 s,
/// one site at least, site floor 0.5.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tables: &[Table<'_>],
    names: &Roster,
    sites: &Roster,
    monitors: &Roster,
) -> Vec<Service> {
    if let Some(table) = tables.get(POSITIONS) {
        let what = format!("{} services", tables.len());
        reader.error(&table.span, what, format!("at most {POSITIONS}"), "join services of equal policy");
    }
    let context = Context { services: names, sites, monitors };
    let mut claims = Claims::new();
    let mut services = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        let service = service(reader, table, names.name(position), &context);
        warn_of_claimed(reader, table, &service, position, names, &mut claims);
        services.push(service);
    }
    requires::refuse_circles(reader, tables, &services, names);
    services
}

fn service(reader: &mut Reader<'_>, table: &Table<'_>, name: &str, context: &Context<'_>) -> Service {
    reader.allow(table, &KEYS);
    let names = names(reader, table);
    let types = match table.get("types") {
        Some(value) => types(reader, &value),
        None => STEERED.to_vec(),
    };
    let sites = sites(reader, table, context.sites);
    let policy = policy::read(reader, table, &sites, context.sites);
    let mx = table.get("mx").and_then(|value| reader.word(&value, &[("rank", MxMode::Rank), ("keep", MxMode::Keep)]));
    let ttl = table.get("ttl").and_then(|value| ttl(reader, &value));
    let monitors = monitors(reader, table, context.monitors);
    let health = health::read(reader, table, &monitors, context.monitors);
    let requires = requires::read(reader, table, context.services);
    let min_sites = table.get("min_sites").map(|value| min_sites(reader, &value, sites.len()).unwrap_or(MIN_SITES));
    let demand = table.get("demand").and_then(|value| reader.integer(&value, 1..=i64::MAX));
    let spill = table.get("spill").and_then(|value| spill(reader, &value, &policy));
    let site_floor = table.get("site_floor").and_then(|value| reader.number(&value, 0.0..=1.0));
    Service {
        name: name.to_owned(),
        names,
        types,
        policy,
        sites,
        mx: mx.unwrap_or(MxMode::Rank),
        ttl: ttl.unwrap_or(TTL),
        monitors,
        health,
        requires,
        min_sites: min_sites.unwrap_or(MIN_SITES),
        site_floor: site_floor.unwrap_or(SITE_FLOOR),
        demand,
        spill: spill.unwrap_or(false),
    }
}

fn names(reader: &mut Reader<'_>, table: &Table<'_>) -> Vec<NamePattern> {
    const EXPECTED: &str = "the owner names that the service steers";
    const EXAMPLE: &str = "\"example.org\", \"*.hosted.example\"";
    let value = reader.required(table, "names", EXPECTED, &format!("[{EXAMPLE}]"));
    let members = value.and_then(|value| reader.some_list(&value, EXPECTED, EXAMPLE)).unwrap_or_default();
    let mut names = Vec::with_capacity(members.len());
    for member in members {
        let Some(name) = reader.name_pattern(&member) else { continue };
        push_once(reader, &member, &mut names, name);
    }
    names
}

fn types(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<RecordType> {
    let steered = "MX, A, AAAA or SRV";
    let members = reader.some_list(value, steered, "\"MX\", \"A\", \"AAAA\"").unwrap_or_default();
    let mut types = Vec::with_capacity(members.len());
    for member in members {
        let Some(text) = reader.string(&member) else { continue };
        let rtype = text.to_ascii_uppercase().parse::<RecordType>().ok();
        match rtype.filter(|rtype| STEERED.contains(rtype)) {
            Some(rtype) => push_once(reader, &member, &mut types, rtype),
            None => {
                let remedy = match rtype {
                    Some(rtype) => format!("leave {rtype} out; it is answered as the zone declares it"),
                    None => "write record types as zone files do".to_owned(),
                };
                reader.refuse(&member, steered, remedy);
            }
        }
    }
    types
}

/// The sites that take part, by default all.
fn sites(reader: &mut Reader<'_>, table: &Table<'_>, roster: &Roster) -> Vec<SiteIx> {
    if let Some(value) = table.get("sites") {
        return some_sites(reader, &value, roster);
    }
    if roster.len() == 0 {
        let remedy = "declare data centers in [[site]] sections";
        reader.missing(table, "sites to steer between", "at least one declared site", remedy);
    }
    (0..roster.len()).filter_map(site_ix).collect()
}

/// A list of declared sites, each once.
pub(super) fn some_sites(reader: &mut Reader<'_>, value: &Value<'_>, roster: &Roster) -> Vec<SiteIx> {
    let members = reader.some_list(value, "at least one declared site", &quoted(roster.name(0))).unwrap_or_default();
    let mut sites = Vec::with_capacity(members.len());
    for member in members {
        let Some(site) = roster.resolve(reader, &member).and_then(site_ix) else { continue };
        push_once(reader, &member, &mut sites, site);
    }
    sites
}

/// TTLs are whole seconds on the wire (RFC 2181 section 8).
fn ttl(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Duration> {
    let ttl = reader.duration(value, &TTL_RANGE)?;
    if ttl.subsec_nanos() != 0 {
        let whole = Duration::from_secs(ttl.as_secs());
        reader.refuse(value, "whole seconds", format!("write ttl = \"{}\"", written(whole)));
    }
    Some(ttl)
}

/// The monitors of a service. An empty list is a decision, an absent key probably an oversight.
fn monitors(reader: &mut Reader<'_>, table: &Table<'_>, roster: &Roster) -> Vec<MonitorIx> {
    let Some(value) = table.get("monitors") else {
        let remedy = "add monitors = [\"…\"], or monitors = [] if this is meant";
        let what = format!("{} without monitors", table.title);
        reader.warning(&table.span, what, "monitors; without any, every endpoint counts as up", remedy);
        return Vec::new();
    };
    let members = reader.list(&value).unwrap_or_default();
    let mut monitors = Vec::with_capacity(members.len());
    for member in members {
        let Some(position) = roster.resolve(reader, &member) else { continue };
        let Ok(position) = u16::try_from(position) else { continue };
        push_once(reader, &member, &mut monitors, MonitorIx(position));
    }
    monitors
}

/// Only where a policy says which site is next.
fn spill(reader: &mut Reader<'_>, value: &Value<'_>, policy: &Policy) -> Option<bool> {
    let spill = reader.boolean(value)?;
    if spill && matches!(policy, Policy::Weighted(_) | Policy::Spread) {
        let expected = "spill = true with policy nearest, geo or failover, which say which site is next";
        reader.refuse(value, expected, "delete spill, or change the policy");
    }
    Some(spill)
}

/// At most the number of sites: an order could never be given otherwise (DESIGN section 7).
fn min_sites(reader: &mut Reader<'_>, value: &Value<'_>, sites: usize) -> Option<usize> {
    let least: usize = reader.integer(value, 0..=64)?;
    // With no site at all, that is what is reported.
    if least > sites && sites > 0 && reader.is_whole() {
        let expected = format!("at most {sites}, the number of its sites");
        reader.refuse(value, expected, format!("write min_sites = {}", sites.saturating_sub(1).max(1)));
    }
    Some(least)
}

/// Adds `item` to `list`, or reports that it is there already.
pub(super) fn push_once<T: PartialEq>(reader: &mut Reader<'_>, member: &Value<'_>, list: &mut Vec<T>, item: T) {
    if list.contains(&item) {
        reader.error(&member.span, format!("{} a second time as {member}", member.found()), "each once", "delete one");
    } else {
        list.push(item);
    }
}

/// Warns of owner names that an earlier service has already: the first service that matches an RRset has it.
fn warn_of_claimed(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    service: &Service,
    position: usize,
    names: &Roster,
    claims: &mut Claims,
) {
    for pattern in &service.names {
        let (name, below) = match pattern {
            NamePattern::Exact(name) => (name, false),
            NamePattern::Below(suffix) => (suffix, true),
        };
        for rtype in &service.types {
            let first = *claims.entry((name.clone(), below, *rtype)).or_insert(position);
            if first != position {
                let star = if below { "*." } else { "" };
                let what = format!(
                    "{rtype} of {star}{name} in {}, which service {} has",
                    table.title,
                    quoted(names.name(first))
                );
                let at = table.get("names").map_or(table.span.clone(), |value| value.span);
                reader.warning(
                    &at,
                    what,
                    "each RRset in one service; the first has it",
                    "narrow names or types of one",
                );
            }
        }
    }
}

/// Warns of demand that nothing is held against.
pub(super) fn warn_of_unbounded(reader: &mut Reader<'_>, services: &[Service], sites: &[Site], tables: &[Table<'_>]) {
    for (service, table) in services.iter().zip(tables) {
        let is_bounded = |ix: &SiteIx| sites.get(ix.get()).is_some_and(|site| site.capacity.is_some());
        let given = ["demand", "spill"].into_iter().filter_map(|key| table.get(key));
        for value in given.filter(|_| !service.sites.iter().any(is_bounded)) {
            let what = format!("{}, none of whose sites has a capacity", value.as_found());
            let remedy = format!("add capacity to its [[site]] sections, or delete {}", value.key);
            reader.warning(&value.span, what, "capacity at a site of the service", remedy);
        }
    }
}

/// Warns of services whose load is added up with that of others in another unit.
pub(super) fn warn_of_units(reader: &mut Reader<'_>, services: &[Service], sites: &[Site], tables: &[Table<'_>]) {
    for (service, table) in services.iter().zip(tables).filter(|(service, _)| service.demand.is_none()) {
        let is_shared =
            |ix: &SiteIx| service.sites.contains(ix) && sites.get(ix.get()).is_some_and(|site| site.capacity.is_some());
        let other = services.iter().find(|other| other.demand.is_some() && other.sites.iter().any(is_shared));
        if let Some(other) = other {
            let what = format!("{} without demand, which service {} has", table.title, quoted(&other.name));
            let expected = "demand of all services that share a site with capacity, in its unit";
            let remedy = "add demand; without it every query a second counts as one";
            reader.warning(&table.span, what, expected, remedy);
        }
    }
}

/// Warns of sites and monitors that no service uses.
pub(super) fn warn_of_unused(
    reader: &mut Reader<'_>,
    services: &[Service],
    sites: &[Table<'_>],
    monitors: &[(Value<'_>, Table<'_>)],
) {
    // Without any service there is nothing yet that could use them.
    if services.is_empty() {
        return;
    }
    for (position, table) in sites.iter().enumerate() {
        let Some(ix) = site_ix(position) else { continue };
        if !services.iter().any(|service| service.sites.contains(&ix)) {
            let what = format!("{}, which no service uses", table.title);
            reader.warning(
                &table.span,
                what,
                "a service with it in sites",
                "add it to sites of a service, or delete it",
            );
        }
    }
    for (position, (_, table)) in monitors.iter().enumerate() {
        let used = |ix: &MonitorIx| ix.get() == position;
        if !services.iter().any(|service| service.monitors.iter().any(used)) {
            let what = format!("{}, which no service uses", table.title);
            let remedy = "add it to monitors of a service, or delete it";
            reader.warning(&table.span, what, "a service with it in monitors", remedy);
        }
    }
}
