//! Probes never hang and never leak, whatever they meet.

use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use waypost::health::Outcome;
use waypost::model::MonitorKind;
use waypost::probe::{Target, once};

use crate::patience::wait_until;
use crate::targets::{PATIENCE, target};

/// Probes of all kinds together, after the warm-up.
const PROBES: usize = 10_000;
/// Of these, commands.
const COMMANDS: usize = 300;
const TOGETHER: usize = 128;
/// The shortest that a configuration may say; so 10,000 probes that all last until it take four seconds.
const TIMEOUT: &str = "timeout = \"50ms\"\n";
/// Resident memory that may be taken beyond the warm-up: what the allocator holds back between bursts. A leak of 10 KiB a
/// probe would take three times as much.
const MEMORY_KIB: u64 = 32 * 1024;
/// A probe may end so much later than its timeout on a machine with other things to do.
const GRACE: Duration = Duration::from_secs(20);

/// What an endpoint does instead of an answer.
#[derive(Clone, Copy)]
enum Tarpit {
    /// It accepts and says nothing.
    Silence,
    /// It sends an octet a second.
    Drip,
    /// It sends without end.
    Flood,
}

/// A tarpit on loopback. It keeps a connection for as long as the other side does.
async fn tarpit(manner: Tarpit) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(hold(stream, manner));
        }
    });
    address
}

async fn hold(stream: TcpStream, manner: Tarpit) {
    let (mut reader, mut writer) = stream.into_split();
    let left = async {
        let mut heard = [0; 4096];
        while reader.read(&mut heard).await.is_ok_and(|octets| octets > 0) {}
    };
    let talk = async {
        match manner {
            Tarpit::Silence => std::future::pending().await,
            Tarpit::Drip => {
                for octet in b"HTTP/1.1 200 OK".iter().cycle() {
                    writer.write_all(&[*octet]).await?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Tarpit::Flood => {
                writer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                loop {
                    writer.write_all(&[b'x'; 16 * 1024]).await?;
                }
            }
        }
        Ok::<(), std::io::Error>(())
    };
    tokio::select! {
        () = left => {}
        _ = talk => {}
    }
}

/// All kinds of monitor that speak over TCP. None verifies certificates: each probe would read the system's trust anchors.
const KINDS: [&str; 21] = [
    "kind = \"tcp\"\nport = 1\n",
    "kind = \"tcp\"\nport = 1\nsend = \"x\"\nexpect = \"never\"\n",
    "kind = \"tcp\"\nport = 1\ntls = \"implicit\"\nverify = false\nexpect = \"never\"\n",
    "kind = \"tls\"\nverify = false\n",
    "kind = \"dns\"\nname = \"example.org\"\ntransport = \"tcp\"\n",
    "kind = \"smtp\"\ntls = \"none\"\n",
    "kind = \"submission\"\ntls = \"starttls\"\nverify = false\n",
    "kind = \"submission\"\ntls = \"implicit\"\nverify = false\n",
    "kind = \"lmtp\"\ntls = \"none\"\n",
    "kind = \"imap\"\ntls = \"none\"\n",
    "kind = \"imap\"\ntls = \"implicit\"\nverify = false\n",
    "kind = \"pop3\"\ntls = \"none\"\n",
    "kind = \"pop3\"\ntls = \"implicit\"\nverify = false\n",
    "kind = \"postgres\"\nuser = \"x\"\ntls = \"none\"\n",
    "kind = \"postgres\"\nuser = \"x\"\nverify = false\n",
    "kind = \"mysql\"\nuser = \"x\"\ntls = \"none\"\n",
    "kind = \"http\"\nbody = \"never\"\n",
    "kind = \"https\"\nverify = false\n",
    "kind = \"prometheus\"\nport = 1\nseries = 'x'\nwarn = \"> 1\"\n",
    "kind = \"json\"\npointer = \"/x\"\nequals = true\n",
    "kind = \"agent\"\nport = 1\nsend = \"x\"\n",
];

/// Commands that never end, that leave a child behind which holds their pipes, and that talk without end.
const SCRIPTS: [&str; 3] = ["sleep 1000 & sleep 1000", "sleep 1000 & echo ok", "exec yes"];

/// What this process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    descriptors: usize,
    tasks: usize,
    children: usize,
    memory_kib: u64,
}

impl Held {
    fn now(runtime: &Handle) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        Self {
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            tasks: runtime.metrics().num_alive_tasks(),
            children: children(),
            memory_kib: memory.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }
}

/// Processes whose parent is this one, dead ones that nobody reaped among them.
fn children() -> usize {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let is_child = |stat: &String| {
        // `pid (name) state parent ...`
        let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
        rest.split(' ').nth(1) == Some(&own)
    };
    processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok()).filter(is_child).count()
}

/// Probes each of `targets` in turn, `count` probes together.
async fn probe_all(targets: &[Target], count: usize, together: usize) {
    let places = Arc::new(Semaphore::new(together));
    let mut probes = JoinSet::new();
    for target in targets.iter().cycle().take(count) {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let target = target.clone();
        probes.spawn(async move {
            let start = Instant::now();
            let probed = once(&target).await;
            let took = start.elapsed();
            assert!(took < target.monitor.timeout + GRACE, "{took:?} {probed:?}");
            assert!(probed.transcript.len() <= 8 * 1024);
            // Who did not meet the tarpit proves nothing of it.
            let is_command = matches!(target.monitor.kind, MonitorKind::Exec(_));
            assert!(is_command || !matches!(probed.outcome, Outcome::Inconclusive(_)), "{probed:?}");
            drop(place);
        });
        while let Some(ended) = probes.try_join_next() {
            ended.unwrap();
        }
    }
    while let Some(ended) = probes.join_next().await {
        ended.unwrap();
    }
}

/// Runs `work` on the runtime, then waits until it holds no more than `limit` says.
fn settle(runtime: &tokio::runtime::Runtime, work: impl Future<Output = ()>, limit: impl Fn(Held) -> bool) -> Held {
    runtime.block_on(work);
    let mut held = Held::now(runtime.handle());
    wait_until("what probes held is given back", PATIENCE, || {
        held = Held::now(runtime.handle());
        limit(held)
    });
    held
}

#[test]
fn ten_thousand_probes_of_tarpits_leave_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut targets = Vec::new();
    for manner in [Tarpit::Silence, Tarpit::Drip, Tarpit::Flood] {
        let address = runtime.block_on(tarpit(manner));
        targets.extend(KINDS.map(|kind| target(&format!("{kind}{TIMEOUT}"), address)));
    }
    let command = |script: &&str| {
        let lines = format!("kind = \"exec\"\ntimeout = \"100ms\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n");
        target(&lines, ([127, 0, 0, 1], 0).into())
    };
    let commands: Vec<Target> = SCRIPTS.iter().map(command).collect();
    // The acceptors are tasks, and stay.
    let idle = Held::now(runtime.handle());
    let round = async |probes: usize, runs: usize| {
        probe_all(&targets, probes - runs, TOGETHER).await;
        probe_all(&commands, runs, 8).await;
    };
    let is_idle = |held: Held| held.tasks <= idle.tasks && held.children == 0;
    let warm = settle(&runtime, round(2_000, 30), is_idle);
    // The same descriptors as after the warm-up: those of the runtime and of files that libraries keep open.
    let after = settle(&runtime, round(PROBES, COMMANDS), |held| is_idle(held) && held.descriptors <= warm.descriptors);
    println!("idle {idle:?}\nwarm {warm:?}\nafter {after:?}");
    assert!(after.memory_kib <= warm.memory_kib + MEMORY_KIB, "{warm:?} {after:?}");
}
