//! A real web server: what its answers and its certificates are to monitors.

use std::fmt::Write;
use std::net::SocketAddr;

use waypost::health::FailureKind::{Protocol, Refused, Timeout, Tls};

use crate::certificates::{Authority, Files};
use crate::ports::free_port;
use crate::scene::{HOST, Scene, Server, Wanted, await_port, expect, have};

fn here(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// An nginx that serves plain HTTP at the first port, and HTTPS with one of `identities` at each of the others.
fn nginx(scene: &Scene, plain: u16, identities: &[(u16, Files)]) -> Server {
    let directory = scene.path("").display().to_string();
    let mut servers =
        format!("server {{ listen 127.0.0.1:{plain}; location = /healthz {{ return 200 \"all is well\\n\"; }} }}\n");
    for (port, Files { certificate, key }) in identities {
        let (certificate, key) = (certificate.display(), key.display());
        write!(
            servers,
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};\n\
             location = /healthz {{ return 200 \"all is well\\n\"; }} }}\n"
        )
        .unwrap();
    }
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {directory}{name};\n"))
        .concat();
    // A single process: ending it leaves no worker behind.
    let text = format!(
        "daemon off;\nmaster_process off;\npid {directory}nginx.pid;\nerror_log stderr;\n\
         events {{ worker_connections 64; }}\nhttp {{ access_log off;\n{temporary}{servers}}}\n"
    );
    let file = scene.file("nginx.conf", &text);
    let mut command = scene.command("nginx");
    command.args(["-e", "stderr", "-c"]).arg(file);
    let mut server = scene.start("nginx", command);
    await_port(&mut server, here(plain));
    server
}

#[test]
fn a_web_server_is_judged_by_its_answers_and_its_certificates() {
    if !have(&["nginx"]) {
        return;
    }
    let scene = Scene::new("www-data");
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let [plain, good, over, ending, other] = std::array::from_fn(|_| free_port());
    let identities = [
        (good, ours.issue(&scene, "good", HOST, -1, 90)),
        (over, ours.issue(&scene, "over", HOST, -90, -3)),
        (ending, ours.issue(&scene, "ending", HOST, -80, 5)),
        (other, ours.issue(&scene, "other", "www.example.net", -1, 90)),
    ];
    let mut server = nginx(&scene, plain, &identities);
    let ca = format!("ca = \"{}\"\n", ours.anchor(&scene, "ours").display());
    let stranger = format!("ca = \"{}\"\n", theirs.anchor(&scene, "theirs").display());

    let http = "kind = \"http\"\npath = \"/healthz\"\nbody = '^all is well'\n";
    expect(http, here(plain), Wanted::Ok);
    expect("kind = \"http\"\npath = \"/absent\"\n", here(plain), Wanted::Failed(Protocol, "404"));
    expect(&http.replace("well", "lost"), here(plain), Wanted::Failed(Protocol, "does not match"));

    let https = format!("{}{ca}", http.replace("\"http\"", "\"https\""));
    expect(&https, here(good), Wanted::Ok);
    expect(&https, here(over), Wanted::Deferring("expired 3 days ago"));
    expect(&https, here(other), Wanted::Deferring("for www.example.net, not for host.example.org"));

    let tls = format!("kind = \"tls\"\n{ca}");
    let strict = format!("{tls}strict = true\n");
    expect(&tls, here(good), Wanted::Ok);
    expect(&strict, here(good), Wanted::Ok);
    expect(&tls, here(over), Wanted::Deferring("expired 3 days ago"));
    expect(&strict, here(over), Wanted::Failed(Tls, "expired 3 days ago"));
    expect(&tls, here(other), Wanted::Deferring("not for host.example.org"));
    expect(&strict, here(other), Wanted::Failed(Tls, "not for host.example.org"));
    expect(&format!("{strict}server_name = \"www.example.net\"\n"), here(other), Wanted::Ok);
    expect(&strict, here(ending), Wanted::Deferring("certificate ends in "));
    expect(&format!("{tls}expiry_critical = \"6d\"\n"), here(ending), Wanted::Failed(Tls, "certificate ends in "));
    expect(&format!("{tls}expiry_warning = \"2d\"\n"), here(ending), Wanted::Ok);
    expect(&format!("kind = \"tls\"\n{stranger}"), here(good), Wanted::Deferring("not signed by an authority"));
    expect(&tls, here(plain), Wanted::Failed(Tls, "handshake failed"));

    let words = "send = \"GET /healthz HTTP/1.0\\r\\n\\r\\n\"\nexpect = '(?s)^HTTP/1\\.1 200 .*all is well'\n";
    let tcp = format!("kind = \"tcp\"\n{words}");
    expect("kind = \"tcp\"\n", here(plain), Wanted::Ok);
    expect(&tcp, here(plain), Wanted::Ok);
    expect(&tcp.replace("/healthz", "/absent"), here(plain), Wanted::Failed(Protocol, "does not match"));
    expect(&format!("{tcp}tls = \"implicit\"\n{ca}"), here(good), Wanted::Ok);
    expect(&format!("{tcp}tls = \"implicit\"\n{ca}"), here(over), Wanted::Deferring("expired 3 days ago"));

    server.signal("STOP");
    // The system still accepts connections for it.
    let wait = "timeout = \"500ms\"\n";
    expect(&format!("kind = \"tcp\"\n{wait}"), here(plain), Wanted::Ok);
    expect(&format!("{http}{wait}"), here(plain), Wanted::Failed(Timeout, "timed out"));
    expect(&format!("{tcp}{wait}"), here(plain), Wanted::Failed(Timeout, "first octet"));
    expect(&format!("{tls}{wait}"), here(good), Wanted::Failed(Timeout, "TLS handshake"));
    server.signal("CONT");
    expect(http, here(plain), Wanted::Ok);
    server.stop("TERM");
    for (keys, port) in [("kind = \"tcp\"\n", plain), (&tcp, plain), (http, plain), (&tls, good)] {
        expect(keys, here(port), Wanted::Failed(Refused, "refused"));
    }
}
