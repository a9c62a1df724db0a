//! Submission: SMTP as mail programs speak it, up to the login (RFC 6409, RFC 8314, AUTH: RFC 4954).
//!
//! A mail program that was told to use TLS and to log in does nothing without either: a server that lost one of them has failed,
//! though a mail server would still be content with it.

use async_trait::async_trait;

use super::Dialogue;
use super::session::Session;
use super::smtp::introduce;
use super::smtp_reply::Reply;
use crate::model::SubmissionCheck;
use crate::probe::bounds::SMTP_COMMAND;
use crate::probe::password::Credentials;
use crate::probe::secret::Secret;
use crate::probe::wire::{Ended, Wire, broken};

/// What is said to a server that takes mail from people.
#[derive(Debug)]
pub(super) struct Submission {
    hello: String,
    credentials: Option<Credentials>,
}

impl Submission {
    pub(super) fn new(check: &SubmissionCheck) -> Self {
        Self { hello: format!("EHLO {}", check.helo), credentials: check.login.as_ref().map(Credentials::new) }
    }
}

#[async_trait]
impl Dialogue for Submission {
    const FAREWELL: &'static str = "QUIT";

    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended> {
        let offers = introduce(session, &self.hello, || broken("STARTTLS is not offered")).await?;
        // Without TLS, servers do well to offer no login.
        if !session.is_secured() {
            return Ok(());
        }
        let mechanisms = offers.parameters("AUTH").ok_or_else(|| broken("AUTH is not offered behind TLS"))?;
        let Some(credentials) = &self.credentials else { return Ok(()) };
        if !mechanisms.iter().any(|mechanism| mechanism.eq_ignore_ascii_case("PLAIN")) {
            return Err(broken(format!("AUTH PLAIN is not offered, only {}", mechanisms.join(" "))));
        }
        match session.password(credentials).await? {
            Some(password) => log_in(&mut session.wire, &credentials.plain(&password)).await,
            None => Ok(()),
        }
    }
}

/// Sends `message`, with the command where it fits there, or when the server asks for it (RFC 4954 section 4).
async fn log_in(wire: &mut Wire<'_>, message: &Secret) -> Result<(), Ended> {
    const COMMAND: &str = "AUTH PLAIN ";
    const WAITING: &str = "the reply to AUTH";
    if COMMAND.len() + message.reveal().len() + "\r\n".len() <= SMTP_COMMAND {
        wire.say_secret(COMMAND, message, WAITING).await?;
    } else {
        let challenge = Reply::to(COMMAND.trim_end(), wire, WAITING).await?;
        challenge.expect(&[334], "AUTH PLAIN")?;
        wire.say_secret("", message, WAITING).await?;
    }
    Reply::read(wire, WAITING).await?.expect(&[235], "AUTH PLAIN")
}
