//! Messages over sockets: from ports that the system draws, with ids that nobody can guess, bounded in time.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use super::bounds::{CONNECT, MESSAGE};
use super::message::{Opcode, RawRecord, Reply, is_reply_to, rcode_word, read, request};
use crate::model::Name;
use crate::tsig::{ClientSession, Key, TsigError, sign_request};

/// A request to one server.
#[derive(Clone)]
pub(super) struct Inquiry {
    pub(super) address: SocketAddr,
    pub(super) key: Option<Key>,
    pub(super) opcode: Opcode,
    pub(super) zone: Name,
    pub(super) rtype: RecordType,
    pub(super) soa: Option<RawRecord>,
}

/// A request as it was sent.
struct Sent {
    id: u16,
    octets: Vec<u8>,
    session: Option<ClientSession>,
}

impl Inquiry {
    fn make(&self) -> Result<Sent, String> {
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| format!("no random number for a message: {error}"))?;
        let id = u16::from_be_bytes(id);
        let mut octets = request(id, self.opcode, &self.zone, self.rtype, self.soa.as_ref());
        let session = self.key.as_ref().map(|key| sign_request(&mut octets, key, now()));
        Ok(Sent { id, octets, session })
    }

    /// Asks once over UDP and waits for a reply that is believed.
    pub(super) async fn ask_udp(&self, wait: Duration) -> Result<Reply, String> {
        let mut sent = self.make()?;
        let deadline = Instant::now() + wait;
        let any = if self.address.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        let socket = UdpSocket::bind(any).await.map_err(words)?;
        socket.connect(self.address).await.map_err(words)?;
        socket.send(&sent.octets).await.map_err(words)?;
        let mut buffer = vec![0; usize::from(u16::MAX)];
        let mut trouble = format!("no reply over UDP within {} s", wait.as_secs());
        loop {
            let Ok(received) = timeout_at(deadline, socket.recv(&mut buffer)).await else { return Err(trouble) };
            let octets = buffer.get(..received.map_err(words)?).unwrap_or_default();
            if !is_reply_to(octets, sent.id, self.opcode) {
                continue;
            }
            match believed(&mut sent, octets).and_then(|octets| self.read(&octets)) {
                Ok(reply) => return Ok(reply),
                // Anybody may have sent it; the true one may still come.
                Err(found) => trouble = found,
            }
        }
    }

    /// Asks over TCP.
    pub(super) async fn ask_tcp(&self) -> Result<Reply, String> {
        let mut stream = self.open().await?;
        let octets = stream.receive().await?;
        self.read(&octets)
    }

    /// Sends the request over TCP. The replies come by [`Stream::receive`].
    pub(super) async fn open(&self) -> Result<Stream, String> {
        let sent = self.make()?;
        let connected = timeout(CONNECT, TcpStream::connect(self.address)).await;
        let mut stream = connected.map_err(|_| "no connection in time".to_owned())?.map_err(words)?;
        let length = u16::try_from(sent.octets.len()).map_err(|_| "the request is too long".to_owned())?;
        let octets = [&length.to_be_bytes(), sent.octets.as_slice()].concat();
        timeout(MESSAGE, stream.write_all(&octets)).await.map_err(|_| late())?.map_err(words)?;
        Ok(Stream { stream, sent, opcode: self.opcode })
    }

    fn read(&self, octets: &[u8]) -> Result<Reply, String> {
        let reply = read(octets).map_err(|what| format!("the reply has {what}"))?;
        match &reply.question {
            Some((name, rtype)) if *name != self.zone || *rtype != self.rtype => {
                Err("the reply is to another question".to_owned())
            }
            _ => Ok(reply),
        }
    }
}

/// A connection on which the messages of one reply come.
pub(super) struct Stream {
    stream: TcpStream,
    sent: Sent,
    opcode: Opcode,
}

impl Stream {
    /// The next message, without its signature. It counts only if [`Stream::finish`] says so in the end.
    pub(super) async fn receive(&mut self) -> Result<Vec<u8>, String> {
        let octets = timeout(MESSAGE, receive(&mut self.stream)).await.map_err(|_| late())?.map_err(words)?;
        if !is_reply_to(&octets, self.sent.id, self.opcode) {
            return Err("a message that is no reply to the request".to_owned());
        }
        believed(&mut self.sent, &octets)
    }

    /// Says that the last message has come.
    pub(super) fn finish(self) -> Result<(), String> {
        self.sent.session.map_or(Ok(()), |session| session.finish().map_err(|error| error.to_string()))
    }
}

async fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut octets = vec![0; usize::from(length)];
    stream.read_exact(&mut octets).await?;
    Ok(octets)
}

/// The message without its signature, if that is good.
fn believed(sent: &mut Sent, octets: &[u8]) -> Result<Vec<u8>, String> {
    let Some(session) = &mut sent.session else { return Ok(octets.to_vec()) };
    session.verify(octets, now()).map_err(|error| match (&error, octets.get(3).map(|low| low & 0x0f)) {
        (TsigError::Unsigned, Some(rcode)) if rcode != 0 => {
            format!("it answers {} without a signature", rcode_word(ResponseCode::from_low(rcode)))
        }
        (TsigError::Refused(_), _) => {
            format!("{error}; both sides need the same name, algorithm and secret of the key")
        }
        _ => error.to_string(),
    })
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn late() -> String {
    format!("no whole message over TCP within {} s", MESSAGE.as_secs())
}

fn words(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::UnexpectedEof => "it closed the connection before the end".to_owned(),
        _ => error.to_string(),
    }
}
