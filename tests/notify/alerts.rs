//! A real Alertmanager holds an alert while an incident is open, and no longer.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::patience::{wait_for, wait_until};
use crate::ports::free_port;
use crate::receiver::PATIENCE;
use crate::webhooks::{node, report};

struct Alertmanager {
    child: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl Alertmanager {
    /// `None` where it is not installed and need not be.
    fn start() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("alertmanager.yml"), "route: {receiver: none}\nreceivers: [{name: none}]\n")
            .unwrap();
        let port = free_port();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}/alertmanager.yml", place.path().display()))
            .arg(format!("--storage.path={}", place.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            assert!(std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "prometheus-alertmanager is not installed");
            eprintln!("skipped: prometheus-alertmanager is not installed");
            return None;
        };
        let started = Self { child, port, _place: place };
        wait_until("Alertmanager answers", PATIENCE, || started.alerts().is_some());
        Some(started)
    }

    fn alerts(&self) -> Option<Vec<Value>> {
        let url = format!("http://127.0.0.1:{}/api/v2/alerts", self.port);
        let output = Command::new("curl").args(["-s", "--max-time", "5", &url]).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn alertmanager_holds_an_alert_while_the_incident_is_open() {
    let Some(alertmanager) = Alertmanager::start() else { return };
    let more = format!(
        "[[notify]]\nname = \"alerts\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\n",
        alertmanager.port
    );
    let (mut scene, _place) = node(&more, &[]);
    assert_eq!(alertmanager.alerts().unwrap(), Vec::<Value>::new());
    scene.close("fra");
    let is_it = |alert: &Value| alert["labels"]["alertname"] == "WaypostIncident";
    let (alert, _) =
        wait_for("the alert", PATIENCE, || alertmanager.alerts().unwrap().into_iter().find(|alert| is_it(alert)));
    assert_eq!(alert["labels"]["waypost_key"], "incident");
    assert!(alert["annotations"]["summary"].as_str().unwrap().contains("fra"), "{alert}");
    scene.open("fra");
    wait_until("it is resolved", PATIENCE, || !alertmanager.alerts().unwrap().iter().any(is_it));
    assert_eq!(report(&scene)["targets"][0]["failed"], 0);
}
