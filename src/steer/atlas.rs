//! The atlas: a geo database flattened into one sorted table of locales a family.

use std::collections::HashMap;
use std::io::Read;
use std::net::IpAddr;

use maxminddb::{Reader, WithinOptions};
use serde::{Deserialize, Serialize};

use super::bounds::{EMBEDDED_BYTES, LOCALES, NETWORKS};
use super::ranges::{Builder, Number, Ranges};
use crate::model::{Coordinates, Country};

/// IP Geolocation by DB-IP, country database; licence beside it.
const EMBEDDED: &[u8] = include_bytes!("data/dbip-country.mmdb.zst");

/// Where a database says that a network is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Locale {
    /// The country.
    pub country: Option<Country>,
    /// Coordinates, of databases that know cities.
    pub coordinates: Option<Coordinates>,
}

/// A locale's position in [`Atlas::locales`]; the first is "not known".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LocaleIx(pub(super) u32);

impl LocaleIx {
    /// Not in the database.
    pub(super) const UNKNOWN: Self = Self(0);
}

/// Why octets are not a usable geo database.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// They are not a MaxMind DB, or a damaged one.
    #[error("not a MaxMind DB, or a damaged one: {0}")]
    Damaged(String),
    /// It is a MaxMind DB of something else.
    #[error("a database of type '{0}', which has neither countries nor coordinates")]
    WrongType(String),
    /// It has more networks or locales than any real one.
    #[error("more than {0} networks or locales")]
    TooLarge(usize),
}

/// Which networks are where.
#[derive(Clone, Debug)]
pub struct Atlas {
    pub(super) locales: Vec<Locale>,
    pub(super) v4: Ranges<u32, LocaleIx>,
    pub(super) v6: Ranges<u128, LocaleIx>,
}

/// What databases say of a network: flat (`country_code`) or nested as MaxMind's.
#[derive(Deserialize, Default)]
struct Record<'a> {
    #[serde(borrow, default)]
    country_code: Option<&'a str>,
    #[serde(borrow, default)]
    country: Option<Nested<'a>>,
    #[serde(borrow, default)]
    registered_country: Option<Nested<'a>>,
    #[serde(default)]
    location: Option<Place>,
    #[serde(default)]
    latitude: Option<f64>,
    #[serde(default)]
    longitude: Option<f64>,
}

#[derive(Deserialize, Default)]
struct Nested<'a> {
    #[serde(borrow, default)]
    iso_code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Place {
    #[serde(default)]
    latitude: Option<f64>,
    #[serde(default)]
    longitude: Option<f64>,
}

impl Record<'_> {
    fn locale(&self) -> Option<Locale> {
        let nested =
            |country: &Option<Nested<'_>>| country.as_ref().and_then(|country| country.iso_code).map(str::to_owned);
        let code = self
            .country_code
            .map(str::to_owned)
            .or_else(|| nested(&self.country))
            .or_else(|| nested(&self.registered_country));
        let country = code.and_then(|code| code.parse().ok());
        let place = self.location.as_ref();
        let lat = place.and_then(|place| place.latitude).or(self.latitude);
        let lon = place.and_then(|place| place.longitude).or(self.longitude);
        let coordinates = lat.zip(lon).and_then(|(lat, lon)| Coordinates::new(lat, lon));
        (country.is_some() || coordinates.is_some()).then_some(Locale { country, coordinates })
    }
}

impl Atlas {
    /// The embedded country database.
    #[must_use]
    pub fn embedded() -> Self {
        let mut bytes = Vec::new();
        let inflated =
            ruzstd::decoding::StreamingDecoder::new(EMBEDDED).map_err(|error| error.to_string()).and_then(|decoder| {
                decoder.take(EMBEDDED_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())
            });
        // It is part of the program and tested with it; should it fail all the same, clients are nowhere and sites are
        // answered in file order.
        inflated.ok().and_then(|_| Self::from_mmdb(&bytes).ok()).unwrap_or_else(Self::empty)
    }

    /// An atlas that knows nothing.
    #[must_use]
    pub fn empty() -> Self {
        let nowhere = Locale { country: None, coordinates: None };
        Self { locales: vec![nowhere], v4: Ranges::all(LocaleIx::UNKNOWN), v6: Ranges::all(LocaleIx::UNKNOWN) }
    }

    /// Flattens a MaxMind DB of countries or cities.
    ///
    /// # Errors
    /// If it is damaged, of another kind, or beyond the bounds.
    pub fn from_mmdb(bytes: &[u8]) -> Result<Self, GeoError> {
        let damaged = |error: maxminddb::MaxMindDbError| GeoError::Damaged(error.to_string());
        let reader = Reader::from_source(bytes).map_err(damaged)?;
        let mut atlas = Self::empty();
        let mut seen = Seen::default();
        let mut v4 = Sorted::default();
        let mut v6 = Sorted::default();
        let mut networks = 0_usize;
        for found in reader.networks(WithinOptions::default()).map_err(damaged)? {
            networks += 1;
            if networks > NETWORKS || atlas.locales.len() > LOCALES {
                return Err(GeoError::TooLarge(NETWORKS.min(LOCALES)));
            }
            let found = found.map_err(damaged)?;
            let network = found.network().map_err(damaged)?;
            let locale = match found.offset().and_then(|offset| seen.offsets.get(&offset).copied()) {
                Some(known) => known,
                None => {
                    let record: Option<Record<'_>> = found.decode().map_err(damaged)?;
                    let locale = record.and_then(|record| record.locale());
                    let ix = seen.intern(locale, &mut atlas.locales);
                    if let Some(offset) = found.offset() {
                        seen.offsets.insert(offset, ix);
                    }
                    ix
                }
            };
            match (network.network(), network.prefix()) {
                (IpAddr::V4(address), length) => v4.push(address.to_bits(), length, locale),
                // IPv4 lives in the lowest 2^32 addresses of an IPv6 tree.
                (IpAddr::V6(address), length) => match (u32::try_from(address.to_bits()), length.checked_sub(96)) {
                    (Ok(low), Some(length)) => v4.push(low, length, locale),
                    _ => v6.push(address.to_bits(), length, locale),
                },
            }
        }
        if atlas.locales.len() == 1 {
            return Err(GeoError::WrongType(reader.metadata().database_type.clone()));
        }
        (atlas.v4, atlas.v6) = (v4.finish(), v6.finish());
        Ok(atlas)
    }

    /// Where the database says that `address` is.
    #[must_use]
    pub fn locate(&self, address: IpAddr) -> Option<Locale> {
        let LocaleIx(ix) = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.get(address.to_bits()).0,
            IpAddr::V6(address) => self.v6.get(address.to_bits()).0,
        };
        (ix > 0).then(|| self.locales.get(usize::try_from(ix).ok()?).copied()).flatten()
    }
}

/// Locales met so far, by record and by value.
#[derive(Default)]
struct Seen {
    offsets: HashMap<usize, LocaleIx>,
    values: HashMap<LocaleKey, LocaleIx>,
}

/// A locale as something that can be compared: the country, and the bits of the coordinates.
type LocaleKey = (Option<Country>, Option<(u64, u64)>);

impl Seen {
    fn intern(&mut self, locale: Option<Locale>, locales: &mut Vec<Locale>) -> LocaleIx {
        let Some(locale) = locale else { return LocaleIx::UNKNOWN };
        let key = (locale.country, locale.coordinates.map(|at| (at.lat.to_bits(), at.lon.to_bits())));
        *self.values.entry(key).or_insert_with(|| {
            locales.push(locale);
            // Bounded by LOCALES.
            LocaleIx(u32::try_from(locales.len() - 1).unwrap_or(0))
        })
    }
}

/// Networks with their locales, in whatever order a damaged tree yields them.
struct Sorted<N>(Vec<(N, N, LocaleIx)>);

impl<N> Default for Sorted<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<N: Number> Sorted<N> {
    fn push(&mut self, at: N, length: u8, locale: LocaleIx) {
        let (first, last) = at.block(length.min(N::BITS));
        self.0.push((first, last, locale));
    }

    fn finish(mut self) -> Ranges<N, LocaleIx> {
        self.0.sort_unstable_by_key(|(first, _, _)| *first);
        let mut out = Builder::new(LocaleIx::UNKNOWN);
        let mut free = Some(N::MIN);
        for (first, last, locale) in self.0 {
            // Networks of a tree are disjoint; of a damaged one the first wins.
            let Some(from) = free.filter(|from| *from <= first) else { continue };
            if from < first {
                out.push(from, LocaleIx::UNKNOWN);
            }
            out.push(first, locale);
            free = last.next();
        }
        if let Some(from) = free {
            out.push(from, LocaleIx::UNKNOWN);
        }
        out.finish()
    }
}
