//! Passwords: checked one at a time, in the same time whether or not there is such a user.

use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc;
use tokio::sync::Semaphore;

use super::Channel;
use super::bounds::{PASSWORD_CHECKS, PASSWORD_WAITING, PASSWORD_WAITING_OF_ONE};
use super::crowd::Crowd;
use super::failures::network;
use crate::model::{PasswordHash, User};

/// Where passwords are checked.
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    queue: Crowd<Option<IpAddr>>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is the user's.
    Good,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many wait already, or too many from there.
    Busy,
}

impl Default for Passwords {
    fn default() -> Self {
        let queue = Crowd::new(PASSWORD_WAITING, PASSWORD_WAITING_OF_ONE);
        Self { places: Arc::new(Semaphore::new(PASSWORD_CHECKS)), queue }
    }
}

impl Passwords {
    /// Whether `presented`, which comes from `channel`, is the password of the user called `name`.
    pub(super) async fn check(&self, channel: Channel, users: &[User], name: &str, presented: String) -> Checked {
        let user = users.iter().find(|user| user.name == name);
        // Without such a user, another's hash is checked and nothing follows from it, so that the time tells nothing.
        let Some(against) = user.or_else(|| users.first()).map(|user| user.password.clone()) else {
            return Checked::Wrong;
        };
        let Ok(waiting) = self.queue.enter(network(channel)) else { return Checked::Busy };
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return Checked::Busy };
        let check = tokio::task::spawn_blocking(move || {
            // Kept to the end also where the browser has gone.
            let _places = (place, waiting);
            fits(&against, &presented)
        });
        match check.await {
            Ok(true) if user.is_some() => Checked::Good,
            _ => Checked::Wrong,
        }
    }
}

fn fits(hash: &PasswordHash, presented: &str) -> bool {
    phc::PasswordHash::new(&hash.0)
        .is_ok_and(|hash| argon2::Argon2::default().verify_password(presented.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
impl Passwords {
    /// Has all checks wait until what is returned is dropped.
    pub(super) async fn hold_up(&self) -> tokio::sync::OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_many_owned(PASSWORD_CHECKS as u32).await.unwrap()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use argon2::password_hash::PasswordHasher;
    use futures_util::FutureExt;

    use super::*;
    use crate::model::{Remit, Role};

    fn from(number: u32) -> Channel {
        Channel::Tcp { peer: std::net::Ipv4Addr::from(number).into() }
    }

    /// `password` hashed with little effort.
    pub(in crate::admin) fn user(name: &str, password: &str) -> User {
        let params = argon2::Params::new(8, 1, 1, None).unwrap();
        let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let hash: phc::PasswordHash = hasher.hash_password(password.as_bytes()).unwrap();
        User {
            name: name.into(),
            password: PasswordHash(hash.to_string()),
            role: Role::Operator,
            remit: Remit::Everywhere,
        }
    }

    #[tokio::test]
    async fn only_the_users_own_password_is_good() {
        let (passwords, users) =
            (Passwords::default(), [user("alice", "correct horse"), user("bob", "battery staple")]);
        for (name, presented, expected) in [
            ("alice", "correct horse", Checked::Good),
            ("alice", "battery staple", Checked::Wrong),
            ("alice", "", Checked::Wrong),
            ("carol", "correct horse", Checked::Wrong),
            ("", "correct horse", Checked::Wrong),
        ] {
            assert_eq!(passwords.check(from(1), &users, name, presented.into()).await, expected, "{name} {presented}");
        }
        assert_eq!(passwords.check(from(1), &[], "alice", "correct horse".into()).await, Checked::Wrong);
    }

    #[tokio::test]
    async fn a_crowd_of_guessers_is_turned_away() {
        let (passwords, users) = (Passwords::default(), [user("alice", "correct horse")]);
        let busy = passwords.hold_up().await;
        let guess = |address| passwords.check(from(address), &users, "alice", "correct horse".into());
        let mut waiting: Vec<_> = (0..PASSWORD_WAITING_OF_ONE).map(|_| Box::pin(guess(1))).collect();
        assert!(waiting.iter_mut().all(|guess| guess.now_or_never().is_none()));
        assert_eq!(guess(1).await, Checked::Busy, "two of one address");
        drop(busy);
        let (other, waited) = tokio::join!(guess(2), futures_util::future::join_all(waiting));
        assert_eq!(other, Checked::Good, "they keep nobody else out");
        assert_eq!(waited, [Checked::Good; PASSWORD_WAITING_OF_ONE]);
        let _busy = passwords.hold_up().await;
        let mut crowd: Vec<_> = (0..PASSWORD_WAITING as u32).map(|address| Box::pin(guess(address))).collect();
        assert!(crowd.iter_mut().all(|guess| guess.now_or_never().is_none()));
        assert_eq!(guess(100).await, Checked::Busy);
    }
}
