//! Webhooks, signed as Standard Webhooks 1.0 asks: HMAC-SHA256 of `id.timestamp.body`.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use jiff::Timestamp;
use reqwest::{Client, header};
use serde_json::{Value, json};

use super::Secret;
use super::wire::{Failure, send};
use crate::plan::notification::Notification;

/// What stands before the base64 of a secret.
const PREFIX: &str = "whsec_";
/// The lengths of secrets that the specification allows, in octets.
const LEAST: usize = 24;
const MOST: usize = 64;

pub(super) async fn deliver(
    client: &Client,
    url: &str,
    secret: &Secret,
    told: &Notification,
    now: Timestamp,
) -> Result<(), Failure> {
    let (id, body) = (id(told), body(told).to_string());
    let signature = signature(secret, &id, now, &body).map_err(Failure::passing)?;
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.as_second())
        .header("webhook-signature", signature)
        .body(body);
    send(request).await
}

/// What the receiver tells second deliveries by. Names of zones and parts stand in ids, and headers take letters only.
fn id(told: &Notification) -> String {
    told.id.chars().map(|letter| if letter.is_ascii_graphic() && letter != '.' { letter } else { '_' }).collect()
}

fn body(told: &Notification) -> Value {
    json!({
        "type": format!("waypost.{}.{}", told.subject.as_str(), told.phase.as_str()),
        "timestamp": told.time.to_string(),
        "data": {
            "schema": "waypost.notification/1",
            "key": told.key,
            "subject": told.subject,
            "phase": told.phase,
            "severity": told.severity,
            "title": told.title,
            "text": told.text,
            "node": told.node,
        },
    })
}

fn signature(secret: &Secret, id: &str, now: Timestamp, body: &str) -> Result<String, String> {
    let expected = "the secret of a webhook is whsec_ and 24 to 64 octets in base64";
    let encoded = secret.reveal().strip_prefix(PREFIX).ok_or(expected)?;
    let key = BASE64.decode(encoded.as_bytes()).map_err(|_| expected)?;
    if !(LEAST..=MOST).contains(&key.len()) {
        return Err(expected.to_owned());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{}.{body}", now.as_second()).as_bytes());
    Ok(format!("v1,{}", BASE64.encode(tag.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_specification() {
        // The example of the reference implementations.
        let secret = Secret::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let made = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", now, r#"{"test": 2432232314}"#).unwrap();
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_not_repeated() {
        for text in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", "whsec_c2hvcnQ="] {
            let refused = signature(&Secret::of(text), "a", Timestamp::UNIX_EPOCH, "").unwrap_err();
            assert!(!refused.contains(text) && refused.contains("whsec_ and"), "{refused}");
        }
    }
}
