//! How many stream connections there are, of all clients and of each, and which of them rest.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The open stream connections of all transports.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    most_of_client: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_client: HashMap<IpAddr, usize>,
    /// Connections without a query, by when they came to rest.
    resting: BTreeMap<u64, Resting>,
    /// Counts the rests, so that they have an order.
    rests: u64,
}

#[derive(Debug)]
struct Resting {
    client: IpAddr,
    evict: Arc<Notify>,
}

impl Open {
    /// Enters a connection among the resting ones. Gives its number there.
    fn rest(&mut self, client: IpAddr, evict: &Arc<Notify>) -> u64 {
        self.rests += 1;
        self.resting.insert(self.rests, Resting { client, evict: Arc::clone(evict) });
        self.rests
    }

    fn leave(&mut self, client: IpAddr) {
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.of_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.of_client.remove(&client);
            }
        }
    }
}

/// What became of a connection that asked for a place.
#[derive(Debug)]
pub(super) enum Entry {
    /// It has one.
    Admitted(Admission),
    /// It has one, and the connection that rested longest lost its own.
    InPlaceOfAnother(Admission),
    /// There is none.
    TurnedAway,
}

impl Connections {
    /// At most `most` connections, and `most_of_client` by one client.
    pub(super) fn new(most: usize, most_of_client: usize) -> Self {
        Self { most, most_of_client, open: Mutex::default() }
    }

    /// A place for one more connection from `client`. Where all are taken, the connection that has rested longest makes
    /// room, so that whoever merely holds connections does not keep others out.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr) -> Entry {
        let client = network(client);
        let mut open = self.open();
        if open.of_client.get(&client).is_some_and(|count| *count >= self.most_of_client) {
            return Entry::TurnedAway;
        }
        let mut evicted = false;
        if open.all >= self.most {
            let Some((_, oldest)) = open.resting.pop_first() else { return Entry::TurnedAway };
            // Its place counts as free from here on: it ends as soon as it is woken.
            oldest.evict.notify_one();
            open.leave(oldest.client);
            evicted = true;
        }
        *open.of_client.entry(client).or_default() += 1;
        open.all += 1;
        let evict = Arc::new(Notify::new());
        // Who has asked nothing yet rests from the first moment on.
        let number = open.rest(client, &evict);
        drop(open);
        let admission = Admission { connections: Arc::clone(self), client, evict, rest: Mutex::new(Some(number)) };
        if evicted { Entry::InPlaceOfAnother(admission) } else { Entry::Admitted(admission) }
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.open().all
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Counts stay true whatever panicked: each change is one addition.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    connections: Arc<Connections>,
    client: IpAddr,
    evict: Arc<Notify>,
    /// Its entry among the resting ones.
    rest: Mutex<Option<u64>>,
}

impl Admission {
    /// The connection has no query that is being answered, as at first: until [`Self::work`] it may be evicted.
    pub(super) fn rest(&self) {
        let mut rest = self.rest_of_this();
        if rest.is_none() {
            *rest = Some(self.connections.open().rest(self.client, &self.evict));
        }
    }

    /// The connection has a whole query. One that merely crawls rests: it would hold its place for nothing.
    pub(super) fn work(&self) {
        let mut rest = self.rest_of_this();
        if let Some(number) = rest.take()
            && self.connections.open().resting.remove(&number).is_none()
        {
            // Evicted in this moment: it keeps what it has begun, and its place is counted again.
            let mut open = self.connections.open();
            open.all += 1;
            *open.of_client.entry(self.client).or_default() += 1;
        }
    }

    /// Resolves when the connection has to end.
    pub(super) async fn evicted(&self) {
        self.evict.notified().await;
    }

    fn rest_of_this(&self) -> MutexGuard<'_, Option<u64>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let rest = self.rest_of_this().take();
        let mut open = self.connections.open();
        let was_evicted = rest.is_some_and(|number| open.resting.remove(&number).is_none());
        if !was_evicted {
            open.leave(self.client);
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
    use futures_util::FutureExt;

    use super::*;

    fn admitted(entry: Entry) -> Admission {
        match entry {
            Entry::Admitted(admission) | Entry::InPlaceOfAnother(admission) => admission,
            Entry::TurnedAway => panic!("turned away"),
        }
    }

    fn v4(number: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(number))
    }

    #[test]
    fn one_client_cannot_take_all_places() {
        let connections = Arc::new(Connections::new(100, 10));
        let client = |last: u8| IpAddr::from([0x20, 1, 0xd, 0xb8, 0, 0, 0, last, 0, 0, 0, 0, 0, 0, 0, last]);
        let mut places: Vec<_> = (0..10).map(|last| admitted(connections.admit(client(last)))).collect();
        assert!(matches!(connections.admit(client(99)), Entry::TurnedAway), "all of one /56");
        drop(admitted(connections.admit(v4(1))));
        places.clear();
        drop(admitted(connections.admit(client(1))));
        assert!(connections.open().of_client.is_empty(), "nothing is kept of those who left");
        assert_eq!(connections.count(), 0);
    }

    #[test]
    fn the_longest_rest_makes_room_and_work_does_not() {
        let connections = Arc::new(Connections::new(3, 10));
        let places: Vec<_> = (1..=3).map(|number| admitted(connections.admit(v4(number)))).collect();
        places.iter().for_each(Admission::work);
        assert!(matches!(connections.admit(v4(4)), Entry::TurnedAway), "all work");
        places[1].rest();
        places[0].rest();
        assert!(matches!(connections.admit(v4(4)), Entry::InPlaceOfAnother(_)), "and it is dropped at once");
        assert!(places[1].evicted().now_or_never().is_some());
        assert!(places[0].evicted().now_or_never().is_none());
        assert_eq!(connections.count(), 2);
        places[0].work();
        let fourth = admitted(connections.admit(v4(4)));
        fourth.work();
        assert!(matches!(connections.admit(v4(5)), Entry::TurnedAway));
        drop(places);
        assert_eq!(connections.count(), 1, "the evicted one is not counted twice");
        drop(fourth);
        assert_eq!(connections.count(), 0);
        assert!(connections.open().of_client.is_empty() && connections.open().resting.is_empty());
    }

    #[test]
    fn work_that_begins_at_the_moment_of_eviction_is_counted() {
        let connections = Arc::new(Connections::new(1, 10));
        let first = admitted(connections.admit(v4(1)));
        let second = admitted(connections.admit(v4(2)));
        first.work();
        assert_eq!(connections.count(), 2);
        drop((first, second));
        assert_eq!(connections.count(), 0);
    }
}
