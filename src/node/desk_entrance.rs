//! The desk at the entrance: whom the admin API lets in, and what is journalled of it.

use std::sync::Arc;

use super::desk::Desk;
use super::engine::Message;
use crate::admin::{Entrance, SignInEntry, Tally};
use crate::model::{Entrance as Settings, EventKind, Token};

impl Entrance for Desk {
    fn entrance(&self) -> Arc<Settings> {
        Arc::clone(&self.picture.load().settings.admin.entrance)
    }

    fn authenticate(&self, secret: &str) -> Option<Token> {
        self.store.verify_token(secret, self.clock.wall())
    }

    fn token(&self, name: &str) -> Option<Token> {
        let now = self.clock.wall();
        let named = self.store.tokens().into_iter().find(|token| token.name == name);
        named.filter(|token| token.expires.is_none_or(|end| now < end))
    }

    fn journal_sign_in(&self, entry: SignInEntry) {
        let SignInEntry { outcome, name, means, from, detail } = entry;
        self.journal.record(EventKind::SignIn { outcome, name, means, from, detail });
    }

    fn certificate(&self, state: Result<String, String>) {
        let engine = self.engine.clone();
        // The engine may be busy with a reload; what it hears late it hears all the same.
        tokio::spawn(async move {
            let _stopping = engine.send(Message::Part("admin certificate", state)).await;
        });
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
