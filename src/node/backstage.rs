//! What messages other than queries ask of the node, and what the server says of itself.

use std::sync::Arc;

use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use tokio::sync::mpsc;

use super::engine::Message;
use super::secondaries::Transfers;
use crate::serve::{Backstage, Notification, UpdateRequest};

/// The node behind the DNS server.
pub struct Stage {
    /// Who hears of degradations.
    pub engine: mpsc::Sender<Message>,
    /// Who hears of notifications.
    pub transfers: Arc<Transfers>,
}

#[async_trait]
impl Backstage for Stage {
    async fn notified(&self, notification: Notification) -> ResponseCode {
        self.transfers.notified(notification)
    }

    async fn update(&self, _: UpdateRequest) -> ResponseCode {
        ResponseCode::Refused
    }

    async fn part(&self, part: &'static str, state: Result<String, String>) {
        // A node that is stopping needs no news.
        let _ = self.engine.send(Message::Part(part, state)).await;
    }
}
