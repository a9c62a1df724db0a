//! The members of etcd of the example, for real: its files, its certificates and its scripts, at other addresses.
//!
//! Broken, the members refuse their configuration or one another, the nodes are turned away, or anybody is let in.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use reqwest::{Certificate, Client, Identity, StatusCode};
use serde_json::{Value, json};

use super::guides::words_with;
use super::yaml::Yaml;
use super::{SITES, done, make_certificates, repository, said, text};

/// How long members may take to find one another, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

struct Members {
    directory: tempfile::TempDir,
    addresses: [Ipv4Addr; 3],
    running: Vec<Child>,
}

impl Drop for Members {
    fn drop(&mut self) {
        for child in &mut self.running {
            // One that ended by itself has been reported by what asked it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Members {
    /// Starts the three of them as `etcd.yml` says, with other addresses and directories.
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let addresses = free_addresses();
        // Connections between loopback addresses come from the first one, which a peer's certificate must have as well.
        make_certificates(&directory.path().join("tls"), |ix| vec![addresses[ix].to_string(), "127.0.0.1".to_owned()]);
        let mut members = Self { directory, addresses, running: Vec::new() };
        for (ix, site) in SITES.iter().enumerate() {
            let (file, log) = (members.path(&format!("{site}.yml")), members.path(&format!("{site}.log")));
            fs::write(&file, members.adapted(ix)).unwrap();
            let child = Command::new("etcd")
                .arg("--config-file")
                .arg(file)
                .env_clear()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(log).unwrap())
                .spawn()
                .unwrap_or_else(|error| panic!("etcd (Debian's etcd-server): {error}"));
            members.running.push(child);
        }
        members.wait_until_healthy();
        members
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `etcd.yml` of a site, in which nothing but addresses and directories is another.
    fn adapted(&self, ix: usize) -> String {
        let (site, address) = (SITES[ix], self.addresses[ix]);
        let mut adapted = text(&format!("deploy/cluster/{site}/etcd.yml"));
        for (site, address) in SITES.iter().zip(self.addresses) {
            adapted = adapted.replace(&format!("etcd-{site}.example.net"), &address.to_string());
        }
        let tls = self.path("tls").join(site).join("etcd");
        for (from, to) in [
            ("//0.0.0.0:", format!("//{address}:")),
            ("//127.0.0.1:2381", format!("//{address}:2381")),
            ("/etc/etcd/tls", tls.display().to_string()),
            ("/var/lib/etcd/waypost", self.path(&format!("{site}.data")).display().to_string()),
        ] {
            assert!(adapted.contains(from), "{site}: no {from}");
            adapted = adapted.replace(from, &to);
        }
        adapted
    }

    fn url(&self, ix: usize) -> String {
        format!("https://{}:2379", self.addresses[ix])
    }

    /// etcdctl with the operator's certificate, at one member.
    fn etcdctl(&self, ix: usize, arguments: &[&str]) -> Command {
        let operator = self.path("tls/operator");
        let mut command = Command::new("etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .env("ETCDCTL_ENDPOINTS", self.url(ix))
            .env("ETCDCTL_CACERT", operator.join("ca.pem"))
            .env("ETCDCTL_CERT", operator.join("client.pem"))
            .env("ETCDCTL_KEY", operator.join("client-key.pem"))
            // Machines that test are slow now and then.
            .args(["--command-timeout=30s", "--dial-timeout=10s"])
            .args(arguments);
        command
    }

    fn wait_until_healthy(&self) {
        let until = Instant::now() + PATIENCE;
        for (ix, site) in SITES.iter().enumerate() {
            loop {
                let asked = self.etcdctl(ix, &["endpoint", "health"]).output().unwrap();
                if asked.status.success() {
                    break;
                }
                let log = fs::read_to_string(self.path(&format!("{site}.log"))).unwrap();
                assert!(Instant::now() < until, "{site}: {}{log}", said(&asked));
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    /// An HTTP client with the files of `owner` (`fra/waypost`, `operator`), with or without its certificate.
    fn http(&self, owner: &str, shown: Shown) -> Client {
        let files = self.path("tls").join(owner);
        let read = |name: &str| fs::read(files.join(name)).unwrap();
        let mut builder = Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .tls_certs_only([Certificate::from_pem(&read("ca.pem")).unwrap()]);
        if shown == Shown::Certificate {
            let both = [read("client.pem"), read("client-key.pem")].concat();
            builder = builder.identity(Identity::from_pem(&both).unwrap());
        }
        builder.build().unwrap()
    }
}

#[derive(PartialEq, Eq)]
enum Shown {
    Certificate,
    Nothing,
}

/// Loopback addresses on which nobody has the ports of etcd.
fn free_addresses() -> [Ipv4Addr; 3] {
    let is_free =
        |address: &Ipv4Addr| [2379, 2380, 2381].iter().all(|port| TcpListener::bind((*address, *port)).is_ok());
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let start = u32::from_be_bytes([127, 64 | (high & 63), low, 10]);
    let free: Vec<Ipv4Addr> = (start..start + 200).map(Ipv4Addr::from).filter(is_free).take(3).collect();
    free.try_into().expect("three free loopback addresses")
}

/// What a member answers to a call of its HTTP interface.
async fn call(client: &Client, url: &str, token: Option<&str>, what: &str, body: Value) -> (StatusCode, Value) {
    let mut request = client.post(format!("{url}/v3/{what}")).body(body.to_string());
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let response = request.send().await.unwrap_or_else(|error| panic!("{url} {what}: {error:?}"));
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn put(key: &str) -> Value {
    json!({ "key": BASE64.encode(key.as_bytes()), "value": BASE64.encode(b"value") })
}

#[test]
fn members_agree_and_let_in_whom_they_should() {
    let members = Members::start();
    done(&mut members.etcdctl(0, &["put", "/anything", "value"]));
    assert_eq!(done(&mut members.etcdctl(2, &["get", "/anything", "--print-value-only"])).trim(), "value");
    let listed = done(&mut members.etcdctl(1, &["member", "list"]));
    assert_eq!(listed.lines().filter(|line| line.contains(", started, ")).count(), 3, "{listed}");

    // Users, twice: the script may be run again.
    let access = || {
        let mut command = Command::new(repository("deploy/cluster/access.sh"));
        done(command.env("ETCDCTL_ENDPOINTS", members.url(0)).arg(members.path("tls")));
    };
    access();
    let password = fs::read_to_string(members.path("tls/iad/waypost/etcd.pw")).unwrap();
    access();
    assert_eq!(fs::read_to_string(members.path("tls/nrt/waypost/etcd.pw")).unwrap(), password);
    let login = format!("waypost:{}", password.trim());
    let users = members.etcdctl(0, &["--user", &login, "user", "list"]).output().unwrap();
    assert!(!users.status.success() && said(&users).contains("permission denied"), "{}", said(&users));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(as_a_node_speaks(&members, password.trim()));
}

/// HTTP, as Waypost speaks it.
async fn as_a_node_speaks(members: &Members, password: &str) {
    let stranger = members.http("fra/waypost", Shown::Nothing);
    let refused = stranger.post(format!("{}/v3/kv/range", members.url(0))).body("{}").send().await;
    assert!(refused.is_err(), "nobody comes in without a certificate: {refused:?}");

    // Why certificates of nodes have no common name.
    let operator = members.http("operator", Shown::Certificate);
    let (status, answer) = call(&operator, &members.url(0), None, "kv/range", json!({ "key": "YQ==" })).await;
    assert!(status == StatusCode::BAD_REQUEST && answer.to_string().contains("CommonName"), "{status} {answer}");

    let node = members.http("iad/waypost", Shown::Certificate);
    let name = json!({ "name": "waypost", "password": password });
    let (status, answer) = call(&node, &members.url(1), None, "auth/authenticate", name).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let token = answer["token"].as_str().unwrap().to_owned();
    for ix in 0..SITES.len() {
        let (status, answer) =
            call(&node, &members.url(ix), Some(&token), "kv/put", put("/waypost/prod/v1/orders")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    for beyond in ["/waypost/prod", "/waypost/production/v1/orders", "/waypost/test/v1/orders", "/anything"] {
        let (status, answer) = call(&node, &members.url(0), Some(&token), "kv/put", put(beyond)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{beyond}: {answer}");
    }
    let (status, answer) = call(&node, &members.url(0), None, "kv/put", put("/waypost/prod/v1/orders")).await;
    assert!(status.is_client_error(), "a certificate alone is no user: {answer}");
    let wrong = json!({ "name": "waypost", "password": "wrong" });
    let (status, answer) = call(&node, &members.url(0), None, "auth/authenticate", wrong).await;
    assert!(status.is_client_error(), "{answer}");

    let metrics = node.get(format!("http://{}:2381/metrics", members.addresses[0])).send().await.unwrap();
    let metrics = words_with(&metrics.text().await.unwrap(), "etcd_");
    let named = words_with(&text("deploy/guides/several-nodes.md"), "etcd_");
    let known = |name: &String| metrics.contains(name) || metrics.contains(&format!("{name}_bucket"));
    assert!(named.len() > 3 && named.iter().all(known), "{named:?}");
}

#[test]
fn timing_follows_the_rule_and_is_the_same_everywhere() {
    // Milliseconds to Tokyo and back from Frankfurt, the longest way between two members.
    const ROUND_TRIP: u64 = 230;
    let read = |site: &str| {
        let file = Yaml::read(&text(&format!("deploy/cluster/{site}/etcd.yml")));
        let number = |key: &str| file.at(&[key]).text().parse::<u64>().unwrap();
        (number("heartbeat-interval"), number("election-timeout"))
    };
    for site in SITES {
        let (heartbeat, election) = read(site);
        assert!((ROUND_TRIP / 2..=ROUND_TRIP * 3 / 2).contains(&heartbeat), "{site}: {heartbeat}");
        assert!(election >= 10 * ROUND_TRIP, "{site}: {election}");
        assert_eq!((heartbeat, election), read(SITES[0]), "{site}");
    }
}

#[test]
fn members_differ_only_in_their_names() {
    let generic = |site: &str| {
        let text = text(&format!("deploy/cluster/{site}/etcd.yml"));
        let own = |line: &str| !line.starts_with('#') && !line.starts_with("initial-cluster:");
        let lines: Vec<String> = text
            .lines()
            .filter(|line| own(line))
            .map(|line| {
                line.replace(&format!("etcd-{site}."), "etcd-SITE.").replace(&format!("name: {site}"), "name: SITE")
            })
            .collect();
        let cluster = text.lines().find(|line| line.starts_with("initial-cluster:")).unwrap().to_owned();
        (lines, cluster)
    };
    let first = generic(SITES[0]);
    assert!(SITES.iter().all(|site| generic(site) == first));
    let expected = SITES.map(|site| format!("{site}=https://etcd-{site}.example.net:2380")).join(",");
    assert_eq!(first.1, format!("initial-cluster: {expected}"));
}
