//! A node whose state directory is a small file system, in a mount namespace of its own.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::node::executable;

/// The node, until dropped.
pub struct OnSmallDisk {
    node: Child,
    state: PathBuf,
}

impl Drop for OnSmallDisk {
    fn drop(&mut self) {
        self.node.kill().unwrap();
        self.node.wait().unwrap();
    }
}

impl OnSmallDisk {
    /// Serves `configuration`, whose state directory `state` is. `None` where this run may not mount. CI must.
    pub fn serve(configuration: &Path, state: &Path) -> Option<Self> {
        let may = Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
        assert!(may || std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "mounts need root");
        if !may {
            println!("NOT TESTED: a full disk (needs root for a mount namespace)");
            return None;
        }
        let script = "mount -t tmpfs -o size=12m tmpfs \"$1\" && exec \"$2\" serve --config \"$3\"";
        let node = Command::new("unshare")
            .args(["-m", "sh", "-c", script, "sh"])
            .arg(state)
            .arg(executable())
            .arg(configuration)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { node, state: state.to_owned() })
    }

    /// Leaves no room on it; the node's files may have some in themselves.
    pub fn fill(&self) {
        let mut octets = File::create(self.filler()).unwrap();
        while octets.write_all(&[0; 4096]).is_ok() {}
    }

    /// Gives back what [`OnSmallDisk::fill`] took.
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// A file on it, reached through the process.
    fn filler(&self) -> String {
        format!("/proc/{}/root{}/filler", self.node.id(), self.state.display())
    }
}
