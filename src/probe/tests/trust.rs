//! Trust anchors that take long to read.

use super::Step::Tls;
use super::*;
use crate::model::{HandshakeCheck, HttpCheck, JsonCheck, Levels, Missing, PrometheusCheck, Refused};

/// A CA file that is read for as long as nobody writes to it, as one on a file system that hangs.
struct SlowFile {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl SlowFile {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        Self { path, _directory: directory }
    }
}

impl Drop for SlowFile {
    fn drop(&mut self) {
        // Whoever still reads would hold the runtime.
        let _woken = std::fs::File::options().read(true).write(true).open(&self.path);
    }
}

/// One of each way to TLS, with these anchors.
fn kinds(policy: &TlsPolicy) -> [MonitorKind; 4] {
    let page = HttpCheck { host: None, path: "/".into(), status: vec![], body: None, tls: policy.clone() };
    let prometheus = PrometheusCheck {
        page: page.clone(),
        series: "x".parse().unwrap(),
        combine: crate::model::Combine::Max,
        divide_by: None,
        levels: Levels::default(),
        missing: Missing::Defer,
    };
    let json = JsonCheck {
        page: page.clone(),
        pointer: "/x".parse().unwrap(),
        expected: crate::model::Expected::Boolean(true),
        missing: Missing::Defer,
    };
    let handshake = HandshakeCheck { tls: policy.clone(), expiry_critical: None, refused: Refused::Fails };
    [
        MonitorKind::Http(page),
        MonitorKind::Prometheus(prometheus),
        MonitorKind::Json(json),
        MonitorKind::Handshake(handshake),
    ]
}

#[tokio::test]
async fn anchors_that_take_long_are_no_fault_of_the_endpoint_and_are_read_once() {
    let (config, pem) = certificate("mx.example.org", -90, 90);
    let address = server(vec![Tls(config)]).await;
    let file = SlowFile::new();
    let trust = TrustStore::default();
    let probe = async |kind: &MonitorKind, timeout| {
        let target = target(kind.clone(), address, timeout);
        Check::new(&target).run(Depth::Full, &trust).await
    };
    let kinds = kinds(&tls(TlsMode::Implicit, Some(file.path.clone())));
    for kind in &kinds {
        let report = probe(kind, Duration::from_millis(200)).await;
        let Outcome::Inconclusive(reason) = &report.finding.outcome else { panic!("{kind:?}: {report:?}") };
        assert_eq!(reason, "the trust anchors are still being read");
    }
    // What the first of them began to read is there for the next, and is not read again: that would take for ever.
    let path = file.path.clone();
    tokio::task::spawn_blocking(move || std::fs::write(path, pem)).await.unwrap().unwrap();
    let [.., handshake] = &kinds;
    assert_ok(&probe(handshake, Duration::from_secs(30)).await);
}
