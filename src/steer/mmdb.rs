//! MMDB files to an atlas: walked once and flattened, never decoded per query.
//!
//! The bytes may be anything (RELIABILITY I9): the walk ends after as many networks as a tree with so many nodes can have,
//! and every record is decoded once, within the reader's own bounds.

use std::collections::HashMap;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

use crate::model::{Coordinates, Country, Location};

use super::atlas::{Atlas, GeoError, LocaleIx, Locales};
use super::bounds::MAX_NETWORKS;
use super::ranges::{Builder, OutOfOrder, run_v4, run_v6};

impl Atlas {
    /// An atlas from the bytes of an MMDB file: MaxMind's nested country and city records, or flat ones with
    /// `country_code`, `latitude` and `longitude`.
    ///
    /// # Errors
    /// If the bytes are not a database, contradict themselves, or say of no network where it is.
    pub fn from_mmdb(bytes: &[u8]) -> Result<Self, GeoError> {
        let reader = Reader::from_source(bytes).map_err(|error| GeoError::NotMmdb { detail: error.to_string() })?;
        let mut records = Records { locales: Locales::new(), by_offset: HashMap::new() };
        let mut v4 = Builder::new(LocaleIx::NOWHERE);
        let mut v6 = Builder::new(LocaleIx::NOWHERE);

        let nodes = usize::try_from(reader.metadata().node_count).unwrap_or(MAX_NETWORKS);
        let leaves = nodes.saturating_add(1).saturating_mul(SHARED_SUBTREES);
        let walk = reader.networks(WithinOptions::default().include_networks_without_data()).map_err(corrupt)?;
        for (number, found) in walk.enumerate() {
            if number >= leaves {
                return Err(GeoError::Corrupt { detail: "its search tree is not a tree".to_owned() });
            }
            if number >= MAX_NETWORKS {
                return Err(GeoError::TooManyNetworks { limit: MAX_NETWORKS });
            }
            let found = found.map_err(corrupt)?;
            let locale = match found.offset() {
                Some(offset) => records.locale(offset, || found.decode())?,
                None => LocaleIx::NOWHERE,
            };
            let network = found.network().map_err(corrupt)?;
            match IpNet::new(network.ip(), network.prefix()).map_err(|error| unreadable(&error))? {
                IpNet::V4(network) => v4.add(&run_v4(network, locale)).map_err(overlap)?,
                IpNet::V6(network) => {
                    if network.contains(&IPV4_IN_IPV6) {
                        v4.add(&run_v4(Ipv4Net::default(), locale)).map_err(overlap)?;
                    }
                    v6.add(&run_v6(network, locale)).map_err(overlap)?;
                }
            }
        }
        if records.locales.is_empty() {
            return Err(GeoError::NoPlaces { kind: reader.metadata().database_type.clone() });
        }
        Ok(Self::new(records.locales, v4.finish(), v6.finish()))
    }
}

/// A tree of n nodes has n + 1 leaves. A writer that lets equal subtrees share nodes may have a walk meet a few times as
/// many; a damaged file lets it meet any number.
const SHARED_SUBTREES: usize = 4;

/// Where the addresses of IPv4 are in an IPv6 tree; a network around all of them is a place for all of them.
const IPV4_IN_IPV6: Ipv6Net = Ipv6Net::new_assert(std::net::Ipv6Addr::UNSPECIFIED, 96);

fn corrupt(error: MaxMindDbError) -> GeoError {
    GeoError::Corrupt { detail: error.to_string() }
}

fn unreadable(error: &ipnet::PrefixLenError) -> GeoError {
    GeoError::Corrupt { detail: error.to_string() }
}

fn overlap(_: OutOfOrder) -> GeoError {
    GeoError::Corrupt { detail: "its networks overlap".to_owned() }
}

/// The records met so far, by their offset in the file: many networks share one.
#[derive(Debug)]
struct Records {
    locales: Locales,
    by_offset: HashMap<usize, LocaleIx>,
}

impl Records {
    fn locale<'db>(
        &mut self,
        offset: usize,
        decode: impl FnOnce() -> Result<Option<Record<'db>>, MaxMindDbError>,
    ) -> Result<LocaleIx, GeoError> {
        if let Some(known) = self.by_offset.get(&offset) {
            return Ok(*known);
        }
        let record = decode().map_err(corrupt)?;
        let locale = record.map_or(LocaleIx::NOWHERE, |record| self.locales.insert(record.location()));
        self.by_offset.insert(offset, locale);
        Ok(locale)
    }
}

/// What is read of a record; fields that are not there or mean something else are left out.
#[derive(Debug, Deserialize)]
struct Record<'db> {
    #[serde(borrow, default)]
    country_code: Option<&'db str>,
    #[serde(borrow, default)]
    country: Option<CountryField<'db>>,
    #[serde(borrow, default)]
    registered_country: Option<CountryField<'db>>,
    #[serde(borrow, default)]
    location: Option<LocationField<'db>>,
    #[serde(borrow, default)]
    latitude: Option<Degrees<'db>>,
    #[serde(borrow, default)]
    longitude: Option<Degrees<'db>>,
}

/// A country by its code, nested or not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum CountryField<'db> {
    Nested {
        #[serde(borrow, default)]
        iso_code: Option<&'db str>,
    },
    Flat(&'db str),
}

impl CountryField<'_> {
    const fn code(&self) -> Option<&str> {
        match self {
            Self::Nested { iso_code } => *iso_code,
            Self::Flat(code) => Some(code),
        }
    }
}

#[derive(Debug, Deserialize)]
struct LocationField<'db> {
    #[serde(borrow, default)]
    latitude: Option<Degrees<'db>>,
    #[serde(borrow, default)]
    longitude: Option<Degrees<'db>>,
}

/// Degrees; some databases write them as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Degrees<'db> {
    Number(f64),
    Text(&'db str),
}

impl Degrees<'_> {
    fn value(&self) -> Option<f64> {
        match self {
            Self::Number(degrees) => Some(*degrees),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl Record<'_> {
    fn location(&self) -> Location {
        let nested = |field: &Option<CountryField<'_>>| field.as_ref().and_then(CountryField::code).and_then(country);
        let country = self.country_code.and_then(country);
        let country = country.or_else(|| nested(&self.country)).or_else(|| nested(&self.registered_country));
        let inner = self.location.as_ref();
        let lat = inner.and_then(|location| location.latitude.as_ref()).or(self.latitude.as_ref());
        let lon = inner.and_then(|location| location.longitude.as_ref()).or(self.longitude.as_ref());
        let coordinates = lat.and_then(Degrees::value).zip(lon.and_then(Degrees::value));
        Location { country, coordinates: coordinates.and_then(|(lat, lon)| Coordinates::new(lat, lon)) }
    }
}

/// A code that is not two letters is no country: databases write `-` or nothing for it.
fn country(code: &str) -> Option<Country> {
    code.parse().ok()
}
