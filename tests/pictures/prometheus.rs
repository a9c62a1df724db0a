//! A real Prometheus that scrapes a node.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::patience::wait_until;
use crate::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

/// Dropping it ends it.
pub struct Prometheus {
    port: u16,
    child: Child,
    _directory: TempDir,
}

impl Prometheus {
    /// One that has scraped the node whose admin API is on this port of loopback.
    pub fn of(admin: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let configuration = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: waypost\n    static_configs:\n      \
             - targets: ['127.0.0.1:{admin}']\n"
        );
        fs::write(directory.path().join("prometheus.yml"), configuration).unwrap();
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(directory.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let prometheus = Self { port, child, _directory: directory };
        wait_until("Prometheus has scraped the node", PATIENCE, || {
            prometheus.ask("up{job=\"waypost\"} == 1").is_some_and(|found| !found.is_empty())
        });
        prometheus
    }

    /// What `expression` comes to now.
    ///
    /// # Panics
    /// If Prometheus does not take it.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        self.ask(expression).unwrap_or_else(|| panic!("Prometheus does not take {expression}"))
    }

    fn ask(&self, expression: &str) -> Option<Vec<Value>> {
        let encoded: String = expression.bytes().map(|octet| format!("%{octet:02X}")).collect();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        write!(stream, "GET /api/v1/query?query={encoded} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let answer: Value = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
        (answer["status"] == "success").then(|| answer["data"]["result"].as_array().cloned())?
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}
