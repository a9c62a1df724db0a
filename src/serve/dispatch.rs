//! Messages that are more than plain queries: signed ones, notifications, updates, requests for transfers.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Record, RecordType};
use tokio::task::spawn_blocking;

use super::counts::TransferEnd;
use super::exchange::{Outcome, encode};
use super::handler::{Handler, Standing};
use super::inquiry::Inquiry;
use super::response::Response;
use super::transfer_out::{Decision, TransferRequest, busy, transfer_records};
use super::transfer_stream::{Account, TransferStream};
use super::{Notification, UpdateRequest};
use crate::answer::{Note, Reply, Transport};
use crate::dnssec::{Secure, Signable};
use crate::model::Name;
use crate::tsig::{Rejection, Session, Verified, verify_request};

/// A message that is more than a plain query, its signature checked.
struct Special<'p> {
    packet: &'p [u8],
    inquiry: Inquiry,
    source: SocketAddr,
    transport: Transport,
    seal: Seal,
    /// The message without its signature, where it was signed.
    stripped: Option<Vec<u8>>,
}

/// What the reply ends with.
enum Seal {
    /// Nothing: the message is not signed.
    None,
    /// A signature.
    Session(Session),
    /// What is wrong with the signature of the message.
    Rejection(Rejection),
}

impl Seal {
    fn key(&self) -> Option<&Name> {
        match self {
            Self::Session(session) => Some(session.key().name()),
            Self::None | Self::Rejection(_) => None,
        }
    }

    fn standing(&self) -> Standing {
        let (octets, proven) = match self {
            Self::None => (0, false),
            Self::Session(session) => (session.signature_octets(), true),
            Self::Rejection(rejection) => (rejection.signature_octets(), false),
        };
        Standing { reserved: u16::try_from(octets).unwrap_or(u16::MAX), proven }
    }

    fn close(&mut self, message: &mut Vec<u8>, now: u64) {
        match self {
            Self::None => {}
            Self::Session(session) => session.sign_reply(message, now),
            Self::Rejection(rejection) => rejection.finish(message, now),
        }
    }
}

/// Whether the reply to a message waits for the node: notifications and updates (RFC 1996, RFC 2136).
pub(super) fn waits(packet: &[u8]) -> bool {
    let opcode = packet.get(2).map_or(0, |flags| (flags >> 3) & 0x0f);
    matches!(OpCode::from_u8(opcode), OpCode::Notify | OpCode::Update)
}

impl Handler {
    /// What goes back for a message that is more than a plain query; `None` where it is not.
    pub(super) async fn dispatch(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Outcome> {
        let inquiry = Inquiry::read(packet, transport).filter(|inquiry| !inquiry.is_plain())?;
        let special = self.authenticate(packet, inquiry, source, transport);
        if special.inquiry.fault.is_some() {
            return Some(self.answer_special(special).await);
        }
        let reply = match special.inquiry.opcode {
            OpCode::Notify => self.take_notification(&special).await,
            OpCode::Update => {
                let reply = self.take_update(&special).await;
                self.usage().count_update(reply.rcode);
                reply
            }
            _ if special.inquiry.is_transfer() => return Some(self.transfer(special).await),
            _ => return Some(self.answer_special(special).await),
        };
        Some(self.say(special, &reply).await)
    }

    /// Checks the signature, if there is one: a wrong one makes the message an error (RFC 8945 section 5.2).
    fn authenticate<'p>(
        &self,
        packet: &'p [u8],
        inquiry: Inquiry,
        source: SocketAddr,
        transport: Transport,
    ) -> Special<'p> {
        let mut special = Special { packet, inquiry, source, transport, seal: Seal::None, stripped: None };
        if !special.inquiry.signed {
            return special;
        }
        match verify_request(packet, &self.setup().secrets.load().keyring, self.unix()) {
            Ok(None) => {}
            Ok(Some(Verified { session, stripped, .. })) => {
                special.seal = Seal::Session(session);
                special.stripped = Some(stripped);
            }
            Err(rejection) => {
                tracing::debug!(client = %source, error = ?rejection.error, "a signature is wrong");
                special.inquiry.fault = Some(rejection.rcode);
                special.seal = Seal::Rejection(rejection);
            }
        }
        special
    }

    /// Answers as a plain query is answered, but signed.
    async fn answer_special(&self, special: Special<'_>) -> Outcome {
        let Special { packet, inquiry, source, transport, mut seal, .. } = special;
        let response = self.respond_with(packet, &inquiry, source, transport, seal.standing(), |terms| {
            self.answer(packet, &inquiry, source, terms)
        });
        self.send(response, &mut seal).await
    }

    /// Replies with `reply`.
    async fn say(&self, special: Special<'_>, reply: &Reply<'_>) -> Outcome {
        let Special { packet, inquiry, source, transport, mut seal, .. } = special;
        let response = self.respond_with(packet, &inquiry, source, transport, seal.standing(), |terms| {
            self.express(packet, &inquiry, terms, reply)
        });
        self.send(response, &mut seal).await
    }

    async fn send(&self, response: Option<Response>, seal: &mut Seal) -> Outcome {
        let Some(response) = response else { return Outcome::Silence };
        let Some(mut message) = encode(&response) else { return Outcome::Silence };
        seal.close(&mut message, self.unix());
        Outcome::Reply(message)
    }

    /// A primary says that a zone changed (RFC 1996 section 3).
    async fn take_notification(&self, special: &Special<'_>) -> Reply<'static> {
        let Some(question) = &special.inquiry.question else { return Reply::empty(ResponseCode::FormErr) };
        if question.class != DNSClass::IN {
            return Reply::noted(ResponseCode::Refused, Note::UNSUPPORTED_CLASS);
        }
        let notification = Notification {
            zone: question.name.clone(),
            from: special.source.ip().to_canonical(),
            key: special.seal.key().cloned(),
            serial: special.inquiry.serial,
        };
        Reply { authoritative: true, ..Reply::empty(self.setup().backstage.notified(notification).await) }
    }

    /// A zone shall change (RFC 2136 section 3). Unsigned updates are not read at all.
    async fn take_update(&self, special: &Special<'_>) -> Reply<'static> {
        let (Some(key), Some(stripped)) = (special.seal.key(), &special.stripped) else {
            return prohibited("an update has to be signed");
        };
        let Some(question) = &special.inquiry.question else { return Reply::empty(ResponseCode::FormErr) };
        let tables = self.setup().tables.load_full();
        let zone = tables.zones().get(&question.name).filter(|_| question.class == DNSClass::IN);
        let Some(zone) = zone else { return Reply::noted(ResponseCode::NotAuth, Note::NOT_AUTHORITATIVE) };
        if !zone.policy().update.iter().any(|rule| rule.key == *key) {
            return prohibited("the key may not update the zone");
        }
        let Some((prerequisites, updates)) = read_update(stripped) else {
            return Reply::empty(ResponseCode::FormErr);
        };
        let request = UpdateRequest {
            zone: zone.origin().clone(),
            from: special.source.ip().to_canonical(),
            key: key.clone(),
            prerequisites,
            updates,
        };
        drop(tables);
        Reply::empty(self.setup().backstage.update(request).await)
    }

    /// A zone is asked for (RFC 5936, RFC 1995).
    async fn transfer(&self, mut special: Special<'_>) -> Outcome {
        let Some(question) = special.inquiry.question.clone() else { return Outcome::Silence };
        let tables = self.setup().tables.load_full();
        let request = TransferRequest {
            origin: &question.name,
            incremental: question.rtype == RecordType::IXFR,
            serial: special.inquiry.serial,
            source: special.source.ip(),
            key: special.seal.key(),
            transport: special.transport,
        };
        let (zone, serial) = match request.decide(tables.zones()) {
            Decision::Whole(zone, serial) => (zone, serial),
            Decision::Reply(reply, end) => {
                self.usage().count_transfer(end);
                tracing::debug!(zone = %question.name, client = %special.source, result = end.as_str(), "transfer asked for");
                return self.say(special, &reply).await;
            }
        };
        // Configuration and signatures of the moment are settled; what follows needs the zone alone.
        drop(tables);
        let Some(place) = self.transfer_place() else {
            self.usage().count_transfer(TransferEnd::Busy);
            tracing::warn!(zone = %question.name, client = %special.source, "too many transfers at once");
            return self.say(special, &busy()).await;
        };
        let origin = zone.origin().clone();
        let (signatures, usage, now) = (self.signatures(), Arc::clone(&self.setup().usage), self.unix());
        let sign = move |secure: &Secure, set: &Signable<'_>| signatures.make(secure, set, now, &usage);
        // The names of a large zone are put into order: not on a thread that answers queries.
        let records = match spawn_blocking(move || transfer_records(zone, sign)).await {
            Ok(records) => records,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => return Outcome::Silence,
        };
        let usage = Arc::clone(&self.setup().usage);
        let account = Account::new(origin, serial, special.source, special.seal.key().cloned(), usage, place);
        let frame = self.respond_with(
            special.packet,
            &special.inquiry,
            special.source,
            special.transport,
            special.seal.standing(),
            |terms| self.express(special.packet, &special.inquiry, terms, &Reply::empty(ResponseCode::NoError)),
        );
        let Some(frame) = frame else { return Outcome::Silence };
        let session = match &mut special.seal {
            Seal::Session(session) => Some(session.clone()),
            Seal::None | Seal::Rejection(_) => None,
        };
        match TransferStream::new(&frame, records, session, account) {
            Ok(messages) => Outcome::Transfer(Box::new(messages)),
            Err(error) => {
                tracing::error!(%error, "a transfer could not begin; answered SERVFAIL");
                self.say(special, &Reply::empty(ResponseCode::ServFail)).await
            }
        }
    }
}

/// Prerequisites and updates (RFC 2136 sections 2.4 and 2.5); `None` where the message is malformed.
fn read_update(message: &[u8]) -> Option<(Vec<Record>, Vec<Record>)> {
    let message = Message::from_vec(message).ok()?;
    Some((message.answers, message.authorities))
}

fn prohibited(why: &'static str) -> Reply<'static> {
    Reply::noted(ResponseCode::Refused, Note { code: 18, text: Cow::Borrowed(why) })
}
