//! What the admin API needs of a node to know who asks, and what it counts of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Entrance as Settings, Means, SignIn, Token};

/// What the admin API needs of a node to know who asks.
pub trait Entrance: Send + Sync + 'static {
    /// Whom the configuration in force lets in.
    fn entrance(&self) -> Arc<Settings>;

    /// The token that `secret` belongs to, if it is still good.
    fn authenticate(&self, secret: &str) -> Option<Token>;

    /// The token called `name`, if it is still good.
    fn token(&self, name: &str) -> Option<Token>;

    /// Puts a sign-in into the journal.
    fn journal_sign_in(&self, entry: SignInEntry);

    /// Hears of a certificate of the API that works less well than it should, and why; or again.
    fn certificate(&self, state: Result<String, String>);

    /// What is counted.
    fn tally(&self) -> &Tally;
}

/// A sign-in as the journal gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInEntry {
    /// What became of it.
    pub outcome: SignIn,
    /// Who.
    pub name: String,
    /// With what.
    pub means: Means,
    /// Where from.
    pub from: String,
    /// Why, of what was refused or ended.
    pub detail: String,
}

/// What is counted of those who ask.
#[derive(Debug, Default)]
pub struct Tally {
    signed_in: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
    tokens_refused: AtomicU64,
    foreign: AtomicU64,
    crowded: AtomicU64,
    sessions: AtomicU64,
}

/// What [`Tally`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Sessions that began.
    SignedIn,
    /// Sign-ins with what is not good.
    Refused,
    /// Sign-ins that were not looked at: too many from there had been refused.
    Limited,
    /// Requests with a token or certificate that is not good.
    CredentialRefused,
    /// Requests that a foreign page made a browser send.
    Foreign,
    /// Connections and event streams for which there was no place.
    Crowded,
}

impl Count {
    /// All that is counted, with the words of the metrics.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::SignedIn, "signed_in"),
        (Self::Refused, "sign_in_refused"),
        (Self::Limited, "sign_in_limited"),
        (Self::CredentialRefused, "credential_refused"),
        (Self::Foreign, "foreign_page_refused"),
        (Self::Crowded, "no_place"),
    ];
}

impl Tally {
    const fn of(&self, count: Count) -> &AtomicU64 {
        match count {
            Count::SignedIn => &self.signed_in,
            Count::Refused => &self.refused,
            Count::Limited => &self.limited,
            Count::CredentialRefused => &self.tokens_refused,
            Count::Foreign => &self.foreign,
            Count::Crowded => &self.crowded,
        }
    }

    /// One more.
    pub(super) fn count(&self, count: Count) {
        self.of(count).fetch_add(1, Ordering::Relaxed);
    }

    /// How many since the start.
    #[must_use]
    pub fn counted(&self, count: Count) -> u64 {
        self.of(count).load(Ordering::Relaxed)
    }

    /// So many sessions stand.
    pub(super) fn stand(&self, sessions: usize) {
        self.sessions.store(sessions as u64, Ordering::Relaxed);
    }

    /// How many sessions stand.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions.load(Ordering::Relaxed)
    }
}
