//! A world of its own for a test: network, mounts and processes in namespaces that end with it.
//!
//! The test runs itself again as the first process of a new PID namespace. When that ends, however it does, the kernel
//! ends every daemon started in it, and the network with its addresses and rules is gone.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use tempfile::TempDir;

/// Says where the world's files are; set for the test that runs inside.
const INSIDE: &str = "WAYPOST_WORLD";
/// Which of several worlds it is.
const NUMBER: &str = "WAYPOST_WORLD_NUMBER";
/// Set where a skipped test must count as failed.
const REQUIRED: &str = "WAYPOST_REQUIRE_REAL";

/// The inside of a world.
pub struct World {
    directory: PathBuf,
    number: usize,
}

/// Runs `body` in a world of its own; `test` is the full name of the calling test.
///
/// # Panics
/// If `body` fails, or if no world can be made where one is required.
pub fn in_a_world(test: &str, body: impl FnOnce(&World)) {
    in_worlds(test, 1, body);
}

/// As [`in_a_world`], in `count` worlds at the same time.
///
/// # Panics
/// As [`in_a_world`], once all of them have ended.
pub fn in_worlds(test: &str, count: usize, body: impl FnOnce(&World)) {
    if let Some(directory) = std::env::var_os(INSIDE) {
        let number = std::env::var(NUMBER).unwrap().parse().unwrap();
        let world = World { directory: directory.into(), number };
        run("ip", &["link", "set", "lo", "up"]);
        return body(&world);
    }
    if !is_root() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{test} must run here, and needs root for namespaces");
        eprintln!("\n==== SKIPPED: {test} needs root for network namespaces; nothing was proven ====\n");
        return;
    }
    let worlds: Vec<_> = (0..count).map(|number| begin(test, number)).collect();
    let failed: Vec<_> = worlds.into_iter().filter_map(|(directory, child)| end(directory, child)).collect();
    assert!(failed.is_empty(), "{test} failed inside its world: {}", failed.join(", "));
}

/// Starts this test program again as the first process of a world.
fn begin(test: &str, number: usize) -> (TempDir, Child) {
    let directory = tempfile::Builder::new().prefix("waypost-world-").tempdir().unwrap();
    // Mail servers give up root and must still reach their own directories below.
    open_to_all(directory.path());
    let child = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, directory.path())
        .env(NUMBER, number.to_string())
        .spawn()
        .unwrap();
    (directory, child)
}

/// Waits for the end of a world; says how it failed, if it did.
fn end(directory: TempDir, mut child: Child) -> Option<String> {
    let status = child.wait().unwrap();
    if status.success() {
        return None;
    }
    if std::env::var_os("WAYPOST_KEEP").is_some() {
        eprintln!("the world's files are kept in {}", directory.keep().display());
    }
    Some(status.to_string())
}

impl World {
    /// A new directory for `name`, passable for every user.
    pub fn directory(&self, name: &str) -> PathBuf {
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory).unwrap();
        open_to_all(&directory);
        directory
    }

    /// As [`World::directory`], in memory: nothing there waits for a disk, and it ends with the world.
    pub fn memory(&self, name: &str) -> PathBuf {
        let directory = self.directory(name);
        run("mount", &["-t", "tmpfs", "-o", "mode=755", "tmpfs", directory.to_str().unwrap()]);
        directory
    }

    /// Which of the worlds of its test it is, from 0.
    pub const fn number(&self) -> usize {
        self.number
    }

    /// Gives the loopback interface another address.
    pub fn add_address(&self, address: IpAddr) {
        let length = if address.is_ipv4() { 32 } else { 128 };
        run("ip", &["address", "add", &format!("{address}/{length}"), "dev", "lo"]);
    }

    /// Makes every program of the world resolve names through `server`, port 53.
    pub fn resolve_through(&self, server: IpAddr) {
        let file = self.directory.join("resolv.conf");
        fs::write(&file, format!("nameserver {server}\noptions timeout:2 attempts:3\n")).unwrap();
        run("mount", &["--bind", file.to_str().unwrap(), "/etc/resolv.conf"]);
    }

    /// Drops every packet to `address` without a word: a black hole.
    pub fn black_hole(&self, address: IpAddr) {
        let family = if address.is_ipv4() { "ip" } else { "ip6" };
        let rules = format!(
            "table inet blackhole {{ chain input {{ type filter hook input priority 0; {family} daddr {address} drop; }}; }}"
        );
        run("nft", &[&rules]);
    }

    /// Lets every packet through again.
    pub fn no_black_hole(&self) {
        run("nft", &["delete", "table", "inet", "blackhole"]);
    }
}

/// Runs a program that must succeed.
///
/// # Panics
/// If it does not, with what it said.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| {
        panic!("{program} cannot be run: {error}; `.ci/run` installs what the tests need");
    });
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}
