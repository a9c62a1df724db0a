//! `[[site]]`: data centers, and that no address belongs to two of them.

use std::ops::Range;

use ipnet::IpNet;

use super::geo;
use super::network::overlap;
use super::reader::Reader;
use super::roster::Roster;
use super::value::Table;
use super::words::quoted;
use crate::model::{Policy, Service, Site, SiteSet};

/// A network with where it stands.
struct Declared {
    network: IpNet,
    site: usize,
    span: Range<usize>,
}

/// All sites, in file order. `location` and `capacity` are optional.
pub(super) fn read(reader: &mut Reader<'_>, tables: &[Table<'_>], names: &Roster) -> Vec<Site> {
    if let Some(table) = tables.get(SiteSet::CAPACITY) {
        let what = format!("{} sites", tables.len());
        let expected = format!("at most {}", SiteSet::CAPACITY);
        reader.error(&table.span, what, expected, "join sites that fail together into one, with the networks of both");
    }
    let mut declared: Vec<Declared> = Vec::new();
    let mut sites = Vec::with_capacity(tables.len());
    for (site, table) in tables.iter().enumerate() {
        reader.allow(table, &["name", "location", "networks", "capacity"]);
        let location = table.get("location").and_then(|value| geo::location(reader, &value));
        let capacity = table.get("capacity").and_then(|value| reader.integer(&value, 1..=i64::MAX));
        let networks = networks(reader, table, site, names, &mut declared);
        sites.push(Site { name: names.name(site).to_owned(), location, networks, capacity });
    }
    sites
}

/// The networks of one site; `declared` are those of all sites so far.
fn networks(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    site: usize,
    names: &Roster,
    declared: &mut Vec<Declared>,
) -> Vec<IpNet> {
    const EXPECTED: &str = "the prefixes whose addresses are at this site";
    const EXAMPLE: &str = "\"192.0.2.0/26\", \"2001:db8:f::/48\"";
    let value = reader.required(table, "networks", EXPECTED, &format!("[{EXAMPLE}]"));
    let members = value.and_then(|value| reader.some_list(&value, EXPECTED, EXAMPLE)).unwrap_or_default();
    let mut networks = Vec::with_capacity(members.len());
    for member in members {
        let Some(network) = reader.network(&member) else { continue };
        if let Some(earlier) = declared.iter().find(|earlier| overlap(&earlier.network, &network)) {
            let line = reader.line(&earlier.span);
            let shared = format!("{network}, which shares addresses with {} in line {line}", earlier.network);
            if earlier.site == site {
                reader.warning(&member.span, shared, "each address once", "delete the narrower network");
            } else {
                let what = format!("{shared} of site {}", quoted(names.name(earlier.site)));
                let remedy = "give every address to one site; split the wider network";
                reader.error(&member.span, what, "networks that no other site has", remedy);
            }
        }
        declared.push(Declared { network, site, span: member.span });
        networks.push(network);
    }
    networks
}

/// Warns of sites without a place where some service orders sites by distance (DESIGN section 8).
pub(super) fn warn_of_unplaced(reader: &mut Reader<'_>, sites: &[Site], services: &[Service], tables: &[Table<'_>]) {
    let by_distance = |service: &&Service| matches!(service.policy, Policy::Nearest | Policy::Geo(_));
    // One site alone is always the nearest.
    let used: SiteSet = services
        .iter()
        .filter(by_distance)
        .filter(|service| service.sites.len() > 1)
        .flat_map(|service| service.sites.iter().copied())
        .collect();
    for ix in used.iter() {
        let (Some(site), Some(table)) = (sites.get(ix.get()), tables.get(ix.get())) else { continue };
        if site.location.is_none() && table.get("location").is_none() {
            let what = format!("{} without location", table.title);
            let expected = "a location, because a service orders its sites by distance";
            reader.warning(
                &table.span,
                what,
                expected,
                "add location = { country = \"DE\" }; without it the site comes last",
            );
        }
    }
}
