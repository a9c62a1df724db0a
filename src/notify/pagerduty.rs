//! PagerDuty, Events API version 2: what opens triggers, what closes resolves, by one key.

use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Secret;
use super::wire::{Failure, send};
use crate::plan::notification::{Notification, Phase};

/// The longest `dedup_key` and the longest `summary` that are taken, in characters.
const KEY: usize = 255;

pub(super) async fn deliver(client: &Client, url: &str, secret: &Secret, told: &Notification) -> Result<(), Failure> {
    let post = |action| send(client.post(url).json(&event(secret, told, action)));
    match told.phase {
        Phase::Opens | Phase::Updates => post("trigger").await,
        Phase::Closes => post("resolve").await,
        // It happened and is over: nobody would ever close it.
        Phase::Tells => {
            post("trigger").await?;
            post("resolve").await
        }
    }
}

fn event(secret: &Secret, told: &Notification, action: &str) -> Value {
    json!({
        "routing_key": secret.reveal(),
        "event_action": action,
        "dedup_key": key(&told.key),
        "payload": {
            "summary": told.title,
            "source": told.node,
            "severity": told.severity,
            "timestamp": told.time.to_string(),
            "class": told.subject,
            "custom_details": { "text": told.text, "key": told.key },
        },
    })
}

/// The key, or what stands for one that is too long.
fn key(key: &str) -> String {
    let whole = format!("waypost {key}");
    if whole.chars().count() <= KEY {
        return whole;
    }
    format!("waypost {}", data_encoding::HEXLOWER.encode(&Sha256::digest(key.as_bytes())))
}
