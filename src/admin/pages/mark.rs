//! Marks: a state as shape and word. The class only repeats in colour what both say.

use crate::admin::api::NodeStatus;
use crate::admin::{unison, words};
use crate::model::{Connection, Standing, State};

/// A state as a page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Mark {
    /// Class of the style sheet.
    pub(in crate::admin) class: &'static str,
    /// One character.
    pub(in crate::admin) shape: &'static str,
    /// What it means.
    pub(in crate::admin) word: &'static str,
}

impl From<Standing> for Mark {
    fn from(standing: Standing) -> Self {
        Self { class: standing.as_str(), shape: words::standing_shape(standing), word: standing.as_str() }
    }
}

impl From<State> for Mark {
    fn from(state: State) -> Self {
        Self { class: state.as_str(), shape: words::state_shape(state), word: state.as_str() }
    }
}

impl From<&NodeStatus> for Mark {
    fn from(node: &NodeStatus) -> Self {
        let class = match (node.fresh, node.connection) {
            (true, Connection::Connected) => "up",
            (true, Connection::StoreLost) => "deferring",
            (false, _) => "unknown",
            (true, Connection::Alone | Connection::CutOff) => "down",
        };
        Self { class, shape: unison::connection_shape(node), word: unison::connection(node) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_shape_of_its_own() {
        let standings = [Standing::Serving, Standing::Deferring, Standing::Drained, Standing::Down, Standing::Isolated];
        let mut shapes: Vec<_> = standings.into_iter().map(|standing| Mark::from(standing).shape).collect();
        shapes.push(Mark::from(State::Unknown).shape);
        let count = shapes.len();
        shapes.sort_unstable();
        shapes.dedup();
        assert_eq!(shapes.len(), count, "shapes must tell states apart without colour");
        assert_eq!(Mark::from(State::Down), Mark::from(Standing::Down), "the same word has the same shape everywhere");
        assert_eq!(Mark::from(State::Deferring), Mark::from(Standing::Deferring));
    }
}
