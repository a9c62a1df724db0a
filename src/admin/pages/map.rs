//! The map: where the clients of each country are sent first, with the sites. A table says the same in words.

use super::link;
use super::mark::Mark;
use super::outlines::{OUTLINES, SIZE, place};
use crate::admin::api::{ServiceStatus, Status, World};
use crate::model::Country;
use crate::steer::{Told, centroid};

/// Fills that tell sites apart without colour; a letter does so beyond that.
const PATTERNS: usize = 6;
/// Services that the map can be turned to; more would make a row of links that nobody reads.
const CHOICES: usize = 24;

/// The map of one service.
pub(super) struct Map {
    pub(super) service: String,
    pub(super) width: u16,
    pub(super) height: u16,
    /// The services to choose from; none where there is only one.
    pub(super) choices: Vec<Choice>,
    pub(super) sites: Vec<Site>,
    pub(super) shapes: Vec<Shape>,
    pub(super) dots: Vec<Dot>,
    /// Why no country is marked; `None` where they are.
    pub(super) unmarked: Option<&'static str>,
}

/// A service that the map can be turned to.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) link: String,
    pub(super) is_current: bool,
}

/// A site on the map, in its legend and in the table.
pub(super) struct Site {
    pub(super) letter: String,
    /// Class of the style sheet that fills the countries sent here.
    pub(super) fill: String,
    pub(super) name: String,
    pub(super) link: String,
    pub(super) mark: Mark,
    pub(super) at: Option<(String, String)>,
    /// The countries that are sent here first, by their letters.
    pub(super) countries: Vec<String>,
}

/// A country with an outline.
pub(super) struct Shape {
    pub(super) path: &'static str,
    /// Fill and letter of the site that it is sent to first.
    pub(super) fill: String,
    pub(super) letter: Option<(u16, u16, String)>,
    pub(super) title: String,
}

/// A country too small for an outline.
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) fill: String,
    pub(super) title: String,
}

impl Map {
    /// The map of `service`, which `world` is about.
    pub(super) fn new(status: &Status, service: &ServiceStatus, world: &World) -> Self {
        let sites = sites(service, world);
        let site_of = |country: Country| {
            let steered = world.countries.iter().find(|steered| steered.country == country)?;
            sites.iter().find(|site| Some(&site.name) == steered.first.as_ref())
        };
        let title = |country: Country| match site_of(country) {
            Some(site) => format!("{country}: {} first", site.name),
            None => country.to_string(),
        };
        let fill = |country| site_of(country).map_or_else(|| "land".to_owned(), |site| site.fill.clone());
        let shapes = OUTLINES.iter().map(|(country, outline)| Shape {
            path: outline.path,
            fill: fill(*country),
            letter: outline.letter.zip(site_of(*country)).map(|((x, y), site)| (x, y, site.letter.clone())),
            title: title(*country),
        });
        let small = world.countries.iter().filter(|steered| !OUTLINES.contains_key(&steered.country));
        let dots = small.filter_map(|steered| {
            let (x, y) = place(centroid(steered.country)?);
            Some(Dot { x, y, fill: fill(steered.country), title: title(steered.country) })
        });
        let (shapes, dots) = (shapes.collect(), dots.collect());
        Self {
            service: service.name.clone(),
            width: SIZE.0,
            height: SIZE.1,
            choices: choices(status, &service.name),
            unmarked: unmarked(world),
            shapes,
            dots,
            sites,
        }
    }
}

fn unmarked(world: &World) -> Option<&'static str> {
    match world.told {
        Told::ByDraw => {
            Some("Every answer draws its order or names all sites at once, so no country has a first site.")
        }
        Told::ByPlace | Told::Alike if world.countries.iter().all(|steered| steered.first.is_none()) => {
            Some("No site is in service: answers name all that is declared, whoever asks.")
        }
        Told::ByPlace | Told::Alike => None,
    }
}

fn choices(status: &Status, current: &str) -> Vec<Choice> {
    if status.services.len() < 2 {
        return Vec::new();
    }
    let choice = |service: &ServiceStatus| Choice {
        name: service.name.clone(),
        link: format!("/?service={}#map-title", link::encoded(&service.name)),
        is_current: service.name == current,
    };
    status.services.iter().take(CHOICES).map(choice).collect()
}

fn sites(service: &ServiceStatus, world: &World) -> Vec<Site> {
    let placed = world.sites.iter().enumerate();
    let known = placed.filter_map(|(position, placed)| {
        let status = service.sites.iter().find(|site| site.name == placed.name)?;
        let sent_here = world.countries.iter().filter(|steered| steered.first.as_ref() == Some(&placed.name));
        Some(Site {
            letter: letter(position),
            fill: format!("to{}", position.checked_rem(PATTERNS).unwrap_or_default()),
            name: placed.name.clone(),
            link: link::site(&placed.name),
            mark: Mark::from(status.standing),
            at: placed.at.map(place),
            countries: sent_here.map(|steered| steered.country.to_string()).collect(),
        })
    });
    known.collect()
}

/// A, B … Z, AA, AB …
fn letter(position: usize) -> String {
    const LETTERS: &[u8; 26] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let at = |position: usize| LETTERS.get(position).copied().map_or('?', char::from);
    match position.checked_sub(LETTERS.len()) {
        None => at(position).to_string(),
        Some(rest) => format!("{}{}", at(rest / LETTERS.len()), at(rest % LETTERS.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_has_a_letter_of_its_own() {
        let letters: Vec<String> = (0..crate::model::SiteSet::CAPACITY).map(letter).collect();
        assert_eq!((letters[0].as_str(), letters[25].as_str(), letters[26].as_str()), ("A", "Z", "AA"));
        assert_eq!(letters.iter().collect::<std::collections::BTreeSet<_>>().len(), letters.len());
    }
}
