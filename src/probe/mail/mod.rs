//! Mail protocols: the conversations that a monitor holds with a mail server, one file a protocol.
//!
//! All are held in the same way: connect, have the connection secured, speak, say goodbye. Temporary trouble in the server's own
//! words is `deferring`, refusals and silence are failures, and a certificate that others would refuse is `deferring`. What each
//! protocol writes in its replies is read in a file apart from what is asked: any octets are a reply, or are refused.

mod imap;
mod imap_response;
mod lmtp;
mod pop3;
mod pop3_reply;
mod session;
mod smtp;
mod smtp_reply;
mod submission;

use std::fmt::Debug;

use async_trait::async_trait;

use self::imap::Imap;
use self::lmtp::Lmtp;
use self::pop3::Pop3;
use self::session::Session;
use self::smtp::Smtp;
use self::submission::Submission;
use super::Target;
use super::check::{Conversation, Notes, Place};
use super::tls::TlsClient;
use super::wire::Ended;
use crate::health::Outcome;
use crate::model::{ImapCheck, LmtpCheck, Pop3Check, SmtpCheck, SubmissionCheck, TlsPolicy};

/// What is said in a protocol, from the greeting to the farewell.
#[async_trait]
trait Dialogue: Debug + Send + Sync {
    /// The command that ends a session.
    const FAREWELL: &'static str;

    /// Speaks until the server has shown that it works.
    async fn speak(&self, session: &mut Session<'_>) -> Result<(), Ended>;
}

/// A mail monitor applied to a target.
#[derive(Debug)]
struct MailProbe<D> {
    tls: TlsClient,
    dialogue: D,
}

pub(super) fn smtp(check: &SmtpCheck, target: &Target) -> Box<dyn Conversation> {
    probe(Smtp::new(check), &check.tls, target)
}

pub(super) fn submission(check: &SubmissionCheck, target: &Target) -> Box<dyn Conversation> {
    probe(Submission::new(check), &check.tls, target)
}

pub(super) fn lmtp(check: &LmtpCheck, target: &Target) -> Box<dyn Conversation> {
    probe(Lmtp::new(check), &check.tls, target)
}

pub(super) fn imap(check: &ImapCheck, target: &Target) -> Box<dyn Conversation> {
    probe(Imap::new(check), &check.tls, target)
}

pub(super) fn pop3(check: &Pop3Check, target: &Target) -> Box<dyn Conversation> {
    probe(Pop3::new(check), &check.tls, target)
}

fn probe(dialogue: impl Dialogue + 'static, tls: &TlsPolicy, target: &Target) -> Box<dyn Conversation> {
    Box::new(MailProbe { tls: TlsClient::new(tls, &target.host, target.key.address), dialogue })
}

#[async_trait]
impl<D: Dialogue> Conversation for MailProbe<D> {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let mut session = match Session::open(place, &self.tls, notes).await {
            Ok(session) => session,
            Err(ended) => return ended,
        };
        let result = self.dialogue.speak(&mut session).await;
        session.close(result, D::FAREWELL)
    }
}
