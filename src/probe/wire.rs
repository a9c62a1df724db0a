//! The wire: a connection that speaks in lines and replies, bounded in time and octets.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::bounds::{SMTP_CONVERSATION, SMTP_FAREWELL, SMTP_LINE, SMTP_LINES};
use super::tcp::failure;
use super::transcript::{Speaker, Transcript, printable};
use crate::health::{FailureKind, Outcome};

/// What lines can be spoken over: plain TCP or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A reply of RFC 5321 section 4.2: three digits and one or more lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The texts behind the code.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// The reply as operators know it: `451 4.3.2 try later`.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.code, self.lines.last().map_or("", String::as_str)).trim_end().to_owned()
    }

    /// Whether an EHLO reply offers `keyword` (RFC 5321 section 4.1.1.1; the first line is the greeting).
    pub(super) fn offers(&self, keyword: &str) -> bool {
        self.lines
            .iter()
            .skip(1)
            .any(|line| line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(keyword)))
    }
}

/// A connection that speaks in lines.
pub(super) struct Wire<'a> {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    received: usize,
    deadline: Instant,
    transcript: &'a mut Transcript,
}

impl<'a> Wire<'a> {
    pub(super) fn new(stream: impl Stream + 'static, deadline: Instant, transcript: &'a mut Transcript) -> Self {
        Self { stream: Box::new(stream), buffer: Vec::new(), received: 0, deadline, transcript }
    }

    /// Sends `line` and reads the reply. `waiting_for` says in a failure what was awaited: `the reply to EHLO`.
    pub(super) async fn ask(&mut self, line: &str, waiting_for: &str) -> Result<Reply, Outcome> {
        self.transcript.push(Speaker::Us, line.as_bytes());
        let octets = format!("{line}\r\n");
        match timeout_at(self.deadline, send(&mut self.stream, octets.as_bytes())).await {
            Err(_) => return Err(silence(waiting_for)),
            Ok(Err(error)) => return Err(failure(&error, &format!("waiting for {waiting_for}"))),
            Ok(Ok(())) => {}
        }
        self.reply(waiting_for).await
    }

    /// Reads a whole reply.
    pub(super) async fn reply(&mut self, waiting_for: &str) -> Result<Reply, Outcome> {
        let mut lines = Vec::new();
        loop {
            let line = self.line(waiting_for).await?;
            self.transcript.push(Speaker::Them, &line);
            let (code, last, text) = parse(&line)
                .ok_or_else(|| broken(format!("{waiting_for} is not an SMTP reply: {}", printable(&line))))?;
            lines.push(text);
            if last {
                return Ok(Reply { code, lines });
            }
            if lines.len() >= SMTP_LINES {
                return Err(broken(format!("{waiting_for} has more than {SMTP_LINES} lines")));
            }
        }
    }

    /// Reads a line without its end.
    async fn line(&mut self, waiting_for: &str) -> Result<Vec<u8>, Outcome> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer.iter().skip(searched).position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > SMTP_LINE {
                return Err(broken(format!("{waiting_for} has a line of more than {SMTP_LINE} octets")));
            }
            if self.received > SMTP_CONVERSATION {
                return Err(broken(format!("the server has sent more than {SMTP_CONVERSATION} octets")));
            }
            match timeout_at(self.deadline, self.stream.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(silence(waiting_for)),
                Ok(Err(error)) => return Err(failure(&error, &format!("waiting for {waiting_for}"))),
                Ok(Ok(0)) => {
                    let reason = format!("connection closed while waiting for {waiting_for}");
                    return Err(Outcome::failed(FailureKind::Reset, reason));
                }
                Ok(Ok(octets)) => self.received += octets,
            }
        }
    }

    /// The stream below, to speak something else over; `None` if the server has sent more than was asked for, which could be
    /// taken for part of what follows (RFC 3207 section 4.2).
    pub(super) fn into_stream(self) -> Option<Box<dyn Stream>> {
        self.buffer.is_empty().then_some(self.stream)
    }

    /// Says QUIT and goes, without making the outcome wait for it.
    pub(super) fn farewell(self) {
        let mut stream = self.stream;
        tokio::spawn(timeout(SMTP_FAREWELL, async move {
            // Politeness: servers log a client that just vanishes. Nothing depends on it.
            let _ = send(&mut stream, b"QUIT\r\n").await;
            let mut rest = [0; 512];
            let _ = stream.read(&mut rest).await;
            let _ = stream.shutdown().await;
        }));
    }
}

fn silence(waiting_for: &str) -> Outcome {
    Outcome::failed(FailureKind::Timeout, format!("timed out waiting for {waiting_for}"))
}

fn broken(reason: String) -> Outcome {
    Outcome::failed(FailureKind::Protocol, reason)
}

async fn send(stream: &mut Box<dyn Stream>, octets: &[u8]) -> std::io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}

/// Code, whether it is the reply's last line, and text of one line.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.split_first() {
        None => Some((code, true, String::new())),
        Some((b' ', text)) => Some((code, true, printable(text))),
        Some((b'-', text)) => Some((code, false, printable(text))),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_read_as_servers_write_them() {
        assert_eq!(parse(b"220 mx.example.org ESMTP"), Some((220, true, "mx.example.org ESMTP".into())));
        assert_eq!(parse(b"250-SIZE 1000"), Some((250, false, "SIZE 1000".into())));
        assert_eq!(parse(b"250"), Some((250, true, String::new())));
        for wrong in [&b"25"[..], b"2500 x", b"SSH-2.0-OpenSSH", b"", b"999 no", b"+20 no"] {
            assert_eq!(parse(wrong), None, "{}", printable(wrong));
        }
    }

    #[test]
    fn extensions_are_found_behind_the_greeting() {
        let reply = Reply { code: 250, lines: vec!["STARTTLS.example".into(), "SIZE 5".into(), "starttls".into()] };
        assert!(reply.offers("STARTTLS") && reply.offers("size") && !reply.offers("STARTTLS.example"));
    }

    proptest! {
        #[test]
        fn any_line_is_a_reply_or_none(line in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some((code, _, text)) = parse(&line) {
                prop_assert!((200..600).contains(&code));
                prop_assert!(!text.chars().any(char::is_control));
            }
        }
    }
}
