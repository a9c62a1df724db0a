//! Database servers that hang, close or babble at each step, and what they say when they do not.

use proptest::prelude::*;
use tokio::io::AsyncReadExt;

use super::servers::{Act, break_everywhere, speaking};
use super::*;
use crate::model::{DatabaseCheck, DatabaseRole, PostgresCheck};
use crate::probe::check::{Conversation, Notes, Place};
use crate::probe::mysql_wire::{self as wire, tests::hello};
use crate::probe::postgres::PostgresProbe;
use crate::probe::replication::tests::check;

/// A message of the PostgreSQL protocol.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[tag], &length[..], body].concat()
}

/// AuthenticationOk and ReadyForQuery.
fn let_in() -> Vec<u8> {
    [message(b'R', &[0; 4]), message(b'Z', b"I")].concat()
}

/// The answer to the four statements, with `columns` in the one row.
fn answer(columns: &[Option<&str>]) -> Vec<u8> {
    let count = u16::try_from(columns.len()).unwrap().to_be_bytes();
    let mut description = count.to_vec();
    let mut row = count.to_vec();
    for column in columns {
        // Name, table, column, type, length, modifier, format.
        description.extend_from_slice(b"c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
        match column {
            None => row.extend_from_slice(&[0xff; 4]),
            Some(text) => {
                row.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
                row.extend_from_slice(text.as_bytes());
            }
        }
    }
    [
        message(b'C', b"BEGIN\0"),
        message(b'C', b"SET\0"),
        message(b'T', &description),
        message(b'D', &row),
        message(b'C', b"SELECT 1\0"),
        message(b'C', b"COMMIT\0"),
        message(b'Z', b"I"),
    ]
    .concat()
}

fn error(code: &str, words: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{words}\0\0").as_bytes())
}

fn postgres(server: DatabaseCheck) -> MonitorKind {
    MonitorKind::Postgres(PostgresCheck { server, database: "postgres".into(), replicas: 0 })
}

fn anybody() -> DatabaseCheck {
    check(DatabaseRole::Any, None, None)
}

fn secured(server: DatabaseCheck) -> DatabaseCheck {
    DatabaseCheck { tls: tls(TlsMode::Starttls, None), ..server }
}

const PRIMARY: [Option<&str>; 6] = [Some("f"), None, None, None, Some("0"), Some("0")];

#[tokio::test]
async fn a_postgresql_session_may_break_at_each_step() {
    let script = [Act::Read, Act::Send(let_in()), Act::Read, Act::Send(answer(&PRIMARY))];
    assert_ok(&probe(postgres(anybody()), speaking(script.to_vec()).await).await);
    break_everywhere(&postgres(anybody()), &script).await;
}

#[tokio::test]
async fn a_postgresql_server_answers_for_tls_with_one_octet() {
    let kind = || postgres(secured(anybody()));
    break_everywhere(&kind(), &[Act::Read]).await;
    let without = speaking(vec![Act::Read, Act::Send(b"N".to_vec()), Act::Hang]).await;
    assert_deferring(&probe(kind(), without).await, "TLS is not offered");
    let other = speaking(vec![Act::Read, Act::Send(b"H".to_vec()), Act::Hang]).await;
    assert_failed(&probe(kind(), other).await, FailureKind::Protocol, "no PostgreSQL server's");
    let injecting = speaking(vec![Act::Read, Act::Send([b"S".to_vec(), let_in()].concat()), Act::Hang]).await;
    assert_failed(&probe(kind(), injecting).await, FailureKind::Tls, "handshake failed");
}

#[tokio::test]
async fn what_postgresql_says_is_passed_on() {
    for (code, words, fails) in [
        ("57P03", "the database system is starting up", true),
        ("3D000", "database \"postgres\" does not exist", true),
        ("53300", "sorry, too many clients already", false),
        ("28P01", "password authentication failed", false),
    ] {
        let report = probe(postgres(anybody()), speaking(vec![Act::Read, Act::Send(error(code, words))]).await).await;
        match fails {
            true => assert_failed(&report, FailureKind::Protocol, words),
            false => assert_deferring(&report, words),
        }
    }
    let leaving = vec![Act::Read, Act::Send(let_in()), Act::Read, Act::Send(error("57P01", "terminating connection"))];
    let report = probe(postgres(anybody()), speaking(leaving).await).await;
    assert!(matches!(report.finding.outcome, Outcome::Failed { .. }), "{report:?}");
    let asking = vec![Act::Read, Act::Send(message(b'R', &[0, 0, 0, 3])), Act::Hang];
    assert_deferring(&probe(postgres(anybody()), speaking(asking).await).await, "add password_file");
}

#[tokio::test]
async fn endless_notices_are_cut() {
    let notice = message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0");
    let report = probe(
        postgres(anybody()),
        speaking(vec![Act::Read, Act::Send(message(b'R', &[0; 4])), Act::Flood(notice)]).await,
    )
    .await;
    assert_failed(&report, FailureKind::Protocol, "more than it was asked for");
    let huge = vec![Act::Read, Act::Send(vec![b'R', 0x7f, 0xff, 0xff, 0xff]), Act::Flood(vec![0; 4096])];
    let report = probe(postgres(anybody()), speaking(huge).await).await;
    assert_failed(&report, FailureKind::Protocol, "more than it was asked for");
}

#[tokio::test]
async fn a_password_file_that_is_missing_says_nothing_against_a_server_that_lives() {
    let server = DatabaseCheck { password_file: Some("/nonexistent/password".into()), ..anybody() };
    let alive = [vec![Act::Hang], vec![Act::Send(greeting()), Act::Hang]];
    for (kind, script) in [postgres(server.clone()), MonitorKind::Mysql(server)].into_iter().zip(alive) {
        let report = probe(kind.clone(), speaking(script).await).await;
        assert_unchecked(&report, "cannot read the password file /nonexistent/password");
        assert!(!report.transcript.unwrap().contains("> login"), "said before the password was there");
        assert_failed(&probe(kind, nobody().await).await, FailureKind::Refused, "refused");
    }
    let server = DatabaseCheck { password_file: Some("/nonexistent/password".into()), ..anybody() };
    let silent = speaking(vec![Act::Hang]).await;
    let report = probe_within(MonitorKind::Mysql(server), silent, Duration::from_millis(250)).await;
    assert_failed(&report, FailureKind::Timeout, "the greeting");
}

#[tokio::test]
async fn a_password_that_a_server_repeats_is_shown_nowhere() {
    const PASSWORD: &str = "hunter2-and-3";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let server = DatabaseCheck { password_file: Some(file), ..check(DatabaseRole::Replica, Some(5), Some(10)) };
    let postgres = || postgres(server.clone());
    let mysql = || MonitorKind::Mysql(server.clone());
    let repeated = format!("no entry for {PASSWORD} here");
    let mysql_error = |code: &[u8]| [b"\xff", code, b"#42000", repeated.as_bytes()].concat();
    let welcome = mysql_prelude();
    let mut column = PRIMARY;
    column[3] = Some(PASSWORD);
    let stopped = result(&[
        ("Replica_IO_Running", Some("No")),
        ("Replica_SQL_Running", Some("Yes")),
        ("Last_IO_Error", Some(&repeated)),
    ]);
    // So long that it is cut within the password.
    let strange = [&b"\x05"[..], "x".repeat(50).as_bytes(), PASSWORD.as_bytes()].concat();
    let cases = [
        (postgres(), vec![Act::Read, Act::Send(error("28P01", &repeated))]),
        (postgres(), vec![Act::Read, Act::Send(error("XX000", &repeated))]),
        (postgres(), vec![Act::Read, Act::Send(let_in()), Act::Read, Act::Send(error("42501", &repeated))]),
        (postgres(), vec![Act::Read, Act::Send(let_in()), Act::Read, Act::Send(answer(&column))]),
        (postgres(), vec![Act::Read, Act::Send(let_in()), Act::Read, Act::Send(answer(&column[3..4]))]),
        (mysql(), vec![Act::Send(greeting()), Act::Read, Act::Send(packets(2, &[mysql_error(b"\x15\x04")]))]),
        (
            mysql(),
            vec![
                Act::Send(greeting()),
                Act::Read,
                Act::Send(packets(2, &[[b"\xfe", PASSWORD.as_bytes(), b"\0salt\0"].concat()])),
            ],
        ),
        (mysql(), vec![Act::Send(greeting()), Act::Read, Act::Send(packets(2, &[strange]))]),
        (mysql(), [welcome.clone(), vec![Act::Send(packets(1, &[mysql_error(b"\x28\x05")]))]].concat()),
        (mysql(), [welcome, vec![Act::Send(stopped)]].concat()),
    ];
    for (number, (kind, script)) in cases.into_iter().enumerate() {
        let report = probe(kind, speaking([script, vec![Act::Hang]].concat()).await).await;
        let said = format!("{:?} {}", report.finding.outcome, report.transcript.unwrap());
        assert!(said.contains("***"), "{number}: {said}");
        assert!(!said.contains("hunter2"), "{number}: {said}");
    }
}

/// A server that lets everybody in, is a replica, and has been asked for its replication.
fn mysql_prelude() -> Vec<Act> {
    let mut script = mysql("1", Vec::new());
    script.pop();
    script
}

#[tokio::test]
async fn a_replica_that_wakes_is_as_late_as_it_was_seen_to_be() {
    let server = check(DatabaseRole::Replica, Some(1000), Some(2000));
    let kind = postgres(server.clone());
    let nowhere = target(kind.clone(), nobody().await, Duration::from_secs(30));
    let MonitorKind::Postgres(wanted) = &kind else { panic!("{kind:?}") };
    let probe = PostgresProbe::new(wanted, &nowhere);
    let trust = TrustStore::default();
    let telling = async |columns: [Option<&str>; 6]| {
        speaking(vec![Act::Read, Act::Send(let_in()), Act::Read, Act::Send(answer(&columns)), Act::Hang]).await
    };
    let idle = telling([Some("t"), Some("t"), Some("7200"), Some("streaming"), Some("0"), Some("0")]).await;
    let woken = telling([Some("t"), Some("f"), Some("7200"), Some("streaming"), Some("0"), Some("0")]).await;
    let primary = telling(PRIMARY).await;
    let asked = async |address: SocketAddr| {
        let start = tokio::time::Instant::now();
        let place = Place { address, start, deadline: start + Duration::from_secs(30), trust: &trust };
        probe.hold(place, &mut Notes::default()).await
    };
    let late = "the replica is 7200.0 s behind, lag_critical is 2000 s";
    assert_eq!(asked(woken).await.reason(), Some(late), "nothing better is known");
    assert_eq!(asked(idle).await, Outcome::Ok);
    assert_eq!(asked(woken).await, Outcome::Ok);
    assert_eq!(asked(woken).await, Outcome::Ok, "the memory lasts");
    // A server that was away, or was a primary, may follow with other data.
    for other in [nobody().await, primary] {
        assert_eq!(asked(idle).await, Outcome::Ok);
        assert!(asked(other).await.reason().is_some());
        assert_eq!(asked(woken).await.reason(), Some(late));
    }
}

#[tokio::test]
async fn no_password_goes_to_a_server_whose_certificate_is_not_trusted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let (config, _) = certificate("mx.example.org", -1, 90);
    let (_kept, ca) = ca_file(&certificate("other.example.org", -1, 90).1);
    let check = DatabaseCheck { password_file: Some(file), tls: tls(TlsMode::Starttls, Some(ca)), ..anybody() };
    // Reads the eight octets that ask for TLS, and after the handshake would take what the probe says.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(b"S").await.unwrap();
        let mut secured = tokio_rustls::TlsAcceptor::from(config).accept(stream).await.unwrap();
        let mut heard = Vec::new();
        let _ = secured.read_to_end(&mut heard).await;
        heard
    });
    let report = probe(postgres(check), address).await;
    assert_deferring(&report, "not signed by an authority that is trusted");
    assert!(report.finding.outcome.reason().unwrap().ends_with("did not log in"));
    assert!(heard.await.unwrap().is_empty(), "something was said all the same");
}

/// Packets of the MySQL protocol, numbered from `first`.
fn packets(first: u8, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for (number, payload) in (first..).zip(payloads) {
        octets.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes()[..3]);
        octets.push(number);
        octets.extend_from_slice(payload);
    }
    octets
}

fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// A result with one row.
fn result(row: &[(&str, Option<&str>)]) -> Vec<u8> {
    const END: &[u8] = &[0xfe, 0, 0, 2, 0];
    let mut payloads = vec![vec![u8::try_from(row.len()).unwrap()]];
    for (name, _) in row {
        payloads.push([text("def"), text(""), text(""), text(""), text(name), text("")].concat());
    }
    payloads.push(END.to_vec());
    payloads.push(row.iter().flat_map(|(_, value)| value.map_or_else(|| vec![0xfb], text)).collect());
    payloads.push(END.to_vec());
    packets(1, &payloads)
}

const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

fn greeting() -> Vec<u8> {
    packets(0, &[hello("8.0.36", wire::CAPABILITIES, "mysql_native_password")])
}

/// A server that lets everybody in and answers role and replication.
fn mysql(read_only: &str, replication: Vec<u8>) -> Vec<Act> {
    vec![
        Act::Send(greeting()),
        Act::Read,
        Act::Send(packets(2, &[OK.to_vec()])),
        Act::Read,
        Act::Send(result(&[("@@global.read_only", Some(read_only))])),
        Act::Read,
        Act::Send(replication),
    ]
}

fn following(receiver: &str, applier: &str, behind: Option<&str>) -> Vec<u8> {
    result(&[
        ("Replica_IO_Running", Some(receiver)),
        ("Replica_SQL_Running", Some(applier)),
        ("Seconds_Behind_Source", behind),
        ("Last_SQL_Error", Some("duplicate key")),
    ])
}

fn replica(warning: Option<u64>, critical: Option<u64>) -> MonitorKind {
    MonitorKind::Mysql(check(DatabaseRole::Replica, warning, critical))
}

#[tokio::test]
async fn a_mysql_session_may_break_at_each_step() {
    let script = mysql("1", following("Yes", "Yes", Some("0")));
    assert_ok(&probe(replica(Some(5), Some(10)), speaking(script.clone()).await).await);
    break_everywhere(&replica(Some(5), Some(10)), &script).await;
}

#[tokio::test]
async fn the_state_of_a_mysql_replica_is_judged() {
    let told =
        async |replication: Vec<u8>, kind: MonitorKind| probe(kind, speaking(mysql("1", replication)).await).await;
    let (soft, hard) = (|| replica(Some(5), None), || replica(Some(5), Some(10)));
    assert_deferring(&told(following("Yes", "Yes", Some("7")), hard()).await, "7.0 s behind, lag_warning is 5 s");
    let report = told(following("Yes", "Yes", Some("70")), hard()).await;
    assert_failed(&report, FailureKind::Protocol, "70.0 s behind, lag_critical is 10 s");
    assert_deferring(
        &told(following("Yes", "No", None), soft()).await,
        "the SQL thread of the replica is not running (No)",
    );
    assert_failed(&told(following("Yes", "No", None), hard()).await, FailureKind::Protocol, "duplicate key");
    assert_deferring(&told(following("Connecting", "Yes", None), hard()).await, "the I/O thread");
    assert_deferring(
        &told(following("No", "Yes", None), soft()).await,
        "the I/O thread of the replica is not running (No)",
    );
    let report = told(following("No", "Yes", None), hard()).await;
    assert_failed(&report, FailureKind::Protocol, "the I/O thread of the replica is not running (No)");
    assert_deferring(&told(following("Yes", "Yes", None), hard()).await, "does not know how far");
    let none = packets(1, &[OK.to_vec()]);
    assert_failed(&told(none, hard()).await, FailureKind::Protocol, "it follows no primary");
    let hidden = packets(1, &[b"\xff\xcb\x04#42000Access denied; you need REPLICATION CLIENT".to_vec()]);
    assert_deferring(&told(hidden.clone(), hard()).await, "GRANT REPLICATION CLIENT");
    assert_ok(&told(hidden, MonitorKind::Mysql(anybody())).await);
}

#[tokio::test]
async fn a_mysql_server_plays_the_part_that_is_wanted() {
    let writable = || mysql("0", packets(1, &[OK.to_vec()]));
    assert_ok(&probe(MonitorKind::Mysql(check(DatabaseRole::Primary, None, None)), speaking(writable()).await).await);
    let report = probe(replica(None, None), speaking(writable()).await).await;
    assert_failed(&report, FailureKind::Protocol, "it is a primary, not a replica");
    let read_only = mysql("1", packets(1, &[OK.to_vec()]));
    let report = probe(MonitorKind::Mysql(check(DatabaseRole::Primary, None, None)), speaking(read_only).await).await;
    assert_failed(&report, FailureKind::Protocol, "it is a replica, not the primary");
}

#[tokio::test]
async fn an_older_mysql_server_is_asked_in_older_words() {
    let mut script = mysql("1", packets(1, &[b"\xff\x28\x04#42000You have an error in your SQL syntax".to_vec()]));
    script.extend([
        Act::Read,
        Act::Send(result(&[
            ("Slave_IO_Running", Some("Yes")),
            ("Slave_SQL_Running", Some("Yes")),
            ("Seconds_Behind_Master", Some("6")),
        ])),
    ]);
    assert_deferring(&probe(replica(Some(5), None), speaking(script).await).await, "6.0 s behind");
}

#[tokio::test]
async fn a_mariadb_server_is_asked_for_all_its_connections() {
    let mut script = mysql("1", packets(1, &[b"\xff\x28\x04#42000You have an error in your SQL syntax".to_vec()]));
    script[0] = Act::Send(packets(0, &[hello("5.5.5-10.4.34-MariaDB", wire::CAPABILITIES, "mysql_native_password")]));
    script.extend([
        Act::Read,
        Act::Send(result(&[
            ("Connection_name", Some("second")),
            ("Slave_IO_Running", Some("Yes")),
            ("Slave_SQL_Running", Some("Yes")),
            ("Seconds_Behind_Master", Some("6")),
        ])),
    ]);
    let report = probe(replica(Some(5), None), speaking(script).await).await;
    assert_deferring(&report, "6.0 s behind");
    let said = report.transcript.unwrap();
    let asked: Vec<&str> = said.lines().filter(|line| line.starts_with("> SHOW")).collect();
    assert_eq!(asked, ["> SHOW ALL REPLICAS STATUS", "> SHOW ALL SLAVES STATUS"]);
    assert!(said.contains("< Connection_name: second"), "{said}");
}

#[tokio::test]
async fn logins_at_a_mysql_server_end_one_way_or_another() {
    let kind = || MonitorKind::Mysql(anybody());
    let replying = async |replies: &[&[u8]]| {
        let mut script = vec![Act::Send(greeting())];
        for (number, reply) in (1_u8..).zip(replies) {
            script.extend([Act::Read, Act::Send(packets(number * 2, &[reply.to_vec()]))]);
        }
        probe(kind(), speaking([script, vec![Act::Hang]].concat()).await).await
    };
    assert_deferring(&replying(&[b"\xff\x15\x04#28000Access denied for user"]).await, "1045 Access denied for user");
    assert_deferring(&replying(&[&b"\xfeclient_ed25519\0salt\0"[..]]).await, "client_ed25519, which the probe cannot");
    let native = &b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0"[..];
    assert_deferring(&replying(&[native, b"\x01\x04"]).await, "through TLS only");
    let round = &b"\xfemysql_native_password\0abcdefghijklmnopqrst\0"[..];
    assert_failed(&replying(&[round; 8]).await, FailureKind::Protocol, "does not come to an end");
    let full = speaking(vec![Act::Send(packets(0, &[b"\xff\x10\x04Too many connections".to_vec()]))]).await;
    assert_deferring(&probe(kind(), full).await, "1040 Too many connections");
    let plain = speaking(vec![Act::Send(greeting()), Act::Hang]).await;
    assert_deferring(&probe(MonitorKind::Mysql(secured(anybody())), plain).await, "TLS is not offered");
}

#[tokio::test]
async fn a_mysql_server_without_end_is_cut() {
    let script = mysql("1", Vec::new());
    let rows = packets(3, &[text("x")]);
    let head = packets(1, &[vec![1], [text(""), text(""), text(""), text(""), text("a")].concat()]);
    let end = packets(3, &[vec![0xfe, 0, 0, 2, 0]]);
    let endless = [&script[..6], &[Act::Send([head, end].concat()), Act::Flood(rows)]].concat();
    assert_failed(
        &probe(replica(None, None), speaking(endless).await).await,
        FailureKind::Protocol,
        "more than 64 rows",
    );
    let huge = speaking(vec![Act::Send(vec![0xff, 0xff, 0xff, 0]), Act::Flood(vec![0; 4096])]).await;
    assert_failed(&probe(replica(None, None), huge).await, FailureKind::Protocol, "16777215 octets");
}

#[tokio::test]
async fn words_that_drip_end_with_the_time() {
    let wait = Duration::from_millis(300);
    let notice = message(b'N', b"SNOTICE\0VNOTICE\0C00000\0Mhello\0\0");
    let slow = speaking(vec![Act::Read, Act::Send(message(b'R', &[0; 4])), Act::Drip(notice)]).await;
    assert_failed(&probe_within(postgres(anybody()), slow, wait).await, FailureKind::Timeout, "logging in");
    let slow = speaking(vec![Act::Send(vec![200, 0, 0, 0]), Act::Drip(vec![10])]).await;
    assert_failed(&probe_within(replica(None, None), slow, wait).await, FailureKind::Timeout, "the greeting");
}

#[tokio::test]
async fn a_mysql_password_is_shown_inside_tls_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let (config, pem) = certificate("mx.example.org", -1, 90);
    let (_kept, ca) = ca_file(&pem);
    let check = DatabaseCheck {
        password_file: Some(file),
        tls: tls(TlsMode::Starttls, Some(ca)),
        ..check(DatabaseRole::Primary, None, None)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shown = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let capabilities = wire::CAPABILITIES | wire::CAPABILITY_TLS;
        stream.write_all(&packets(0, &[hello("8.4.0", capabilities, "caching_sha2_password")])).await.unwrap();
        stream.read_exact(&mut [0; 36]).await.unwrap();
        let mut stream = tokio_rustls::TlsAcceptor::from(config).accept(stream).await.unwrap();
        let mut heard = [0; 4096];
        let length = stream.read(&mut heard).await.unwrap();
        assert!(!heard[..length].windows(7).any(|window| window == b"hunter2"), "shown before it was asked for");
        stream.write_all(&packets(3, &[b"\x01\x04".to_vec()])).await.unwrap();
        let length = stream.read(&mut heard).await.unwrap();
        let shown = heard[..length].to_vec();
        stream.write_all(&packets(5, &[OK.to_vec()])).await.unwrap();
        let _ = stream.read(&mut heard).await.unwrap();
        stream.write_all(&result(&[("@@global.read_only", Some("0"))])).await.unwrap();
        let _ = stream.read(&mut heard).await;
        shown
    });
    let report = probe(MonitorKind::Mysql(check), address).await;
    assert_ok(&report);
    assert_eq!(shown.await.unwrap(), packets(4, &[b"hunter2\0".to_vec()]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_octets_from_a_database_are_judged(
        octets in prop::collection::vec(any::<u8>(), 0..200),
        tag in prop::sample::select(b"RSKZENTDCAnIvt".to_vec()),
        inside: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Octets of a message are mostly refused where its frame is not right.
            let mine = message(tag, &octets);
            let begin = if inside { vec![Act::Read, Act::Send(let_in())] } else { vec![] };
            let address = speaking([begin, vec![Act::Read, Act::Send(mine)]].concat()).await;
            let report = probe(postgres(anybody()), address).await;
            assert!(report.finding.outcome.reason().is_some(), "{report:?}");
            let begin = if inside { vec![Act::Send(greeting()), Act::Read] } else { vec![] };
            let address = speaking([begin, vec![Act::Send(packets(0, &[octets]))]].concat()).await;
            let report = probe(replica(None, None), address).await;
            assert!(report.finding.outcome.reason().is_some(), "{report:?}");
        });
    }
}
