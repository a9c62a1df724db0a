//! Secrets: passwords that are read when a probe needs them, sent, and shown to nobody.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::bounds::PASSWORD;
use crate::health::Outcome;
use crate::model::Login;

/// Octets that stay out of transcripts, logs and messages.
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(octets.into())
    }

    /// The octets themselves: to be sent to whom they are meant for.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

/// Secrets do not end up in logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is drawn over secrets that a server repeats to us.
#[derive(Debug, Default)]
pub(super) struct Veil {
    secrets: Vec<Secret>,
}

impl Veil {
    /// What stands in the place of a secret.
    pub(super) const SHOWN: &str = "***";
    /// Octets of the shortest secret that is covered: the places where a shorter one was would betray it, for it is in many a
    /// common word.
    const SHORTEST: usize = 4;

    pub(super) fn cover(&mut self, secret: &Secret) {
        if secret.0.len() >= Self::SHORTEST {
            self.secrets.push(Secret(secret.0.clone()));
        }
    }

    /// `line` without the secrets.
    pub(super) fn drawn_over(&self, line: Vec<u8>) -> Vec<u8> {
        self.secrets.iter().fold(line, |line, secret| replaced(line, &secret.0))
    }
}

fn replaced(line: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let mut left = line.as_slice();
    let mut covered = Vec::with_capacity(line.len());
    while let Some(octet) = left.first() {
        match left.strip_prefix(secret) {
            Some(rest) => {
                covered.extend_from_slice(Veil::SHOWN.as_bytes());
                left = rest;
            }
            None => {
                covered.push(*octet);
                left = left.get(1..).unwrap_or_default();
            }
        }
    }
    covered
}

/// Who a probe is, and where its password lies.
#[derive(Debug)]
pub(super) struct Credentials {
    user: String,
    file: PathBuf,
    /// Held while the file is read: on a file system that hangs, probes do not pile up readers.
    reading: Arc<Mutex<()>>,
}

impl Credentials {
    pub(super) fn new(login: &Login) -> Self {
        Self { user: login.user.clone(), file: login.password_file.clone(), reading: Arc::default() }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The message of SASL PLAIN (RFC 4616 section 2) in base64.
    pub(super) fn plain(&self, password: &Secret) -> Secret {
        let message = [b"\0", self.user.as_bytes(), b"\0", password.reveal()].concat();
        Secret::new(BASE64.encode(&message))
    }

    /// The password that the file holds now. One that cannot be had is trouble that the operator must hear of, and says nothing
    /// against the server.
    pub(super) async fn password(&self, deadline: Instant) -> Result<Secret, Outcome> {
        let path = self.file.clone();
        let reading = Arc::clone(&self.reading).lock_owned();
        let read = async move {
            let alone = reading.await;
            let read = tokio::task::spawn_blocking(move || {
                let _alone = alone;
                read_password(&path)
            });
            read.await.unwrap_or_else(|_| Err("it could not be read".to_owned()))
        };
        let read = timeout_at(deadline, read).await.unwrap_or_else(|_| Err("reading it takes too long".to_owned()));
        read.map_err(|reason| Outcome::Deferring(format!("password file {}: {reason}", self.file.display())))
    }
}

/// The one line of the file at `path`.
fn read_password(path: &Path) -> Result<Secret, String> {
    // Opening a pipe would wait for whoever writes into it.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = file.map_err(|error| error.to_string())?;
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    // The line's end is no part of the password.
    let most = PASSWORD + 2;
    let mut octets = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut octets).map_err(|error| error.to_string())?;
    password_in(octets)
}

fn password_in(mut octets: Vec<u8>) -> Result<Secret, String> {
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
    if octets.len() > PASSWORD {
        return Err(format!("it holds more than {PASSWORD} octets"));
    }
    if octets.is_empty() {
        return Err("it is empty".to_owned());
    }
    if octets.iter().any(|octet| matches!(octet, b'\n' | b'\r' | 0)) {
        return Err("it holds more than one line of text".to_owned());
    }
    Ok(Secret(octets))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn credentials(file: impl Into<PathBuf>) -> Credentials {
        Credentials::new(&Login { user: "probe@example.org".to_owned(), password_file: file.into() })
    }

    async fn reason(file: &Path) -> String {
        let password = credentials(file).password(Instant::now() + Duration::from_secs(30)).await;
        let Err(Outcome::Deferring(reason)) = password else { panic!("{password:?}") };
        assert!(reason.contains(&file.display().to_string()), "{reason}");
        reason
    }

    #[tokio::test]
    async fn the_password_is_the_one_line_of_its_file_as_it_is_now() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("probe.pw");
        let who = credentials(&file);
        for (text, password) in [("first", "first"), ("with spaces \n", "with spaces "), ("crlf\r\n", "crlf")] {
            std::fs::write(&file, text).unwrap();
            let read = who.password(Instant::now() + Duration::from_secs(30)).await.unwrap();
            assert_eq!(read.reveal(), password.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_no_password_is_refused_with_the_files_name() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        assert!(reason(&at("missing")).await.contains("No such file"));
        assert!(reason(directory.path()).await.contains("not a plain file"));
        assert!(reason(Path::new("/dev/zero")).await.contains("not a plain file"));
        let made = std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success() && reason(&at("pipe")).await.contains("not a plain file"));
        let long = "x".repeat(PASSWORD + 1);
        for (text, words) in
            [("", "empty"), ("\n", "empty"), ("a\nb\n", "one line"), ("a\0b", "one line"), (&long, "1024")]
        {
            std::fs::write(at("file"), text).unwrap();
            let found = reason(&at("file")).await;
            assert!(found.contains(words), "{found}");
        }
    }

    #[test]
    fn the_plain_message_is_that_of_the_standard() {
        let who = Credentials::new(&Login { user: "tim".to_owned(), password_file: PathBuf::new() });
        // RFC 4954 section 4.1 has a message like this one.
        assert_eq!(who.plain(&Secret::new("tanstaaftanstaaf")).reveal(), b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
        let mut veil = Veil::default();
        veil.cover(&Secret::new("abc"));
        assert_eq!(veil.drawn_over(b"abc".to_vec()), b"abc");
        assert!(!format!("{veil:?}").contains("97"));
    }

    proptest! {
        #[test]
        fn a_covered_secret_is_in_no_line(
            secret in "[ab]{4,6}", before in "[abc]{0,12}", after in "[abc]{0,12}",
        ) {
            let mut veil = Veil::default();
            veil.cover(&Secret::new(secret.as_str()));
            let line = String::from_utf8(veil.drawn_over(format!("{before}{secret}{after}").into_bytes())).unwrap();
            prop_assert!(!line.contains(&secret) && line.contains(Veil::SHOWN));
        }
    }
}
