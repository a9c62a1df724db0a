//! What goes over the wire: etcd's gateway takes and gives JSON, with octets in base64, numbers of 64 bits as strings,
//! and without whatever is zero, empty or false.

use data_encoding::BASE64;
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Octets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Octets(pub(super) Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(D::Error::custom)
    }
}

/// A number of 64 bits; never negative where we meet one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// `/v3/kv/range`: one key, or all up to `range_end`; as a majority has them.
#[derive(Debug, Serialize)]
pub(super) struct RangeRequest {
    pub(super) key: Octets,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range_end: Option<Octets>,
}

/// `/v3/kv/put`.
#[derive(Debug, Serialize)]
pub(super) struct PutRequest {
    pub(super) key: Octets,
    pub(super) value: Octets,
}

/// `/v3/kv/deleterange` of one key.
#[derive(Debug, Serialize)]
pub(super) struct DeleteRequest {
    pub(super) key: Octets,
}

/// `/v3/kv/txn`: what is done if all of `compare` holds.
#[derive(Debug, Serialize)]
pub(super) struct TxnRequest {
    compare: [Compare; 1],
    success: [Operation; 1],
}

#[derive(Debug, Serialize)]
struct Compare {
    target: &'static str,
    result: &'static str,
    key: Octets,
    mod_revision: Number,
}

#[derive(Debug, Serialize)]
struct Operation {
    request_put: PutRequest,
}

impl TxnRequest {
    /// Puts `value` if `key` was last changed at `revision`; 0 stands for a key that is not there.
    pub(super) fn swap(key: Octets, revision: u64, value: Octets) -> Self {
        let mod_revision = Number(revision);
        Self {
            compare: [Compare { target: "MOD", result: "EQUAL", key: key.clone(), mod_revision }],
            success: [Operation { request_put: PutRequest { key, value } }],
        }
    }
}

/// `/v3/watch`.
#[derive(Debug, Serialize)]
pub(super) struct WatchRequest {
    create_request: WatchCreate,
}

#[derive(Debug, Serialize)]
struct WatchCreate {
    key: Octets,
    range_end: Octets,
    start_revision: Number,
    progress_notify: bool,
    /// Many changes come in several lines, so that none grows without bound.
    fragment: bool,
}

impl WatchRequest {
    /// Changes of the keys from `key` up to `range_end`, from those of revision `start` on.
    pub(super) fn from(start: u64, key: Octets, range_end: Octets) -> Self {
        let start_revision = Number(start);
        Self { create_request: WatchCreate { key, range_end, start_revision, progress_notify: true, fragment: true } }
    }
}

/// `/v3/auth/authenticate`. Not to be shown.
#[derive(Serialize)]
pub(super) struct LoginRequest<'a> {
    pub(super) name: &'a str,
    pub(super) password: &'a str,
}

/// Part of every reply.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) revision: Number,
}

#[derive(Debug, Deserialize)]
pub(super) struct RangeReply {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct KeyValue {
    pub(super) key: Octets,
    pub(super) mod_revision: Number,
    #[serde(default)]
    pub(super) value: Octets,
}

/// The reply to a put or a delete: that there is one says everything.
#[derive(Debug, Deserialize)]
pub(super) struct Acknowledged {
    #[serde(rename = "header")]
    _header: Header,
}

#[derive(Debug, Deserialize)]
pub(super) struct TxnReply {
    pub(super) header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
}

/// Not to be shown.
#[derive(Deserialize)]
pub(super) struct LoginReply {
    pub(super) token: String,
}

/// One change of a key.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(super) struct Event {
    #[serde(default, rename = "type")]
    pub(super) kind: EventKind,
    pub(super) kv: KeyValue,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventKind {
    #[default]
    Put,
    Delete,
}

/// What a watch says at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The watch stands.
    Opened,
    /// Changes, in order; none where the member only says that it is there.
    Changes(Vec<Event>),
    /// The watch is over.
    Ended(Fault),
}

#[derive(Deserialize)]
struct Line {
    result: Option<WatchReply>,
    error: Option<Spoken>,
}

#[derive(Deserialize)]
struct WatchReply {
    #[serde(default)]
    created: bool,
    #[serde(default)]
    canceled: bool,
    #[serde(default)]
    cancel_reason: String,
    compact_revision: Option<Number>,
    #[serde(default)]
    events: Vec<Event>,
}

impl From<WatchReply> for Frame {
    fn from(reply: WatchReply) -> Self {
        match (reply.canceled, reply.compact_revision) {
            (true, Some(Number(kept))) => {
                Self::Ended(Fault::said(format!("history before revision {kept} was compacted")))
            }
            (true, None) if reply.cancel_reason.is_empty() => Self::Ended(Fault::said("the watch was cancelled")),
            (true, None) => Self::Ended(Fault::said(reply.cancel_reason)),
            (false, _) if reply.created => Self::Opened,
            (false, _) => Self::Changes(reply.events),
        }
    }
}

/// The error inside of a line; in a reply it is the whole.
#[derive(Deserialize)]
struct Spoken {
    #[serde(alias = "grpc_code")]
    code: Option<u64>,
    message: Option<String>,
}

/// The lines of a watch, put together from the chunks that they come in.
#[derive(Debug, Default)]
pub(super) struct Frames {
    line: Vec<u8>,
}

/// What came is not what etcd sends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damaged {
    #[error("no valid reply: {0}")]
    Json(String),
    #[error("a reply of more than {0} octets")]
    TooLong(usize),
}

impl Frames {
    /// The frames that `chunk` completes. No line may be longer than `bound` octets.
    pub(super) fn push(&mut self, chunk: &[u8], bound: usize) -> Result<Vec<Frame>, Damaged> {
        let mut frames = Vec::new();
        for part in chunk.split_inclusive(|octet| *octet == b'\n') {
            if self.line.len() + part.len() > bound {
                return Err(Damaged::TooLong(bound));
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                frames.extend(self.end()?);
            }
        }
        Ok(frames)
    }

    /// The frames of a line that is over: the stream's last has no mark at its end. More than one where errors follow
    /// each other, which nothing separates.
    pub(super) fn end(&mut self) -> Result<Vec<Frame>, Damaged> {
        let line = std::mem::take(&mut self.line);
        let documents = serde_json::Deserializer::from_slice(&line).into_iter::<Line>();
        documents
            .map(|document| match document.map_err(|error| Damaged::Json(error.to_string()))? {
                Line { error: Some(error), .. } => {
                    Ok(Frame::Ended(Fault::new(error.code, error.message.unwrap_or_default())))
                }
                Line { result: Some(reply), .. } => Ok(reply.into()),
                Line { result: None, error: None } => Err(Damaged::Json("neither result nor error".to_owned())),
            })
            .collect()
    }
}

/// Why a member did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    code: Option<u64>,
    pub(super) message: String,
}

/// What is to be made of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// The member wants to know who asks, or knows the token no more. Nothing was done.
    Login,
    /// The user may not do that, or is none. Nothing was done.
    Denied,
    /// There is no leader, for this member at least. Nothing was done.
    NoLeader,
    /// The request cannot be taken. Nothing was done.
    Refused,
    /// The leader changed meanwhile. It may have been done.
    Unsettled,
    /// Anything else. It may have been done.
    Unknown,
}

impl Fault {
    fn new(code: Option<u64>, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn said(message: impl Into<String>) -> Self {
        Self::new(None, message)
    }

    /// From the body of a reply whose HTTP status, `status`, says that it is one.
    pub(super) fn of(status: &str, body: &[u8]) -> Self {
        match serde_json::from_slice(body) {
            Ok(Spoken { code, message: Some(message) }) => Self::new(code, message),
            _ => Self::said(format!("HTTP {status}: {}", String::from_utf8_lossy(body))),
        }
    }

    /// Codes are gRPC's; where several faults share one, or there is none because a watch was cancelled, the text decides.
    pub(super) fn ground(&self) -> Ground {
        let says = |texts: &[&str]| texts.iter().any(|text| self.message.contains(text));
        match self.code {
            Some(16) => Ground::Login,
            _ if says(&["invalid auth token", "user name is empty", "revision of auth store is old"]) => Ground::Login,
            Some(7) => Ground::Denied,
            _ if says(&["permission denied", "authentication failed", "authentication is not enabled"]) => {
                Ground::Denied
            }
            _ if says(&["no leader"]) => Ground::NoLeader,
            Some(3 | 8) => Ground::Refused,
            _ if says(&["leader changed", "leader failure", "not leader"]) => Ground::Unsettled,
            _ => Ground::Unknown,
        }
    }
}
