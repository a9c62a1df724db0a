//! LMTP: what a mail server says to the server that keeps the mailboxes, without a message (RFC 2033).

use async_trait::async_trait;

use super::Dialogue;
use super::session::Session;
use super::smtp::{address_mail, introduce, without_starttls};
use crate::model::LmtpCheck;
use crate::probe::wire::Ended;

/// What is said to a server that delivers into mailboxes.
#[derive(Debug)]
pub(super) struct Lmtp {
    hello: String,
    recipient: Option<String>,
}

impl Lmtp {
    pub(super) fn new(check: &LmtpCheck) -> Self {
        Self { hello: format!("LHLO {}", check.helo), recipient: check.recipient.clone() }
    }
}

#[async_trait]
impl Dialogue for Lmtp {
    const FAREWELL: &'static str = "QUIT";

    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended> {
        introduce(session, &self.hello, without_starttls).await?;
        match &self.recipient {
            Some(recipient) => address_mail(&mut session.wire, recipient).await,
            None => Ok(()),
        }
    }
}
