//! The atlas: which network is where, flattened from a geolocation database at load.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::model::{Country, Location};

use super::ranges::{Bits, Ranges, Run};

/// What must be shown where results of the embedded database are (CC BY 4.0).
pub const ATTRIBUTION: &str = "IP Geolocation by DB-IP";

/// Where [`ATTRIBUTION`] must link to.
pub const ATTRIBUTION_URL: &str = "https://db-ip.com";

/// Where the networks of the world are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Atlas(Arc<Tables>);

#[derive(Debug)]
struct Tables {
    /// What [`LocaleIx`] points into; the first is nowhere.
    locales: Vec<Location>,
    v4: Ranges<u32, LocaleIx>,
    v6: Ranges<u128, LocaleIx>,
}

/// A position among an atlas' distinct locations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LocaleIx(pub(super) u32);

impl LocaleIx {
    /// Not in the database.
    pub(super) const NOWHERE: Self = Self(0);

    pub(super) const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Why a geolocation database cannot be used. What ran before runs on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeoError {
    /// The file is no MMDB, or one cut short before its description.
    #[error("not a MaxMind database (MMDB): {detail}")]
    NotMmdb {
        /// What the reader met.
        detail: String,
    },
    /// The file contradicts itself.
    #[error("the database is corrupt: {detail}")]
    Corrupt {
        /// What the reader met.
        detail: String,
    },
    /// The file holds more than any known database does.
    #[error("the database holds more than {limit} networks")]
    TooManyNetworks {
        /// How many it may hold.
        limit: usize,
    },
    /// A database of something else: AS numbers, connection types.
    #[error("a database of type '{kind}' says of no network where it is")]
    NoPlaces {
        /// What the database calls itself.
        kind: String,
    },
    /// The packed form is cut short or contradicts itself.
    #[error("the packed database is corrupt: {detail}")]
    Packed {
        /// What was met.
        detail: &'static str,
    },
}

impl Default for Atlas {
    /// An atlas that knows no place.
    fn default() -> Self {
        Self::new(Locales::new(), Ranges::all(LocaleIx::NOWHERE), Ranges::all(LocaleIx::NOWHERE))
    }
}

impl Atlas {
    pub(super) fn new(locales: Locales, v4: Ranges<u32, LocaleIx>, v6: Ranges<u128, LocaleIx>) -> Self {
        Self(Arc::new(Tables { locales: locales.distinct, v4, v6 }))
    }

    /// How many runs of networks there are, IPv4 and IPv6: what memory and the time to build steering grow with.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.v4.len().saturating_add(self.0.v6.len())
    }

    /// Whether the atlas knows no place.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.locales.len() <= 1
    }

    /// Where `client` is, and the widest network around it that is there too. IPv4-mapped IPv6 addresses are IPv4.
    #[must_use]
    pub fn locate(&self, client: IpAddr) -> (Location, Option<IpNet>) {
        let (locale, length) = match client.to_canonical() {
            IpAddr::V4(address) => around(&self.0.v4, address.to_bits()),
            IpAddr::V6(address) => around(&self.0.v6, address.to_bits()),
        };
        let network = IpNet::new(client.to_canonical(), length).ok().map(|network| network.trunc());
        (self.location(locale), network.filter(|_| locale != LocaleIx::NOWHERE))
    }

    pub(super) fn location(&self, locale: LocaleIx) -> Location {
        self.0.locales.get(locale.get()).copied().unwrap_or(NOWHERE)
    }

    pub(super) fn locales(&self) -> &[Location] {
        &self.0.locales
    }

    pub(super) fn v4(&self) -> &Ranges<u32, LocaleIx> {
        &self.0.v4
    }

    pub(super) fn v6(&self) -> &Ranges<u128, LocaleIx> {
        &self.0.v6
    }
}

fn around<B: Bits>(ranges: &Ranges<B, LocaleIx>, address: B) -> (LocaleIx, u8) {
    let run = ranges.find(address).unwrap_or(Run { first: B::FIRST, next: None, value: LocaleIx::NOWHERE });
    (run.value, run.block_around(address))
}

const NOWHERE: Location = Location { country: None, coordinates: None };

/// Distinct locations under construction.
#[derive(Debug)]
pub(super) struct Locales {
    distinct: Vec<Location>,
    known: HashMap<LocaleKey, LocaleIx>,
}

/// A country and the bits of its coordinates, which as numbers cannot be hashed.
type LocaleKey = (Option<Country>, Option<(u64, u64)>);

impl Locales {
    pub(super) fn new() -> Self {
        Self { distinct: vec![NOWHERE], known: HashMap::from([((None, None), LocaleIx::NOWHERE)]) }
    }

    /// The position of `location`, which is remembered if it is new.
    pub(super) fn insert(&mut self, location: Location) -> LocaleIx {
        let coordinates = location.coordinates.map(|at| (at.lat.to_bits(), at.lon.to_bits()));
        let distinct = &mut self.distinct;
        *self.known.entry((location.country, coordinates)).or_insert_with(|| {
            let ix = LocaleIx(u32::try_from(distinct.len()).unwrap_or(u32::MAX));
            distinct.push(location);
            ix
        })
    }

    /// Whether no place was inserted.
    pub(super) const fn is_empty(&self) -> bool {
        self.distinct.len() <= 1
    }
}
