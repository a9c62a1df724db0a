//! The country table: where the networks of a country are taken to be, and on which continent.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::{Coordinates, Country};

/// What is known of a country.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CountryFacts {
    /// Two-letter continent code.
    pub(super) continent: [u8; 2],
    /// Where its clients are taken to be.
    pub(super) centroid: Coordinates,
}

static TABLE: LazyLock<HashMap<Country, CountryFacts>> =
    LazyLock::new(|| include_str!("centroids.csv").lines().filter_map(line).collect());

/// The facts of `country`, if it is in the table.
pub(super) fn facts(country: Country) -> Option<CountryFacts> {
    TABLE.get(&country).copied()
}

fn line(text: &str) -> Option<(Country, CountryFacts)> {
    let mut fields = text.split(',');
    let country = fields.next()?.parse().ok()?;
    let continent = fields.next()?.as_bytes().try_into().ok()?;
    let centroid = Coordinates::new(fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)?;
    Some((country, CountryFacts { continent, centroid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("centroids.csv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(TABLE.len(), lines);
        assert!(lines >= 249, "ISO 3166-1 has 249 countries");
        assert_eq!(facts("JP".parse().unwrap()).unwrap().continent, *b"AS");
        assert!(facts("ZZ".parse().unwrap()).is_none());
    }
}
