//! A real MariaDB primary with a real replica, through what happens to both.

use std::net::SocketAddr;
use std::process::Command;

use waypost::health::FailureKind::{Protocol, Refused, Timeout};

use crate::certificates::Authority;
use crate::patience::wait_until;
use crate::ports::free_port;
use crate::scene::{HOST, PATIENCE, SECRET, Scene, Server, Wanted, await_outcome, await_port, expect, have};

/// One server with its data.
struct MariaDb<'a> {
    scene: &'a Scene,
    name: &'static str,
    address: SocketAddr,
    server: Server,
}

impl<'a> MariaDb<'a> {
    /// A server called `name` over the data in the folder of that name, with the number `id` among its peers.
    fn start(scene: &'a Scene, name: &'static str, id: u32, tls: &str) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command: Command = scene.command("mariadbd");
        command.arg("--no-defaults").arg(format!("--datadir={}", scene.path(name).display()));
        command.arg(format!("--socket={}", scene.path(name).join("socket").display()));
        command.args(["--bind-address=127.0.0.1", &format!("--port={}", address.port())]);
        command.args([&format!("--server-id={id}"), "--log-bin=log", "--skip-name-resolve", "--skip-slave-start"]);
        command.args([
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
        ]);
        command.args(tls.split_whitespace());
        let mut server = scene.start(name, command);
        await_port(&mut server, address);
        let server = Self { scene, name, address, server };
        wait_until(&format!("the {name} takes statements"), PATIENCE, || server.query("SELECT 1").is_ok());
        server
    }

    fn query(&self, statement: &str) -> Result<(), String> {
        let mut client = self.scene.command("mariadb");
        client.arg("--no-defaults").arg(format!("--socket={}", self.scene.path(self.name).join("socket").display()));
        let output = client.args(["--user=root", "--batch", "-e", statement]).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(complaint) }
    }

    fn run(&self, statement: &str) {
        self.query(statement).unwrap_or_else(|error| panic!("{} {statement}: {error}", self.name));
    }

    /// Makes it follow `primary`.
    fn follow(&self, primary: &MariaDb<'_>) {
        let port = primary.address.port();
        self.run(&format!(
            "SET GLOBAL read_only = 1; \
             CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'follower', \
             MASTER_PASSWORD = '{SECRET}', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START SLAVE"
        ));
    }
}

#[test]
fn a_mariadb_pair_is_followed_through_its_life() {
    if !have(&["mariadbd", "mariadb", "mariadb-install-db"]) {
        return;
    }
    let scene = Scene::new("mysql");
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for name in ["primary", "replica"] {
        scene.folder(name);
    }
    let data = format!("--datadir={}", scene.path("primary").display());
    scene.run(
        "mariadb-install-db",
        &[
            "--no-defaults",
            &data,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=8M",
        ],
    );
    // Both begin with the same data.
    let (from, to) = (scene.path("primary").join("."), scene.path("replica"));
    scene.run("cp", &["-r", &from.display().to_string(), &to.display().to_string()]);
    let identity = ours.issue(&scene, "server", HOST, -1, 90);
    let tls = format!("--ssl-cert={} --ssl-key={}", identity.certificate.display(), identity.key.display());
    let mut primary = MariaDb::start(&scene, "primary", 1, &tls);
    primary.run(&format!(
        "CREATE USER waypost@'%' IDENTIFIED BY '{SECRET}'; GRANT REPLICA MONITOR ON *.* TO waypost@'%'; \
         CREATE USER blind@'%' IDENTIFIED BY '{SECRET}'; \
         CREATE USER follower@'%' IDENTIFIED BY '{SECRET}'; GRANT REPLICATION SLAVE ON *.* TO follower@'%'; \
         CREATE DATABASE mail; CREATE TABLE mail.letters (number int)"
    ));
    let password = scene.file("waypost.password", &format!("{SECRET}\n"));
    let login = format!(
        "kind = \"mysql\"\nuser = \"waypost\"\npassword_file = \"{}\"\ntimeout = \"10s\"\n",
        password.display()
    );
    let with = |rest: &str| format!("{login}tls = \"none\"\n{rest}");

    // One server alone, and who gets in.
    expect(&with("role = \"primary\"\n"), primary.address, Wanted::Ok);
    expect(&with("role = \"replica\"\n"), primary.address, Wanted::Failed(Protocol, "a primary, not a replica"));
    let wrong = scene.file("wrong.password", "not-the-password\n");
    let denied = with("").replace(&password.display().to_string(), &wrong.display().to_string());
    expect(&denied, primary.address, Wanted::Deferring("1045 Access denied"));
    let trusted = format!("{login}ca = \"{}\"\n", ours.anchor(&scene, "ours").display());
    let said = expect(&trusted, primary.address, Wanted::Ok);
    assert!(said.contains("* TLSv1_3 established") && said.contains("< logged in"), "{said}");
    let strange = format!("{login}ca = \"{}\"\n", theirs.anchor(&scene, "theirs").display());
    expect(&strange, primary.address, Wanted::Deferring("did not log in"));

    // A pair.
    let replica = MariaDb::start(&scene, "replica", 2, "--skip-ssl");
    replica.follow(&primary);
    let soft = with("role = \"replica\"\nlag_warning = \"1s\"\n");
    let hard = with("role = \"replica\"\nlag_warning = \"1s\"\nlag_critical = \"3s\"\n");
    await_outcome(&hard, replica.address, Wanted::Ok);
    expect(&login, replica.address, Wanted::Deferring("TLS is not offered"));
    expect(&with("role = \"primary\"\n"), replica.address, Wanted::Failed(Protocol, "a replica, not the primary"));
    let blind = soft.replace("\"waypost\"", "\"blind\"");
    expect(&blind, replica.address, Wanted::Deferring("GRANT REPLICATION CLIENT"));

    // It follows an hour behind while the primary is written.
    replica.run("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 3600; START SLAVE");
    primary.run("INSERT INTO mail.letters VALUES (1)");
    await_outcome(&soft, replica.address, Wanted::Deferring("lag_warning is 1 s"));
    await_outcome(&hard, replica.address, Wanted::Failed(Protocol, "lag_critical is 3 s"));
    replica.run("STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 0; START SLAVE");
    await_outcome(&hard, replica.address, Wanted::Ok);

    // A thread stands still.
    replica.run("STOP SLAVE SQL_THREAD");
    expect(&soft, replica.address, Wanted::Deferring("the SQL thread of the replica is not running (No)"));
    expect(&hard, replica.address, Wanted::Failed(Protocol, "the SQL thread of the replica is not running (No)"));
    replica.run("START SLAVE SQL_THREAD; STOP SLAVE IO_THREAD");
    await_outcome(&soft, replica.address, Wanted::Deferring("the I/O thread of the replica is not running (No)"));
    expect(&hard, replica.address, Wanted::Failed(Protocol, "the I/O thread of the replica is not running (No)"));
    replica.run("START SLAVE IO_THREAD");
    await_outcome(&hard, replica.address, Wanted::Ok);

    // A second source, which has a name and stands still.
    replica.run(&format!(
        "CHANGE MASTER 'second' TO MASTER_HOST = '127.0.0.2', MASTER_PORT = {}, MASTER_USER = 'follower'",
        primary.address.port()
    ));
    let said = expect(&soft, replica.address, Wanted::Deferring("the SQL thread of the replica is not running (No)"));
    assert!(said.contains("< Connection_name: second"), "{said}");
    replica.run("RESET SLAVE 'second' ALL");
    await_outcome(&hard, replica.address, Wanted::Ok);

    // The primary falls silent, comes back, and dies.
    primary.server.signal("STOP");
    let hasty = with("").replace("timeout = \"10s\"", "timeout = \"1s\"");
    expect(&hasty, primary.address, Wanted::Failed(Timeout, "timed out waiting for the greeting"));
    primary.server.signal("CONT");
    await_outcome(&with("role = \"primary\"\n"), primary.address, Wanted::Ok);
    primary.server.stop("KILL");
    expect(&with(""), primary.address, Wanted::Failed(Refused, "refused"));
    await_outcome(
        &soft,
        replica.address,
        Wanted::Deferring("the I/O thread of the replica is not running (Connecting)"),
    );
    replica.run("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0");
    expect(&with("role = \"primary\"\n"), replica.address, Wanted::Ok);
}
