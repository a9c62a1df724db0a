//! `requires` of a service: the services that must work at a site for it to work there, and that none requires itself.

use std::ops::Range;

use super::bounds::MAX_SHOWN;
use super::reader::Reader;
use super::roster::Roster;
use super::service::push_once;
use super::value::Table;
use super::words::quoted;
use crate::model::{Service, ServiceIx};

/// The most services of a circle that a message names.
const NAMED: usize = 12;

/// The required services, each once.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, names: &Roster) -> Vec<ServiceIx> {
    let listed = table.get("requires").and_then(|value| reader.list(&value)).unwrap_or_default();
    let mut required = Vec::with_capacity(listed.len());
    for member in listed {
        let Some(position) = names.resolve(reader, &member) else { continue };
        let Ok(ix) = u16::try_from(position).map(ServiceIx) else { continue };
        push_once(reader, &member, &mut required, ix);
    }
    required
}

/// Refuses services that require themselves, directly or through others.
pub(super) fn refuse_circles(reader: &mut Reader<'_>, tables: &[Table<'_>], services: &[Service], names: &Roster) {
    for circle in circles(services) {
        let Some(table) = circle.first().and_then(|first| tables.get(*first)) else { continue };
        let mut chain: Vec<&str> = circle.iter().take(NAMED).map(|service| names.name(*service)).collect();
        if circle.len() > NAMED {
            chain.push("…");
        }
        chain.extend(circle.first().map(|first| names.name(*first)));
        let what = format!("services that require one another in a circle: {}", chain.join(" -> "));
        let expected = "no service that requires itself, directly or through others";
        reader.error(&at(table), what, expected, "take one of them out of requires of the one before it");
    }
}

/// How far the search for circles is with a service.
#[derive(Clone, Copy, PartialEq)]
enum Visit {
    Not,
    /// On the way from where the search began.
    Under,
    Done,
}

/// The circles that a search in file order closes, as many as are shown, each beginning with its first service in the file.
fn circles(services: &[Service]) -> Vec<Vec<usize>> {
    let mut visits = vec![Visit::Not; services.len()];
    let mut circles = Vec::new();
    for start in 0..services.len() {
        // The way from the start, each service with how many of its requirements were followed. Not by recursion: a chain
        // may be as long as the file.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((service, followed)) = way.last_mut() {
            let (here, next) = (*service, *followed);
            *followed += 1;
            if next == 0 && visits.get(here) == Some(&Visit::Done) {
                way.pop();
                continue;
            }
            if let Some(visit) = visits.get_mut(here) {
                *visit = Visit::Under;
            }
            match services.get(here).and_then(|service| service.requires.get(next)).map(|ix| ix.get()) {
                Some(required) if visits.get(required) == Some(&Visit::Under) => {
                    if circles.len() == MAX_SHOWN {
                        return circles;
                    }
                    let from = way.iter().position(|(service, _)| *service == required).unwrap_or_default();
                    circles.push(from_first(way.iter().skip(from).map(|(service, _)| *service).collect()));
                }
                Some(required) => way.push((required, 0)),
                None => {
                    if let Some(visit) = visits.get_mut(here) {
                        *visit = Visit::Done;
                    }
                    way.pop();
                }
            }
        }
    }
    circles
}

/// The circle turned so that its first service in the file leads.
fn from_first(mut circle: Vec<usize>) -> Vec<usize> {
    let first = circle.iter().enumerate().min_by_key(|(_, service)| **service).map(|(position, _)| position);
    circle.rotate_left(first.unwrap_or_default());
    circle
}

/// Warns of sites where a service is held by nothing because what it requires is not there.
pub(super) fn warn_of_absent(reader: &mut Reader<'_>, services: &[Service], tables: &[Table<'_>], sites: &Roster) {
    for (service, table) in services.iter().zip(tables) {
        for required in service.requires.iter().filter_map(|ix| services.get(ix.get())) {
            let absent: Vec<String> = service
                .sites
                .iter()
                .filter(|site| !required.sites.contains(site))
                .map(|site| quoted(sites.name(site.get())))
                .collect();
            if absent.is_empty() {
                continue;
            }
            let (absent, required) = (absent.join(", "), quoted(&required.name));
            let what = format!("{} at {absent}, where service {required} that it requires is not", table.title);
            let remedy =
                format!("add {absent} to sites of {required}; until then {required} does not hold it back there");
            reader.warning(&at(table), what, "a required service at every site of the service", remedy);
        }
    }
}

/// Where `requires` stands.
fn at(table: &Table<'_>) -> Range<usize> {
    table.get("requires").map_or(table.span.clone(), |value| value.span)
}
