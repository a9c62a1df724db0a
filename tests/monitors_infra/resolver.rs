//! A real name server: what its answers, refusals and failures are to a monitor.

use std::net::SocketAddr;

use waypost::health::FailureKind::{Protocol, Refused, Timeout};

use crate::ports::free_port;
use crate::scene::{Scene, Server, Wanted, await_port, expect, have};

/// An unbound called `name` with a zone of its own, one that it refuses, and one whose servers it cannot ask. Clients from
/// loopback find `access`.
fn unbound(scene: &Scene, name: &str, address: SocketAddr, access: &str) -> Server {
    let directory = scene.path("").display().to_string();
    let (ip, port) = (address.ip(), address.port());
    let long: String = (0..20)
        .map(|number| format!("    local-data: 'long.example.org. TXT \"{number} {}\"'\n", "x".repeat(200)))
        .collect();
    let text = format!(
        r#"server:
    interface: {ip}
    port: {port}
    access-control: 127.0.0.0/8 {access}
    do-daemonize: no
    ede: yes
    module-config: "iterator"
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    use-syslog: no
    logfile: ""
    local-zone: "example.org." static
    local-data: "example.org. SOA ns.example.org. admin.example.org. 7 3600 600 86400 300"
    local-data: "example.org. MX 10 mx.example.org."
    local-data: "mx.example.org. A 192.0.2.10"
    local-data: "mx.example.org. A 192.0.2.11"
{long}    local-zone: "refused.example." refuse
    local-zone: "." static
    local-zone: "broken.example." transparent
    do-not-query-localhost: yes
stub-zone:
    name: "broken.example."
    stub-addr: 127.0.0.1@1
remote-control:
    control-enable: no
"#
    );
    let file = scene.file(&format!("{name}.conf"), &text);
    let mut command = scene.command("unbound");
    command.arg("-d").arg("-c").arg(file);
    let mut server = scene.start(name, command);
    await_port(&mut server, address);
    server
}

#[test]
fn a_name_server_is_judged_by_what_it_answers() {
    if !have(&["unbound"]) {
        return;
    }
    let scene = Scene::new("unbound");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut server = unbound(&scene, "open", address, "allow");
    let asking = |name: &str, rest: &str| format!("kind = \"dns\"\nname = \"{name}\"\n{rest}\n");

    let said = expect(&asking("example.org", "authoritative = true"), address, Wanted::Ok);
    assert!(said.contains("> example.org. SOA") && said.contains("< NOERROR, flags aa"), "{said}");
    expect(&asking("EXAMPLE.org", "transport = \"tcp\""), address, Wanted::Ok);
    expect(&asking("example.org", "type = \"MX\"\nexpect = [\"10 mx.example.org\"]"), address, Wanted::Ok);
    let one_of = "type = \"A\"\nexpect = [\"198.51.100.1\", \"192.0.2.11\"]";
    expect(&asking("mx.example.org", one_of), address, Wanted::Ok);
    let none_of = "type = \"A\"\nexpect = [\"198.51.100.1\"]";
    expect(&asking("mx.example.org", none_of), address, Wanted::Failed(Protocol, "expected 198.51.100.1"));
    expect(&asking("mx.example.org", "type = \"AAAA\""), address, Wanted::Failed(Protocol, "no AAAA record"));
    expect(&asking("no.example.org", ""), address, Wanted::Failed(Protocol, "NXDOMAIN, expected NOERROR"));
    expect(&asking("no.example.org", "rcode = [\"NOERROR\", \"NXDOMAIN\"]"), address, Wanted::Ok);
    expect(&asking("refused.example", ""), address, Wanted::Failed(Protocol, "REFUSED, expected NOERROR"));
    expect(&asking("refused.example", "rcode = \"REFUSED\""), address, Wanted::Ok);

    let broken = asking("broken.example", "recursion = true\ntimeout = \"30s\"");
    expect(&broken, address, Wanted::Failed(Protocol, "SERVFAIL, expected NOERROR"));
    // One that turns everybody away says why.
    let unwelcome = SocketAddr::from(([127, 0, 0, 2], free_port()));
    let _closed = unbound(&scene, "closed", unwelcome, "refuse");
    let said = expect(&asking("example.org", ""), unwelcome, Wanted::Failed(Protocol, "REFUSED (extended error 18)"));
    assert!(said.contains("< extended error 18"), "{said}");

    let long = asking("long.example.org", "type = \"TXT\"");
    let said = expect(&long, address, Wanted::Ok);
    assert!(said.contains("* truncated, asking again over TCP"), "{said}");

    let wait = "timeout = \"500ms\"\n";
    server.signal("STOP");
    expect(&asking("example.org", wait), address, Wanted::Failed(Timeout, "timed out"));
    expect(
        &asking("example.org", &format!("transport = \"tcp\"\n{wait}")),
        address,
        Wanted::Failed(Timeout, "over TCP"),
    );
    server.signal("CONT");
    server.stop("TERM");
    for transport in ["udp", "tcp"] {
        let keys = asking("example.org", &format!("transport = \"{transport}\""));
        expect(&keys, address, Wanted::Failed(Refused, "refused"));
    }
}
