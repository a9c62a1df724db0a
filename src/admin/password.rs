//! Passwords: checked one at a time, in the same time whether or not there is such a user.

use std::sync::Arc;

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc;
use tokio::sync::Semaphore;

use super::bounds::{PASSWORD_CHECKS, PASSWORD_WAITING};
use crate::model::{PasswordHash, User};

/// Where passwords are checked.
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    queue: Semaphore,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is the user's.
    Good,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many wait already.
    Busy,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PASSWORD_CHECKS)), queue: Semaphore::new(PASSWORD_WAITING) }
    }
}

impl Passwords {
    /// Whether `presented` is the password of the user called `name`.
    pub(super) async fn check(&self, users: &[User], name: &str, presented: String) -> Checked {
        let user = users.iter().find(|user| user.name == name);
        // Without such a user, another's hash is checked and nothing follows from it, so that the time tells nothing.
        let Some(against) = user.or_else(|| users.first()).map(|user| user.password.clone()) else {
            return Checked::Wrong;
        };
        let Ok(_waiting) = self.queue.try_acquire() else { return Checked::Busy };
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return Checked::Busy };
        let check = tokio::task::spawn_blocking(move || {
            // Kept to the end also where the browser has gone.
            let _place = place;
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
pub(super) mod tests {
    use argon2::password_hash::PasswordHasher;

    use super::*;
    use crate::model::{Remit, Role};

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
            assert_eq!(passwords.check(&users, name, presented.into()).await, expected, "{name} {presented}");
        }
        assert_eq!(passwords.check(&[], "alice", "correct horse".into()).await, Checked::Wrong);
    }

    #[tokio::test]
    async fn a_crowd_of_guessers_is_turned_away() {
        let (passwords, users) = (Passwords::default(), [user("alice", "correct horse")]);
        let _busy = Arc::clone(&passwords.places).acquire_many_owned(PASSWORD_CHECKS as u32).await.unwrap();
        let _crowd = passwords.queue.acquire_many(PASSWORD_WAITING as u32).await.unwrap();
        assert_eq!(passwords.check(&users, "alice", "correct horse".into()).await, Checked::Busy);
    }
}
