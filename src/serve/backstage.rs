//! What messages other than queries ask of the node.

use std::net::IpAddr;

use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Record;

use crate::model::Name;

/// A primary says that a zone changed (RFC 1996).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The zone.
    pub zone: Name,
    /// Who says so.
    pub from: IpAddr,
    /// The key that signed the message, if it was signed; the signature was good.
    pub key: Option<Name>,
    /// The new serial, where the message tells it.
    pub serial: Option<u32>,
}

/// A request to change a zone (RFC 2136), its signature verified.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateRequest {
    /// The zone.
    pub zone: Name,
    /// Who asks.
    pub from: IpAddr,
    /// The key that signed the message.
    pub key: Name,
    /// What must hold for the update to be made (section 2.4).
    pub prerequisites: Vec<Record>,
    /// What to add and delete (section 2.5).
    pub updates: Vec<Record>,
}

/// The node, as far as messages reach it.
#[async_trait]
pub trait Backstage: Send + Sync {
    /// Takes note that a zone changed at its primary. Gives the RCODE of the reply.
    async fn notified(&self, notification: Notification) -> ResponseCode;

    /// Changes a zone, durably before it returns. Gives the RCODE of the reply.
    async fn update(&self, request: UpdateRequest) -> ResponseCode;

    /// A part of the server (`certificate`, say) works less well than it should, and why; or again.
    async fn part(&self, part: &'static str, state: Result<String, String>);
}

/// A node that takes neither.
pub struct Nobody;

#[async_trait]
impl Backstage for Nobody {
    async fn notified(&self, _: Notification) -> ResponseCode {
        ResponseCode::NotAuth
    }

    async fn update(&self, _: UpdateRequest) -> ResponseCode {
        ResponseCode::Refused
    }

    async fn part(&self, _: &'static str, _: Result<String, String>) {}
}
