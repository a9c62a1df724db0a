//! A small SMTP server (RFC 5321) that stands in for a mail site: it takes every message and throws it away.
//!
//! [`Dialogue`] decides what is said and does no I/O; [`SmtpSite`] carries it over TCP and TLS.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::bounds::{
    CLIENT_SILENCE, COMMAND_OCTETS, HANDSHAKE, MESSAGE_OCTETS, RECIPIENTS, SITE_CONNECTIONS, TEXT_LINE_OCTETS,
};

/// Whether a site speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It accepts and answers.
    Answering,
    /// It neither accepts nor answers; connections stay open.
    Silent,
}

/// A mail site's SMTP service. Dropping the future of [`SmtpSite::serve`] closes the listener and every connection.
#[derive(Clone)]
pub struct SmtpSite {
    host: Arc<str>,
    tls: Option<TlsAcceptor>,
    mood: watch::Receiver<Mood>,
}

impl SmtpSite {
    /// A site that calls itself `host`, offers STARTTLS where it has `tls`, and speaks as `mood` says.
    #[must_use]
    pub fn new(host: &str, tls: Option<Arc<ServerConfig>>, mood: watch::Receiver<Mood>) -> Self {
        Self { host: host.into(), tls: tls.map(TlsAcceptor::from), mood }
    }

    /// Serves connections of `listener` until dropped.
    ///
    /// # Errors
    /// If the listener fails for good.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let slots = Arc::new(Semaphore::new(SITE_CONNECTIONS));
        let mut sessions = JoinSet::new();
        loop {
            // The semaphore is never closed, so only the happy branch occurs.
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return Ok(()) };
            self.until_answering().await;
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            while sessions.try_join_next().is_some() {}
            let site = self.clone();
            sessions.spawn(async move {
                // A client that goes away in mid-sentence is none of the site's concern.
                let _ = site.session(stream).await;
                drop(slot);
            });
        }
    }

    async fn session(&self, stream: TcpStream) -> io::Result<()> {
        let offer = if self.tls.is_some() { Encryption::Offered } else { Encryption::Unavailable };
        let mut dialogue = Dialogue::new(&self.host, offer);
        let mut stream = BufReader::new(stream);
        let banner = dialogue.banner();
        self.say(&mut stream, &banner).await?;
        let (Ending::StartTls, Some(acceptor)) = (self.converse(&mut stream, &mut dialogue).await?, &self.tls) else {
            return Ok(());
        };
        // What was sent ahead of the handshake is thrown away with the buffer (RFC 3207 section 4.2).
        let stream = timeout(HANDSHAKE, acceptor.accept(stream.into_inner())).await??;
        let mut dialogue = Dialogue::new(&self.host, Encryption::Active);
        self.converse(&mut BufReader::new(stream), &mut dialogue).await?;
        Ok(())
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        dialogue: &mut Dialogue,
    ) -> io::Result<Ending> {
        loop {
            let answer = match read_line(stream, COMMAND_OCTETS).await? {
                Line::Whole(line) => dialogue.answer(&line),
                Line::TooLong => Answer::last("500 5.5.2 Line too long"),
                Line::End => return Ok(Ending::Closed),
            };
            self.say(stream, &answer.text).await?;
            match answer.next {
                Next::Command => {}
                Next::Message => {
                    let answer = read_message(stream).await?;
                    self.say(stream, &answer.text).await?;
                    if answer.next == Next::Close {
                        return Ok(Ending::Closed);
                    }
                }
                Next::StartTls => return Ok(Ending::StartTls),
                Next::Close => return Ok(Ending::Closed),
            }
        }
    }

    async fn say<S: AsyncWrite + Unpin>(&self, stream: &mut S, text: &str) -> io::Result<()> {
        self.until_answering().await;
        stream.write_all(text.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
        stream.flush().await
    }

    async fn until_answering(&self) {
        // The sender lives as long as the process; were it gone, the last mood stands.
        let _ = self.mood.clone().wait_for(|mood| *mood == Mood::Answering).await;
    }
}

enum Ending {
    Closed,
    StartTls,
}

enum Line {
    Whole(String),
    TooLong,
    End,
}

async fn read_line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, most: u64) -> io::Result<Line> {
    let mut octets = Vec::new();
    timeout(CLIENT_SILENCE, stream.take(most).read_until(b'\n', &mut octets)).await??;
    Ok(match octets.strip_suffix(b"\n") {
        Some(line) => Line::Whole(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()),
        None if octets.is_empty() => Line::End,
        None => Line::TooLong,
    })
}

async fn read_message<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Answer> {
    let mut size = 0_u64;
    loop {
        match read_line(stream, TEXT_LINE_OCTETS).await? {
            Line::Whole(line) if line == "." => return Ok(Answer::more("250 2.0.0 Taken, and thrown away")),
            Line::Whole(line) => size = size.saturating_add(line.len() as u64),
            Line::TooLong => return Ok(Answer::last("500 5.5.2 Line too long")),
            Line::End => return Ok(Answer::last("421 4.4.2 The message has no end")),
        }
        if size > MESSAGE_OCTETS {
            return Ok(Answer::last("552 5.3.4 Message too big"));
        }
    }
}

/// Whether STARTTLS can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encryption {
    Unavailable,
    Offered,
    Active,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Command,
    Message,
    StartTls,
    Close,
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    text: String,
    next: Next,
}

impl Answer {
    fn more(text: &str) -> Self {
        Self { text: text.to_owned(), next: Next::Command }
    }

    fn last(text: &str) -> Self {
        Self { text: text.to_owned(), next: Next::Close }
    }
}

/// The server's side of one SMTP conversation.
struct Dialogue {
    host: Arc<str>,
    encryption: Encryption,
    greeted: bool,
    sender: bool,
    recipients: usize,
}

impl Dialogue {
    fn new(host: &Arc<str>, encryption: Encryption) -> Self {
        Self { host: Arc::clone(host), encryption, greeted: false, sender: false, recipients: 0 }
    }

    fn banner(&self) -> String {
        format!("220 {} ESMTP Waypost demo site", self.host)
    }

    fn answer(&mut self, line: &str) -> Answer {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.greet(self.extensions()),
            "HELO" => self.greet(format!("250 {}", self.host)),
            "STARTTLS" => self.start_tls(),
            "MAIL" => self.mail(argument),
            "RCPT" => self.recipient(argument),
            "DATA" => self.data(),
            "RSET" => {
                self.forget_transaction();
                Answer::more("250 2.0.0 Forgotten")
            }
            "NOOP" => Answer::more("250 2.0.0 Still here"),
            "QUIT" => Answer::last("221 2.0.0 Goodbye"),
            _ => Answer::more("500 5.5.2 Unknown command"),
        }
    }

    fn extensions(&self) -> String {
        let mut lines = vec![self.host.to_string(), format!("SIZE {MESSAGE_OCTETS}"), "8BITMIME".to_owned()];
        if self.encryption == Encryption::Offered {
            lines.push("STARTTLS".to_owned());
        }
        lines.push("ENHANCEDSTATUSCODES".to_owned());
        let last = lines.len().saturating_sub(1);
        let marked =
            lines.iter().enumerate().map(|(ix, line)| format!("250{}{line}", if ix == last { ' ' } else { '-' }));
        marked.collect::<Vec<_>>().join("\r\n")
    }

    fn greet(&mut self, text: String) -> Answer {
        self.greeted = true;
        self.forget_transaction();
        Answer { text, next: Next::Command }
    }

    fn start_tls(&self) -> Answer {
        match self.encryption {
            Encryption::Offered => Answer { text: "220 2.0.0 Go ahead".to_owned(), next: Next::StartTls },
            Encryption::Active => Answer::more("503 5.5.1 TLS is active"),
            Encryption::Unavailable => Answer::more("502 5.5.1 No TLS here"),
        }
    }

    fn mail(&mut self, argument: &str) -> Answer {
        if !self.greeted {
            return Answer::more("503 5.5.1 EHLO first");
        }
        if self.sender {
            return Answer::more("503 5.5.1 One sender a message");
        }
        if path_after("FROM:", argument).is_none() {
            return Answer::more("501 5.5.4 MAIL FROM:<address> is expected");
        }
        self.sender = true;
        Answer::more("250 2.1.0 Sender taken")
    }

    fn recipient(&mut self, argument: &str) -> Answer {
        if !self.sender {
            return Answer::more("503 5.5.1 MAIL first");
        }
        if path_after("TO:", argument).is_none_or(str::is_empty) {
            return Answer::more("501 5.5.4 RCPT TO:<address> is expected");
        }
        if self.recipients >= RECIPIENTS {
            return Answer::more("452 4.5.3 Too many recipients");
        }
        self.recipients = self.recipients.saturating_add(1);
        Answer::more("250 2.1.5 Recipient taken")
    }

    fn data(&mut self) -> Answer {
        if self.recipients == 0 {
            return Answer::more("503 5.5.1 RCPT first");
        }
        self.forget_transaction();
        Answer { text: "354 End with a line that holds a single dot".to_owned(), next: Next::Message }
    }

    fn forget_transaction(&mut self) {
        self.sender = false;
        self.recipients = 0;
    }
}

/// The address in `FROM:<address> PARAMETERS`; `keyword` in any case, blanks around the path forgiven.
fn path_after<'a>(keyword: &str, argument: &'a str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (path, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use super::*;

    fn dialogue() -> Dialogue {
        Dialogue::new(&"mx.example.org".into(), Encryption::Offered)
    }

    fn codes(dialogue: &mut Dialogue, lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| dialogue.answer(line).text[..3].to_owned()).collect()
    }

    #[test]
    fn a_message_needs_greeting_sender_and_recipient_in_this_order() {
        let lines = ["MAIL FROM:<>", "EHLO me", "RCPT TO:<a@b>", "DATA", "mail from: <> SIZE=3", "RCPT TO:<>", "DATA"];
        assert_eq!(codes(&mut dialogue(), &lines), ["503", "250", "503", "503", "250", "501", "503"]);
        let lines = ["EHLO me", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RSET", "DATA", "NOOP", "HELP"];
        assert_eq!(codes(&mut dialogue(), &lines), ["250", "250", "503", "250", "250", "503", "250", "500"]);
    }

    #[test]
    fn starttls_is_offered_only_before_it_is_active() {
        assert!(dialogue().answer("EHLO me").text.contains("250-STARTTLS\r\n"));
        assert_eq!(dialogue().answer("starttls").next, Next::StartTls);
        let mut active = Dialogue::new(&"mx.example.org".into(), Encryption::Active);
        assert!(!active.answer("EHLO me").text.contains("STARTTLS"));
        assert_eq!(active.answer("STARTTLS").next, Next::Command);
    }

    async fn site(mood: watch::Receiver<Mood>) -> (SocketAddr, tokio::task::JoinHandle<io::Result<()>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (address, tokio::spawn(SmtpSite::new("mx.example.org", None, mood).serve(listener)))
    }

    async fn reply(stream: &mut BufReader<TcpStream>, line: &str) -> String {
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_line(&mut reply).await.unwrap();
        reply
    }

    #[tokio::test]
    async fn takes_a_message_and_says_goodbye() {
        let (_mood, receiver) = watch::channel(Mood::Answering);
        let (address, _task) = site(receiver).await;
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        assert!(reply(&mut stream, "").await.starts_with("220 mx.example.org"));
        assert!(reply(&mut stream, "HELO me\r\n").await.starts_with("250"));
        assert!(reply(&mut stream, "MAIL FROM:<>\r\n").await.starts_with("250"));
        assert!(reply(&mut stream, "RCPT TO:<probe@example.org>\r\n").await.starts_with("250"));
        assert!(reply(&mut stream, "DATA\r\n").await.starts_with("354"));
        assert!(reply(&mut stream, "Subject: x\r\n\r\n..\r\n.\r\n").await.starts_with("250"));
        assert!(reply(&mut stream, "QUIT\r\n").await.starts_with("221"));
        assert_eq!(reply(&mut stream, "").await, "");
    }

    #[tokio::test]
    async fn refuses_a_line_without_end() {
        let (_mood, receiver) = watch::channel(Mood::Answering);
        let (address, _task) = site(receiver).await;
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        reply(&mut stream, "").await;
        assert!(reply(&mut stream, &"x".repeat(600)).await.starts_with("500"));
    }

    #[tokio::test]
    async fn a_silent_site_keeps_the_connection_and_says_nothing_until_it_is_itself_again() {
        let (mood, receiver) = watch::channel(Mood::Silent);
        let (address, _task) = site(receiver).await;
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut line = String::new();
        let silence = timeout(Duration::from_millis(50), stream.read_line(&mut line)).await;
        assert!(silence.is_err(), "{line}");
        mood.send(Mood::Answering).unwrap();
        assert!(reply(&mut stream, "").await.starts_with("220"));
    }

    #[tokio::test]
    async fn a_killed_site_drops_its_connections_and_refuses_new_ones() {
        let (_mood, receiver) = watch::channel(Mood::Answering);
        let (address, task) = site(receiver).await;
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        reply(&mut stream, "").await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let mut line = String::new();
        // End or reset: either way nobody is there.
        assert!(matches!(stream.read_line(&mut line).await, Ok(0) | Err(_)));
        assert!(TcpStream::connect(address).await.is_err());
    }
}
