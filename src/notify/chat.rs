//! Chats that take `{"text": …}`, as Slack and Mattermost do.

use reqwest::Client;
use serde_json::json;

use super::wire::{Failure, send};
use crate::plan::notification::{Notification, Phase, Severity};

pub(super) async fn deliver(client: &Client, url: &str, told: &Notification) -> Result<(), Failure> {
    send(client.post(url).json(&json!({ "text": text(told) }))).await
}

/// Words before shapes: nobody needs to see colours to know how bad it is.
fn text(told: &Notification) -> String {
    let word = match (told.phase, told.severity) {
        (Phase::Closes, _) => "✓ over",
        (_, Severity::Critical) => "✕ critical",
        (_, Severity::Warning) => "◐ warning",
        (_, Severity::Info) => "● info",
    };
    let more = if told.text.is_empty() { String::new() } else { format!("\n{}", escaped(&told.text)) };
    format!("{word}: {} [{}]{more}", escaped(&told.title), escaped(&told.node))
}

/// `text` without commands: `<!channel>` in a reason must not call a whole company.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::notification::trial;

    #[test]
    fn a_reason_calls_nobody() {
        let mut told = trial("ns1", "<!channel>", jiff::Timestamp::UNIX_EPOCH);
        told.text = "<https://evil.example|click> & go".into();
        assert_eq!(
            text(&told),
            "● info: test of notifications by &lt;!channel&gt; [ns1]\n&lt;https://evil.example|click&gt; &amp; go"
        );
    }
}
