//! A node whose state directory is a small file system, in a mount namespace of its own.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use crate::node::executable;
use crate::scene::Scene;

pub struct SmallDisk {
    pub scene: Scene,
    node: Child,
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        self.node.kill().unwrap();
        self.node.wait().unwrap();
    }
}

impl SmallDisk {
    /// `None` where this run may not mount. CI must.
    pub fn start() -> Option<Self> {
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

    /// Leaves no room on it, and none in the store's file for what is larger than a token.
    pub fn fill(&self) {
        let mut octets = File::create(self.filler()).unwrap();
        while octets.write_all(&[0; 4096]).is_ok() {}
        let fits = |count: &u32| {
            let token = ["token", "create", &format!("t{count}"), "--role=viewer"];
            self.scene.node.command(&token).status.success()
        };
        assert!((0..500).find(|count| !fits(count)).is_some(), "the disk is never full");
    }

    /// Gives back what [`SmallDisk::fill`] took outside the store.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// A file on it, reached through the process.
    fn filler(&self) -> String {
        format!("/proc/{}/root{}/filler", self.node.id(), self.scene.path("state").display())
    }
}
