//! Commands: what they say, how long they may take, and what is left of them.

use std::path::Path;
use std::time::Instant;

use super::*;
use crate::model::ExecCheck;

/// A monitor that runs `script` in a shell.
fn shell(script: &str) -> MonitorKind {
    let arguments = vec!["-c".to_owned(), script.to_owned(), "plugin".to_owned(), "{address}:{port}".to_owned()];
    MonitorKind::Exec(ExecCheck { program: "/bin/sh".into(), arguments, user: None })
}

fn endpoint() -> SocketAddr {
    "127.0.0.11:2525".parse().unwrap()
}

async fn run(script: &str) -> Report {
    probe(shell(script), endpoint()).await
}

#[tokio::test]
async fn exit_codes_are_those_of_nagios_plugins() {
    assert_ok(&run("echo 'OK - fine | t=1'").await);
    assert_deferring(&run("echo 'WARNING - queue 600'; exit 1").await, "WARNING - queue 600");
    assert_failed(&run("echo 'CRITICAL - dead | t=1'; exit 2").await, FailureKind::Protocol, "CRITICAL - dead");
    for (script, words) in [
        ("echo 'UNKNOWN - usage'; exit 3", "UNKNOWN - usage"),
        ("exit 3", "exit code 3 without a word"),
        ("echo oops >&2; exit 127", "exit code 127: oops"),
        ("kill -SEGV $$", "ended by signal 11 without a word"),
    ] {
        let report = run(script).await;
        let Outcome::Inconclusive(reason) = &report.finding.outcome else { panic!("{script}: {report:?}") };
        assert_eq!(reason, words, "{script}");
    }
}

#[tokio::test]
async fn figures_are_kept_apart_and_arguments_are_not_repeated() {
    let report = run("echo \"CRITICAL - $1 | t=1\"; echo more; echo why >&2; exit 2").await;
    assert_eq!(
        report.transcript.unwrap(),
        "> /bin/sh for 127.0.0.11:2525, 4 arguments\n< CRITICAL - 127.0.0.11:2525\n< more\n* perfdata t=1\n* stderr why\n\
         * exit code 2\n* CRITICAL - 127.0.0.11:2525\n"
    );
}

#[tokio::test]
async fn a_program_that_cannot_be_run_says_nothing_of_the_endpoint() {
    for (program, user, words) in [
        ("/nonexistent/check_x", None, "/nonexistent/check_x cannot be started: No such file"),
        ("/etc/passwd", None, "Permission denied"),
        ("/bin/true", Some("nobody-of-this-name".to_owned()), "no user 'nobody-of-this-name'"),
    ] {
        let check = ExecCheck { program: program.into(), arguments: vec![], user };
        let report = probe(MonitorKind::Exec(check), endpoint()).await;
        let Outcome::Inconclusive(reason) = &report.finding.outcome else { panic!("{report:?}") };
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn a_command_finds_neither_secrets_nor_privileges() {
    let report = run("echo $(pwd) $(env | cut -d= -f1 | sort | tr '\\n' ' '); cat; exit 1").await;
    // The shell adds names of its own.
    assert_deferring(&report, "/ LC_ALL ");
    let Outcome::Deferring(reason) = report.finding.outcome else { panic!() };
    let names = reason.split(' ').skip(1).collect::<Vec<_>>();
    assert!(names.iter().all(|name| ["LC_ALL", "OLDPWD", "PATH", "PWD", "SHLVL", "_"].contains(name)), "{reason}");
    if rustix::process::geteuid().is_root() {
        assert_deferring(&run("id -un; exit 1").await, "nobody");
        let as_user = |user: &str| {
            let arguments = vec!["-c".to_owned(), "echo $(id -un; id -G); exit 1".to_owned()];
            MonitorKind::Exec(ExecCheck { program: "/bin/sh".into(), arguments, user: Some(user.to_owned()) })
        };
        assert_deferring(&probe(as_user("daemon"), endpoint()).await, "daemon 1");
    }
}

/// Whether the process `id` is there, dead or alive.
fn exists(id: &str) -> bool {
    Path::new("/proc").join(id.trim()).exists()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The process ids that the script wrote.
fn noted(directory: &Path) -> Vec<String> {
    std::fs::read_to_string(directory.join("ids")).unwrap().lines().map(str::to_owned).collect()
}

/// A directory that whoever runs commands may write to.
fn open_directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    directory
}

#[tokio::test]
async fn at_the_deadline_the_whole_group_is_killed_and_reaped() {
    let directory = open_directory();
    let script = format!(
        "trap '' TERM HUP INT; sleep 1000 & echo $$ $! | tr ' ' '\\n' > {}/ids; wait; sleep 1000",
        directory.path().display()
    );
    let report = probe_within(shell(&script), endpoint(), Duration::from_secs(5)).await;
    assert_failed(&report, FailureKind::Timeout, "did not end within 5 s and was killed");
    let ids = noted(directory.path());
    assert_eq!(ids.len(), 2);
    until("leader and child are gone", || !ids.iter().any(|id| exists(id))).await;
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_the_probe() {
    let directory = open_directory();
    let script = format!("sleep 1000 & echo $! > {}/ids; echo 'OK - fine'", directory.path().display());
    assert_ok(&run(&script).await);
    let ids = noted(directory.path());
    until("the child is gone", || !ids.iter().any(|id| exists(id))).await;
    // One that left the group lives on, but nobody waits for it.
    let script =
        format!("setsid sleep 1000 & echo $! > {}/ids; sleep 0.3; echo 'OK - fine'", directory.path().display());
    let report = run(&script).await;
    let id = noted(directory.path()).remove(0);
    assert!(exists(&id));
    std::process::Command::new("kill").arg(id.trim()).status().unwrap();
    assert_ok(&report);
}

#[tokio::test]
async fn a_probe_that_is_given_up_leaves_no_process() {
    let directory = open_directory();
    let script = format!("echo $$ > {}/ids; sleep 1000", directory.path().display());
    let probing = tokio::spawn(async move { run(&script).await });
    let ids = directory.path().join("ids");
    until("it runs", || std::fs::read_to_string(&ids).is_ok_and(|text| text.ends_with('\n'))).await;
    probing.abort();
    let ids = noted(directory.path());
    until("it is gone", || !exists(&ids[0])).await;
}

#[tokio::test]
async fn output_without_end_is_cut() {
    let report = run("yes 0123456789 | head -c 50000; echo; exit 2").await;
    assert_failed(&report, FailureKind::Protocol, "0123456789");
    // The pipe of one that never ends is closed.
    let report = run("exec yes").await;
    let Outcome::Inconclusive(reason) = &report.finding.outcome else { panic!("{report:?}") };
    assert!(reason.ends_with(": y"), "{reason}");
}
