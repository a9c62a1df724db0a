//! Broken here, and a disk that is full at three in the morning keeps a site in service that is about to be opened up.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};
use crate::scheduled::{count, scheduled};

/// A node whose state directory is a small file system in a mount namespace of its own.
struct SmallDisk {
    scene: Scene,
    node: Child,
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.node.kill().unwrap();
        self.node.wait().unwrap();
    }
}

impl SmallDisk {
    /// `None` where this run may not mount.
    fn start() -> Option<Self> {
        let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
        assert!(may || std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "mounts need root");
        if !may {
            println!("NOT TESTED: a full disk (needs root for a mount namespace)");
            return None;
        }
        let mut scene = Scene::start();
        scene.node.kill();
        let script = "mount -t tmpfs -o size=12m tmpfs \"$1\" && exec \"$2\" serve --config \"$3\"";
        let node = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(scene.path("state"))
            .arg(executable())
            .arg(scene.node.configuration())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        scene.wait_for_admin();
        Some(Self { scene, node })
    }

    /// A file on it, reached through the process.
    fn path(&self, file: &str) -> String {
        format!("/proc/{}/root{}/{file}", self.node.id(), self.scene.path("state").display())
    }
}

#[test]
fn a_step_that_the_store_cannot_keep_takes_effect_and_is_kept_when_it_can() {
    let Some(disk) = SmallDisk::start() else { return };
    let scene = &disk.scene;
    scene.node.order(&["drain", "fra", "--in", "12s", "--for", "1h", "--reason", "disks", "--yes"]);
    let kept = || scheduled(scene)["revision"].as_u64().unwrap();
    let before = kept();
    let mut octets = std::fs::File::create(disk.path("filler")).unwrap();
    while octets.write_all(&[0; 4096]).is_ok() {}
    // The store's file may have room in itself.
    let token = |count: u32| ["token".into(), "create".into(), format!("t{count}"), "--role=viewer".to_owned()];
    let fits = |count: &u32| scene.node.command(&token(*count).each_ref().map(String::as_str)).status.success();
    assert!((0..500).find(|count| !fits(count)).is_some(), "the disk is never full");
    assert!(scene.names("fra"));
    wait_until("the drain begins", PATIENCE, || !scene.names("fra"));
    wait_until("the store refuses", PATIENCE, || {
        scene.status()["degradations"].as_array().unwrap().iter().any(|part| part["part"] == "store")
    });
    assert_eq!(kept(), before);
    drop(octets);
    std::fs::remove_file(disk.path("filler")).unwrap();
    wait_until("the step is kept", PATIENCE, || kept() > before && count(scene, "began") == 1);
    assert!(!scene.names("fra"));
}
