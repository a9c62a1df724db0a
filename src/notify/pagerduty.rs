//! PagerDuty, Events API version 2: what opens triggers, what closes resolves, by one key.

use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Secret;
use super::wire::{Failure, send};
use crate::model::Subject;
use crate::plan::notification::{Notification, Phase};

/// The longest `dedup_key` and the longest `summary` that are taken, in characters.
const KEY: usize = 255;

pub(super) async fn deliver(client: &Client, url: &str, secret: &Secret, told: &Notification) -> Result<(), Failure> {
    let post = |action: &str| send(client.post(url).json(&event(secret, told, action)));
    for action in actions(told) {
        post(action).await?;
    }
    Ok(())
}

/// What is told once triggers and resolves: nobody would ever close it. So is what is told of an order, which may end without
/// a word under its key.
const fn actions(told: &Notification) -> &'static [&'static str] {
    match (told.phase, told.subject) {
        (Phase::Tells, _) | (Phase::Updates, Subject::Order) => &["trigger", "resolve"],
        (Phase::Opens | Phase::Updates, _) => &["trigger"],
        (Phase::Closes, _) => &["resolve"],
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::notification::trial;

    #[test]
    fn what_nobody_closes_is_resolved_at_once() {
        let told = |subject, phase| {
            let told = trial("ns1", "test", jiff::Timestamp::UNIX_EPOCH);
            actions(&Notification { subject, phase, ..told })
        };
        assert_eq!(told(Subject::Order, Phase::Updates), ["trigger", "resolve"], "an order may end by itself");
        assert_eq!(told(Subject::Order, Phase::Closes), ["resolve"]);
        assert_eq!(told(Subject::Incident, Phase::Opens), ["trigger"]);
        assert_eq!(told(Subject::Drill, Phase::Updates), ["trigger"], "its end closes it");
        assert_eq!(told(Subject::Objective, Phase::Tells), ["trigger", "resolve"]);
    }
}
