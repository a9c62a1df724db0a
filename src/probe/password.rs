//! Passwords: read from their file when a probe needs them.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::bounds::{PASSWORD, PASSWORD_READERS};
use super::secret::Secret;
use crate::health::Outcome;
use crate::model::Login;

static READERS: Semaphore = Semaphore::const_new(PASSWORD_READERS);

/// The password that the file at `path` holds now, without the line's end. One that cannot be had is trouble that the
/// operator must hear of, and says nothing against the server.
pub(super) async fn read(path: &Path, deadline: Instant) -> Result<Secret, Outcome> {
    let place = path.to_owned();
    let reading = async {
        let turn = READERS.acquire().await.map_err(|error| error.to_string())?;
        let reading = tokio::task::spawn_blocking(move || {
            let password = read_file(&place);
            // Held to the end of the reading, though nobody waits for it.
            drop(turn);
            password
        });
        reading.await.map_err(|error| error.to_string())?
    };
    let password = timeout_at(deadline, reading).await.unwrap_or_else(|_| Err("reading it takes too long".to_owned()));
    password.map_err(|why| Outcome::Unchecked(format!("cannot read the password file {}: {why}", path.display())))
}

/// Whether the file at `path` holds a password.
///
/// # Errors
/// Why not, in an operator's words.
pub fn readable_password(path: &Path) -> Result<(), String> {
    read_file(path).map(|_| ()).map_err(|why| format!("cannot read the password file {}: {why}", path.display()))
}

/// The one line of the file at `path`.
fn read_file(path: &Path) -> Result<Secret, String> {
    let words = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    // A pipe under that name must not make the probe wait for somebody to write.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(words)?;
    if !file.metadata().map_err(words)?.is_file() {
        return Err("it is not a plain file".to_owned());
    }
    let mut octets = Vec::new();
    let most = u64::try_from(PASSWORD).unwrap_or(u64::MAX).saturating_add(3);
    file.take(most).read_to_end(&mut octets).map_err(words)?;
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err("it is empty".to_owned()),
        line if line.len() > PASSWORD => Err(format!("it has more than {PASSWORD} octets")),
        line if line.iter().any(u8::is_ascii_control) => Err("it has more than one line of text".to_owned()),
        line => Ok(Secret::new(line)),
    }
}

/// Who a probe is, and where its password lies.
#[derive(Debug)]
pub(super) struct Credentials {
    user: String,
    file: PathBuf,
}

impl Credentials {
    pub(super) fn new(login: &Login) -> Self {
        Self { user: login.user.clone(), file: login.password_file.clone() }
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The message of SASL PLAIN (RFC 4616 section 2) in base64.
    pub(super) fn plain(&self, password: &Secret) -> Secret {
        let message = [b"\0", self.user.as_bytes(), b"\0", password.reveal()].concat();
        Secret::new(BASE64.encode(&message))
    }

    /// The password that the file holds now.
    pub(super) async fn password(&self, deadline: Instant) -> Result<Secret, Outcome> {
        read(&self.file, deadline).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn credentials(file: impl Into<PathBuf>) -> Credentials {
        Credentials::new(&Login { user: "probe@example.org".to_owned(), password_file: file.into() })
    }

    async fn reason(file: &Path) -> String {
        let password = credentials(file).password(Instant::now() + Duration::from_secs(30)).await;
        let Err(Outcome::Unchecked(reason)) = password else { panic!("{password:?}") };
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
        assert!(reason(&at("missing")).await.contains("no such file"));
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
}
