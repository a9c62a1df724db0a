//! Broken here, and a stranger drains a site, or a supervisor sees nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

impl Scene {
    pub fn http(&self, request: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.admin)).unwrap();
        let request = format!("{request}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn over_tcp(&self, token: &str, arguments: &[&str]) -> (i32, String) {
        std::fs::write(self.path("token"), token).unwrap();
        let output = std::process::Command::new(crate::node::executable())
            .args(["--node", &format!("http://127.0.0.1:{}", self.admin), "--token-file"])
            .arg(self.path("token"))
            .args(arguments)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
    }

    fn token(&self, name: &str, role: &str) -> String {
        let made: serde_json::Value =
            serde_json::from_str(&self.node.order(&["token", "create", name, "--role", role, "-o", "json"])).unwrap();
        made["secret"].as_str().unwrap().to_owned()
    }
}

#[test]
fn orders_over_tcp_need_a_token_that_may() {
    let mut scene = Scene::start();
    let (viewer, operator) = (scene.token("eye", "viewer"), scene.token("hand", "operator"));
    let drain = ["drain", "fra", "--for", "1h", "--reason", "test", "--yes"];
    assert_eq!(scene.over_tcp("wp_nonsense", &drain).0, 6);
    assert_eq!(scene.over_tcp(&viewer, &drain).0, 6);
    assert_eq!(scene.over_tcp(&viewer, &["status"]).0, 0);
    assert!(scene.names("fra"));
    let (code, said) = scene.over_tcp(&operator, &drain);
    assert_eq!(code, 0, "{said}");
    assert!(!scene.names("fra"));
    assert_eq!(scene.status()["orders"][0]["by"], "hand");
    scene.node.order(&["token", "revoke", "hand"]);
    assert_eq!(scene.over_tcp(&operator, &["undrain", "fra"]).0, 6);
    for file in ["state/waypost.redb", "waypost.log"] {
        let octets = std::fs::read(scene.path(file)).unwrap();
        assert!(!octets.windows(viewer.len()).any(|window| window == viewer.as_bytes()), "{file} holds a secret");
    }
    scene.node.kill();
    assert_eq!(scene.try_command(&["status"]).0, 5);
}

#[test]
fn supervisors_and_people_see_the_state() {
    let mut scene = Scene::start();
    assert!(scene.http("GET /healthz HTTP/1.1").starts_with("HTTP/1.1 200"));
    assert!(scene.http("GET /readyz HTTP/1.1").starts_with("HTTP/1.1 200"));
    let page = scene.http("GET / HTTP/1.1");
    assert!(
        page.contains("https://db-ip.com") && page.contains("content-security-policy: default-src 'self'"),
        "{page}"
    );
    scene.close("fra");
    wait_until("fra is out", PATIENCE, || !scene.names("fra"));
    let metrics = scene.http("GET /metrics HTTP/1.1");
    for series in ["waypost_dns_requests_total{", "waypost_probes_total{", "waypost_plan_generation", "# EOF"] {
        assert!(metrics.contains(series), "{series} is missing in {metrics}");
    }
    let down = metrics
        .lines()
        .find(|line| line.contains("site_standing") && line.contains("\"fra\"") && line.contains("\"down\""));
    assert!(down.unwrap().ends_with(" 1.0"), "{down:?}");
    let events = scene.node.order(&["events"]);
    assert!(events.contains("-> down (connection refused)"), "{events}");
    let here = scene.node.order(&["explain", "example.org", "MX", "--client", "80.128.0.1"]);
    assert!(here.contains("in DE") && here.contains("fra is left out: down"), "{here}");
    let there = scene.node.order(&["explain", "example.org", "MX", "--client", "133.5.0.1"]);
    assert!(there.contains("in JP") && there.contains("client: nrt ("), "{there}");
}
