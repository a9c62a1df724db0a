//! Connections by where they come from: nobody elsewhere takes all places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Channel;
use super::bounds::CONNECTIONS_OF_ONE;
use super::failures::network;

/// How many connections each party has open.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A place among the connections; free again when dropped.
pub(super) struct Place {
    crowd: Crowd,
    party: Option<IpAddr>,
}

impl Crowd {
    /// A place for a connection from `channel`; `None` where that party has too many. Whoever is on this machine has as many as
    /// there are: a proxy in front may stand for all.
    pub(super) fn enter(&self, channel: Channel) -> Option<Place> {
        let party = network(channel).filter(|address| !address.is_loopback());
        if let Some(address) = party {
            let mut parties = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = parties.entry(address).or_insert(0);
            if *count >= CONNECTIONS_OF_ONE {
                return None;
            }
            *count += 1;
        }
        Some(Place { crowd: self.clone(), party })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.party else { return };
        let mut parties = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = parties.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                parties.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_has_its_share_and_leaves_nothing_behind() {
        let crowd = Crowd::default();
        let from = |peer: &str| Channel::Tcp { peer: peer.parse().unwrap() };
        let places: Vec<_> = (0..CONNECTIONS_OF_ONE).map(|_| crowd.enter(from("192.0.2.1")).unwrap()).collect();
        assert!(crowd.enter(from("192.0.2.1")).is_none());
        assert!(crowd.enter(from("192.0.2.2")).is_some());
        let local: Vec<_> = (0..2 * CONNECTIONS_OF_ONE).filter_map(|_| crowd.enter(from("127.0.0.1"))).collect();
        assert_eq!(local.len(), 2 * CONNECTIONS_OF_ONE);
        drop(places);
        assert!(crowd.0.lock().unwrap().is_empty());
    }
}
