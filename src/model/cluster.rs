//! What the nodes of a cluster tell each other through the store that they share.

use std::fmt;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::fingerprint::Fingerprint;
use super::{EndpointKey, Event, Generation, Intent, State, Topology};

/// Where the orders of a cluster are in their history: an older version never replaces a newer one, whatever the order of
/// arrival, reconnection or clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct OrdersVersion {
    /// Rises when an operator accepts a store that went back.
    pub epoch: u64,
    /// Rises with every change of any order.
    pub revision: u64,
}

impl fmt::Display for OrdersVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.revision)
    }
}

/// The orders as the store that all nodes share holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedOrders {
    /// Where they are in their history.
    pub version: OrdersVersion,
    /// The standing orders that this version of the program understands.
    pub intents: Vec<Intent>,
    /// The latest changes, oldest first, each with the revision that it made; not all there ever were.
    pub changes: Vec<(OrdersVersion, Event)>,
}

/// How a node is connected with the others (DESIGN section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It reaches the store.
    #[default]
    Connected,
    /// It does not reach the store; what others said lately still counts.
    StoreLost,
    /// It reaches neither the store nor hears of others: its own verdicts decide.
    Alone,
    /// And most other sites fail before its eyes: it is cut off itself, and what was agreed stands.
    CutOff,
}

impl Connection {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::StoreLost => "store lost",
            Self::Alone => "alone",
            Self::CutOff => "cut off",
        }
    }
}

/// What a node says of itself and of the world: one record in the store, rewritten as a whole.
///
/// Fields may be added; a reader of any version takes what it knows and what is missing as not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeReport {
    /// The node's name.
    pub node: String,
    /// Version of the program.
    #[serde(default)]
    pub version: String,
    /// When it started, by its wall clock: two nodes of one name are told apart by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// The site it stands in, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What it would fail with: of all nodes that name the same, one vote counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_domain: Option<String>,
    /// (start of the node, number since): an older report never replaces a newer one.
    pub sequence: (u64, u64),
    /// Which list of endpoints the letters below follow: [`EndpointList::fingerprint`].
    pub endpoints: String,
    /// Its verdict on each endpoint, a letter each ([`letter`]).
    pub verdicts: String,
    /// What it holds for agreed, a letter each.
    #[serde(default)]
    pub agreed: String,
    /// Positions of the endpoints against which evidence is gathering: the others probe them at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<u32>,
    /// The orders that its answers follow: its acknowledgement of every order up to there.
    #[serde(default)]
    pub orders: OrdersVersion,
    /// Its plan.
    #[serde(default)]
    pub generation: Generation,
    /// What the plan comes to, the same on all nodes that decide alike: [`super::Plan::digest`].
    #[serde(default)]
    pub plan: String,
    /// How it is connected; a word of a later version says nothing.
    #[serde(default, deserialize_with = "known_or_default")]
    pub connection: Connection,
    /// The scopes of orders that only this node follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_orders: Vec<String>,
    /// The targets of notifications that it does not reach, by name, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing_targets: Vec<String>,
}

/// What is written, or the default where this version does not know it.
fn known_or_default<'de, T: Default + DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The endpoints that the letters of a report follow, for nodes whose own list is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointList {
    /// In order.
    pub endpoints: Vec<EndpointKey>,
}

impl EndpointList {
    /// The endpoints of `topology`.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        Self { endpoints: topology.endpoints.iter().map(|endpoint| topology.key(endpoint)).collect() }
    }

    /// What names the list, as 16 hexadecimal digits: lists that hold the same endpoints in the same order have the same
    /// one, in every version of the program.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut fingerprint = Fingerprint::of("endpoints 1");
        for EndpointKey { service, address } in &self.endpoints {
            fingerprint.text(service);
            fingerprint.address(*address);
        }
        fingerprint.finish()
    }
}

/// The letter that stands for a state in a report.
#[must_use]
pub const fn letter(state: State) -> char {
    match state {
        State::Up => 'u',
        State::Deferring => 'f',
        State::Down => 'd',
        State::Unknown => '-',
    }
}

/// The state that a letter of a report stands for; letters of later versions say nothing.
#[must_use]
pub const fn state(letter: char) -> State {
    match letter {
        'u' => State::Up,
        'f' => State::Deferring,
        'd' => State::Down,
        _ => State::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(keys: &[(&str, &str)]) -> EndpointList {
        let key = |(service, address): &(&str, &str)| EndpointKey {
            service: (*service).to_owned(),
            address: address.parse().unwrap(),
        };
        EndpointList { endpoints: keys.iter().map(key).collect() }
    }

    #[test]
    fn a_list_is_named_by_its_endpoints_and_their_order() {
        let (one, other) = (("mx", "192.0.2.1"), ("mx", "2001:db8::1"));
        let name = |keys: &[(&str, &str)]| list(keys).fingerprint();
        assert_eq!(name(&[one, other]), "85edf63bd72881f7", "compared across versions");
        assert_eq!(name(&[one, other]), name(&[one, other]));
        let others = [
            name(&[other, one]),
            name(&[one]),
            name(&[]),
            name(&[one, ("imap", "2001:db8::1")]),
            name(&[one, ("mx", "2001:db8::2")]),
            name(&[one, other, other]),
        ];
        assert!(others.iter().all(|other| *other != name(&[one, ("mx", "2001:db8::1")])));
    }

    #[test]
    fn every_state_has_a_letter_and_letters_of_later_versions_say_nothing() {
        for known in [State::Up, State::Deferring, State::Down, State::Unknown] {
            assert_eq!(state(letter(known)), known);
        }
        assert_eq!(state('q'), State::Unknown);
    }
}
