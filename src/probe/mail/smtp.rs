//! SMTP: the whole conversation a sender would have, without a message (RFC 5321, STARTTLS: RFC 3207).
//!
//! Servers that accept a connection and then do not work are what port checks miss. The outcome is that of the gravest step:
//! 4xx anywhere is `deferring` with the server's words, 5xx and silence are failures, and a certificate that other servers
//! would refuse is `deferring`, because most senders deliver all the same.

use async_trait::async_trait;

use super::Dialogue;
use super::session::Session;
use super::smtp_reply::Reply;
use crate::health::Outcome;
use crate::model::SmtpCheck;
use crate::probe::wire::{Ended, Wire};

/// What is said to a server that takes mail from other servers.
#[derive(Debug)]
pub(super) struct Smtp {
    hello: String,
    recipient: Option<String>,
}

impl Smtp {
    pub(super) fn new(check: &SmtpCheck) -> Self {
        Self { hello: format!("EHLO {}", check.helo), recipient: check.recipient.clone() }
    }
}

#[async_trait]
impl Dialogue for Smtp {
    const FAREWELL: &'static str = "QUIT";

    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended> {
        introduce(session, &self.hello, without_starttls).await?;
        match &self.recipient {
            Some(recipient) => address_mail(&mut session.wire, recipient).await,
            None => Ok(()),
        }
    }
}

/// A server that does not offer STARTTLS defers mail from senders that insist, and takes it from the others.
pub(super) fn without_starttls() -> Ended {
    Outcome::Deferring("STARTTLS is not offered".to_owned())
}

/// From the banner to what the server offers in the end, behind TLS where that was asked for; `lacking` is what it means that
/// STARTTLS is not offered. `hello` is the whole command: `EHLO probe.example.org`.
pub(super) async fn introduce(session: &mut Session<'_>, hello: &str, lacking: fn() -> Ended) -> Result<Reply, Ended> {
    let banner = Reply::read(&mut session.wire, "the banner").await?;
    banner.expect(&[220], "the banner")?;
    let offers = say_hello(&mut session.wire, hello).await?;
    if !session.wants_starttls() {
        return Ok(offers);
    }
    if !offers.offers("STARTTLS") {
        return Err(lacking());
    }
    let go = Reply::to("STARTTLS", &mut session.wire, "the reply to STARTTLS").await?;
    go.expect(&[220], "STARTTLS")?;
    session.secure().await?;
    say_hello(&mut session.wire, hello).await
}

async fn say_hello(wire: &mut Wire<'_>, hello: &str) -> Result<Reply, Ended> {
    let verb = hello.split(' ').next().unwrap_or(hello);
    let offers = Reply::to(hello, wire, &format!("the reply to {verb}")).await?;
    offers.expect(&[250], verb)?;
    Ok(offers)
}

/// Sender and recipient as for a bounce, and back: no message is sent.
pub(super) async fn address_mail(wire: &mut Wire<'_>, recipient: &str) -> Result<(), Ended> {
    let sender = Reply::to("MAIL FROM:<>", wire, "the reply to MAIL").await?;
    sender.expect(&[250], "MAIL FROM:<>")?;
    let to = format!("RCPT TO:<{recipient}>");
    let accepted = Reply::to(&to, wire, "the reply to RCPT").await?;
    accepted.expect(&[250, 251, 252], &to)?;
    let reset = Reply::to("RSET", wire, "the reply to RSET").await?;
    reset.expect(&[250], "RSET")
}
