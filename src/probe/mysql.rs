//! MySQL and MariaDB: a session that logs in, asks which part the server plays, and how its replication runs.

use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::bounded::Bounded;
use super::bounds::{DATABASE_FAREWELL, DATABASE_SESSION, MYSQL_LOGIN, MYSQL_PACKET, MYSQL_ROWS};
use super::check::{Conversation, Notes, Place};
use super::handshake::secure;
use super::mysql_wire::{
    self as wire, CAPABILITIES, CAPABILITY_TLS, Greeting, LoginReply, Method, QUIT, ResultHead, ServerError,
};
use super::password;
use super::replication::{Lag, asks_for_lag, gravest, judge_lag, judge_role};
use super::secret::Secret;
use super::tcp::failure;
use super::tls::{Gravity, TlsClient, Trouble};
use super::transcript::{Speaker, Transcript, printable};
use super::wire::Stream;
use super::{Target, tcp};
use crate::health::{FailureKind, Outcome};
use crate::model::{DatabaseCheck, DatabaseRole, TlsMode};

/// Errors (`ER_…`) that say that the probe may not come in or finds no place, not that the server fails: ACCESS_DENIED,
/// CON_COUNT, HOST_IS_BLOCKED, HOST_NOT_PRIVILEGED, TOO_MANY_USER_CONNECTIONS, SPECIFIC_ACCESS_DENIED, and of expired
/// passwords and locked accounts.
const CLOSED_DOORS: [u16; 9] = [1040, 1044, 1045, 1129, 1130, 1203, 1227, 1820, 3118];
/// ER_PARSE_ERROR: an older server does not know the statement.
const UNKNOWN_STATEMENT: u16 = 1064;
/// ER_SPECIFIC_ACCESS_DENIED_ERROR.
const NOT_PRIVILEGED: u16 = 1227;

/// A MySQL monitor applied to a target.
#[derive(Debug)]
pub(super) struct MysqlProbe {
    check: DatabaseCheck,
    tls: Option<TlsClient>,
}

impl MysqlProbe {
    pub(super) fn new(check: &DatabaseCheck, target: &Target) -> Self {
        let secure = check.tls.mode != TlsMode::Off;
        let tls = secure.then(|| TlsClient::new(&check.tls, &target.host, target.key.address));
        Self { check: check.clone(), tls }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        let stream: Box<dyn Stream> = Box::new(stream);
        let mut line = Line { stream: Bounded::new(stream, DATABASE_SESSION), sequence: 0, deadline: place.deadline };
        let greeting = greet(&mut line, &mut notes.transcript).await?;
        let mut trouble = None;
        if let Some(tls) = &self.tls {
            if greeting.capabilities & CAPABILITY_TLS == 0 {
                let reason = "TLS is not offered; write tls = \"none\" if it need not be";
                return Err(Outcome::Deferring(reason.to_owned()));
            }
            line.send(&wire::tls_request()).await?;
            let secured = secure(tls, line.stream, place, &mut notes.transcript).await?;
            let stream: Box<dyn Stream> = Box::new(secured.stream);
            line = Line {
                stream: Bounded::new(stream, DATABASE_SESSION),
                sequence: line.sequence,
                deadline: place.deadline,
            };
            trouble = secured.trouble;
        }
        if let Some(trouble) = trouble.as_ref().filter(|trouble| trouble.gravity != Gravity::Ending) {
            return Err(trouble.clone().without_login());
        }
        // Not before: whether the server lives does not hang on this file.
        let password = match &self.check.password_file {
            Some(path) => Some(password::read(path, place.deadline).await?),
            None => None,
        };
        if let Some(password) = &password {
            notes.transcript.cover(password);
        }
        self.log_in(&mut line, &greeting, password.as_ref(), &mut notes.transcript).await?;
        let outcome = self.examine(&mut line, &greeting, &mut notes.transcript).await?;
        line.farewell();
        let trouble = trouble.map_or(Outcome::Ok, Trouble::outcome);
        Ok(gravest([outcome, trouble]))
    }

    async fn log_in(
        &self,
        line: &mut Line,
        greeting: &Greeting,
        password: Option<&Secret>,
        transcript: &mut Transcript,
    ) -> Result<(), Outcome> {
        const AWAITED: &str = "the reply to the login";
        transcript.push(Speaker::Us, format!("login as {}", self.check.user).as_bytes());
        let password = password.map_or(&b""[..], Secret::reveal);
        // A server whose own method is unknown here asks for the user's.
        let method = Method::named(&greeting.plugin).unwrap_or(Method::Native);
        let capabilities = if self.tls.is_some() { CAPABILITIES | CAPABILITY_TLS } else { CAPABILITIES };
        let proof = method.prove(password, &greeting.challenge);
        line.send(&wire::login(capabilities, &self.check.user, &proof, method)).await?;
        for _ in 0..MYSQL_LOGIN {
            let packet = line.receive(AWAITED).await?;
            match wire::login_reply(&packet).ok_or_else(|| strange(AWAITED, &packet, transcript))? {
                LoginReply::Welcome => {
                    transcript.push(Speaker::Them, b"logged in");
                    return Ok(());
                }
                LoginReply::Refused(error) => return Err(of_server(&error)),
                LoginReply::ProofTaken => {}
                LoginReply::Switch { plugin, challenge } => {
                    let method = Method::named(&plugin).ok_or_else(|| unknown_method(&plugin))?;
                    line.send(&method.prove(password, &challenge)).await?;
                }
                LoginReply::PasswordWanted if self.tls.is_some() => {
                    line.send(&[password, b"\0"].concat()).await?;
                }
                LoginReply::PasswordWanted => {
                    let reason = "the server wants the password itself, which is sent through TLS only; \
                                  write tls = \"starttls\"";
                    return Err(Outcome::Deferring(reason.to_owned()));
                }
            }
        }
        Err(Outcome::failed(FailureKind::Protocol, "the login does not come to an end"))
    }

    /// Role and replication.
    async fn examine(
        &self,
        line: &mut Line,
        greeting: &Greeting,
        transcript: &mut Transcript,
    ) -> Result<Outcome, Outcome> {
        let read_only = match line.ask("SELECT @@global.read_only", transcript).await? {
            Ok(rows) => rows.first().and_then(|row| row.first()).is_some_and(|(_, value)| is_on(value.as_deref())),
            Err(error) => return Err(of_server(&error)),
        };
        let role = judge_role(self.check.role, read_only);
        if self.check.role == DatabaseRole::Primary {
            return Ok(role);
        }
        let replication = match sources(line, greeting, transcript).await? {
            Ok(sources) => self.judge_sources(&sources),
            Err(error) if error.code == NOT_PRIVILEGED => self.unseen(),
            Err(error) => of_server(&error),
        };
        Ok(gravest([role, replication]))
    }

    /// What it means that the user may not see the state of the replication.
    fn unseen(&self) -> Outcome {
        if self.check.role == DatabaseRole::Any && !asks_for_lag(&self.check) {
            return Outcome::Ok;
        }
        let user = &self.check.user;
        Outcome::Deferring(format!(
            "{user} may not see the replication; GRANT REPLICATION CLIENT (MariaDB: REPLICA MONITOR) ON *.* TO {user}"
        ))
    }

    /// What the state of each source that the server follows means.
    fn judge_sources(&self, sources: &[Row]) -> Outcome {
        if sources.is_empty() && self.check.role == DatabaseRole::Replica {
            return Outcome::failed(FailureKind::Protocol, "it follows no primary");
        }
        gravest(sources.iter().map(|source| judge_source(&self.check, source)))
    }
}

#[async_trait]
impl Conversation for MysqlProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let outcome = self.converse(place, notes).await.unwrap_or_else(|ended| ended);
        // A server may repeat the password in what it says.
        notes.transcript.discreet(outcome)
    }
}

/// The values of a row under the names of their columns.
type Row = Vec<(String, Option<String>)>;
/// The rows of a result, or the error that the server gave in their place.
type Answer = Result<Vec<Row>, ServerError>;

/// The state of every source that the server follows. MariaDB shows its named connections only to who asks for all.
async fn sources(line: &mut Line, greeting: &Greeting, transcript: &mut Transcript) -> Result<Answer, Outcome> {
    const MARIADB: &[u8] = b"MariaDB";
    let is_mariadb = greeting.version.windows(MARIADB.len()).any(|part| part == MARIADB);
    // The words since MariaDB 10.5, and those of before; the last are everybody's.
    let newer: &[&str] =
        if is_mariadb { &["SHOW ALL REPLICAS STATUS", "SHOW ALL SLAVES STATUS"] } else { &["SHOW REPLICA STATUS"] };
    for statement in newer {
        let status = line.ask(statement, transcript).await?;
        if !matches!(&status, Err(error) if error.code == UNKNOWN_STATEMENT) {
            return Ok(status);
        }
    }
    line.ask("SHOW SLAVE STATUS", transcript).await
}

/// What is awaited after a query.
const ANSWER: &str = "the answer to a query";

/// What the state of one source means: a thread that stands still makes the data older with every second, though the
/// server answers; where the age may not pass a bound, that is a failure, for nobody will notice when it does. An I/O thread
/// that looks for its primary (`Connecting`) is trouble only: it is the primary that is away.
fn judge_source(check: &DatabaseCheck, source: &Row) -> Outcome {
    // The names since MySQL 8.0.22, and those of before and of MariaDB.
    let value = |names: [&str; 2]| {
        source.iter().find(|(name, _)| names.contains(&name.as_str())).and_then(|(_, value)| value.as_deref())
    };
    let receiver = value(["Replica_IO_Running", "Slave_IO_Running"]).unwrap_or("unknown");
    let applier = value(["Replica_SQL_Running", "Slave_SQL_Running"]).unwrap_or("unknown");
    let stopped = |thread: &str, state: &str, error: Option<&str>| {
        let error = error.filter(|text| !text.is_empty()).map(|text| format!(": {}", printable(text.as_bytes())));
        format!(
            "the {thread} thread of the replica is not running ({}){}",
            printable(state.as_bytes()),
            error.unwrap_or_default()
        )
    };
    let graded = |reason: String| match check.lag_critical {
        Some(_) => Outcome::failed(FailureKind::Protocol, reason),
        None => Outcome::Deferring(reason),
    };
    if applier != "Yes" {
        return graded(stopped("SQL", applier, value(["Last_SQL_Error", "Last_SQL_Error"])));
    }
    if receiver != "Yes" {
        let reason = stopped("I/O", receiver, value(["Last_IO_Error", "Last_IO_Error"]));
        return if receiver == "No" { graded(reason) } else { Outcome::Deferring(reason) };
    }
    let behind = value(["Seconds_Behind_Source", "Seconds_Behind_Master"]).and_then(|text| text.parse().ok());
    let unknown = || Lag::Unknown("the server does not know how far it is behind".to_owned());
    judge_lag(check, &behind.map_or_else(unknown, |seconds| Lag::Behind(Duration::from_secs(seconds))))
}

fn is_on(value: Option<&str>) -> bool {
    value.is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("off"))
}

/// Reads the greeting.
async fn greet(line: &mut Line, transcript: &mut Transcript) -> Result<Greeting, Outcome> {
    const AWAITED: &str = "the greeting";
    let packet = line.receive(AWAITED).await?;
    let greeting = wire::greeting(&packet).ok_or_else(|| strange(AWAITED, &packet, transcript))?;
    let greeting = greeting.map_err(|error| of_server(&error))?;
    transcript.push(Speaker::Them, &[b"server version ", greeting.version.as_slice()].concat());
    Ok(greeting)
}

/// A connection that speaks in packets.
struct Line {
    stream: Bounded<Box<dyn Stream>>,
    /// The number of the next packet in its exchange.
    sequence: u8,
    deadline: Instant,
}

impl Line {
    /// Sends a packet; ours are short.
    async fn send(&mut self, payload: &[u8]) -> Result<(), Outcome> {
        let octets = framed(payload, self.sequence);
        self.sequence = self.sequence.wrapping_add(1);
        let sending = async {
            self.stream.write_all(&octets).await?;
            self.stream.flush().await
        };
        timeout_at(self.deadline, sending)
            .await
            .map_err(|_| Outcome::failed(FailureKind::Timeout, "timed out sending"))?
            .map_err(|error| failure(&error, "sending"))
    }

    /// Reads a packet.
    async fn receive(&mut self, awaited: &str) -> Result<Vec<u8>, Outcome> {
        let reading = async {
            let mut head = [0; 4];
            self.stream.read_exact(&mut head).await?;
            let [a, b, c, sequence] = head;
            let length = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap_or(usize::MAX);
            if length > MYSQL_PACKET {
                return Ok((sequence, Err(length)));
            }
            let mut packet = vec![0; length];
            self.stream.read_exact(&mut packet).await?;
            Ok((sequence, Ok(packet)))
        };
        let (sequence, packet) = timeout_at(self.deadline, reading)
            .await
            .map_err(|_| Outcome::failed(FailureKind::Timeout, format!("timed out waiting for {awaited}")))?
            .map_err(|error: std::io::Error| match error.kind() {
                std::io::ErrorKind::InvalidData => Outcome::failed(FailureKind::Protocol, error.to_string()),
                _ => failure(&error, &format!("waiting for {awaited}")),
            })?;
        self.sequence = sequence.wrapping_add(1);
        packet.map_err(|length| {
            let reason = format!("{awaited} is no MySQL packet, or one of {length} octets");
            Outcome::failed(FailureKind::Protocol, reason)
        })
    }

    /// Asks `statement`: the rows, or the error that the server gives.
    async fn ask(&mut self, statement: &str, transcript: &mut Transcript) -> Result<Answer, Outcome> {
        transcript.push(Speaker::Us, statement.as_bytes());
        self.sequence = 0;
        self.send(&wire::query(statement)).await?;
        let packet = self.receive(ANSWER).await?;
        match wire::result_head(&packet).ok_or_else(|| strange(ANSWER, &packet, transcript))? {
            ResultHead::Done => Ok(Ok(Vec::new())),
            ResultHead::Refused(error) => {
                transcript.push(Speaker::Them, &error.words);
                Ok(Err(error))
            }
            ResultHead::Columns(count) => {
                let names = self.columns(count, transcript).await?;
                self.rows(&names, transcript).await
            }
        }
    }

    /// The names of the columns of a result.
    async fn columns(&mut self, count: u64, transcript: &Transcript) -> Result<Vec<String>, Outcome> {
        let mut names = Vec::new();
        for _ in 0..count {
            let packet = self.receive(ANSWER).await?;
            names.push(wire::column_name(&packet).ok_or_else(|| strange(ANSWER, &packet, transcript))?);
        }
        let packet = self.receive(ANSWER).await?;
        if wire::is_end(&packet) { Ok(names) } else { Err(strange(ANSWER, &packet, transcript)) }
    }

    /// The rows behind them.
    async fn rows(&mut self, names: &[String], transcript: &mut Transcript) -> Result<Answer, Outcome> {
        let mut rows = Vec::new();
        loop {
            let packet = self.receive(ANSWER).await?;
            if wire::is_end(&packet) {
                return Ok(Ok(rows));
            }
            if let Some(error) = wire::error(&packet) {
                return Ok(Err(error));
            }
            let values = wire::row(&packet, names.len()).ok_or_else(|| strange(ANSWER, &packet, transcript))?;
            let row: Row = names.iter().cloned().zip(values).collect();
            note(&row, transcript);
            rows.push(row);
            if rows.len() > MYSQL_ROWS {
                let reason = format!("{ANSWER} has more than {MYSQL_ROWS} rows");
                return Err(Outcome::failed(FailureKind::Protocol, reason));
            }
        }
    }

    /// Says goodbye and goes, without making the outcome wait for it.
    fn farewell(self) {
        let mut stream = self.stream;
        tokio::spawn(timeout(DATABASE_FAREWELL, async move {
            // Politeness: servers count clients that just vanish. Nothing depends on it.
            let _ = stream.write_all(&framed(QUIT, 0)).await;
            let _ = stream.shutdown().await;
        }));
    }
}

/// Notes those values of a row that say something about replication, or all of a short one.
fn note(row: &Row, transcript: &mut Transcript) {
    const TOLD: [&str; 7] =
        ["Connection_name", "_Running", "Seconds_Behind", "read_only", "Last_IO_Error", "Last_SQL_Error", "_Host"];
    for (name, value) in row.iter().filter(|(name, _)| TOLD.iter().any(|told| name.contains(told))) {
        let line = format!("{name}: {}", value.as_deref().unwrap_or("NULL"));
        transcript.push(Speaker::Them, line.as_bytes());
    }
}

/// `payload` behind its length and number.
fn framed(payload: &[u8], sequence: u8) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap_or(0).to_le_bytes();
    [&[a, b, c, sequence], payload].concat()
}

fn strange(awaited: &str, packet: &[u8], transcript: &Transcript) -> Outcome {
    const SHOWN: usize = 60;
    // Secrets are covered before the cut, which might leave half of one.
    let packet = transcript.drawn_over(packet);
    let shown = printable(packet.get(..SHOWN).unwrap_or(&packet));
    Outcome::failed(FailureKind::Protocol, format!("{awaited} is none that a MySQL server gives: {shown}"))
}

fn unknown_method(plugin: &[u8]) -> Outcome {
    let plugin = printable(plugin);
    Outcome::Deferring(format!(
        "the server asks for a login by {plugin}, which the probe cannot; \
         give its user mysql_native_password or caching_sha2_password"
    ))
}

/// What the server's own error says.
fn of_server(error: &ServerError) -> Outcome {
    let words = format!("{} {}", error.code, printable(&error.words));
    if CLOSED_DOORS.contains(&error.code) {
        Outcome::Deferring(words)
    } else {
        Outcome::failed(FailureKind::Protocol, words)
    }
}
