//! The store that all nodes share: orders under a version, changed by compare-and-set alone. It may go back, as one does
//! that is restored from a backup.

use std::rc::Rc;

use waypost::model::{Intent, OrdersVersion, Scope};

/// The orders as of a version.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// Which of all that there ever were: two histories may come to the same version, but not by the same changes.
    pub id: u64,
    pub version: OrdersVersion,
    pub intents: Vec<Intent>,
    /// The changes that led here, oldest first, each by the version that it made and the [`Orders::id`] of that.
    changes: Vec<(OrdersVersion, u64)>,
}

impl Orders {
    /// Whether they may take the place of `known`: an operator has accepted them, or their history contains it. As the
    /// store's documents judge it, by nothing but what is written in both.
    pub fn continue_from(&self, known: &Self) -> bool {
        if self.version.epoch != known.version.epoch {
            return self.version.epoch > known.version.epoch;
        }
        let made = self.changes.iter().find(|(version, _)| *version == known.version);
        self.version >= known.version && made.is_none_or(|(_, id)| *id == known.id)
    }
}

/// A change of orders.
#[derive(Clone, Debug)]
pub enum Write {
    /// Puts an order in the place of the one for the same scope.
    Put(Intent),
    /// The same, of an order that a node followed alone until now.
    Offer(Intent),
    /// Takes the order for a scope out.
    Clear(Scope),
}

impl Write {
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Put(intent) | Self::Offer(intent) => &intent.scope,
            Self::Clear(scope) => scope,
        }
    }

    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Put(intent) | Self::Offer(intent) => Some(intent),
            Self::Clear(_) => None,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    /// All orders that there ever were, by their ids, each with those it was made of, and whether by an operator who
    /// accepted it.
    history: Vec<(Rc<Orders>, Origin)>,
    current: Rc<Orders>,
}

/// What orders were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Nothing,
    Changed(u64),
    Accepted,
}

impl Default for Store {
    fn default() -> Self {
        let current = Rc::new(Orders::default());
        Self { history: vec![(Rc::clone(&current), Origin::Nothing)], current }
    }
}

impl Store {
    pub fn orders(&self) -> Rc<Orders> {
        Rc::clone(&self.current)
    }

    /// Changes the orders if they are still those of id `expected`.
    pub fn change(&mut self, expected: u64, write: &Write) -> Option<Rc<Orders>> {
        if self.current.id != expected {
            return None;
        }
        let version = OrdersVersion { revision: self.current.version.revision + 1, ..self.current.version };
        let others = self.current.intents.iter().filter(|intent| intent.scope != *write.scope());
        let mut intents: Vec<Intent> = others.cloned().collect();
        intents.extend(write.intent().map(|intent| Intent { revision: version.revision, ..intent.clone() }));
        Some(self.follow(version, intents, Origin::Changed(expected)))
    }

    /// The store is restored from a backup that is so many changes old.
    pub fn go_back(&mut self, changes: usize) {
        for _ in 0..changes {
            let (_, origin) = self.history[usize::try_from(self.current.id).unwrap()];
            let Origin::Changed(before) = origin else { return };
            self.current = Rc::clone(&self.history[usize::try_from(before).unwrap()].0);
        }
    }

    /// An operator at a node that knows other orders accepts what the store holds, or has it hold `intents` instead.
    pub fn accept(&mut self, known: OrdersVersion, intents: Vec<Intent>) -> Rc<Orders> {
        let found = self.current.version;
        let version =
            OrdersVersion { epoch: found.epoch.max(known.epoch) + 1, revision: found.revision.max(known.revision) + 1 };
        self.follow(version, intents, Origin::Accepted)
    }

    fn follow(&mut self, version: OrdersVersion, intents: Vec<Intent>, origin: Origin) -> Rc<Orders> {
        let id = self.history.len() as u64;
        let mut changes = self.current.changes.clone();
        changes.push((version, id));
        self.current = Rc::new(Orders { id, version, intents, changes });
        self.history.push((self.orders(), origin));
        self.orders()
    }

    /// Whether orders `new` came from `old` by changes, or by an operator who accepted what there was. This is how it is,
    /// not how a node can tell.
    pub fn came_from(&self, new: u64, old: u64) -> bool {
        let mut at = new;
        while at != old {
            match self.history[usize::try_from(at).unwrap()].1 {
                Origin::Changed(before) => at = before,
                Origin::Accepted => return old < at,
                Origin::Nothing => return false,
            }
        }
        true
    }
}
