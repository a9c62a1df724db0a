//! The store that all nodes share: orders under a revision, changed by compare-and-set alone.

use std::rc::Rc;

use waypost::model::{Intent, Scope};

/// The orders as of a revision.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    pub revision: u64,
    pub intents: Vec<Intent>,
}

/// A change of orders.
#[derive(Clone, Debug)]
pub enum Write {
    /// Puts an order in the place of the one for the same scope.
    Put(Intent),
    /// Takes the order for a scope out.
    Clear(Scope),
}

impl Write {
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Put(intent) => &intent.scope,
            Self::Clear(scope) => scope,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Store {
    orders: Rc<Orders>,
}

impl Store {
    pub fn orders(&self) -> Rc<Orders> {
        Rc::clone(&self.orders)
    }

    /// Changes the orders if they are still those of revision `expected`.
    pub fn change(&mut self, expected: u64, write: &Write) -> Option<Rc<Orders>> {
        if self.orders.revision != expected {
            return None;
        }
        let others = self.orders.intents.iter().filter(|intent| intent.scope != *write.scope());
        let mut intents: Vec<Intent> = others.cloned().collect();
        if let Write::Put(intent) = write {
            intents.push(intent.clone());
        }
        self.orders = Rc::new(Orders { revision: expected + 1, intents });
        Some(self.orders())
    }
}
