//! A node that is there and says nothing: stopped, or lost in something.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use super::super::run;
use super::ending::code;

#[test]
fn a_node_that_hangs_is_given_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("waypost.toml");
    std::fs::write(&configuration, "[admin]\nsocket = \"admin.sock\"\n").unwrap();
    // The system takes connections for it; nobody ever answers.
    let _listener = UnixListener::bind(directory.path().join("admin.sock")).unwrap();
    let ends = |line: &str| {
        let words = line.split_whitespace().map(Into::into);
        let arguments = ["waypost".into(), "--config".into(), configuration.clone().into()].into_iter().chain(words);
        let began = Instant::now();
        (code(run(arguments)), began.elapsed())
    };
    let (code, took) = ends("status --plugin");
    assert_eq!(code, 3, "UNKNOWN");
    assert!(took < Duration::from_secs(8), "Nagios gives up after 10 s: {took:?}");
    for line in ["status --answer-within 1s", "status --watch --answer-within 1s", "undrain fra --answer-within 1s"] {
        let (code, took) = ends(line);
        assert_eq!(code, 5, "{line}");
        assert!(took < Duration::from_secs(4), "{line}: {took:?}");
    }
}
