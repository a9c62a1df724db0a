//! Acts: what people and programs do through the admin API, as the journal keeps it: who, what, why, from where, before, after.

use std::fmt::Display;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::desk::Desk;
use super::orders::Effect;
use super::picture::Picture;
use crate::admin::Caller;
use crate::admin::api::words;
use crate::model::{EventKind, Intent, Scope};

/// Octets of the digest of a configuration that are told.
const DIGEST: usize = 8;

/// What somebody did.
#[derive(Default)]
pub struct Act {
    /// What: `drain fra`.
    pub what: String,
    /// Why, in their words.
    pub why: String,
    /// What stood before.
    pub before: String,
    /// What stands from then on, if it is done.
    pub after: String,
}

impl Act {
    /// A change of the orders of `scope`, after which `after` stands; `before` is what was there.
    pub fn of_orders(before: &Picture, scope: &Scope, after: Option<&Intent>) -> Self {
        let stood = before.orders.iter().map(|order| &order.intent).find(|intent| intent.scope == *scope);
        let said = |intent: Option<&Intent>| intent.map_or_else(|| "no order".to_owned(), words::listed_order);
        Self { before: said(stood), after: said(after), ..Self::default() }
    }
}

impl Desk {
    /// Journals what `caller` did and what came of it.
    pub(super) fn acted(&self, caller: &Caller, act: Act, outcome: Result<Effect, impl Display>) {
        let Act { what, why, before, after } = act;
        let (outcome, after) = match outcome {
            Ok(Effect::Changed) => ("accepted".to_owned(), after),
            Ok(Effect::Unchanged | Effect::Rehearsed) => ("unchanged".to_owned(), before.clone()),
            Err(error) => (format!("not done: {error}"), before.clone()),
        };
        let (who, channel) = (caller.name.clone(), caller.channel.to_string());
        self.journal.record(EventKind::Acted { who, channel, what, why, outcome, before, after });
    }

    /// What tells the configuration in force from others.
    pub(super) fn configuration(&self) -> String {
        let digest = Sha256::digest(self.picture.load().settings.text.as_bytes());
        format!("configuration {}", HEXLOWER.encode(digest.get(..DIGEST).unwrap_or(&digest)))
    }
}
