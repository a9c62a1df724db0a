//! PostgreSQL: a session that logs in and asks which part the server plays in its replication, and how far it is behind.
//!
//! The protocol is tokio-postgres's; connection, TLS and the bounds in time and octets are ours.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, Error, NoTls, SimpleQueryMessage};

use super::bounded::Bounded;
use super::bounds::{DATABASE_FAREWELL, DATABASE_SESSION};
use super::check::{Conversation, Notes, Place};
use super::handshake::secure;
use super::password;
use super::replication::{Lag, gravest, judge_lag, judge_role};
use super::secret::Secret;
use super::tcp::failure;
use super::tls::{Gravity, TlsClient, Trouble};
use super::transcript::{Speaker, Transcript, printable};
use super::wire::Stream;
use super::{Target, tcp};
use crate::health::{FailureKind, Outcome};
use crate::model::{PostgresCheck, TlsMode};

/// Length and code of SSLRequest (PostgreSQL protocol, section "Message Formats").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// In this order: whether it is a replica; whether all that was received is replayed; seconds since the last replayed
/// commit; what the receiver of WAL does, where there is one; replicas that stream from here; those that may not be seen.
const QUESTION: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
     CASE WHEN pg_catalog.pg_is_in_recovery() \
     THEN pg_catalog.pg_last_wal_replay_lsn() >= pg_catalog.pg_last_wal_receive_lsn() END, \
     extract(epoch FROM pg_catalog.now() - pg_catalog.pg_last_xact_replay_timestamp()), \
     (SELECT coalesce(status, 'hidden') FROM pg_catalog.pg_stat_wal_receiver LIMIT 1), \
     (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication WHERE state = 'streaming'), \
     (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication WHERE state IS NULL)";

type Session = Connection<Bounded<Box<dyn Stream>>, tokio_postgres::tls::NoTlsStream>;

/// A PostgreSQL monitor applied to a target.
#[derive(Debug)]
pub(super) struct PostgresProbe {
    check: PostgresCheck,
    tls: Option<TlsClient>,
    /// When the replica was last seen to stream and to have replayed all that it received. Forgotten where a probe does not
    /// come to an answer: a server that was away may be back with older data.
    caught_up: Mutex<Option<Instant>>,
}

impl PostgresProbe {
    pub(super) fn new(check: &PostgresCheck, target: &Target) -> Self {
        let policy = &check.server.tls;
        let secure = policy.mode != TlsMode::Off;
        let tls = secure.then(|| TlsClient::new(policy, &target.host, target.key.address));
        Self { check: check.clone(), tls, caught_up: Mutex::default() }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let caught_up = self.remember(None);
        let stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected = Some(place.start.elapsed());
        let (stream, trouble): (Box<dyn Stream>, _) = match &self.tls {
            None => (Box::new(stream), None),
            Some(tls) => start_tls(tls, stream, place, &mut notes.transcript).await?,
        };
        if let Some(trouble) = trouble.as_ref().filter(|trouble| trouble.gravity != Gravity::Ending) {
            return Err(trouble.clone().without_login());
        }
        // Not before: whether the server lives does not hang on this file.
        let password = match &self.check.server.password_file {
            Some(path) => Some(password::read(path, place.deadline).await?),
            None => None,
        };
        if let Some(password) = &password {
            notes.transcript.cover(password);
        }
        let (client, session) = self.log_in(stream, password, place.deadline, &mut notes.transcript).await?;
        let asked = Instant::now();
        let facts = ask(client, session, place.deadline, &mut notes.transcript).await?;
        let caught_up = if facts.is_caught_up() { Some(asked) } else { caught_up.filter(|_| facts.is_replica) };
        self.remember(caught_up);
        let since_caught_up = caught_up.map(|at| asked.duration_since(at));
        let trouble = trouble.map_or(Outcome::Ok, Trouble::outcome);
        Ok(gravest([self.judge(&facts, since_caught_up), trouble]))
    }

    /// Remembers when the replica was caught up; gives what was remembered before.
    fn remember(&self, caught_up: Option<Instant>) -> Option<Instant> {
        std::mem::replace(&mut *self.caught_up.lock().unwrap_or_else(PoisonError::into_inner), caught_up)
    }

    async fn log_in(
        &self,
        stream: Box<dyn Stream>,
        password: Option<Secret>,
        deadline: Instant,
        transcript: &mut Transcript,
    ) -> Result<(Client, Session), Outcome> {
        let (user, database) = (&self.check.server.user, &self.check.database);
        transcript.push(Speaker::Us, format!("login as {user} to database {database}").as_bytes());
        let mut config = Config::new();
        config.user(user).dbname(database).application_name("waypost").ssl_mode(SslMode::Disable);
        if let Some(password) = &password {
            config.password(password.reveal());
        }
        let connecting = config.connect_raw(Bounded::new(stream, DATABASE_SESSION), NoTls);
        let connected = timeout_at(deadline, connecting)
            .await
            .map_err(|_| Outcome::failed(FailureKind::Timeout, "timed out logging in"))?
            .map_err(|error| of_error(&error, "logging in"))?;
        transcript.push(Speaker::Them, b"logged in");
        Ok(connected)
    }

    /// What `facts` mean, where the replica was seen to be caught up `since_caught_up` ago.
    fn judge(&self, facts: &Facts, since_caught_up: Option<Duration>) -> Outcome {
        let PostgresCheck { server, replicas, .. } = &self.check;
        let role = judge_role(server.role, facts.is_replica);
        if facts.is_replica {
            return gravest([role, judge_lag(server, &facts.lag(&server.user, since_caught_up))]);
        }
        let missing = match (facts.streaming < *replicas, facts.hidden) {
            (false, _) => Outcome::Ok,
            (true, 0) => Outcome::Deferring(format!("{} of {replicas} replicas are streaming", facts.streaming)),
            (true, _) => Outcome::Deferring(unseen(&server.user, "pg_stat_replication")),
        };
        gravest([role, missing])
    }
}

#[async_trait]
impl Conversation for PostgresProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        let outcome = self.converse(place, notes).await.unwrap_or_else(|ended| ended);
        // A server may repeat the password in what it says.
        notes.transcript.discreet(outcome)
    }
}

/// Asks for TLS as PostgreSQL does; exactly one octet is read before the handshake, so that nothing can be slipped in.
async fn start_tls(
    tls: &TlsClient,
    mut stream: tokio::net::TcpStream,
    place: Place<'_>,
    transcript: &mut Transcript,
) -> Result<(Box<dyn Stream>, Option<Trouble>), Outcome> {
    transcript.push(Speaker::Us, b"SSLRequest");
    let asking = async {
        stream.write_all(&SSL_REQUEST).await?;
        stream.read_u8().await
    };
    let answer = timeout_at(place.deadline, asking)
        .await
        .map_err(|_| Outcome::failed(FailureKind::Timeout, "timed out waiting for the reply to SSLRequest"))?
        .map_err(|error| failure(&error, "waiting for the reply to SSLRequest"))?;
    match answer {
        b'S' => {
            let secured = secure(tls, stream, place, transcript).await?;
            Ok((Box::new(secured.stream), secured.trouble))
        }
        b'N' => Err(Outcome::Deferring("TLS is not offered; write tls = \"none\" if it need not be".to_owned())),
        other => {
            let reason = format!("the reply to SSLRequest is '{}', no PostgreSQL server's", printable(&[other]));
            Err(Outcome::failed(FailureKind::Protocol, reason))
        }
    }
}

/// Asks the question, within a statement timeout of what time is left, and says goodbye without waiting for it.
async fn ask(
    client: Client,
    session: Session,
    deadline: Instant,
    transcript: &mut Transcript,
) -> Result<Facts, Outcome> {
    const DOING: &str = "waiting for the answer to the query";
    let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
    let statement = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {left}; {QUESTION}; COMMIT");
    transcript.push(Speaker::Us, b"SELECT pg_is_in_recovery(), replay, receiver, replicas");
    let answering = async {
        let query = pin!(client.simple_query(&statement));
        match select(query, Box::pin(session)).await {
            Either::Left((answer, session)) => (answer.map_err(|error| of_error(&error, DOING)), Some(session)),
            // What came before the end is still there to be read.
            Either::Right((ended, query)) => {
                let answer = query.await.map_err(|error| of_error(&ended.err().unwrap_or(error), DOING));
                (answer, None)
            }
        }
    };
    let (answer, session) = timeout_at(deadline, answering)
        .await
        .map_err(|_| Outcome::failed(FailureKind::Timeout, format!("timed out {DOING}")))?;
    drop(client);
    if let Some(session) = session {
        tokio::spawn(timeout(DATABASE_FAREWELL, session));
    }
    let messages = answer?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let columns: Vec<Option<&str>> =
        row.map(|row| (0..row.len()).map(|at| row.try_get(at).ok().flatten()).collect()).unwrap_or_default();
    let shown = columns.iter().map(|column| column.unwrap_or("null")).collect::<Vec<_>>().join(" | ");
    transcript.push(Speaker::Them, shown.as_bytes());
    Facts::read(&columns).ok_or_else(|| {
        Outcome::failed(FailureKind::Protocol, format!("not what was asked for: {}", printable(shown.as_bytes())))
    })
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    is_replica: bool,
    /// Whether all that was received is replayed; `None` where nothing was received by streaming.
    caught_up: Option<bool>,
    /// Since the last replayed commit was made.
    since_commit: Option<Duration>,
    receiver: Option<String>,
    /// Replicas that stream from here.
    streaming: u32,
    /// Replicas whose state the user may not see.
    hidden: u32,
}

impl Facts {
    /// The answer to [`QUESTION`].
    fn read(columns: &[Option<&str>]) -> Option<Self> {
        let [is_replica, caught_up, since_commit, receiver, streaming, hidden] = columns else { return None };
        let truth = |text: &str| match text {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        };
        let since_commit = match since_commit {
            // Clocks of two machines differ: a commit may seem to lie ahead.
            Some(text) => Some(Duration::try_from_secs_f64(text.parse::<f64>().ok()?.max(0.0)).ok()?),
            None => None,
        };
        let caught_up = match caught_up {
            Some(text) => Some(truth(text)?),
            None => None,
        };
        Some(Self {
            is_replica: truth((*is_replica)?)?,
            caught_up,
            since_commit,
            receiver: receiver.map(str::to_owned),
            streaming: (*streaming)?.parse().ok()?,
            hidden: (*hidden)?.parse().ok()?,
        })
    }

    /// Whether it is a replica that streams and has replayed all that it received.
    fn is_caught_up(&self) -> bool {
        self.is_replica && self.caught_up == Some(true) && self.receiver.as_deref() == Some("streaming")
    }

    /// How far a replica is behind: not at all where it is caught up, for then the primary is merely idle. Else no further
    /// than its last commit is old, nor than it was seen to be caught up (`since_caught_up`): the first write after an hour
    /// of rest does not make it an hour late. One that reads from an archive alone may have all there is, or not.
    fn lag(&self, user: &str, since_caught_up: Option<Duration>) -> Lag {
        if self.is_caught_up() {
            return Lag::Behind(Duration::ZERO);
        }
        match (self.receiver.as_deref(), self.caught_up) {
            (Some("hidden"), Some(true)) => return Lag::Unknown(unseen(user, "pg_stat_wal_receiver")),
            (None, None) => {
                return Lag::Unknown("the replica has streamed nothing: how far it is behind is unknown".to_owned());
            }
            _ => {}
        }
        let least = [self.since_commit, since_caught_up].into_iter().flatten().min();
        let unknown = || Lag::Unknown("the replica has replayed no commit since its start".to_owned());
        least.map_or_else(unknown, Lag::Behind)
    }
}

fn unseen(user: &str, view: &str) -> String {
    format!("{user} may not see {view}; GRANT pg_read_all_stats TO {user}")
}

/// What an error of the protocol says.
fn of_error(error: &Error, doing: &str) -> Outcome {
    if let Some(said) = error.as_db_error() {
        return of_server(said.code().code(), said.message());
    }
    if error.is_closed() {
        return Outcome::failed(FailureKind::Reset, format!("connection closed while {doing}"));
    }
    let cause = error.source();
    if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<io::Error>())
        && !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    {
        return failure(error, doing);
    }
    let words = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    let words = printable(words.as_bytes());
    if words.contains("password missing") {
        return Outcome::Deferring("the server asks for a password; add password_file".to_owned());
    }
    Outcome::failed(FailureKind::Protocol, format!("{words} while {doing}"))
}

/// What the server's own error says, by its SQLSTATE: whoever may not come in, or finds no place, has not seen it fail.
fn of_server(code: &str, message: &str) -> Outcome {
    let words = format!("{} {}", printable(code.as_bytes()), printable(message.as_bytes()));
    match code {
        // Invalid authorization, insufficient resources (too many connections), insufficient privilege.
        code if code.starts_with("28") || code.starts_with("53") || code == "42501" => Outcome::Deferring(words),
        // Query canceled: by the statement timeout.
        "57014" => Outcome::failed(FailureKind::Timeout, words),
        _ => Outcome::failed(FailureKind::Protocol, words),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::replication::tests::check;
    use super::*;
    use crate::model::DatabaseRole;

    fn probe(role: DatabaseRole, warning: Option<u64>, critical: Option<u64>, replicas: u32) -> PostgresProbe {
        let check = PostgresCheck { server: check(role, warning, critical), database: "postgres".into(), replicas };
        PostgresProbe { check, tls: None, caught_up: Mutex::default() }
    }

    fn facts(columns: [&str; 6]) -> Facts {
        let columns = columns.map(|text| (text != "null").then_some(text));
        Facts::read(&columns).unwrap()
    }

    #[test]
    fn an_idle_primary_makes_no_lag() {
        let idle = facts(["t", "t", "3600.5", "streaming", "0", "0"]);
        assert_eq!(idle.lag("w", None), Lag::Behind(Duration::ZERO));
        let paused = facts(["t", "f", "12.25", "streaming", "0", "0"]);
        assert_eq!(paused.lag("w", None), Lag::Behind(Duration::from_millis(12_250)));
        let cut_off = facts(["t", "t", "90", "null", "0", "0"]);
        assert_eq!(cut_off.lag("w", None), Lag::Behind(Duration::from_secs(90)));
        let ahead = facts(["t", "f", "-0.5", "streaming", "0", "0"]);
        assert_eq!(ahead.lag("w", None), Lag::Behind(Duration::ZERO));
    }

    #[test]
    fn a_replica_that_reads_an_archive_has_no_known_lag() {
        let archive = facts(["t", "null", "3600", "null", "0", "0"]);
        assert!(matches!(archive.lag("w", None), Lag::Unknown(words) if words.contains("streamed nothing")));
        let outcome = probe(DatabaseRole::Replica, Some(5), Some(20), 0).judge(&archive, None);
        assert!(matches!(&outcome, Outcome::Deferring(_)), "{outcome:?}");
        assert_eq!(probe(DatabaseRole::Replica, None, None, 0).judge(&archive, None), Outcome::Ok);
    }

    #[test]
    fn the_first_write_after_rest_makes_no_lag_of_the_rest() {
        let (short, long) = (Some(Duration::from_secs(3)), Some(Duration::from_secs(7200)));
        let woken = facts(["t", "f", "3600", "streaming", "0", "0"]);
        assert_eq!(woken.lag("w", short), Lag::Behind(Duration::from_secs(3)));
        assert_eq!(woken.lag("w", long), Lag::Behind(Duration::from_secs(3600)));
        assert_eq!(woken.lag("w", None), Lag::Behind(Duration::from_secs(3600)));
        let started = facts(["t", "f", "null", "streaming", "0", "0"]);
        assert_eq!(started.lag("w", short), Lag::Behind(Duration::from_secs(3)));
        assert!(matches!(started.lag("w", None), Lag::Unknown(_)));
        let cut_off = facts(["t", "t", "3600", "null", "0", "0"]);
        assert_eq!(cut_off.lag("w", short), Lag::Behind(Duration::from_secs(3)));
    }

    #[test]
    fn what_the_user_may_not_see_comes_with_the_grant() {
        let hidden = facts(["t", "t", "90", "hidden", "0", "0"]);
        let outcome = probe(DatabaseRole::Replica, Some(10), None, 0).judge(&hidden, None);
        assert!(
            outcome.reason().is_some_and(|words| words.contains("GRANT pg_read_all_stats TO waypost")),
            "{outcome:?}"
        );
        let hidden = facts(["f", "null", "null", "null", "0", "2"]);
        let outcome = probe(DatabaseRole::Primary, None, None, 2).judge(&hidden, None);
        assert!(matches!(&outcome, Outcome::Deferring(words) if words.contains("GRANT")), "{outcome:?}");
    }

    #[test]
    fn a_primary_without_its_replicas_defers() {
        let primary = facts(["f", "null", "null", "null", "1", "0"]);
        assert_eq!(probe(DatabaseRole::Primary, None, None, 1).judge(&primary, None), Outcome::Ok);
        let outcome = probe(DatabaseRole::Any, None, None, 2).judge(&primary, None);
        assert_eq!(outcome, Outcome::Deferring("1 of 2 replicas are streaming".into()));
    }

    #[test]
    fn the_wrong_part_is_graver_than_lag() {
        let late = facts(["t", "f", "30", "streaming", "0", "0"]);
        let outcome = probe(DatabaseRole::Any, Some(5), Some(20), 0).judge(&late, None);
        assert_eq!(outcome.reason(), Some("the replica is 30.0 s behind, lag_critical is 20 s"));
        assert!(matches!(probe(DatabaseRole::Any, Some(5), None, 0).judge(&late, None), Outcome::Deferring(_)));
        let outcome = probe(DatabaseRole::Primary, None, None, 0).judge(&late, None);
        assert_eq!(outcome.reason(), Some("it is a replica, not the primary"));
    }

    #[test]
    fn a_closed_door_defers_and_a_dead_server_fails() {
        for code in ["28P01", "28000", "53300", "42501"] {
            assert_eq!(of_server(code, "no"), Outcome::Deferring(format!("{code} no")));
        }
        let starting = of_server("57P03", "the database system is starting up");
        assert_eq!(starting.as_str(), "protocol");
        assert_eq!(of_server("57014", "canceling statement due to statement timeout").as_str(), "timeout");
    }

    proptest! {
        #[test]
        fn any_row_is_an_answer_or_none(columns in prop::collection::vec(prop::option::of("[tf0-9.eE+-]{0,12}|nan|inf"), 0..8)) {
            let columns: Vec<Option<&str>> = columns.iter().map(Option::as_deref).collect();
            if let Some(facts) = Facts::read(&columns) {
                let _ = probe(DatabaseRole::Any, Some(1), Some(2), 1).judge(&facts, None);
            }
        }
    }
}
