//! Commands that go on until Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use crate::node::executable;
use crate::patience::wait_until;
use crate::scene::{PATIENCE, Scene};

/// A command that runs, and the lines that it prints.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(directory: &Path, program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                if line.is_ok_and(|line| sender.send(line).is_err()) {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Waits for a line with `part`.
    fn says(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it never says {part}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

fn waypost() -> String {
    executable().to_string_lossy().into_owned()
}

#[test]
fn a_status_that_is_watched_is_printed_anew_when_something_changed() {
    let mut scene = Scene::start();
    let watch = Running::start(scene.directory.path(), &waypost(), &["status", "--watch", "-o", "jsonl"]);
    watch.says("\"schema\":\"waypost.status/1\"");
    scene.close("nrt");
    let line = watch.says("\"standing\":\"down\"");
    let status: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(status["verdict"].as_str().unwrap().contains("nrt down"), "{line}");
    assert_eq!(watch.interrupt(), Some(0));
}

#[test]
fn events_are_followed_and_filtered_until_ctrl_c() {
    let mut scene = Scene::start();
    let arguments = ["events", "--follow", "--since", "1h", "--kind", "verdict", "--site", "nrt", "-o", "jsonl"];
    let events = Running::start(scene.directory.path(), &waypost(), &arguments);
    scene.close("nrt");
    let line = events.says("\"to\":\"down\"");
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["schema"], &event["site"]), (&"waypost.event/1".into(), &"nrt".into()));
    assert_eq!(events.interrupt(), Some(0));
}

/// `script` gives the command a terminal.
#[test]
fn on_a_terminal_the_screen_is_drawn_over_and_given_back() {
    let scene = Scene::start();
    let mut child = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--command",
            &format!("stty rows 30 columns 100; exec {} status --watch", waypost()),
        ])
        .arg("/dev/null")
        .current_dir(scene.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut screen = String::new();
    let mut octets = [0; 4096];
    while !screen.contains("serving") {
        let count = stdout.read(&mut octets).unwrap();
        assert!(count > 0, "it ended: {screen}");
        screen.push_str(&String::from_utf8_lossy(&octets[..count]));
    }
    use std::io::Write;
    // Ctrl-C, as the terminal sends it.
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    stdout.read_to_string(&mut screen).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{screen}");
    assert!(screen.contains("\u{1b}[?1049h") && screen.contains("\u{1b}[H"), "{screen:?}");
    assert!(!screen.contains("\u{1b}[2J"), "nothing is wiped, so nothing flickers");
    assert!(
        screen.trim_end().ends_with("\u{1b}[?25h\u{1b}[?1049l"),
        "the cursor and the screen are given back: {screen:?}"
    );
}

/// What a terminal of this size shows, however colours are wanted.
fn shown(directory: &Path, size: &str, environment: &str, command: &str) -> String {
    let command = format!("stty {size}; {environment} exec {} {command}", waypost());
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

#[test]
fn tables_fit_the_terminal_with_and_without_colours_and_split_no_address_and_no_time() {
    let mut scene = Scene::start();
    scene.close("fra");
    wait_until("fra is down", PATIENCE, || !scene.names("fra"));
    let plain = shown(scene.directory.path(), "rows 30 columns 60", "NO_COLOR=1", "status");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let rows = plain.lines().skip_while(|line| !line.starts_with("ENDPOINT"));
    assert!(rows.clone().count() >= 2 && rows.clone().all(|line| line.chars().count() <= 60), "{plain}");
    assert!(plain.contains("192.0.2.10") && !plain.contains("SINCE"), "{plain}");
    assert!(shown(scene.directory.path(), "rows 30 columns 60", "", "status").contains('\u{1b}'));
    let wide = shown(scene.directory.path(), "rows 30 columns 60", "NO_COLOR=1", "status -o wide");
    assert!(wide.contains("SINCE") && wide.contains("mx-fra.example.org."), "{wide}");
    // A serial console does not know its size.
    let unknown = shown(scene.directory.path(), "rows 0 columns 0", "NO_COLOR=1", "status");
    assert!(unknown.lines().any(|line| line.starts_with("192.0.2.10 ") && line.contains("down")), "{unknown}");
}

#[test]
fn on_a_terminal_a_severe_order_asks_for_the_name_of_the_site() {
    let scene = Scene::start();
    let ask = |answer: &str| {
        let command = format!("exec {} isolate nrt --reason test", waypost());
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(scene.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut octets = [0; 4096];
        while !said.contains("to go on: ") {
            let count = stdout.read(&mut octets).unwrap();
            assert!(count > 0, "it ended: {said}");
            said.push_str(&String::from_utf8_lossy(&octets[..count]));
        }
        use std::io::Write;
        child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        stdout.read_to_string(&mut said).unwrap();
        (child.wait().unwrap().code(), said)
    };
    let (code, said) = ask("y\n");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("careful: nrt is not used any more, not even as a last resort"), "{said}");
    // Ctrl-C, as the terminal sends it.
    let (code, said) = ask("\u{3}");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted: nothing was changed"), "{said}");
    let (code, said) = ask("nrt\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("isolate nrt: ordered"), "{said}");
}
