//! Places for connections, of one listener.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::bounds::{CONNECTIONS, CONNECTIONS_OF_ONE, PLACE_TIME};
use super::crowd::{Crowd, Place};
use super::entrance_control::Count;
use super::failures::network;
use super::rests::{Rests, Seat};
use super::{Channel, Control};

/// The places for connections of one listener.
pub(super) struct Places {
    room: Arc<Semaphore>,
    /// By where connections come from.
    crowd: Crowd<IpAddr>,
    rests: Rests,
    control: Arc<dyn Control>,
}

/// What a connection holds while it is open.
pub(super) struct Held {
    seat: Arc<Seat>,
    _place: Option<Place<IpAddr>>,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    /// Whether it rests. By a method, for whoever uses the field alone takes it out of what holds the place.
    pub(super) const fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Places {
    pub(super) fn new(control: Arc<dyn Control>) -> Self {
        let crowd = Crowd::new(CONNECTIONS, CONNECTIONS_OF_ONE);
        Self { room: Arc::new(Semaphore::new(CONNECTIONS)), crowd, rests: Rests::default(), control }
    }

    /// A place for a connection from `channel`; `None` where that party has too many, or all are taken by requests that are
    /// being answered. Whoever is on this machine has as many as there are: a proxy in front may stand for all.
    pub(super) async fn take(&self, channel: Channel) -> Option<Held> {
        let held = self.find(channel).await;
        if held.is_none() {
            self.control.tally().count(Count::Crowded);
            tracing::debug!(%channel, "no place for another connection to the admin API");
        }
        held
    }

    async fn find(&self, channel: Channel) -> Option<Held> {
        let place = match network(channel).filter(|address| !address.is_loopback()) {
            Some(party) => Some(self.crowd.enter(party).ok()?),
            None => None,
        };
        let room = || Arc::clone(&self.room);
        let permit = match room().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.rests.cut_longest();
                tokio::time::timeout(PLACE_TIME, room().acquire_owned()).await.ok()?.ok()?
            }
        };
        Some(Held { seat: self.rests.sit(), _place: place, _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::admin::rests::accompany;
    use crate::admin::tests::Fake;

    fn from(peer: &str) -> Channel {
        Channel::Tcp { peer: peer.parse().unwrap() }
    }

    #[tokio::test]
    async fn who_holds_all_places_for_nothing_keeps_nobody_out() {
        let fake = Fake::new();
        let places = Places::new(Arc::clone(&fake) as Arc<dyn Control>);
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            held.push(places.take(from("127.0.0.1")).await.unwrap());
        }
        let first = held.remove(0);
        let working = accompany(first.seat(), Body::empty());
        let second = held.remove(0);
        let cut = tokio::spawn(async move { second.seat().cut().await });
        assert!(places.take(from("127.0.0.1")).await.is_some(), "the one that rested longest has ended");
        cut.await.unwrap();
        // All of them are answered something that takes its time.
        let _busy: Vec<_> = held.iter().map(|held| accompany(held.seat(), Body::empty())).collect();
        let last = places.take(from("127.0.0.1")).await.unwrap();
        let _busy_too = accompany(last.seat(), Body::empty());
        assert!(places.take(from("192.0.2.1")).await.is_none());
        assert_eq!(fake.door.tally.counted(Count::Crowded), 1);
        drop((working, first));
        assert!(places.take(from("192.0.2.1")).await.is_some());
    }

    #[tokio::test]
    async fn one_elsewhere_has_a_share() {
        let places = Places::new(Fake::new());
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS_OF_ONE {
            held.push(places.take(from("192.0.2.1")).await.unwrap());
        }
        assert!(places.take(from("192.0.2.1")).await.is_none());
        assert!(places.take(from("192.0.2.2")).await.is_some());
    }
}
