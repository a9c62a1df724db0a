//! Where names that were asked for lately belong, so that what is asked often is not looked for again.

use crate::answer::{Inside, keyed_hash};

/// Octets of a name that is kept: with its spot it fills a line of the cache. Longer ones are rare.
const NAME: usize = 42;
/// Names that are kept. More are no gain: 32 KiB stay in the nearest caches, and what does not takes as long as looking.
const PLACES: usize = 512;
/// Names that share a place only displace each other, so that nobody gains by choosing them: no secret is needed.
const KEY: [u64; 2] = [0; 2];

/// Names and their spots, each at the one place that its hash gives it.
pub(super) struct Recent(Box<[Place]>);

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Place {
    name: [u8; NAME],
    /// Octets of the name; no name has none.
    length: u8,
    spot: Inside,
}

const _: () = assert!(size_of::<Place>() == 64);

impl Recent {
    /// Nothing yet; `spot` stands where no name is.
    pub(super) fn new(spot: Inside) -> Self {
        Self(vec![Place { name: [0; NAME], length: 0, spot }; PLACES].into())
    }

    /// Forgets all names.
    pub(super) fn clear(&mut self) {
        for place in &mut self.0 {
            place.length = 0;
        }
    }

    /// The spot of `name`, in lower case, if it is still there.
    pub(super) fn find(&self, name: &[u8]) -> Option<Inside> {
        let place = self.0.get(place_of(name))?;
        let known = place.name.get(..usize::from(place.length))?;
        (known == name && !name.is_empty()).then_some(place.spot)
    }

    /// Keeps the spot of `name`.
    pub(super) fn insert(&mut self, name: &[u8], spot: Inside) {
        let Ok(length) = u8::try_from(name.len()) else { return };
        if let Some(place) = self.0.get_mut(place_of(name))
            && let Some(known) = place.name.get_mut(..name.len())
        {
            known.copy_from_slice(name);
            (place.length, place.spot) = (length, spot);
        }
    }
}

/// Below [`PLACES`].
fn place_of(name: &[u8]) -> usize {
    (keyed_hash(name, KEY) >> 32) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{ApexIx, GroupIx, NodeIx, Relation};
    use crate::model::Name;

    fn spot(node: u32) -> Inside {
        Inside {
            apex: ApexIx(1),
            group: GroupIx(2),
            node: NodeIx(node),
            relation: Relation::Itself,
            apex_at: 3,
            node_at: 4,
            labels_in_front: 5,
            is_signed: false,
            is_alone: true,
            is_apart: false,
        }
    }

    #[test]
    fn a_name_is_found_until_another_takes_its_place() {
        let key = |number: u32| format!("host-{number}.example.org").parse::<Name>().unwrap().key();
        let mut recent = Recent::new(spot(0));
        assert_eq!(recent.find(&key(1)), None);
        for number in 0..5_000 {
            recent.insert(&key(number), spot(number));
            assert_eq!(recent.find(&key(number)), Some(spot(number)));
        }
        let kept = (0..5_000).filter(|number| recent.find(&key(*number)).is_some()).count();
        assert!((450..=PLACES).contains(&kept), "{kept} kept");
        assert!((0..5_000).all(|number| recent.find(&key(number)).is_none_or(|found| found == spot(number))));
        recent.clear();
        assert!((0..5_000).all(|number| recent.find(&key(number)).is_none()));
    }

    #[test]
    fn long_names_are_not_kept_and_displace_nobody() {
        let mut recent = Recent::new(spot(0));
        for length in 1..=u8::MAX.into() {
            let name = vec![7; length];
            recent.insert(&name, spot(9));
            assert_eq!(recent.find(&name).is_some(), length <= NAME, "{length}");
        }
        assert_eq!(recent.find(b""), None);
    }
}
