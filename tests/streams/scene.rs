//! A server with every transport, on free loopback ports.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hickory_proto::op::ResponseCode;
use tempfile::TempDir;
use waypost::model::{CertificateFiles, EncryptedSettings, Limits, Name};
use waypost::serve::{Backstage, Notification, Server, Setup, UpdateRequest, Usage};

use crate::support;

/// A node that takes its time over notifications of `slow.`, and fails over those of `panic.`.
#[derive(Default)]
pub struct Stage {
    /// What was said of parts of the server.
    pub parts: Mutex<Vec<(&'static str, Result<String, String>)>>,
}

#[async_trait]
impl Backstage for Stage {
    async fn notified(&self, notification: Notification) -> ResponseCode {
        if notification.zone == "slow".parse::<Name>().unwrap() {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
        assert!(notification.zone != "panic".parse::<Name>().unwrap(), "a fault");
        ResponseCode::NoError
    }

    async fn update(&self, _: UpdateRequest) -> ResponseCode {
        ResponseCode::Refused
    }

    async fn part(&self, part: &'static str, state: Result<String, String>) {
        self.parts.lock().unwrap().push((part, state));
    }
}

pub struct Scene {
    pub server: Server,
    pub usage: Arc<Usage>,
    pub stage: Arc<Stage>,
    pub directory: TempDir,
}

/// Writes a certificate for `host` and its key.
pub fn write_certificate(directory: &Path, host: &str) {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
    std::fs::write(directory.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

pub fn files(directory: &Path) -> CertificateFiles {
    CertificateFiles { chain: directory.join("chain.pem"), key: directory.join("key.pem") }
}

/// What a server in `directory` is started with.
pub fn setup(directory: &Path, limits: Limits, usage: &Arc<Usage>, stage: &Arc<Stage>) -> Setup {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let tables = Arc::new(ArcSwap::from_pointee(support::all_up()));
    Setup {
        encrypted: EncryptedSettings {
            certificate: Some(files(directory)),
            tls: vec![any],
            quic: vec![any],
            https: vec![any],
        },
        limits,
        backstage: Arc::clone(stage) as Arc<dyn Backstage>,
        ..Setup::plain("test-ns1", &[any], tables, Arc::clone(usage))
    }
}

impl Scene {
    pub fn start(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write_certificate(directory.path(), "ns1.example.org");
        let (usage, stage) = (Arc::new(Usage::new(Instant::now())), Arc::new(Stage::default()));
        let server = Server::start(setup(directory.path(), limits, &usage, &stage)).unwrap();
        Self { server, usage, stage, directory }
    }

    pub fn plain(&self) -> SocketAddr {
        self.server.local_addrs()[0]
    }

    pub fn encrypted(&self, transport: &str) -> SocketAddr {
        self.server.encrypted_addrs().iter().find(|(kind, _)| *kind == transport).unwrap().1
    }
}

/// What a program prints; it must be installed where that is required.
pub async fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let (program, arguments) = (program.to_owned(), arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
    let ran = tokio::task::spawn_blocking({
        let program = program.clone();
        move || Command::new(program).args(arguments).output()
    });
    match ran.await.unwrap() {
        Ok(output) => Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()),
        Err(_) => {
            assert!(std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "{program} is not installed");
            eprintln!("==== SKIPPED: {program} is not installed ====");
            None
        }
    }
}
