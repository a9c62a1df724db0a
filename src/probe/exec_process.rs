//! Processes: a command in a process group of its own, of which nothing is left when its probe ends.
//!
//! The leader of the group is seen to end by its descriptor (pidfd_open(2)) and reaped only after the whole group was killed: until
//! then its number cannot be that of another group.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};

use futures_util::future::join;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::unix::pipe::Receiver;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::bounds::{EXEC_DRAINED, EXEC_OUTPUT, EXEC_REST, EXEC_STARTING};
use super::exec_user::{Identity, identity};

/// Starts a program in the further groups of a user, which the standard library cannot.
const SETPRIV: &str = "/usr/bin/setpriv";
/// All that a command finds in its environment.
const ENVIRONMENT: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")];

/// Threads that start commands, of all monitors together.
static STARTING: Semaphore = Semaphore::const_new(EXEC_STARTING);

/// What is to be run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) user: Option<String>,
}

/// What a run occupies, to be given back when its process is gone for good.
#[derive(Debug)]
pub(super) struct Places {
    /// Among the runs of its command.
    #[expect(dead_code, reason = "held, not read")]
    pub(super) own: OwnedSemaphorePermit,
    /// Among the commands of all monitors.
    #[expect(dead_code, reason = "held, not read")]
    pub(super) common: SemaphorePermit<'static>,
}

/// What a command left.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The beginning of its standard output.
    pub(super) stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub(super) stderr: Vec<u8>,
}

/// Why a command left nothing.
#[derive(Debug)]
pub(super) enum NotEnded {
    /// It did not start, or this host failed it.
    Broken(String),
    /// The deadline came first.
    OutOfTime,
}

/// Runs `program` until it ends, or kills it at `deadline`.
pub(super) async fn run(program: Program, places: Places, deadline: Instant) -> Result<Ended, NotEnded> {
    // Starting copies the tables of this process and waits for the disk. If nobody waits any more, what was started is dropped.
    let slow = |_| {
        NotEnded::Broken("the command did not start in time: this host waits for a disk or a file system".to_owned())
    };
    let turn = timeout_at(deadline, STARTING.acquire()).await.map_err(slow)?;
    let starting = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        Process::start(&program, places)
    });
    let started = timeout_at(deadline, starting).await.map_err(slow)?;
    let mut process = started.map_err(|error| NotEnded::Broken(error.to_string()))?.map_err(NotEnded::Broken)?;
    process.finish(deadline).await
}

/// A running process with its group. Dropped, all of the group is killed and the leader reaped.
#[derive(Debug)]
struct Process {
    child: Option<Child>,
    group: Pid,
    /// Readable when the leader has ended.
    end: Option<OwnedFd>,
    places: Option<Places>,
}

impl Process {
    /// Blocks.
    fn start(program: &Program, places: Places) -> Result<Self, String> {
        let identity = identity(program.user.as_deref())?;
        let mut command = command(program, identity.as_ref())?;
        command.env_clear().envs(ENVIRONMENT).current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child =
            command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.path.display()))?;
        let group = Pid::from_child(&child);
        let mut process = Self { child: Some(child), group, end: None, places: Some(places) };
        match pidfd_open(group, PidfdFlags::NONBLOCK) {
            Ok(end) => process.end = Some(end),
            Err(error) => {
                process.kill();
                // A killed process that nobody can watch: here is the only place to wait for it.
                let _reaped = process.child.take().map(|mut child| child.wait());
                return Err(format!("this host cannot watch processes: {error}"));
            }
        }
        Ok(process)
    }

    async fn finish(&mut self, deadline: Instant) -> Result<Ended, NotEnded> {
        let broken = |error: io::Error| NotEnded::Broken(format!("this host cannot read what a command says: {error}"));
        let unwatched = || NotEnded::Broken("this host does not say how a command ended".to_owned());
        let (Some(child), Some(end)) = (&mut self.child, &self.end) else { return Err(unwatched()) };
        let end = end.try_clone().and_then(watched).map_err(broken)?;
        let pipe = |fd: Option<OwnedFd>| fd.map(Receiver::from_owned_fd).transpose();
        let stdout = pipe(child.stdout.take().map(OwnedFd::from)).map_err(broken)?;
        let stderr = pipe(child.stderr.take().map(OwnedFd::from)).map_err(broken)?;
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        {
            let mut outputs = pin!(join(drain(stdout, &mut said), drain(stderr, &mut complained)));
            let mut drained = false;
            loop {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(deadline) => return Err(NotEnded::OutOfTime),
                    ended = end.readable() => {
                        let _ready = ended.map_err(broken)?;
                        break;
                    }
                    _ = &mut outputs, if !drained => drained = true,
                }
            }
            // Whoever it left behind holds its pipes; only one that left the group can hold them longer.
            self.kill();
            if !drained {
                let _more = timeout(EXEC_REST, outputs).await;
            }
        }
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => {
                self.child = None;
                Ok(Ended { status, stdout: said, stderr: complained })
            }
            Some(Err(error)) => Err(broken(error)),
            Some(Ok(None)) | None => Err(unwatched()),
        }
    }

    /// Kills the whole group. Only while the leader has not been reaped.
    fn kill(&self) {
        if self.child.is_some() {
            // There is nobody to tell if the last of them just ended.
            let _gone = kill_process_group(self.group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let Some(mut child) = self.child.take() else { return };
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        // It takes a moment to die, or long if it waits for a disk. With the runtime, this process ends too.
        let Ok(runtime) = Handle::try_current() else { return };
        let (end, places) = (self.end.take(), self.places.take());
        runtime.spawn(async move {
            let _places = places;
            let is_over = match end.map(watched) {
                Some(Ok(end)) => end.readable().await.is_ok(),
                Some(Err(_)) | None => false,
            };
            // Where its end cannot be seen, a thread waits for it.
            let _reaped = match is_over {
                true => child.try_wait().map(drop),
                false => tokio::task::spawn_blocking(move || child.wait().map(drop)).await.unwrap_or(Ok(())),
            };
        });
    }
}

/// A descriptor in the event loop.
// What replaces the function is `unsafe`, for types whose descriptor may change. This one's cannot.
#[allow(deprecated)]
fn watched(end: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(end, Interest::READABLE)
}

/// The command that runs `program` as `identity`.
fn command(program: &Program, identity: Option<&Identity>) -> Result<Command, String> {
    let mut command = match identity {
        Some(identity) if !identity.groups.is_empty() => {
            if !Path::new(SETPRIV).exists() {
                return Err(format!(
                    "the user is in further groups, for which {SETPRIV} (package util-linux) is needed"
                ));
            }
            let groups = identity.groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let mut command = Command::new(SETPRIV);
            command.args(["--reuid", &identity.uid.to_string(), "--regid", &identity.gid.to_string()]);
            command.args(["--groups", &groups, "--"]).arg(&program.path);
            command
        }
        Some(identity) => {
            let mut command = Command::new(&program.path);
            // This leaves all groups of root as well.
            command.uid(identity.uid).gid(identity.gid);
            command
        }
        None => Command::new(&program.path),
    };
    command.args(&program.arguments);
    Ok(command)
}

/// Reads to the end, but keeps no more than [`EXEC_OUTPUT`] and stops listening after [`EXEC_DRAINED`].
async fn drain(pipe: Option<Receiver>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = [0; 4096];
    let mut read = 0;
    while read < EXEC_DRAINED {
        match pipe.read(&mut piece).await {
            Ok(octets) if octets > 0 => {
                read += octets;
                let room = EXEC_OUTPUT.saturating_sub(kept.len());
                kept.extend(piece.iter().take(octets.min(room)));
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    /// A command that sleeps, and whose end nobody can watch: a regular file cannot be in the event loop.
    fn unwatchable() -> (Process, Arc<Semaphore>) {
        static COMMON: Semaphore = Semaphore::const_new(Semaphore::MAX_PERMITS);
        let own = Arc::new(Semaphore::new(1));
        let places =
            Places { own: Arc::clone(&own).try_acquire_owned().unwrap(), common: COMMON.try_acquire().unwrap() };
        let program = Program { path: "/bin/sleep".into(), arguments: vec!["1000".to_owned()], user: None };
        let mut process = Process::start(&program, places).unwrap();
        process.end = Some(std::fs::File::open("/etc/passwd").unwrap().into());
        (process, own)
    }

    #[tokio::test]
    async fn a_host_that_cannot_watch_a_command_says_nothing_of_the_endpoint() {
        let deadline = Instant::now() + Duration::from_secs(30);
        let (mut process, _) = unwatchable();
        let ended = process.finish(deadline).await;
        assert!(matches!(&ended, Err(NotEnded::Broken(why)) if why.starts_with("this host cannot")), "{ended:?}");
        process.end = None;
        assert!(matches!(process.finish(deadline).await, Err(NotEnded::Broken(_))));
    }

    #[tokio::test]
    async fn a_process_that_cannot_be_watched_is_reaped_and_gives_its_places_back() {
        // Some of them die before anybody looks.
        for _ in 0..20 {
            let (process, places) = unwatchable();
            let directory = Path::new("/proc").join(process.group.as_raw_nonzero().to_string());
            drop(process);
            let place = timeout(Duration::from_secs(30), places.acquire()).await.unwrap().unwrap();
            assert!(!directory.exists());
            drop(place);
        }
    }

    #[test]
    fn a_command_has_the_groups_of_its_user_and_no_others() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let script = ["-c", "id -u; id -G; grep CapEff /proc/self/status"].map(str::to_owned).to_vec();
        let program = Program { path: "/bin/sh".into(), arguments: script, user: None };
        for (groups, expected) in [(vec![], "1\n2\n"), (vec![8, 9], "1\n2 8 9\n")] {
            let identity = Identity { uid: 1, gid: 2, groups };
            let output = command(&program, Some(&identity)).unwrap().output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(said, format!("{expected}CapEff:\t0000000000000000\n"), "{output:?}", output = output.stderr);
        }
    }
}
