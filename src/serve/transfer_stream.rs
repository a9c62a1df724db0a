//! The messages of a transfer, made as the client takes them.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use hickory_proto::ProtoError;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use tokio::sync::OwnedSemaphorePermit;

use super::Usage;
use super::bounds::{STREAM_PAYLOAD, TRANSFER_MESSAGE};
use super::counts::TransferEnd;
use super::response::Response;
use crate::model::Name;
use crate::tsig::Session;

const HEADER: usize = 12;

/// A transfer under way.
pub(super) struct TransferStream<R> {
    records: R,
    /// The record that did not fit into the message before.
    waiting: Option<Record>,
    /// Header and question of the request's reply.
    opening: Opening,
    /// What signs the messages.
    session: Option<Session>,
    state: State,
    account: Account,
}

/// What the messages begin with.
struct Opening {
    /// ID and flags of every message.
    head: [u8; 4],
    /// The question, which only the first message repeats (RFC 5936 section 2.2.1).
    question: Vec<u8>,
    /// The OPT record of the first message.
    opt: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    First,
    Further,
    /// The last message was given.
    Last,
}

/// What is said of a transfer when it ends, however it does.
pub(super) struct Account {
    /// The zone.
    pub(super) zone: Name,
    /// Its serial.
    pub(super) serial: u32,
    /// Who takes it.
    pub(super) client: SocketAddr,
    /// The key that signs it.
    pub(super) key: Option<Name>,
    /// The counters.
    pub(super) usage: Arc<Usage>,
    /// The place that is given back.
    pub(super) place: OwnedSemaphorePermit,
    messages: u64,
    octets: u64,
    records: u64,
    end: TransferEnd,
}

impl Account {
    /// Of a transfer that begins.
    pub(super) const fn new(
        zone: Name,
        serial: u32,
        client: SocketAddr,
        key: Option<Name>,
        usage: Arc<Usage>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            zone,
            serial,
            client,
            key,
            usage,
            place,
            messages: 0,
            octets: 0,
            records: 0,
            // Unless the last message is taken.
            end: TransferEnd::Abandoned,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.usage.count_transfer(self.end);
        let key = self.key.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        tracing::info!(
            zone = %self.zone,
            serial = self.serial,
            client = %self.client,
            %key,
            messages = self.messages,
            octets = self.octets,
            records = self.records,
            result = self.end.as_str(),
            transfers_free = self.place.semaphore().available_permits(),
            "zone transfer ended"
        );
    }
}

impl<R: Iterator<Item = Record>> TransferStream<R> {
    /// The messages that carry `records`. `frame` is a reply without records: header, question and OPT are taken from it.
    ///
    /// # Errors
    /// If the frame cannot be encoded.
    pub(super) fn new(
        frame: &Response,
        records: R,
        session: Option<Session>,
        account: Account,
    ) -> Result<Self, ProtoError> {
        let mut opt = Vec::new();
        if let Some(edns) = &frame.edns {
            edns.emit(&mut BinEncoder::new(&mut opt))?;
        }
        let [id_high, id_low] = frame.metadata.id.to_be_bytes();
        // QR and AA; RD as it came.
        let flags = 0x84 | u8::from(frame.metadata.recursion_desired);
        let opening = Opening { head: [id_high, id_low, flags, 0], question: frame.queries.as_bytes().to_vec(), opt };
        Ok(Self { records, waiting: None, opening, session, state: State::First, account })
    }

    /// The next message, `None` after the last.
    fn produce(&mut self) -> Result<Option<Vec<u8>>, ProtoError> {
        if self.state == State::Last {
            return Ok(None);
        }
        let is_first = self.state == State::First;
        let signature = self.session.as_ref().map_or(0, Session::signature_octets);
        let opt: &[u8] = if is_first { &self.opening.opt } else { &[] };
        let behind = u16::try_from(opt.len() + signature).unwrap_or(STREAM_PAYLOAD);
        let mut message = Vec::with_capacity(TRANSFER_MESSAGE.into());
        let mut encoder = BinEncoder::new(&mut message);
        encoder.emit_vec(&[0; HEADER])?;
        if is_first {
            encoder.emit_vec(&self.opening.question)?;
        }
        encoder.set_max_size(TRANSFER_MESSAGE.saturating_sub(behind));
        let mut count = 0_u16;
        let ended = loop {
            let Some(record) = self.waiting.take().or_else(|| self.records.next()) else { break true };
            if emit(&record, &mut encoder)? {
                count += 1;
                continue;
            }
            if count > 0 {
                self.waiting = Some(record);
                break false;
            }
            // A record that is larger than messages mostly are.
            encoder.set_max_size(STREAM_PAYLOAD.saturating_sub(behind));
            if !emit(&record, &mut encoder)? {
                return Err(ProtoError::from(format!("{} {} fits no message", record.name, record.record_type())));
            }
            count += 1;
            break false;
        };
        message.extend_from_slice(opt);
        self.account.records += u64::from(count);
        let counts = [u16::from(is_first && !self.opening.question.is_empty()), count, 0, u16::from(!opt.is_empty())];
        self.state = if ended { State::Last } else { State::Further };
        if ended && count == 0 && !is_first {
            return Ok(None);
        }
        Ok(Some(self.finish(message, ResponseCode::NoError, counts)))
    }

    /// Writes the header and signs the message.
    fn finish(&mut self, mut message: Vec<u8>, rcode: ResponseCode, counts: [u16; 4]) -> Vec<u8> {
        let [id_high, id_low, flags, _] = self.opening.head;
        let head = [id_high, id_low, flags, rcode.low()];
        let header = head.into_iter().chain(counts.into_iter().flat_map(u16::to_be_bytes));
        message.iter_mut().zip(header).for_each(|(place, octet)| *place = octet);
        if let Some(session) = &mut self.session {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
            session.sign_reply(&mut message, now);
        }
        self.account.messages += 1;
        self.account.octets += u64::try_from(message.len()).unwrap_or_default();
        message
    }

    /// Tells the client that the transfer failed: one that just ended would be waited for.
    fn fail(&mut self) -> Vec<u8> {
        self.state = State::Last;
        self.account.end = TransferEnd::Failed;
        self.finish(vec![0; HEADER], ResponseCode::ServFail, [0; 4])
    }
}

/// Adds a whole record, or nothing where there is no room for it.
fn emit(record: &Record, encoder: &mut BinEncoder<'_>) -> Result<bool, ProtoError> {
    let start = encoder.offset();
    match record.emit(encoder) {
        Ok(()) => Ok(true),
        Err(ProtoError::MaxBufferSizeExceeded(_)) => {
            encoder.set_offset(start);
            encoder.trim();
            Ok(false)
        }
        Err(other) => Err(other),
    }
}

impl<R: Iterator<Item = Record>> Iterator for TransferStream<R> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        // What a panic may leave half done is this transfer's own, and nothing of it is used afterwards.
        match catch_unwind(AssertUnwindSafe(|| self.produce())) {
            Ok(Ok(Some(message))) => Some(message),
            Ok(Ok(None)) => {
                if self.account.end == TransferEnd::Abandoned {
                    self.account.end = TransferEnd::Complete;
                }
                None
            }
            Ok(Err(error)) => {
                tracing::error!(%error, zone = %self.account.zone, "a message of a transfer could not be made");
                Some(self.fail())
            }
            Err(_) => {
                self.account.usage.count_panic();
                tracing::error!(zone = %self.account.zone, "a transfer panicked; ended with SERVFAIL");
                Some(self.fail())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use hickory_proto::op::Message;
    use hickory_proto::rr::rdata::{NULL, TXT};
    use hickory_proto::rr::{Name as RrName, RData, RecordType};
    use tokio::sync::Semaphore;

    use super::super::inquiry::Inquiry;
    use super::super::options::Terms;
    use super::*;
    use crate::answer::Transport;
    use crate::model::TsigAlgorithm;
    use crate::tsig::{ClientSession, Key, sign_request, verify_request};

    const QUERY: &[u8] = b"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07Example\x00\x00\xfc\x00\x01";

    struct Scene {
        usage: Arc<Usage>,
        places: Arc<Semaphore>,
    }

    impl Scene {
        fn new() -> Self {
            Self { usage: Arc::new(Usage::new(Instant::now())), places: Arc::new(Semaphore::new(1)) }
        }

        fn stream<R: Iterator<Item = Record>>(&self, records: R, session: Option<Session>) -> TransferStream<R> {
            let inquiry = Inquiry::read(QUERY, Transport::Tcp).unwrap();
            let terms = Terms {
                node: "ns",
                transport: Transport::Tcp,
                cookie: None,
                idle: Duration::from_secs(1),
                reserved: 0,
            };
            let frame = Response::error(QUERY, &inquiry, &terms, ResponseCode::NoError).unwrap();
            let place = Arc::clone(&self.places).try_acquire_owned().unwrap();
            let client = "192.0.2.1:53".parse().unwrap();
            let account = Account::new("example".parse().unwrap(), 1, client, None, Arc::clone(&self.usage), place);
            TransferStream::new(&frame, records, session, account).unwrap()
        }

        fn ended(&self, end: &str) -> u64 {
            self.usage.counts().transfers.iter().find(|(word, _)| *word == end).unwrap().1
        }
    }

    fn text(number: usize) -> Record {
        let owner = RrName::from_ascii(format!("host{number}.example.")).unwrap();
        Record::from_rdata(owner, 60, RData::TXT(TXT::new(vec![format!("{number}")])))
    }

    fn large(octets: usize) -> Record {
        let data = RData::Unknown { code: RecordType::from(65_280), rdata: NULL::with(vec![7; octets]) };
        Record::from_rdata(RrName::from_ascii("large.example.").unwrap(), 60, data)
    }

    fn signing() -> (Session, ClientSession) {
        let key = Key::new("key".parse().unwrap(), TsigAlgorithm::HmacSha512, b"secret");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let mut query = QUERY.to_vec();
        let client = sign_request(&mut query, &key, now);
        (verify_request(&query, &[key].into_iter().collect(), now).unwrap().unwrap().session, client)
    }

    #[test]
    fn messages_are_bounded_signed_and_complete() {
        let scene = Scene::new();
        let (session, mut client) = signing();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let mut count = 0;
        let messages: Vec<_> = scene.stream((0..3000).map(text), Some(session)).collect();
        assert!(messages.len() > 3);
        for (at, message) in messages.iter().enumerate() {
            assert!(message.len() <= usize::from(TRANSFER_MESSAGE));
            let message = Message::from_vec(&client.verify(message, now).unwrap()).unwrap();
            assert!(message.metadata.authoritative && message.metadata.id == 0xabcd);
            assert_eq!(message.queries.len(), usize::from(at == 0));
            for record in &message.answers {
                assert_eq!(*record, text(count));
                count += 1;
            }
        }
        client.finish().unwrap();
        assert_eq!((count, scene.ended("complete")), (3000, 1));
    }

    #[test]
    fn a_large_record_gets_a_message_of_its_own() {
        let scene = Scene::new();
        let records = [text(0), large(60_000), text(1)];
        let messages: Vec<_> = scene.stream(records.clone().into_iter(), None).collect();
        let sent: Vec<_> = messages.iter().flat_map(|message| Message::from_vec(message).unwrap().answers).collect();
        assert_eq!((messages.len(), sent), (3, records.to_vec()));
    }

    /// RCODEs of the messages, and how many records were sent.
    fn told(messages: &[Vec<u8>]) -> (Vec<ResponseCode>, usize) {
        let messages: Vec<_> = messages.iter().map(|message| Message::from_vec(message).unwrap()).collect();
        let records = messages.iter().map(|message| message.answers.len()).sum();
        (messages.iter().map(|message| message.metadata.response_code).collect(), records)
    }

    #[test]
    fn a_record_that_fits_no_message_fails_the_transfer() {
        let scene = Scene::new();
        let records = [text(0), large(65_520), text(1)].into_iter();
        let messages: Vec<_> = scene.stream(records, None).collect();
        assert_eq!(told(&messages), (vec![ResponseCode::NoError, ResponseCode::ServFail], 1));
        assert_eq!((scene.ended("failed"), scene.ended("complete")), (1, 0));
    }

    #[test]
    fn a_panic_fails_the_transfer_and_no_more() {
        let scene = Scene::new();
        let faulty = (0..3000).map(|number| if number == 2000 { panic!("a fault") } else { text(number) });
        let messages: Vec<_> = scene.stream(faulty, None).collect();
        let (rcodes, _) = told(&messages);
        assert_eq!(rcodes.last(), Some(&ResponseCode::ServFail));
        assert_eq!((scene.usage.counts().panics, scene.ended("failed")), (1, 1));
        assert_eq!(scene.places.available_permits(), 1, "the place is given back");
    }

    #[test]
    fn a_client_that_goes_away_frees_its_place() {
        let scene = Scene::new();
        let mut stream = scene.stream((0..3000).map(text), None);
        stream.next().unwrap();
        assert_eq!(scene.places.available_permits(), 0);
        drop(stream);
        assert_eq!((scene.places.available_permits(), scene.ended("abandoned")), (1, 1));
    }
}
