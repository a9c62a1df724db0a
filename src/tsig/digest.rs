//! What MACs are made of (RFC 8945 section 4.3).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::bounds::MIN_MAC;
use super::key::Key;
use super::record::{Tsig, length};

/// What a MAC covers besides message and fields of the TSIG record.
pub(super) enum Chain<'a> {
    /// Nothing: a request.
    Request,
    /// The MAC of the request: the first reply.
    Reply(&'a [u8]),
    /// What was digested since the last MAC: further messages of a stream.
    Stream(Box<hmac::Context>),
}

/// The whole MAC of `message`, which is without `tsig`.
pub(super) fn mac(key: &Key, chain: Chain<'_>, message: &[u8], tsig: &Tsig) -> hmac::Tag {
    let (mut context, fields) = match chain {
        Chain::Request => (key.begin(), tsig.variables()),
        Chain::Reply(request) => (after(key, request), tsig.variables()),
        Chain::Stream(context) => (*context, tsig.timers().to_vec()),
    };
    context.update(message);
    context.update(&fields);
    context.sign()
}

/// A MAC in the making that covers an earlier one.
pub(super) fn after(key: &Key, earlier: &[u8]) -> hmac::Context {
    let mut context = key.begin();
    context.update(&length(earlier));
    context.update(earlier);
    context
}

/// What can be said of a MAC that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is the whole MAC of the message.
    Good,
    /// It is the beginning of the MAC of the message, of a length that the standard allows.
    Truncated,
    /// It is not the MAC of the message.
    Wrong,
    /// It has a length that the standard forbids (section 5.2.2.1).
    WrongLength,
}

/// Compares the MAC of `tsig` with the whole one, in a time that does not tell where they differ.
pub(super) fn judge(tsig: &Tsig, whole: &hmac::Tag) -> Judgement {
    let whole = whole.as_ref();
    let octets = tsig.mac.len();
    if octets > whole.len() || octets < MIN_MAC.max(whole.len() / 2) {
        return Judgement::WrongLength;
    }
    match verify_slices_are_equal(&tsig.mac, whole.get(..octets).unwrap_or_default()) {
        Err(_) => Judgement::Wrong,
        Ok(()) if octets < whole.len() => Judgement::Truncated,
        Ok(()) => Judgement::Good,
    }
}
