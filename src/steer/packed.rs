//! The packed form of a country atlas, in which the embedded database is kept: 0.7 MB instead of the 8 MB of its MMDB.
//!
//! After gzip: `WPGEO1`, the number of countries (one octet) and their codes; then for IPv4 and for IPv6 the number of runs
//! (32 bits, big-endian) and three columns: the country of each run (0 is none), and the step from each start to the next
//! as its trailing zeros (one octet) and its bits above the lowest set one (LEB128). The columns compress far better than
//! rows, because steps are nearly always powers of two.

use std::io::Read;

use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};

use crate::model::{Country, Location};

use super::atlas::{Atlas, GeoError, LocaleIx, Locales};
use super::bounds::MAX_UNPACKED;
use super::ranges::{Bits, Builder, Ranges, Run};

const MAGIC: &[u8; 6] = b"WPGEO1";

/// DB-IP's country database; how it is renewed is written beside it.
const EMBEDDED: &[u8] = include_bytes!("data/dbip-country.wpgeo");

impl Atlas {
    /// The embedded country database ([`super::ATTRIBUTION`]).
    #[must_use]
    pub fn embedded() -> Self {
        // A test unpacks these very bytes; without them clients would see the sites in file order, as unlocated ones do.
        Self::unpack(EMBEDDED).unwrap_or_default()
    }

    /// The countries of this atlas in packed form; coordinates are left out.
    ///
    /// # Errors
    /// If there are more than 255 countries.
    pub fn pack(&self) -> Result<Vec<u8>, GeoError> {
        let mut countries: Vec<Country> = self.locales().iter().filter_map(|location| location.country).collect();
        countries.sort_unstable();
        countries.dedup();
        let count = u8::try_from(countries.len()).map_err(|_| packed("more than 255 countries"))?;
        let mut plain = MAGIC.to_vec();
        plain.push(count);
        countries.iter().for_each(|country| plain.extend(country.as_str().bytes()));
        let code = |locale: LocaleIx| {
            let country = self.location(locale).country;
            let position = country.and_then(|country| countries.binary_search(&country).ok());
            position.and_then(|position| u8::try_from(position.saturating_add(1)).ok()).unwrap_or_default()
        };
        pack_ranges(&self.v4().mapped(code), &mut plain)?;
        pack_ranges(&self.v6().mapped(code), &mut plain)?;
        let mut gzipped = Vec::new();
        GzEncoder::new(plain.as_slice(), Compression::best())
            .read_to_end(&mut gzipped)
            .map_err(|_| packed("it cannot be compressed"))?;
        Ok(gzipped)
    }

    /// An atlas from its packed form.
    ///
    /// # Errors
    /// If the bytes are cut short or contradict themselves.
    pub fn unpack(bytes: &[u8]) -> Result<Self, GeoError> {
        let mut plain = Vec::new();
        GzDecoder::new(bytes)
            .take(MAX_UNPACKED)
            .read_to_end(&mut plain)
            .map_err(|_| packed("it does not decompress"))?;
        let mut rest = plain.as_slice();
        if take(&mut rest, MAGIC.len())? != MAGIC {
            return Err(packed("it has another format"));
        }
        let [count] = array(&mut rest)?;
        let mut locales = Locales::new();
        for code in take(&mut rest, usize::from(count).saturating_mul(2))?.chunks_exact(2) {
            let country = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
            let country: Country = country.ok_or_else(|| packed("a country code is not two letters"))?;
            locales.insert(Location { country: Some(country), coordinates: None });
        }
        let v4 = unpack_ranges::<u32>(&mut rest, count)?;
        let v6 = unpack_ranges::<u128>(&mut rest, count)?;
        Ok(Self::new(locales, v4, v6))
    }
}

const fn packed(detail: &'static str) -> GeoError {
    GeoError::Packed { detail }
}

/// An address as the packed form counts it.
trait Packable: Bits {
    fn widen(self) -> u128;
    fn narrow(wide: u128) -> Option<Self>;
}

impl Packable for u32 {
    fn widen(self) -> u128 {
        u128::from(self)
    }

    fn narrow(wide: u128) -> Option<Self> {
        Self::try_from(wide).ok()
    }
}

impl Packable for u128 {
    fn widen(self) -> u128 {
        self
    }

    fn narrow(wide: u128) -> Option<Self> {
        Some(wide)
    }
}

fn pack_ranges<B: Packable>(ranges: &Ranges<B, u8>, plain: &mut Vec<u8>) -> Result<(), GeoError> {
    let count = u32::try_from(ranges.len()).map_err(|_| packed("more than 2^32 runs"))?;
    plain.extend(count.to_be_bytes());
    plain.extend(ranges.runs().map(|run| run.value));
    let steps = || ranges.runs().filter_map(|run| run.next.map(|next| next.widen().wrapping_sub(run.first.widen())));
    // A step is never 0, so it has fewer than 128 trailing zeros.
    plain.extend(steps().filter_map(|step| u8::try_from(step.trailing_zeros()).ok()));
    for step in steps() {
        let mut odd = step.wrapping_shr(step.trailing_zeros()) >> 1;
        while odd > 0x7f {
            plain.push((odd & 0x7f) as u8 | 0x80);
            odd >>= 7;
        }
        plain.push(odd as u8);
    }
    Ok(())
}

fn unpack_ranges<B: Packable>(rest: &mut &[u8], countries: u8) -> Result<Ranges<B, LocaleIx>, GeoError> {
    let count = usize::try_from(u32::from_be_bytes(array(rest)?)).map_err(|_| packed("too many runs"))?;
    let values = take(rest, count)?;
    let zeros = take(rest, count.saturating_sub(1))?;
    let mut builder = Builder::new(LocaleIx::NOWHERE);
    let mut first = Some(B::FIRST);
    for (position, &value) in values.iter().enumerate() {
        let start = first.ok_or_else(|| packed("there are runs behind the last address"))?;
        let next = match zeros.get(position) {
            Some(zeros) => Some(start.widen().checked_add(step(rest, *zeros)?).and_then(B::narrow))
                .map(|next| next.ok_or_else(|| packed("a run ends behind the last address")))
                .transpose()?,
            None => None,
        };
        if value > countries {
            return Err(packed("a run is in a country that is not listed"));
        }
        // Countries were inserted in order, behind nowhere.
        let run = Run { first: start, next, value: LocaleIx(u32::from(value)) };
        builder.add(&run).map_err(|_| packed("runs overlap"))?;
        first = next;
    }
    Ok(builder.finish())
}

/// The next step: an odd number shifted left by `zeros`.
fn step(rest: &mut &[u8], zeros: u8) -> Result<u128, GeoError> {
    let mut above: u128 = 0;
    for shift in (0..128_u32).step_by(7) {
        let [octet] = array(rest)?;
        above |= u128::from(octet & 0x7f).wrapping_shl(shift);
        if octet & 0x80 == 0 {
            let odd = above.wrapping_shl(1) | 1;
            let step = odd.checked_shl(u32::from(zeros)).filter(|step| step.wrapping_shr(u32::from(zeros)) == odd);
            return step.ok_or_else(|| packed("a step is wider than an address"));
        }
    }
    Err(packed("a step is wider than an address"))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], GeoError> {
    rest.split_off(..count).ok_or_else(|| packed("it is cut short"))
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], GeoError> {
    take(rest, N)?.try_into().map_err(|_| packed("it is cut short"))
}
