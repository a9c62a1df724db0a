//! Letters, sent all the time, and who got them.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(30);

/// A stream of letters to user@example.org, each with a Message-ID of its own, handed to one mail server.
pub struct MailFlow {
    sent: Arc<Mutex<Sent>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The letters that the server has taken responsibility for.
#[derive(Default)]
pub struct Sent {
    /// When each was taken.
    pub letters: BTreeMap<String, Instant>,
}

impl MailFlow {
    /// Hands a letter to `server` every `gap`.
    pub fn start(server: SocketAddr, gap: Duration) -> Self {
        let sent = Arc::new(Mutex::new(Sent::default()));
        let ending = Arc::new(AtomicBool::new(false));
        let (to, until) = (Arc::clone(&sent), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            let mut client = Client::connect(server).unwrap();
            for number in 1.. {
                if until.load(Ordering::Relaxed) {
                    break;
                }
                {
                    // Held while the letter is on its way in, so that whoever holds it knows that none is.
                    let mut sent = to.lock().unwrap();
                    let id = format!("{number:06}@letters.sender.test");
                    client.send(&id).unwrap();
                    sent.letters.insert(id, Instant::now());
                }
                thread::sleep(gap);
            }
        });
        Self { sent, ending, thread: Some(thread) }
    }

    /// What was sent so far. The stream waits as long as the guard is held.
    pub fn pause(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap()
    }

    /// How many letters were sent so far.
    pub fn count(&self) -> usize {
        self.pause().letters.len()
    }

    /// Ends the stream and gives all that was sent.
    ///
    /// # Panics
    /// If the server refused a letter.
    pub fn finish(mut self) -> BTreeMap<String, Instant> {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().expect("every letter is taken by the sending server");
        std::mem::take(&mut self.sent.lock().unwrap().letters)
    }
}

/// The client's side of SMTP, just enough to hand in a letter.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(WAIT))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream) };
        client.expect("220")?;
        client.say("HELO letters.sender.test", "250")?;
        Ok(client)
    }

    fn send(&mut self, id: &str) -> io::Result<()> {
        self.say("MAIL FROM:<letters@sender.test>", "250")?;
        self.say("RCPT TO:<user@example.org>", "250")?;
        self.say("DATA", "354")?;
        self.say(
            &format!("From: <letters@sender.test>\r\nTo: <user@example.org>\r\nMessage-ID: <{id}>\r\n\r\n{id}\r\n."),
            "250",
        )
    }

    fn say(&mut self, line: &str, code: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.expect(code)
    }

    fn expect(&mut self, code: &str) -> io::Result<()> {
        let mut reply = String::new();
        self.stream.read_line(&mut reply)?;
        if reply.starts_with(code) { Ok(()) } else { Err(io::Error::other(format!("{code} expected, not '{reply}'"))) }
    }
}

/// How sent and delivered letters compare.
pub struct Account {
    pub sent: usize,
    pub delivered: usize,
    pub lost: Vec<String>,
    pub duplicated: Vec<String>,
}

impl Account {
    /// Compares what was sent with what lies in the mailboxes.
    pub fn of<'a>(
        sent: &BTreeMap<String, Instant>,
        mailboxes: impl IntoIterator<Item = &'a BTreeMap<String, usize>>,
    ) -> Self {
        let mut copies: BTreeMap<&str, usize> = sent.keys().map(|id| (id.as_str(), 0)).collect();
        for (id, count) in mailboxes.into_iter().flatten() {
            *copies.entry(id).or_default() += count;
        }
        let with = |wanted: fn(usize) -> bool| {
            copies.iter().filter(|(_, count)| wanted(**count)).map(|(id, _)| (*id).to_owned()).collect::<Vec<_>>()
        };
        Self {
            sent: sent.len(),
            delivered: copies.values().sum(),
            lost: with(|count| count == 0),
            duplicated: with(|count| count > 1),
        }
    }
}
