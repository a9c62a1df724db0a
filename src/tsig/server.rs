//! Requests that come in signed, and the replies to them.

use aws_lc_rs::hmac;
use hickory_proto::op::ResponseCode;

use super::bounds::FUDGE;
use super::digest::{Chain, Judgement, after, judge, mac};
use super::error::TsigRcode;
use super::key::{Key, Keyring};
use super::record::{Tsig, u48};
use super::wire::{append, id, take_apart};

/// A request whose signature is good.
#[derive(Debug)]
pub struct Verified {
    /// The key that signed it.
    pub key: Key,
    /// The message before it was signed: without the TSIG record, with the ID that its sender gave it.
    pub stripped: Vec<u8>,
    /// What signs the reply.
    pub session: Session,
}

/// Signs the reply to a request, or the messages of a stream that are the reply, in their order.
#[derive(Clone, Debug)]
pub struct Session {
    key: Key,
    request_mac: Vec<u8>,
    /// What the next MAC covers before the next message; `None` before the first.
    stream: Option<Earlier>,
}

/// The MAC of the message before.
#[derive(Clone, Debug)]
struct Earlier(Vec<u8>);

/// A request that is not believed, and how its sender is told.
#[derive(Debug)]
pub struct Rejection {
    /// RCODE of the reply: FORMERR for what cannot be read, NOTAUTH for all else.
    pub rcode: ResponseCode,
    /// The error in the TSIG record of the reply; `None` where the reply has none.
    pub error: Option<TsigRcode>,
    /// What the TSIG record of the reply takes over.
    tsig: Option<Box<Tsig>>,
    /// What signs the reply, where the MAC of the request was good.
    signer: Option<Box<(Key, Vec<u8>)>>,
}

/// Checks the signature of a request at `now`, in seconds since 1970. `None` is a request without a TSIG record.
///
/// The order is that of RFC 8945 section 5.2: form, key and algorithm, MAC, time, truncation.
///
/// # Errors
/// What to say to its sender, for a request that is not to be processed.
pub fn verify_request(message: &[u8], keyring: &Keyring, now: u64) -> Result<Option<Verified>, Rejection> {
    let Ok(signed) = take_apart(message) else { return Err(Rejection::malformed()) };
    let Some(signed) = signed else { return Ok(None) };
    let tsig = signed.tsig;
    let key = keyring.get(&tsig.owner).filter(|key| *key.algorithm_name() == tsig.algorithm).cloned();
    let Some(key) = key else { return Err(Rejection::unsigned(TsigRcode::BadKey, tsig)) };
    let judgement = judge(&tsig, &mac(&key, Chain::Request, &signed.stripped, &tsig));
    match judgement {
        Judgement::WrongLength => return Err(Rejection::malformed()),
        Judgement::Wrong => return Err(Rejection::unsigned(TsigRcode::BadSig, tsig)),
        Judgement::Truncated | Judgement::Good => {}
    }
    if !tsig.is_timely(now) {
        return Err(Rejection::signed(TsigRcode::BadTime, tsig, key));
    }
    if judgement == Judgement::Truncated {
        return Err(Rejection::signed(TsigRcode::BadTrunc, tsig, key));
    }
    let session = Session { key: key.clone(), request_mac: tsig.mac, stream: None };
    Ok(Some(Verified { key, stripped: signed.stripped, session }))
}

impl Session {
    /// The key that signs.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Octets that [`Session::sign_reply`] adds to a message.
    #[must_use]
    pub fn signature_octets(&self) -> usize {
        self.key.signature_octets()
    }

    /// Signs the reply, or the next message of it (RFC 8945 section 5.3.1), at `now` in seconds since 1970.
    pub fn sign_reply(&mut self, message: &mut Vec<u8>, now: u64) {
        let mut tsig = blank(&self.key, message, now);
        let chain = match &self.stream {
            None => Chain::Reply(&self.request_mac),
            Some(Earlier(mac)) => Chain::Stream(Box::new(after(&self.key, mac))),
        };
        tsig.mac = octets(mac(&self.key, chain, message, &tsig));
        append(message, &tsig);
        self.stream = Some(Earlier(tsig.mac));
    }
}

impl Rejection {
    /// Octets that [`Rejection::finish`] adds to a reply.
    #[must_use]
    pub fn signature_octets(&self) -> usize {
        let Some(tsig) = &self.tsig else { return 0 };
        let mac = self.signer.as_ref().map_or(0, |signer| signer.0.mac_octets());
        // BADTIME has the server's time in Other Data.
        tsig.owner.as_wire().len() + tsig.algorithm.as_wire().len() + 26 + mac + 6
    }

    /// Adds the TSIG record to `reply`, which has the RCODE already (RFC 8945 section 5.3.2), at `now` in seconds
    /// since 1970.
    pub fn finish(&self, reply: &mut Vec<u8>, now: u64) {
        let (Some(error), Some(request)) = (self.error, &self.tsig) else { return };
        let mut tsig = Tsig {
            owner: request.owner.clone(),
            algorithm: request.algorithm.clone(),
            // The client's time, so that its clock accepts what ours says in Other Data (section 5.2.3).
            time: if error == TsigRcode::BadTime { request.time } else { now },
            fudge: if error == TsigRcode::BadTime { request.fudge } else { FUDGE },
            mac: Vec::new(),
            original_id: id(reply),
            error: error.code(),
            other: if error == TsigRcode::BadTime { u48(now).to_vec() } else { Vec::new() },
        };
        if let Some((key, request_mac)) = self.signer.as_deref() {
            tsig.mac = octets(mac(key, Chain::Reply(request_mac), reply, &tsig));
        }
        append(reply, &tsig);
    }

    const fn malformed() -> Self {
        Self { rcode: ResponseCode::FormErr, error: None, tsig: None, signer: None }
    }

    /// For errors of key and MAC, whose replies nobody could verify.
    fn unsigned(error: TsigRcode, tsig: Tsig) -> Self {
        Self { rcode: ResponseCode::NotAuth, error: Some(error), tsig: Some(Box::new(tsig)), signer: None }
    }

    fn signed(error: TsigRcode, tsig: Tsig, key: Key) -> Self {
        let signer = Some(Box::new((key, tsig.mac.clone())));
        Self { rcode: ResponseCode::NotAuth, error: Some(error), tsig: Some(Box::new(tsig)), signer }
    }
}

/// A TSIG record of ours for `message`, without its MAC.
pub(super) fn blank(key: &Key, message: &[u8], now: u64) -> Tsig {
    Tsig {
        owner: key.name().clone(),
        algorithm: key.algorithm_name().clone(),
        time: now,
        fudge: FUDGE,
        mac: Vec::new(),
        original_id: id(message),
        error: 0,
        other: Vec::new(),
    }
}

pub(super) fn octets(tag: hmac::Tag) -> Vec<u8> {
    tag.as_ref().to_vec()
}
