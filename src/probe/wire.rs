//! The wire: a connection that speaks in lines, bounded in time and octets, whatever the protocol.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::bounds::{CONVERSATION, FAREWELL, LINE};
use super::secret::{Secret, Veil};
use super::tcp::failure;
use super::transcript::{Speaker, Transcript};
use crate::health::{FailureKind, Outcome};

/// What lines can be spoken over: plain TCP or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// What ends a conversation before its end.
pub(super) type Ended = Outcome;

/// A connection that speaks in lines.
pub(super) struct Wire<'a> {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    received: usize,
    deadline: Instant,
    transcript: &'a mut Transcript,
    veil: Veil,
}

impl<'a> Wire<'a> {
    pub(super) fn new(stream: impl Stream + 'static, deadline: Instant, transcript: &'a mut Transcript) -> Self {
        let veil = Veil::default();
        Self { stream: Box::new(stream), buffer: Vec::new(), received: 0, deadline, transcript, veil }
    }

    /// Sends `line`. `waiting_for` says in a failure what was awaited: `the reply to EHLO`.
    pub(super) async fn say(&mut self, line: &str, waiting_for: &str) -> Result<(), Ended> {
        self.transcript.push(Speaker::Us, line.as_bytes());
        self.send(format!("{line}\r\n").as_bytes(), waiting_for).await
    }

    /// Sends `before` and a secret as one line, which the transcript shows without the secret.
    pub(super) async fn say_secret(&mut self, before: &str, secret: &Secret, waiting_for: &str) -> Result<(), Ended> {
        self.transcript.push(Speaker::Us, format!("{before}{}", Veil::SHOWN).as_bytes());
        self.veil.cover(secret);
        let line = [before.as_bytes(), secret.reveal(), b"\r\n"].concat();
        self.send(&line, waiting_for).await
    }

    /// Whatever the server says from here on, `secret` is not repeated.
    pub(super) fn cover(&mut self, secret: &Secret) {
        self.veil.cover(secret);
    }

    /// Notes what happened.
    pub(super) fn note(&mut self, text: &str) {
        self.transcript.push(Speaker::Note, text.as_bytes());
    }

    /// Reads a line without its end.
    pub(super) async fn line(&mut self, waiting_for: &str) -> Result<Vec<u8>, Ended> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.buffer.iter().skip(searched).position(|octet| *octet == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                if line.len() > LINE {
                    return Err(too_long(waiting_for));
                }
                let line = self.veil.drawn_over(line);
                self.transcript.push(Speaker::Them, &line);
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LINE {
                return Err(too_long(waiting_for));
            }
            self.receive(waiting_for).await?;
        }
    }

    /// Reads `count` octets, whatever they are, and forgets them.
    pub(super) async fn skip(&mut self, count: usize, waiting_for: &str) -> Result<(), Ended> {
        let mut left = count;
        loop {
            let here = left.min(self.buffer.len());
            self.buffer.drain(..here);
            left -= here;
            if left == 0 {
                self.transcript.push(Speaker::Note, format!("{count} octets").as_bytes());
                return Ok(());
            }
            self.receive(waiting_for).await?;
        }
    }

    async fn receive(&mut self, waiting_for: &str) -> Result<(), Ended> {
        if self.received > CONVERSATION {
            return Err(broken(format!("the server has sent more than {CONVERSATION} octets")));
        }
        match timeout_at(self.deadline, self.stream.read_buf(&mut self.buffer)).await {
            Err(_) => Err(silence(waiting_for)),
            Ok(Err(error)) => Err(failure(&error, &format!("waiting for {waiting_for}"))),
            Ok(Ok(0)) => {
                let reason = format!("connection closed while waiting for {waiting_for}");
                Err(Outcome::failed(FailureKind::Reset, reason))
            }
            Ok(Ok(octets)) => {
                self.received += octets;
                Ok(())
            }
        }
    }

    async fn send(&mut self, octets: &[u8], waiting_for: &str) -> Result<(), Ended> {
        match timeout_at(self.deadline, send(&mut self.stream, octets)).await {
            Err(_) => Err(silence(waiting_for)),
            Ok(Err(error)) => Err(failure(&error, &format!("waiting for {waiting_for}"))),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The stream below, to put TLS around it; `None` if the server has sent more than was asked for, which could be taken for
    /// part of what follows (RFC 3207 section 4.2). What stays has ended.
    pub(super) fn take_stream(&mut self) -> Option<Box<dyn Stream>> {
        self.buffer.is_empty().then(|| std::mem::replace(&mut self.stream, Box::new(tokio::io::empty())))
    }

    /// Goes on over `stream`.
    pub(super) fn put_stream(&mut self, stream: impl Stream + 'static) {
        self.stream = Box::new(stream);
    }

    /// Says `farewell` and goes, without making the outcome wait for it.
    pub(super) fn farewell(self, farewell: &'static str) {
        let mut stream = self.stream;
        tokio::spawn(timeout(FAREWELL, async move {
            // Politeness: servers log a client that just vanishes. Nothing depends on it.
            let _ = send(&mut stream, format!("{farewell}\r\n").as_bytes()).await;
            let mut rest = [0; 512];
            let _ = stream.read(&mut rest).await;
            let _ = stream.shutdown().await;
        }));
    }
}

fn silence(waiting_for: &str) -> Ended {
    Outcome::failed(FailureKind::Timeout, format!("timed out waiting for {waiting_for}"))
}

fn too_long(waiting_for: &str) -> Ended {
    broken(format!("{waiting_for} has a line of more than {LINE} octets"))
}

/// What was said is not the protocol, or not what may be said here.
pub(super) fn broken(reason: impl Into<String>) -> Ended {
    Outcome::failed(FailureKind::Protocol, reason)
}

async fn send(stream: &mut Box<dyn Stream>, octets: &[u8]) -> std::io::Result<()> {
    stream.write_all(octets).await?;
    stream.flush().await
}
