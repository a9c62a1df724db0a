//! The desk and tokens: made and revoked in the store, with what the journal says of it.

use super::acts::Act;
use super::desk::Desk;
use super::orders::Effect;
use crate::admin::api::words::moment;
use crate::admin::api::{TokenCreated, TokenRequest};
use crate::admin::{Caller, Problem, ProblemKind};
use crate::model::{Event, EventKind, Remit, Scope, Token};
use crate::store::Secret;

impl Desk {
    /// Makes the token that `request` describes, and shows its secret once.
    ///
    /// # Errors
    /// If there is one of that name, it names a site that there is not, or the store does not take it.
    pub(super) async fn make_token(&self, request: TokenRequest, caller: Caller) -> Result<TokenCreated, Problem> {
        if let Remit::Sites(sites) = &request.remit {
            for site in sites {
                self.known(&Scope { site: site.clone(), service: None })?;
            }
        }
        let secret = Secret::random().map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        let token = Token {
            name: request.name.clone(),
            role: request.role,
            remit: request.remit,
            created: self.clock.wall(),
            by: caller.name.clone(),
            expires: request.expires,
        };
        let shown = secret.reveal().to_owned();
        let event = self.journal.event(EventKind::Token {
            action: "created".to_owned(),
            name: request.name.clone(),
            by: caller.name.clone(),
        });
        let stored = token.clone();
        let outcome = self.blocking(move |store| store.put_token(stored, &secret, event)).await;
        let act = Act { what: format!("create token {}", request.name), after: words(&token), ..Act::default() };
        self.acted(&caller, act, outcome.as_ref().map(|_| Effect::Changed));
        self.journal.announce(outcome?);
        Ok(TokenCreated { schema: TokenCreated::SCHEMA.to_owned(), token, secret: shown })
    }

    /// Revokes the token called `name`.
    ///
    /// # Errors
    /// If there is none, or the store does not take it.
    pub(super) async fn withdraw_token(&self, name: String, caller: Caller) -> Result<(), Problem> {
        let event = self.journal.event(EventKind::Token {
            action: "revoked".to_owned(),
            name: name.clone(),
            by: caller.name.clone(),
        });
        let known = self.store.tokens().into_iter().find(|token| token.name == name);
        let wanted = name.clone();
        let outcome = self.blocking(move |store| store.revoke_token(&wanted, event)).await;
        let before = known.as_ref().map(words).unwrap_or_default();
        let act = Act { what: format!("revoke token {name}"), before, ..Act::default() };
        let effect = |done: &Option<Event>| if done.is_some() { Effect::Changed } else { Effect::Unchanged };
        self.acted(&caller, act, outcome.as_ref().map(effect));
        match outcome? {
            Some(event) => {
                self.journal.announce(event);
                Ok(())
            }
            None => Err(Problem::new(ProblemKind::NotFound, format!("there is no token '{name}'"))),
        }
    }
}

/// What a token allows: `operator at fra until 2026-05-01T12:00:00Z`.
fn words(token: &Token) -> String {
    let at = match &token.remit {
        Remit::Everywhere => String::new(),
        Remit::Sites(_) => format!(" at {}", token.remit),
    };
    let until = token.expires.map_or_else(|| " until revoked".to_owned(), |end| format!(" until {}", moment(end)));
    format!("{}{at}{until}", token.role)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::Role;

    #[test]
    fn the_journal_says_what_a_token_allows_where_and_until_when() {
        let token = Token {
            name: "oncall".into(),
            role: Role::Operator,
            remit: Remit::Sites(["fra".to_owned()].into()),
            created: Timestamp::UNIX_EPOCH,
            by: "root".into(),
            expires: Some(Timestamp::UNIX_EPOCH),
        };
        assert_eq!(words(&token), "operator at fra until 1970-01-01T00:00:00Z");
        let lasting = Token { remit: Remit::Everywhere, expires: None, ..token };
        assert_eq!(words(&lasting), "operator until revoked");
    }
}
