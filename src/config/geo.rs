//! `[geo]`: where clients are, as far as the operator knows better; and places in general.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::country::country;
use super::node::site_ix;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use crate::model::{Coordinates, GeoSettings, Location, NetworkPlace};

const COORDINATES: &str = "lat = 50.1, lon = 8.7";

/// `[geo]`. Without `database` the embedded country database is used.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, sites: &Roster) -> GeoSettings {
    let Some(table) = reader.section(root, "geo") else { return GeoSettings::default() };
    reader.allow(&table, &["database", "networks"]);
    let database = table.get("database").and_then(|value| reader.path(&value));
    let mut networks: BTreeMap<IpNet, NetworkPlace> = BTreeMap::new();
    let entries = table.get("networks").and_then(|value| reader.table(&value, "\"10.20.0.0/16\" = \"DE\""));
    for value in entries.iter().flat_map(Table::values) {
        let network = reader.network_text(&value.key_span, &value.key, "a network of [geo]");
        let place = place(reader, &value, sites);
        let (Some(network), Some(place)) = (network, place) else { continue };
        if networks.insert(network, place).is_some() {
            let what = format!("{network} a second time as a network of [geo]");
            reader.error(&value.key_span, what, "each network once", "delete one");
        }
    }
    GeoSettings { database, networks: networks.into_iter().collect() }
}

/// A site, a country, or coordinates as a table or as the text `"50.1, 8.7"`.
fn place(reader: &mut Reader<'_>, value: &Value<'_>, sites: &Roster) -> Option<NetworkPlace> {
    if value.is_table() {
        let table = reader.table(value, COORDINATES)?;
        reader.allow(&table, &["lat", "lon"]);
        let found = coordinates(reader, &table);
        if found.is_none() && table.get("lat").is_none() && table.get("lon").is_none() {
            reader.missing(&table, "coordinates", "lat and lon", format!("write {{ {COORDINATES} }}"));
        }
        return found.map(NetworkPlace::Coordinates);
    }
    let text = reader.string(value)?;
    if let Some(site) = sites.position(text) {
        return site_ix(site).map(NetworkPlace::Site);
    }
    if let Some(country) = country(text) {
        return Some(NetworkPlace::Country(country));
    }
    if let Some((lat, lon)) = text.split_once(',') {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let found = number(lat).zip(number(lon)).and_then(|(lat, lon)| Coordinates::new(lat, lon));
        if found.is_none() {
            reader.refuse(value, "latitude -90 to 90 and longitude -180 to 180", "write it as in \"50.1, 8.7\"");
        }
        return found.map(NetworkPlace::Coordinates);
    }
    if text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_alphabetic()) {
        reader.country(value);
    } else if reader.is_whole() {
        let expected = format!("{}; a country, as in DE; or coordinates, as in 50.1, 8.7", sites.expected());
        let remedy = match super::words::similar(text, (0..sites.len()).map(|ix| sites.name(ix))) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "write the name of a site, two capital letters or coordinates".to_owned(),
        };
        reader.refuse(value, expected, remedy);
    }
    None
}

/// `location = { country = "DE", lat = 50.1, lon = 8.7 }`: a country, coordinates or both.
pub(super) fn location(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Location> {
    const EXAMPLE: &str = "country = \"DE\", lat = 50.1, lon = 8.7";
    let table = reader.table(value, EXAMPLE)?;
    reader.allow(&table, &["country", "lat", "lon"]);
    let country = table.get("country").and_then(|value| reader.country(&value));
    let coordinates = coordinates(reader, &table);
    if table.values().next().is_none() {
        reader.missing(&table, "a place", "a country, coordinates or both", format!("write {{ {EXAMPLE} }}"));
    }
    Some(Location { country, coordinates })
}

/// `lat` and `lon` of `table`; both or neither.
fn coordinates(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Coordinates> {
    let (lat, lon) = (table.get("lat"), table.get("lon"));
    match (&lat, &lon) {
        (Some(_), None) => reader.missing(table, "lon", "both lat and lon, or neither", "add lon, -180 to 180"),
        (None, Some(_)) => reader.missing(table, "lat", "both lat and lon, or neither", "add lat, -90 to 90"),
        _ => {}
    }
    let lat = lat.and_then(|value| reader.number(&value, -90.0..=90.0));
    let lon = lon.and_then(|value| reader.number(&value, -180.0..=180.0));
    lat.zip(lon).and_then(|(lat, lon)| Coordinates::new(lat, lon))
}
