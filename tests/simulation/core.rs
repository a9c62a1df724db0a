//! The core under test, whole or broken on purpose: a checker that has never caught anything proves nothing.

use waypost::health::Contact;
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
    /// A plan is served though a newer one was already.
    OldPlansWin,
    /// Orders are not held against `min_sites`.
    CarelessReview,
    /// Orders that isolate are treated as drains.
    SoftIsolation,
    /// What was down once stays down.
    NeverBack,
    /// An operator's change is written without looking at the revision it was reviewed against.
    BlindWrites,
}

impl Core {
    /// All that are broken.
    pub const BROKEN: [Self; 7] = [
        Self::NeverCutOff,
        Self::OneVoteDecides,
        Self::OldPlansWin,
        Self::CarelessReview,
        Self::SoftIsolation,
        Self::NeverBack,
        Self::BlindWrites,
    ];

    pub fn contact(self, contact: Contact) -> Contact {
        if self == Self::NeverCutOff { Contact::Kept } else { contact }
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
    pub fn planned(self, intents: &[Intent]) -> Vec<Intent> {
        let mut intents = intents.to_vec();
        if self == Self::SoftIsolation {
            for intent in intents.iter_mut().filter(|intent| intent.kind == IntentKind::Isolate) {
                intent.kind = IntentKind::Drain { share: waypost::model::Share::ALL };
            }
        }
        intents
    }
}
