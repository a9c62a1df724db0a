//! The ledger of zones: how each was last served, where that does not follow from its file alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Event, Name, ZoneState};
use crate::store::{Store, StoreError};

/// What loads and updates know of earlier ones. Loads and updates happen one at a time; readers may look at any.
pub struct Ledger {
    store: Arc<dyn Store>,
    states: Mutex<HashMap<String, ZoneState>>,
    lasting: Lasting,
}

/// Whether what the store keeps is there after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// It is.
    Yes,
    /// The store is in memory.
    No,
}

impl Ledger {
    /// A ledger of the `states` that `store` held.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, states: Vec<ZoneState>, lasting: Lasting) -> Self {
        let states = states.into_iter().map(|state| (state.source.clone(), state)).collect();
        Self { store, states: Mutex::new(states), lasting }
    }

    /// Whether what is kept is there after a restart.
    #[must_use]
    pub const fn lasting(&self) -> Lasting {
        self.lasting
    }

    /// How the zone or the template `source` was last served.
    #[must_use]
    pub fn state(&self, source: &str) -> Option<ZoneState> {
        self.states().get(source).cloned()
    }

    /// Keeps `state` with the `event` that tells of it, which is returned with its id. Blocks.
    ///
    /// # Errors
    /// If the store cannot be written; then nothing is kept.
    pub fn keep(&self, state: ZoneState, event: Event) -> Result<Option<Event>, StoreError> {
        let event = self.store.save_zones(std::slice::from_ref(&state), Some(event))?;
        self.remember([state]);
        Ok(event)
    }

    /// Keeps how zones are served after a load. Blocks.
    ///
    /// # Errors
    /// If the store cannot be written: the states hold until the process ends, and a serial may be given again after
    /// that.
    pub fn follow(&self, states: Vec<ZoneState>) -> Result<(), StoreError> {
        let saved = self.store.save_zones(&states, None);
        self.remember(states);
        saved.map(drop)
    }

    fn remember(&self, states: impl IntoIterator<Item = ZoneState>) {
        self.states().extend(states.into_iter().map(|state| (state.source.clone(), state)));
    }

    fn states(&self) -> MutexGuard<'_, HashMap<String, ZoneState>> {
        // Nothing panics between two changes that belong together.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the state of the zone `origin` is kept under.
#[must_use]
pub fn source_of(origin: &Name) -> String {
    origin.to_string().to_ascii_lowercase()
}
