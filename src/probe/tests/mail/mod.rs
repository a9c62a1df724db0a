//! Mail servers, good and bad: what each protocol has of its own in a file of its own, what can go wrong in all of them in
//! `moods.rs`.

use data_encoding::BASE64;
use tempfile::TempDir;

use super::Step::{Drip, Flood, Hang, Hear, Say, Tls};
use super::*;
use crate::model::Login;

mod imap;
mod lmtp;
mod moods;
mod pop3;
mod smtp;
mod submission;

const USER: &str = "probe@example.org";
const PASSWORD: &str = "correct horse";

/// A monitor, and a server as it should be.
struct Play {
    name: &'static str,
    kind: MonitorKind,
    script: Vec<Step>,
    /// A reply that never ends.
    endless: &'static str,
}

/// What the plays need: a certificate for the server and its trust, and a password for the probe.
struct Props {
    directory: TempDir,
    config: Arc<ServerConfig>,
}

impl Props {
    /// A server for `name`, whose certificate begins and ends so many days from now.
    fn new(name: &str, begin: i64, end: i64) -> Self {
        let (config, pem) = certificate(name, begin, end);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), pem).unwrap();
        std::fs::write(directory.path().join("probe.pw"), format!("{PASSWORD}\n")).unwrap();
        Self { directory, config }
    }

    fn good() -> Self {
        Self::new("mx.example.org", -1, 90)
    }

    fn tls(&self, mode: TlsMode) -> TlsPolicy {
        tls(mode, (mode != TlsMode::Off).then(|| self.directory.path().join("ca.pem")))
    }

    fn login(&self) -> Login {
        Login { user: USER.to_owned(), password_file: self.password_file() }
    }

    fn password_file(&self) -> PathBuf {
        self.directory.path().join("probe.pw")
    }

    fn secure(&self) -> Step {
        Tls(Arc::clone(&self.config))
    }

    /// A play of every protocol with every kind of TLS.
    fn plays(&self) -> Vec<Play> {
        [smtp::plays(self), submission::plays(self), lmtp::plays(self), imap::plays(self), pop3::plays(self)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// `before`, the message of SASL PLAIN, and the end of the line.
fn plain_message(before: &str) -> &'static str {
    let message = BASE64.encode(format!("\0{USER}\0{PASSWORD}").as_bytes());
    Box::leak(format!("{before}{message}\r\n").into_boxed_str())
}

/// `script` with `step` in the place of the last words `said`.
fn with(script: &[Step], said: &str, step: Step) -> Vec<Step> {
    let is_it = |step: &Step| matches!(step, Say(words) if words == &said);
    let place = script.iter().rposition(is_it).unwrap_or_else(|| panic!("{said:?} is not said"));
    let mut script = script.to_vec();
    script[place] = step;
    script
}

/// `script` up to the last words `said`, which become `words`; then silence.
fn until(script: &[Step], said: &str, words: &'static str) -> Vec<Step> {
    let is_it = |step: &Step| matches!(step, Say(words) if words == &said);
    let place = script.iter().rposition(is_it).unwrap_or_else(|| panic!("{said:?} is not said"));
    [&script[..place], &[Say(words), Hang]].concat()
}

/// Plays `script` to the probe of `kind`.
async fn probed(kind: &MonitorKind, script: Vec<Step>) -> Report {
    probe(kind.clone(), server(script).await).await
}

/// Replies that end a conversation: what was said instead of what, whether that defers, and words of the reason.
type Endings<'a> = &'a [(&'a str, &'static str, bool, &'a str)];

async fn assert_endings(kind: &MonitorKind, script: &[Step], endings: Endings<'_>) {
    for (said, instead, defers, words) in endings {
        let report = probed(kind, until(script, said, instead)).await;
        if *defers {
            assert_deferring(&report, words);
        } else {
            assert_failed(&report, FailureKind::Protocol, words);
        }
    }
}
