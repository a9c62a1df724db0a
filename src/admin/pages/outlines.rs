//! The outlines of countries, as `tests/tools/pack_world.py` drew them, and where a place lies among them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::{Coordinates, Country};

/// Width and height of the map in its own units.
pub(super) const SIZE: (u16, u16) = (1000, 463);
/// The parallel at the map's upper edge, in degrees.
const NORTH: f64 = 84.0;
/// Units of the map for a degree of longitude and of latitude: those of the tool.
const SCALE: (f64, f64) = (1000.0 / 360.0, 1000.0 / 360.0 * 1.18);
/// From this area on, in square units, a country has room for a letter.
const LETTER_AREA: u32 = 140;

/// A country on the map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// An SVG path.
    pub(super) path: &'static str,
    /// Where a letter stands, where there is room for one.
    pub(super) letter: Option<(u16, u16)>,
}

/// By country; small ones have no outline.
pub(super) static OUTLINES: LazyLock<BTreeMap<Country, Outline>> =
    LazyLock::new(|| include_str!("../../../dashboards/operator/world.tsv").lines().filter_map(row).collect());

fn row(line: &'static str) -> Option<(Country, Outline)> {
    let mut cells = line.split('\t');
    let country = cells.next()?.parse().ok()?;
    let at = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
    let area: u32 = cells.next()?.parse().ok()?;
    Some((country, Outline { path: cells.next()?, letter: (area >= LETTER_AREA).then_some(at) }))
}

/// Where a place lies on the map, in tenths of a unit as SVG writes them.
pub(super) fn place(at: Coordinates) -> (String, String) {
    let (x, y) = ((at.lon + 180.0) * SCALE.0, (NORTH - at.lat) * SCALE.1);
    let within = |value: f64, most: u16| format!("{:.1}", value.clamp(0.0, f64::from(most)));
    (within(x, SIZE.0), within(y, SIZE.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_outline_within_the_map() {
        let lines = include_str!("../../../dashboards/operator/world.tsv").lines().count();
        assert_eq!(OUTLINES.len(), lines);
        assert!(lines > 170);
        for (country, outline) in OUTLINES.iter() {
            let harmless = |character: char| character.is_ascii_digit() || " -Mlz".contains(character);
            assert!(outline.path.starts_with('M') && outline.path.chars().all(harmless), "{country}");
            assert!(outline.letter.is_none_or(|(x, y)| x <= SIZE.0 && y <= SIZE.1), "{country}");
        }
    }

    #[test]
    fn places_lie_in_their_countries() {
        // Between the letter of a country and a place in its middle there is little.
        for (country, lat, lon) in
            [("BR", -10.0, -53.0), ("AU", -25.0, 134.0), ("DE", 51.0, 10.0), ("US", 42.0, -100.0)]
        {
            let letter = OUTLINES[&country.parse().unwrap()].letter.unwrap();
            let (x, y) = place(Coordinates { lat, lon });
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            let away = (x - f64::from(letter.0)).hypot(y - f64::from(letter.1));
            assert!(away < 20.0, "{country}: {x},{y} is {away} from {letter:?}");
        }
    }
}
