//! The process of a hook: in a group of its own, of which nothing is left when it ends or its time is over.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::bounds::{HOOK_DETAIL, HOOK_OUTPUT, HOOK_REST};
use crate::model::HookOutcome;

/// Where programs that a hook calls are searched for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `program` with `environment` and nothing else of this process's, for `limit` at most.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    environment: &[(&'static str, String)],
    limit: Duration,
) -> (HookOutcome, String) {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", PATH).env("LC_ALL", "C");
    command.envs(environment.iter().map(|(name, value)| (name, value.replace('\0', " "))));
    command.current_dir("/").process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return (HookOutcome::NotStarted, format!("{}: {error}", program.display())),
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let _group = Group(group);
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (outcome, detail) = {
        let outputs = join(drain(stdout, &mut said), drain(stderr, &mut complained));
        tokio::pin!(outputs);
        let ended = timeout(limit, async {
            let mut drained = false;
            loop {
                tokio::select! {
                    ended = child.wait() => return (ended, drained),
                    _ = &mut outputs, if !drained => drained = true,
                }
            }
        })
        .await;
        match ended {
            Err(_) => (HookOutcome::TimedOut, format!("killed after {} s", limit.as_secs_f64())),
            Ok((Err(error), _)) => (HookOutcome::Failed, format!("this host does not say how it ended: {error}")),
            Ok((Ok(status), drained)) => {
                if !drained {
                    // Whoever it left behind may hold its pipes.
                    let _more = timeout(HOOK_REST, &mut outputs).await;
                }
                match (status.code(), status.signal()) {
                    (Some(0), _) => (HookOutcome::Succeeded, String::new()),
                    (Some(code), _) => (HookOutcome::Failed, format!("exit code {code}")),
                    (None, signal) => (HookOutcome::Failed, format!("ended by signal {}", signal.unwrap_or_default())),
                }
            }
        }
    };
    let words = if said.iter().all(u8::is_ascii_whitespace) { &complained } else { &said };
    let words = String::from_utf8_lossy(words);
    let words: String =
        words.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(HOOK_DETAIL).collect();
    let parts: Vec<String> = [detail, words].into_iter().filter(|part| !part.is_empty()).collect();
    (outcome, parts.join(": "))
}

/// A process group; dropped, all of it is killed.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        // Those that the leader left behind keep the number from being given to another group; where there are none, it is not
        // given again before some thousand processes more have started.
        if let Some(group) = self.0 {
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Reads to the end and keeps the beginning, so that a flood neither fills memory nor holds the command up.
async fn drain(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut piece = [0; 4_096];
    while let Ok(octets) = pipe.read(&mut piece).await {
        if octets == 0 {
            return;
        }
        let room = HOOK_OUTPUT.saturating_sub(kept.len());
        kept.extend(piece.iter().take(octets.min(room)));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn sh(script: &str, limit: Duration) -> (HookOutcome, String) {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run(Path::new("/bin/sh"), &arguments, &[("WAYPOST_SITE", "fra; rm -rf /".to_owned())], limit).await
    }

    #[tokio::test]
    async fn what_a_hook_says_and_how_it_ends_is_known() {
        let long = Duration::from_secs(60);
        assert_eq!(sh("echo mended", long).await, (HookOutcome::Succeeded, "mended".into()));
        assert_eq!(sh("echo broken >&2; exit 3", long).await, (HookOutcome::Failed, "exit code 3: broken".into()));
        assert_eq!(sh("kill -TERM $$", long).await, (HookOutcome::Failed, "ended by signal 15".into()));
        assert_eq!(sh("echo \"$WAYPOST_SITE\" \"$HOME\"", long).await.1, "fra; rm -rf /");
        let absent = run(Path::new("/nonexistent"), &[], &[], long).await;
        assert_eq!(absent.0, HookOutcome::NotStarted);
    }

    #[tokio::test]
    async fn one_that_hangs_is_killed_with_its_children() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let (outcome, detail) = sh(&script, Duration::from_secs(2)).await;
        assert_eq!((outcome, detail.as_str()), (HookOutcome::TimedOut, "killed after 2 s"));
        let child = fs::read_to_string(file).unwrap();
        let state = || fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        let gone = || state().map_or(true, |stat| stat.contains(") Z "));
        for _ in 0..1_000 {
            if gone() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the child lives: {:?}", state());
    }

    #[tokio::test]
    async fn one_that_floods_ends_and_its_beginning_is_kept() {
        let (outcome, detail) = sh("head -c 20000000 /dev/zero | tr '\\0' x", Duration::from_secs(60)).await;
        assert_eq!((outcome, detail), (HookOutcome::Succeeded, "x".repeat(HOOK_DETAIL)));
    }

    #[tokio::test]
    async fn one_that_leaves_a_child_with_its_pipes_is_over_all_the_same() {
        let (outcome, detail) = sh("sleep 1000 & echo done", Duration::from_secs(60)).await;
        assert_eq!((outcome, detail.as_str()), (HookOutcome::Succeeded, "done"));
    }
}
