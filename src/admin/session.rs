//! Sessions: who signed in, kept in memory, so that a restart signs everybody out.
//!
//! The cookie holds 256 random bits; what is kept of them is a hash. What a session may do is asked anew at each request,
//! of the token, the user or the provider's claims that it was opened with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use super::bounds::{SESSIONS, SESSIONS_OF_ONE};
use super::oidc::Identity;
use crate::model::{Means, Remit, Role};

/// Bytes of a cookie and of the value that its forms repeat.
const SECRET_BYTES: usize = 32;

/// What a session was opened with. Each is asked for again at every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The token of this name, made then; another of the same name is not it.
    Token { name: String, made: Timestamp },
    /// The user of this name, and which password they had: another ends their sessions.
    Password { name: String, hash: [u8; 32] },
    /// Whom a provider knows, with what it said of them.
    Provider(Identity),
}

impl Origin {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Token { name, .. } | Self::Password { name, .. } => name,
            Self::Provider(identity) => &identity.name,
        }
    }

    pub(super) const fn means(&self) -> Means {
        match self {
            Self::Token { .. } => Means::Token,
            Self::Password { .. } => Means::Password,
            Self::Provider(_) => Means::Provider,
        }
    }
}

/// A session as its holder may know it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    csrf: String,
    /// With what it was opened.
    pub means: Means,
    /// When it ends, whatever is done in it.
    pub expires: Timestamp,
    /// It ends when nothing was done in it for so long.
    pub idle: Duration,
}

impl Session {
    /// The value that forms and scripts of the dashboard repeat, as `csrf` or in the header `X-Waypost-CSRF`: a foreign page
    /// can make a browser send the cookie, but cannot know this.
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether `repeated` is that value.
    pub(super) fn is_repeated_by(&self, repeated: &str) -> bool {
        self.csrf.as_bytes().ct_eq(repeated.as_bytes()).into()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("means", &self.means).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// `GET /api/v1/session`: who asks, and what they may do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionStatus {
    /// [`SessionStatus::SCHEMA`]
    pub schema: String,
    /// System user, token or user name; `anonymous` for who said nothing of themselves.
    pub name: String,
    /// What they may do; `null` is only what is open on loopback.
    pub role: Option<Role>,
    /// The sites that they may order about; absent where it is all.
    #[serde(default, rename = "sites", skip_serializing_if = "Remit::is_everywhere")]
    #[schema(value_type = Vec<String>, required = false)]
    pub remit: Remit,
    /// Where they come from: an address, or the Unix socket.
    pub from: String,
    /// Whether the connection is encrypted.
    pub encrypted: bool,
    /// With what the session was opened; `null` where there is none.
    pub means: Option<Means>,
    /// When the session ends, whatever is done in it.
    pub expires: Option<Timestamp>,
    /// After so long without somebody it ends, too.
    pub idle_seconds: Option<u64>,
    /// What forms and scripts of the dashboard repeat.
    pub csrf: Option<String>,
}

impl SessionStatus {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.session/1";
}

/// Whether a request shows that somebody is there, or is what a page does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Somebody opened a page or pressed a button.
    Person,
    /// A page fetched something.
    Page,
}

/// How long sessions stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans {
    pub(super) idle: Duration,
    pub(super) longest: Duration,
}

struct Kept {
    origin: Origin,
    session: Arc<Session>,
    /// When it ends whatever is done in it.
    end: Instant,
    /// When somebody was last there.
    seen: Instant,
}

impl Kept {
    fn is_over(&self, now: Instant) -> bool {
        self.end <= now || now.saturating_duration_since(self.seen) >= self.session.idle
    }
}

/// A cookie's value as it is known: hashed.
type Digested = [u8; 32];

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Digested, Kept>>);

/// What came of looking for a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It stands.
    Standing(Origin, Arc<Session>),
    /// Its time is over; it is forgotten.
    Over(Origin),
    /// There is none of that cookie.
    None,
}

impl Sessions {
    /// Opens a session and returns the value of its cookie.
    ///
    /// Where there are too many, the one that rested longest makes room.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(super) fn open(
        &self,
        origin: Origin,
        spans: Spans,
        (now, wall): (Instant, Timestamp),
    ) -> Result<(String, Arc<Session>), getrandom::Error> {
        let (cookie, csrf) = (random()?, random()?);
        let longest = SignedDuration::try_from(spans.longest).unwrap_or(SignedDuration::MAX);
        let session = Arc::new(Session {
            csrf,
            means: origin.means(),
            expires: wall.saturating_add(longest).unwrap_or(Timestamp::MAX),
            idle: spans.idle,
        });
        let mut kept = self.kept();
        kept.retain(|_, session| !session.is_over(now));
        let same = |other: &Origin| other.name() == origin.name() && other.means() == origin.means();
        if kept.values().filter(|other| same(&other.origin)).count() >= SESSIONS_OF_ONE {
            forget_longest_resting(&mut kept, |other| same(&other.origin));
        }
        if kept.len() >= SESSIONS {
            forget_longest_resting(&mut kept, |_| true);
        }
        let end = now.checked_add(spans.longest).unwrap_or(now);
        kept.insert(digest(&cookie), Kept { origin, session: Arc::clone(&session), end, seen: now });
        Ok((cookie, session))
    }

    /// The session of `cookie`.
    pub(super) fn find(&self, cookie: &str, activity: Activity, now: Instant) -> Found {
        let (key, mut kept) = (digest(cookie), self.kept());
        let Some(found) = kept.get_mut(&key) else { return Found::None };
        if found.is_over(now) {
            return kept.remove(&key).map_or(Found::None, |over| Found::Over(over.origin));
        }
        if activity == Activity::Person {
            found.seen = now;
        }
        Found::Standing(found.origin.clone(), Arc::clone(&found.session))
    }

    /// Ends the session of `cookie`, and says whose it was.
    pub(super) fn close(&self, cookie: &str) -> Option<Origin> {
        self.kept().remove(&digest(cookie)).map(|closed| closed.origin)
    }

    /// When somebody was last there in the session of `cookie`.
    #[cfg(test)]
    pub(super) fn seen(&self, cookie: &str) -> Option<Instant> {
        self.kept().get(&digest(cookie)).map(|kept| kept.seen)
    }

    /// How many stand at `now`.
    pub(super) fn count(&self, now: Instant) -> usize {
        self.kept().values().filter(|kept| !kept.is_over(now)).count()
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Digested, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_longest_resting(kept: &mut HashMap<Digested, Kept>, among: impl Fn(&Kept) -> bool) {
    let longest = kept.iter().filter(|(_, session)| among(session)).min_by_key(|(_, session)| session.seen);
    if let Some(key) = longest.map(|(key, _)| *key) {
        kept.remove(&key);
    }
}

fn digest(cookie: &str) -> Digested {
    Sha256::digest(cookie.as_bytes()).into()
}

/// 256 random bits as text.
pub(super) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPANS: Spans = Spans { idle: Duration::from_secs(60), longest: Duration::from_secs(600) };

    fn of(name: &str) -> Origin {
        Origin::Password { name: name.into(), hash: [7; 32] }
    }

    fn open(sessions: &Sessions, name: &str, now: Instant) -> String {
        sessions.open(of(name), SPANS, (now, Timestamp::UNIX_EPOCH)).unwrap().0
    }

    #[test]
    fn a_session_ends_when_nobody_is_there_and_after_its_longest_time() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let cookie = open(&sessions, "alice", start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let standing = |found| matches!(found, Found::Standing(..));
        assert!(standing(sessions.find(&cookie, Activity::Person, at(59))));
        // What the page does by itself keeps nothing alive.
        assert!(standing(sessions.find(&cookie, Activity::Page, at(110))));
        assert_eq!(sessions.find(&cookie, Activity::Page, at(120)), Found::Over(of("alice")));
        assert_eq!(sessions.find(&cookie, Activity::Person, at(120)), Found::None);

        let cookie = open(&sessions, "alice", start);
        for seconds in (0..600).step_by(30) {
            assert!(standing(sessions.find(&cookie, Activity::Person, at(seconds))));
        }
        assert_eq!(sessions.find(&cookie, Activity::Person, at(600)), Found::Over(of("alice")));
    }

    #[test]
    fn each_sign_in_has_secrets_of_its_own_and_they_stay_out_of_logs() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let (first, session) = sessions.open(of("alice"), SPANS, (now, Timestamp::UNIX_EPOCH)).unwrap();
        let second = open(&sessions, "alice", now);
        assert_ne!(first, second);
        assert!(first.len() == 43 && session.csrf().len() == 43 && session.csrf() != first);
        assert!(
            session.is_repeated_by(session.csrf()) && !session.is_repeated_by("") && !session.is_repeated_by(&first)
        );
        assert!(!format!("{session:?}").contains(session.csrf()));
        assert_eq!(sessions.close(&first), Some(of("alice")));
        assert_eq!(sessions.find(&first, Activity::Person, now), Found::None);
        assert!(matches!(sessions.find(&second, Activity::Person, now), Found::Standing(..)));
    }

    #[test]
    fn sessions_are_bounded_for_all_and_for_each() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let first = open(&sessions, "alice", start);
        let later = start + Duration::from_millis(1);
        for _ in 0..SESSIONS_OF_ONE {
            open(&sessions, "alice", later);
        }
        assert_eq!(sessions.count(later), SESSIONS_OF_ONE);
        assert_eq!(
            sessions.find(&first, Activity::Person, later),
            Found::None,
            "the one that rested longest makes room"
        );
        for user in 0..SESSIONS + 10 {
            open(&sessions, &format!("user-{user}"), later);
        }
        assert_eq!(sessions.count(later), SESSIONS);
    }
}
