//! Alertmanager, API version 2: what is open fires and is repeated; what closes is given an end.

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Value, json};

use super::Secret;
use super::bounds::BELIEVED;
use super::wire::{Failure, send};
use crate::plan::notification::{Notification, Phase};

pub(super) async fn deliver(
    client: &Client,
    url: &str,
    secret: Option<&Secret>,
    told: &[Notification],
    now: Timestamp,
) -> Result<(), Failure> {
    let alerts: Vec<Value> = told.iter().map(|told| alert(told, now)).collect();
    let mut request = client.post(format!("{url}/api/v2/alerts")).json(&alerts);
    if let Some(secret) = secret {
        request = request.bearer_auth(secret.reveal());
    }
    send(request).await
}

/// Labels say which alert it is and stay the same until it is over; all else is an annotation.
fn alert(told: &Notification, now: Timestamp) -> Value {
    let believed = SignedDuration::try_from(BELIEVED).unwrap_or(SignedDuration::ZERO);
    let end = match told.phase {
        // An end that lies before the beginning is refused.
        Phase::Closes => now,
        Phase::Opens | Phase::Updates | Phase::Tells => now.checked_add(believed).unwrap_or(now),
    };
    let mut alert = json!({
        "labels": {
            "alertname": format!("Waypost{}", capital(told.subject.as_str())),
            "waypost_key": told.key,
        },
        "annotations": {
            "summary": told.title,
            "description": told.text,
            "severity": told.severity,
            "node": told.node,
        },
        "endsAt": end.to_string(),
    });
    if told.phase != Phase::Closes
        && let Some(alert) = alert.as_object_mut()
    {
        let started = told.time.min(now);
        alert.insert("startsAt".to_owned(), Value::String(started.to_string()));
    }
    alert
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
