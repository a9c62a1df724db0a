//! `[[assertion]]`: named rules that an operator's orders are held against (DESIGN section 7).

use super::defaults::POSITIONS;
use super::reader::Reader;
use super::roster::Roster;
use super::service::some_sites;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{Assertion, Service, ServiceIx, SiteIx, SiteSet};

/// What the sections refer to.
pub(super) struct Context<'a> {
    /// The names of the sites.
    pub(super) sites: &'a Roster,
    /// The names of the services.
    pub(super) service_names: &'a Roster,
    /// The services, in file order.
    pub(super) services: &'a [Service],
}

/// All assertions, in file order. `service` is optional: without it, every service is held that uses enough of the sites.
pub(super) fn read(
    reader: &mut Reader<'_>,
    tables: &[Table<'_>],
    names: &Roster,
    context: &Context<'_>,
) -> Vec<Assertion> {
    if let Some(table) = tables.get(POSITIONS) {
        let what = format!("{} assertions", tables.len());
        reader.error(&table.span, what, format!("at most {POSITIONS}"), "leave out those that others imply");
    }
    let named = tables.iter().enumerate().map(|(position, table)| (names.name(position), table));
    named.map(|(name, table)| assertion(reader, table, name, context)).collect()
}

fn assertion(reader: &mut Reader<'_>, table: &Table<'_>, name: &str, context: &Context<'_>) -> Assertion {
    reader.allow(table, &["name", "service", "at_least", "of"]);
    let service = table.get("service").and_then(|value| context.service_names.resolve(reader, &value));
    let expected = "the sites of which some must stay in service";
    let listed = reader.required(table, "of", expected, &format!("[{}]", quoted(context.sites.name(0))));
    let of = listed.as_ref().map(|value| some_sites(reader, value, context.sites)).unwrap_or_default();
    let at_least = reader.required(table, "at_least", "how many of these sites stay in service", "1");
    // One that is not known, which is reported by itself, would be one as well.
    let meant =
        listed.as_ref().filter(|_| !of.is_empty()).and_then(|value| reader.list(value)).map_or(0, |all| all.len());
    let at_least = at_least.and_then(|value| self::at_least(reader, &value, meant.max(of.len()))).unwrap_or(1);
    match (service.and_then(|position| context.services.get(position)), &listed) {
        (Some(service), Some(value)) => require_members(reader, value, service, context.sites),
        _ if table.get("service").is_none() => warn_of_nobody(reader, table, at_least, &of, context.services),
        _ => {}
    }
    let service = service.and_then(|position| u16::try_from(position).ok()).map(ServiceIx);
    Assertion { name: name.to_owned(), service, at_least, of }
}

/// At most the number of sites: an order could never be given otherwise.
fn at_least(reader: &mut Reader<'_>, value: &Value<'_>, sites: usize) -> Option<usize> {
    let most = i64::try_from(SiteSet::CAPACITY).unwrap_or(i64::MAX);
    let least: usize = reader.integer(value, 1..=most)?;
    // With no site at all, that is what is reported.
    if least > sites && sites > 0 && reader.is_whole() {
        let expected = format!("at most {sites}, the number of the sites");
        reader.refuse(value, expected, format!("write at_least = {}", sites.saturating_sub(1).max(1)));
    }
    Some(least)
}

/// Reports sites that do not take part in the service.
fn require_members(reader: &mut Reader<'_>, value: &Value<'_>, service: &Service, sites: &Roster) {
    for member in reader.list(value).unwrap_or_default() {
        let Some(name) = member.as_text() else { continue };
        let Some(position) = sites.position(name) else { continue };
        let takes_part = service.sites.iter().any(|site| site.get() == position);
        if !takes_part && reader.is_whole() {
            let service = quoted(&service.name);
            let what = format!("site {} as {member}, which is not in sites of service {service}", quoted(name));
            let remedy = format!("add it to sites of service {service}, or delete it here");
            reader.error(&member.span, what, "a site of the service", remedy);
        }
    }
}

/// Warns where no service uses as many of the sites as are to stay: then nothing is held.
fn warn_of_nobody(reader: &mut Reader<'_>, table: &Table<'_>, at_least: usize, of: &[SiteIx], services: &[Service]) {
    let uses_enough = |service: &Service| service.sites.iter().filter(|site| of.contains(site)).count() >= at_least;
    // More than there are sites is a mistake of its own.
    if at_least <= of.len() && !services.iter().any(uses_enough) {
        let what = format!("{} without effect: no service uses {at_least} of its sites", table.title);
        let expected = format!("a service with at least {at_least} of them in its sites");
        reader.warning(&table.span, what, expected, "correct of, lower at_least, or delete the assertion");
    }
}
