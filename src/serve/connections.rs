//! How many stream connections there are, of all clients and of each.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bounds::{CONNECTIONS, CONNECTIONS_OF_CLIENT, CROWDED, CROWDED_IDLE, IDLE};

/// The open stream connections.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_client: HashMap<IpAddr, usize>,
}

impl Connections {
    /// A place for one more connection from `client`, `None` where there is none left.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Admission> {
        let client = network(client);
        let mut open = self.open();
        if open.all >= CONNECTIONS {
            return None;
        }
        let of_client = open.of_client.entry(client).or_default();
        if *of_client >= CONNECTIONS_OF_CLIENT {
            return None;
        }
        *of_client += 1;
        open.all += 1;
        Some(Admission { connections: Arc::clone(self), client })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Counts stay true whatever panicked: each change is one addition.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    connections: Arc<Connections>,
    client: IpAddr,
}

impl Admission {
    /// How long the connection may rest: less when places are short, so that resting ones make room for others.
    pub(super) fn idle(&self) -> Duration {
        if self.connections.open().all >= CROWDED { CROWDED_IDLE } else { IDLE }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.of_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.of_client.remove(&self.client);
            }
        }
    }
}

/// What counts as one client: an IPv4 address, or the /56 that an IPv6 site mostly has.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 72))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_all_places() {
        let connections = Arc::new(Connections::default());
        let client = |last: u8| IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, last, 0, 0, 0, 0, 0, 0, 0, last]);
        let places: Vec<_> = (0..=255).filter_map(|last| connections.admit(client(last))).collect();
        assert_eq!(places.len(), CONNECTIONS_OF_CLIENT, "all of one /56");
        assert!(connections.admit(IpAddr::from([192, 0, 2, 1])).is_some());
        drop(places);
        assert!(connections.admit(client(1)).is_some());
        assert!(connections.open().of_client.is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn places_run_out_and_rest_is_shortened_before() {
        let connections = Arc::new(Connections::default());
        let address = |n: usize| IpAddr::V4(std::net::Ipv4Addr::from_bits(u32::try_from(n).unwrap()));
        let mut places: Vec<_> = (0..CROWDED - 1).map(|n| connections.admit(address(n)).unwrap()).collect();
        assert_eq!(places[0].idle(), IDLE);
        places.extend((CROWDED - 1..CONNECTIONS).map(|n| connections.admit(address(n)).unwrap()));
        assert_eq!(places[0].idle(), CROWDED_IDLE);
        assert!(connections.admit(address(CONNECTIONS)).is_none());
    }
}
