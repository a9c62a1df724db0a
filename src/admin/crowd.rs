//! Places for which many may ask, by who holds them: nobody takes all of them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded number of places, of which one party holds some.
pub(super) struct Crowd<P: Eq + Hash>(Arc<Places<P>>);

struct Places<P> {
    most: usize,
    most_of_one: usize,
    held: Mutex<Held<P>>,
}

struct Held<P> {
    all: usize,
    parties: HashMap<P, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All are taken.
    All,
    /// The party has as many as one may have.
    Own,
}

/// A place; free again when dropped.
pub(super) struct Place<P: Eq + Hash> {
    places: Arc<Places<P>>,
    party: P,
}

impl<P: Eq + Hash + Clone> Crowd<P> {
    /// At most `most` places, and `most_of_one` for one party.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        let held = Mutex::new(Held { all: 0, parties: HashMap::new() });
        Self(Arc::new(Places { most, most_of_one, held }))
    }

    /// A place for `party`.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn enter(&self, party: P) -> Result<Place<P>, Full> {
        let mut held = self.0.held();
        if held.parties.get(&party).is_some_and(|count| *count >= self.0.most_of_one) {
            return Err(Full::Own);
        }
        if held.all >= self.0.most {
            return Err(Full::All);
        }
        held.all += 1;
        *held.parties.entry(party.clone()).or_insert(0) += 1;
        drop(held);
        Ok(Place { places: Arc::clone(&self.0), party })
    }
}

impl<P> Places<P> {
    fn held(&self) -> MutexGuard<'_, Held<P>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Eq + Hash> Drop for Place<P> {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.all = held.all.saturating_sub(1);
        if let Some(count) = held.parties.get_mut(&self.party) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.parties.remove(&self.party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_has_its_share_and_leaves_nothing_behind() {
        let crowd = Crowd::new(5, 2);
        let mut places: Vec<_> = [1, 1, 2, 2].into_iter().map(|party| crowd.enter(party).ok().unwrap()).collect();
        assert_eq!(crowd.enter(1).err(), Some(Full::Own));
        places.push(crowd.enter(3).ok().unwrap());
        assert_eq!(crowd.enter(3).err(), Some(Full::All));
        places.remove(0);
        assert!(crowd.enter(1).is_ok());
        drop(places);
        let held = crowd.0.held();
        assert!(held.all == 0 && held.parties.is_empty());
    }
}
