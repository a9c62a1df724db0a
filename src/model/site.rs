//! Sites: data centers, where they are and which networks are theirs.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A site's position in [`crate::model::Topology::sites`]; below [`SiteSet::CAPACITY`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteIx(pub u8);

impl SiteIx {
    /// The position as an index into a slice of sites.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// A data center: name, place, networks and capacity.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Unique name, as in `fra`: lower-case letters, digits and hyphens.
    pub name: String,
    /// Where it stands; `None` sorts last for `nearest`.
    pub location: Option<Location>,
    /// The prefixes whose addresses belong to this site; disjoint between sites.
    pub networks: Vec<IpNet>,
    /// What the site can carry, in the operator's own unit; `None` is unlimited.
    pub capacity: Option<u64>,
}

impl Site {
    /// Whether `address` lies in one of the site's networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|net| net.contains(&address))
    }
}

/// Where a site or a client is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// Country, where known.
    pub country: Option<Country>,
    /// Coordinates; where they are absent the country's centroid stands for them.
    pub coordinates: Option<Coordinates>,
}

/// Geographic coordinates in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Latitude, -90 to 90.
    pub lat: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
}

impl Coordinates {
    /// Coordinates in range, or `None`.
    #[must_use]
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)).then_some(Self { lat, lon })
    }
}

/// An ISO 3166-1 alpha-2 country code, upper-case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Two ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for Country {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            &[a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err(format!("'{text}' is not a country; expected an ISO 3166-1 alpha-2 code, as in DE")),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of sites, one bit a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SiteSet(u64);

impl SiteSet {
    /// The most sites a configuration may declare.
    pub const CAPACITY: usize = 64;
    /// No site.
    pub const EMPTY: Self = Self(0);

    /// Adds `site`.
    pub const fn insert(&mut self, site: SiteIx) {
        self.0 |= 1_u64.wrapping_shl(site.0 as u32);
    }

    /// Removes `site`.
    pub const fn remove(&mut self, site: SiteIx) {
        self.0 &= !1_u64.wrapping_shl(site.0 as u32);
    }

    /// Whether `site` is in the set.
    #[must_use]
    pub const fn contains(self, site: SiteIx) -> bool {
        self.0 & 1_u64.wrapping_shl(site.0 as u32) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many sites are in the set.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The sites that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The sites in ascending order.
    pub fn iter(self) -> impl Iterator<Item = SiteIx> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            // 64 where nothing is left.
            let site = u8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
            rest &= rest.wrapping_sub(1);
            Some(SiteIx(site))
        })
    }
}

impl FromIterator<SiteIx> for SiteSet {
    fn from_iter<T: IntoIterator<Item = SiteIx>>(sites: T) -> Self {
        let mut set = Self::EMPTY;
        for site in sites {
            set.insert(site);
        }
        set
    }
}
