//! Requests of ours, and the replies to them.

use std::fmt;

use aws_lc_rs::hmac;

use super::bounds::MAX_UNSIGNED;
use super::digest::{Chain, Judgement, after, judge, mac};
use super::error::{TsigError, TsigRcode};
use super::key::Key;
use super::record::Tsig;
use super::server::{blank, octets};
use super::wire::{Signed, append, take_apart};

/// Checks the messages that answer a request, in their order.
pub struct ClientSession {
    key: Key,
    request_mac: Vec<u8>,
    /// What was digested since the last signature; `None` before the first.
    stream: Option<hmac::Context>,
    /// Messages since the last signature.
    unsigned: usize,
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSession")
            .field("key", &self.key)
            .field("unsigned", &self.unsigned)
            .finish_non_exhaustive()
    }
}

/// Signs a request at `now`, in seconds since 1970.
#[must_use]
pub fn sign_request(message: &mut Vec<u8>, key: &Key, now: u64) -> ClientSession {
    let mut tsig = blank(key, message, now);
    tsig.mac = octets(mac(key, Chain::Request, message, &tsig));
    append(message, &tsig);
    ClientSession { key: key.clone(), request_mac: tsig.mac, stream: None, unsigned: 0 }
}

impl ClientSession {
    /// Checks the next message at `now`, in seconds since 1970, and gives it without its TSIG record.
    ///
    /// An unsigned message among those of a stream is given as it is: it counts only when a signed one after it was
    /// good (RFC 8945 section 5.3.1), see [`ClientSession::finish`].
    ///
    /// # Errors
    /// Why the message is not believed. Nothing after it is either.
    pub fn verify(&mut self, message: &[u8], now: u64) -> Result<Vec<u8>, TsigError> {
        let signed = take_apart(message).map_err(|_| TsigError::Malformed)?;
        match (signed, &mut self.stream) {
            (Some(signed), _) => self.verify_signed(signed, now),
            (None, None) => Err(TsigError::Unsigned),
            (None, Some(_)) if self.unsigned >= MAX_UNSIGNED => Err(TsigError::TooManyUnsigned),
            (None, Some(stream)) => {
                stream.update(message);
                self.unsigned += 1;
                Ok(message.to_vec())
            }
        }
    }

    /// Ends the reply.
    ///
    /// # Errors
    /// If the last message was not signed, or there was none.
    pub fn finish(self) -> Result<(), TsigError> {
        if self.unsigned == 0 && self.stream.is_some() { Ok(()) } else { Err(TsigError::Unsigned) }
    }

    fn verify_signed(&mut self, signed: Signed, now: u64) -> Result<Vec<u8>, TsigError> {
        let Signed { stripped, tsig } = signed;
        if tsig.owner != *self.key.name() || tsig.algorithm != *self.key.algorithm_name() {
            return Err(TsigError::OtherKey);
        }
        // Errors of key and MAC come unsigned. Whoever forges one gains no more than by dropping the reply.
        if tsig.mac.is_empty() && tsig.error != 0 {
            return Err(TsigError::Refused(TsigRcode::from_code(tsig.error)));
        }
        let chain =
            self.stream.clone().map_or(Chain::Reply(&self.request_mac), |stream| Chain::Stream(Box::new(stream)));
        match judge(&tsig, &mac(&self.key, chain, &stripped, &tsig)) {
            Judgement::Good => {}
            Judgement::Truncated | Judgement::Wrong | Judgement::WrongLength => return Err(TsigError::BadSignature),
        }
        if tsig.error != 0 {
            return Err(refusal(&tsig, now));
        }
        if !tsig.is_timely(now) {
            return Err(TsigError::BadTime { signed: tsig.time, now });
        }
        self.stream = Some(after(&self.key, &tsig.mac));
        self.unsigned = 0;
        Ok(stripped)
    }
}

/// What a signed error says: with BADTIME, the server's clock.
fn refusal(tsig: &Tsig, now: u64) -> TsigError {
    match (TsigRcode::from_code(tsig.error), <[u8; 6]>::try_from(&*tsig.other)) {
        (Some(TsigRcode::BadTime), Ok([a, b, c, d, e, f])) => {
            TsigError::BadTime { signed: u64::from_be_bytes([0, 0, a, b, c, d, e, f]), now }
        }
        (error, _) => TsigError::Refused(error),
    }
}
