//! A real PostgreSQL primary with a real streaming replica, through what happens to both.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;

use waypost::health::FailureKind::{Protocol, Refused, Timeout};

use crate::certificates::Authority;
use crate::patience::wait_until;
use crate::ports::free_port;
use crate::scene::{HOST, PATIENCE, SECRET, Scene, Server, Wanted, await_outcome, await_port, expect, have};

/// One server with its data.
struct Postgres<'a> {
    scene: &'a Scene,
    name: &'static str,
    address: SocketAddr,
    server: Server,
}

impl<'a> Postgres<'a> {
    /// A primary with TLS, a table and users.
    fn primary(scene: &'a Scene, authority: &Authority) -> Self {
        let data = scene.path("primary").display().to_string();
        let password = scene.file("super.password", SECRET).display().to_string();
        let method = "--auth=scram-sha-256";
        let user = "--username=super";
        scene.run(
            "initdb",
            &["-D", &data, user, method, &format!("--pwfile={password}"), "--no-sync", "-E", "UTF8", "--locale=C"],
        );
        let identity = authority.issue(scene, "server", HOST, -1, 90);
        let mut settings = fs::read_to_string(format!("{data}/postgresql.conf")).unwrap();
        let (certificate, key) = (identity.certificate.display(), identity.key.display());
        write!(
            settings,
            "\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nshared_buffers = 16MB\n\
             ssl = on\nssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n"
        )
        .unwrap();
        fs::write(format!("{data}/postgresql.conf"), settings).unwrap();
        let primary = Self::start(scene, "primary");
        primary.run(&format!(
            "CREATE ROLE waypost LOGIN PASSWORD '{SECRET}'; GRANT pg_read_all_stats TO waypost; \
             CREATE ROLE blind LOGIN PASSWORD '{SECRET}'; CREATE TABLE letters (number int); \
             INSERT INTO letters VALUES (0);"
        ));
        primary
    }

    /// A replica that streams from `primary`.
    fn replica_of(primary: &Postgres<'a>) -> Self {
        let data = primary.scene.path("replica").display().to_string();
        let port = primary.address.port().to_string();
        let mut copying = primary.scene.command("pg_basebackup");
        copying.env("PGPASSWORD", SECRET);
        copying.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "super",
            "-D",
            &data,
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ]);
        let output = copying.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::start(primary.scene, "replica")
    }

    fn start(scene: &'a Scene, name: &'static str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = scene.command("postgres");
        command.arg("-D").arg(scene.path(name)).args(["-p", &address.port().to_string()]);
        let mut server = scene.start(name, command);
        await_port(&mut server, address);
        let postgres = Self { scene, name, address, server };
        wait_until(&format!("the {name} takes queries"), PATIENCE, || postgres.query("SELECT 1").is_ok());
        postgres
    }

    fn query(&self, statement: &str) -> Result<String, String> {
        let port = self.address.port().to_string();
        let mut psql = self.scene.command("psql");
        psql.env("PGPASSWORD", SECRET).args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]);
        psql.args(["-h", "127.0.0.1", "-p", &port, "-U", "super", "-d", "postgres", "-c", statement]);
        let output = psql.output().unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn run(&self, statement: &str) -> String {
        self.query(statement).unwrap_or_else(|error| panic!("{} {statement}: {error}", self.name))
    }
}

#[test]
fn a_postgresql_pair_is_followed_through_its_life() {
    if !have(&["initdb", "postgres", "pg_basebackup", "psql"]) {
        return;
    }
    let scene = Scene::new("postgres");
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let mut primary = Postgres::primary(&scene, &ours);
    let password = scene.file("waypost.password", &format!("{SECRET}\n"));
    let wrong = scene.file("wrong.password", "not-the-password\n");
    let login = format!(
        "kind = \"postgres\"\nuser = \"waypost\"\npassword_file = \"{}\"\ntimeout = \"10s\"\n",
        password.display()
    );
    let with = |rest: &str| format!("{login}tls = \"none\"\n{rest}");

    // One server alone.
    expect(&with("role = \"primary\"\n"), primary.address, Wanted::Ok);
    expect(&with("role = \"replica\"\n"), primary.address, Wanted::Failed(Protocol, "a primary, not a replica"));
    expect(&with("replicas = 1\n"), primary.address, Wanted::Deferring("0 of 1 replicas are streaming"));
    logins_and_certificates(
        &scene,
        &primary,
        &login,
        [&ours, &theirs],
        &password.display().to_string(),
        &wrong.display().to_string(),
    );

    // A pair.
    let replica = Postgres::replica_of(&primary);
    await_outcome(&with("role = \"primary\"\nreplicas = 1\n"), primary.address, Wanted::Ok);
    expect(&with("replicas = 2\n"), primary.address, Wanted::Deferring("1 of 2 replicas are streaming"));
    let warned = with("role = \"replica\"\nlag_warning = \"1s\"\nlag_critical = \"1h\"\n");
    let failed = with("role = \"replica\"\nlag_warning = \"1s\"\nlag_critical = \"3s\"\n");
    await_outcome(&failed, replica.address, Wanted::Ok);
    expect(&with("role = \"primary\"\n"), replica.address, Wanted::Failed(Protocol, "a replica, not the primary"));
    let blind = with("lag_warning = \"1s\"\n").replace("\"waypost\"", "\"blind\"");
    await_outcome(&blind, replica.address, Wanted::Deferring("GRANT pg_read_all_stats TO blind"));
    let blind = with("replicas = 1\n").replace("\"waypost\"", "\"blind\"");
    expect(&blind, primary.address, Wanted::Deferring("GRANT pg_read_all_stats TO blind"));

    // Replay stands still while the primary is written. Before that a commit is replayed, for the age of the data is its.
    primary.run("INSERT INTO letters VALUES (1)");
    wait_until("the replica has the letter", PATIENCE, || replica.run("SELECT count(*) FROM letters") == "2");
    replica.run("SELECT pg_wal_replay_pause()");
    primary.run("INSERT INTO letters SELECT generate_series(1, 1000)");
    await_outcome(&warned, replica.address, Wanted::Deferring("lag_warning is 1 s"));
    await_outcome(&failed, replica.address, Wanted::Failed(Protocol, "lag_critical is 3 s"));
    expect(&with("role = \"replica\"\n"), replica.address, Wanted::Ok);
    expect(&with("role = \"primary\"\nreplicas = 1\n"), primary.address, Wanted::Ok);
    replica.run("SELECT pg_wal_replay_resume()");
    await_outcome(&failed, replica.address, Wanted::Ok);
    // A primary that is idle for longer makes no lag.
    let idle = "SELECT now() - pg_last_xact_replay_timestamp() > interval '4 s'";
    wait_until("the primary has been idle", PATIENCE, || replica.run(idle) == "t");
    await_outcome(&failed, replica.address, Wanted::Ok);

    // The primary falls silent, and comes back.
    primary.server.signal("STOP");
    let hasty = with("").replace("timeout = \"10s\"", "timeout = \"1s\"");
    expect(&hasty, primary.address, Wanted::Failed(Timeout, "timed out logging in"));
    let hasty = hasty.replace("tls = \"none\"", "tls = \"starttls\"");
    expect(&hasty, primary.address, Wanted::Failed(Timeout, "the reply to SSLRequest"));
    primary.server.signal("CONT");
    await_outcome(&with("role = \"primary\"\n"), primary.address, Wanted::Ok);

    // The primary dies, and the replica takes over.
    primary.server.stop("INT");
    expect(&with(""), primary.address, Wanted::Failed(Refused, "refused"));
    expect(&with("role = \"replica\"\n"), replica.address, Wanted::Ok);
    await_outcome(&warned, replica.address, Wanted::Deferring("lag_warning is 1 s"));
    replica.run("SELECT pg_promote()");
    await_outcome(&with("role = \"primary\"\n"), replica.address, Wanted::Ok);
    expect(&failed, replica.address, Wanted::Failed(Protocol, "a primary, not a replica"));
}

/// Who gets in, and to whom the password is shown.
fn logins_and_certificates(
    scene: &Scene,
    primary: &Postgres<'_>,
    login: &str,
    [ours, theirs]: [&Authority; 2],
    password: &str,
    wrong: &str,
) {
    let trusted = ours.anchor(scene, "ours").display().to_string();
    let said = expect(&format!("{login}ca = \"{trusted}\"\n"), primary.address, Wanted::Ok);
    assert!(said.contains("* TLSv1_3 established") && said.contains("< logged in"), "{said}");
    let strange = theirs.anchor(scene, "theirs").display().to_string();
    let said = expect(&format!("{login}ca = \"{strange}\"\n"), primary.address, Wanted::Deferring("did not log in"));
    assert!(!said.contains("> login"), "{said}");
    let other = format!("{login}ca = \"{trusted}\"\nserver_name = \"db.example.net\"\n");
    expect(&other, primary.address, Wanted::Deferring("not for db.example.net; did not log in"));

    let plain = format!("{login}tls = \"none\"\n");
    let denied = "28P01 password authentication failed";
    expect(&plain.replace(password, wrong), primary.address, Wanted::Deferring(denied));
    expect(
        &plain.replace(password, "/nonexistent/password"),
        primary.address,
        Wanted::Unchecked("there is no such file"),
    );
    let without = plain.replace(&format!("password_file = \"{password}\"\n"), "");
    expect(&without, primary.address, Wanted::Deferring("add password_file"));
    let absent = format!("{plain}database = \"absent\"\n");
    expect(&absent, primary.address, Wanted::Failed(Protocol, "database \"absent\" does not exist"));
}
