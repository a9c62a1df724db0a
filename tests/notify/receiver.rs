//! An HTTP server that answers as it is told and keeps what it got.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::patience::wait_for;

/// An incident is over when all has been well for a minute.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// A request.
#[derive(Clone, Debug)]
pub struct Got {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    Status(u16),
    Redirect(String),
    /// Nothing is said for so long; then the connection is closed.
    Silence(Duration),
    /// A body without end, as far as the other side reads.
    Flood,
}

pub struct Receiver {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    /// Answers with 204 what `answers` does not provide for.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (kept, told) = (Arc::clone(&got), Arc::clone(&answers));
        // Ends with the test program.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (kept, told) = (Arc::clone(&kept), Arc::clone(&told));
                std::thread::spawn(move || serve(connection, &kept, &told));
            }
        });
        Self { address, got, answers }
    }

    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    pub fn answer(&self, answer: Answer) {
        self.answers.lock().unwrap().push_back(answer);
    }

    /// Waits for the first request that `is_it`.
    pub fn wait(&self, what: &str, is_it: impl Fn(&Got) -> bool) -> Got {
        wait_for(what, PATIENCE, || self.got().into_iter().find(|got| is_it(got))).0
    }
}

fn serve(connection: TcpStream, kept: &Mutex<Vec<Got>>, answers: &Mutex<VecDeque<Answer>>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = first.split(' ').nth(1).unwrap().to_owned();
        kept.lock().unwrap().push(Got { path, headers, body: String::from_utf8(body).unwrap() });
        let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(204));
        let head = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} Told\r\nContent-Length: 0\r\n\r\n"),
            Answer::Redirect(to) => format!("HTTP/1.1 307 Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"),
            Answer::Silence(span) => {
                std::thread::sleep(span);
                return;
            }
            Answer::Flood => {
                let _begun = writer.write_all(b"HTTP/1.1 500 Much\r\nTransfer-Encoding: chunked\r\n\r\n");
                let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                while writer.write_all(piece.as_bytes()).is_ok() {}
                return;
            }
        };
        if writer.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}
