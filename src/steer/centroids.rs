//! Countries: where their people are, and which continent they are on.
//!
//! `centroids.csv` holds every ISO 3166-1 country and Kosovo (XK): the approximate centre of its population to a tenth of a
//! degree, for small territories the main town, because clients are where people are. Continents as GeoNames and most
//! geolocation databases have them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::{Coordinates, Country};

static TABLE: LazyLock<BTreeMap<Country, (Coordinates, [u8; 2])>> =
    LazyLock::new(|| include_str!("centroids.csv").lines().filter_map(row).collect());

/// A row `DE,50.8,9.7,EU`; `None` for the heading.
fn row(line: &str) -> Option<(Country, (Coordinates, [u8; 2]))> {
    let mut cells = line.split(',');
    let country = cells.next()?.parse().ok()?;
    let coordinates = Coordinates::new(cells.next()?.parse().ok()?, cells.next()?.parse().ok()?)?;
    let continent = <[u8; 2]>::try_from(cells.next()?.as_bytes()).ok()?;
    Some((country, (coordinates, continent)))
}

/// The centre of a country's population; `None` for a code that no country has.
#[must_use]
pub fn centroid(country: Country) -> Option<Coordinates> {
    TABLE.get(&country).map(|(coordinates, _)| *coordinates)
}

/// The letters of every country, in order.
pub(super) fn codes() -> impl Iterator<Item = Country> {
    TABLE.keys().copied()
}

/// The continent of a country: `AF AN AS EU NA OC SA`; `None` for a code that no country has.
#[must_use]
pub fn continent(country: Country) -> Option<[u8; 2]> {
    TABLE.get(&country).map(|(_, continent)| *continent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_in_order() {
        let text = include_str!("centroids.csv");
        assert!(text.starts_with("country,lat,lon,continent\n"));
        let rows: Vec<_> = text.lines().skip(1).map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect();
        assert!(rows.is_sorted_by_key(|(country, _)| *country));
        assert_eq!(rows.len(), 249 + 1);
        assert_eq!(TABLE.len(), rows.len());
        for (country, (_, continent)) in rows {
            assert!([b"AF", b"AN", b"AS", b"EU", b"NA", b"OC", b"SA"].contains(&&continent), "{country}");
        }
    }

    #[test]
    fn a_code_without_a_country_has_no_place() {
        assert_eq!(centroid("ZZ".parse().unwrap()), None);
        assert_eq!(continent("DE".parse().unwrap()), Some(*b"EU"));
    }
}
