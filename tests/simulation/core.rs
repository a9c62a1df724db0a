//! The core under test, whole or broken on purpose: a checker that has never caught anything proves nothing.

use waypost::health::{Ballot, Contact, Voter};
use waypost::model::{Generation, Intent, IntentKind, State, Topology};

/// Which core the nodes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// As it is.
    Whole,
    /// A node does not notice that it lost the store.
    NeverCutOff,
    /// One node that sees an endpoint down is enough, whatever the others say.
    OneVoteDecides,
    /// Every node of a failure domain has a vote of its own.
    DomainsIgnored,
    /// A plan is served though a newer one was already.
    OldPlansWin,
    /// Orders are taken from the store whatever was known before.
    OldOrdersWin,
    /// Orders are not held against `min_sites`.
    CarelessReview,
    /// Orders that isolate are treated as drains.
    SoftIsolation,
    /// What was down once stays down.
    NeverBack,
    /// An operator's change is written without looking at the orders that it was reviewed against.
    BlindWrites,
    /// Without the store, orders are taken for this node alone though nobody asked for that.
    SilentlyLocal,
    /// What a node follows alone it goes on to follow when the store is back.
    NeverOffered,
}

impl Core {
    /// All that are broken.
    pub const BROKEN: [Self; 11] = [
        Self::NeverCutOff,
        Self::OneVoteDecides,
        Self::DomainsIgnored,
        Self::OldPlansWin,
        Self::OldOrdersWin,
        Self::CarelessReview,
        Self::SoftIsolation,
        Self::NeverBack,
        Self::BlindWrites,
        Self::SilentlyLocal,
        Self::NeverOffered,
    ];

    pub fn contact(self, contact: Contact) -> Contact {
        if self == Self::NeverCutOff { Contact::Kept } else { contact }
    }

    /// Who a node is to its council.
    pub fn voter(self, voter: Voter) -> Voter {
        if self == Self::DomainsIgnored { Voter { failure_domain: None, ..voter } } else { voter }
    }

    /// What a council hears of another node.
    pub fn heard(self, ballot: &Ballot) -> Ballot {
        let failure_domain = if self == Self::DomainsIgnored { None } else { ballot.failure_domain.clone() };
        Ballot { failure_domain, ..ballot.clone() }
    }

    /// What a node holds for agreed, after the council.
    pub fn agreed(self, council: &[State], verdicts: &[State], before: &[State]) -> Vec<State> {
        let each = council.iter().zip(verdicts).zip(before);
        each.map(|((agreed, own), before)| match self {
            Self::OneVoteDecides if *own == State::Down => State::Down,
            Self::NeverBack if *before == State::Down => State::Down,
            _ => *agreed,
        })
        .collect()
    }

    pub fn replaces(self, candidate: Generation, present: Generation) -> bool {
        self == Self::OldPlansWin || candidate.replaces(present)
    }

    /// The topology that orders are reviewed against.
    pub fn reviewed(self, topology: &Topology) -> Topology {
        let mut topology = topology.clone();
        if self == Self::CarelessReview {
            topology.services.iter_mut().for_each(|service| service.min_sites = 0);
        }
        topology
    }

    /// The orders that are planned with.
    pub fn planned(self, mut intents: Vec<Intent>) -> Vec<Intent> {
        if self == Self::SoftIsolation {
            for intent in intents.iter_mut().filter(|intent| intent.kind == IntentKind::Isolate) {
                intent.kind = IntentKind::Drain { share: waypost::model::Share::ALL };
            }
        }
        intents
    }
}
