//! Ten thousand clients that only hold connections, or crawl.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;
use crate::support::{self, receive};
use crate::tcp::{framed, from_address};

const CLIENTS: u32 = 10_000;
/// What the server may take while they hold on, in a build without optimization, in MiB.
const MEMORY: u64 = 200;

fn resident_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Lets this process open as many files as the system allows.
fn many_files() {
    let pid = std::process::id().to_string();
    let hard = fs::read_to_string("/proc/self/limits").unwrap();
    let hard = hard.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let hard = hard.split_whitespace().nth(4).unwrap().to_owned();
    let status = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={hard}:{hard}")]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit");
}

#[test]
fn ten_thousand_idle_and_slow_clients_keep_nobody_out() {
    many_files();
    let directory = tempfile::tempdir().unwrap();
    let dns = free_port();
    fs::write(directory.path().join("example.org.zone"), support::ZONE).unwrap();
    let text = format!(
        "[node]\nname = \"crowd\"\nlisten = [\"127.0.0.1:{dns}\"]\n[admin]\nlisten = \"none\"\nsocket = \"admin.sock\"\n\
         [state]\npath = \"state\"\n[rate_limit]\nexempt = [\"127.0.0.0/8\"]\n\
         [[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\n"
    );
    let node = Node::start(directory.path(), (Ipv4Addr::LOCALHOST, dns).into(), &text);
    let pid = node.pid();
    let before = resident_mib(pid);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (held, worst) = runtime.block_on(async {
        let mut held = Vec::new();
        let mut worst = before;
        for number in 0..CLIENTS {
            let [_, _, high, low] = number.to_be_bytes();
            let connecting = from_address(node.address(), [127, 1 + high, low, 1 + (low % 200)]);
            let Ok(mut stream) = timeout(Duration::from_secs(20), connecting).await else { continue };
            // A third says nothing, a third half a length, a third crawls in the middle of a query.
            let begun: &[u8] = match number % 3 {
                0 => b"",
                1 => b"\x00",
                _ => b"\x00\x20\x12\x34\x00",
            };
            let _ = stream.write_all(begun).await;
            held.push(stream);
            if number % 100 == 0 {
                let client = [127, 200, high, 1 + low % 200];
                let mut fresh = from_address(node.address(), client).await;
                fresh.write_all(&framed(9, "www.example.org", RecordType::A)).await.unwrap();
                let reply = timeout(Duration::from_secs(20), receive(&mut fresh)).await.unwrap();
                assert_eq!(reply.expect("a reply over TCP").metadata.id, 9, "with {number} clients");
                let address = node.client();
                let answered = tokio::task::spawn_blocking(move || address.answers()).await.unwrap();
                assert!(answered, "over UDP with {number} clients");
                worst = worst.max(resident_mib(pid));
            }
        }
        (held, worst)
    });
    println!(
        "{} clients held connections; every one of {} fresh queries over TCP and over UDP was answered; \
         the server took {before} MiB before and at most {worst} MiB with them",
        held.len(),
        CLIENTS / 100,
    );
    assert!(held.len() > 9_000, "{}", held.len());
    assert!(worst < MEMORY, "{worst} MiB");
    drop(held);
    wait_until("the node is as it was", Duration::from_secs(30), || node.client().answers());
}
