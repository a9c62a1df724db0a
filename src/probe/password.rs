//! Passwords: read from their file for every probe, never shown.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::bounds::{PASSWORD, PASSWORD_READERS};
use crate::health::Outcome;

static READERS: Semaphore = Semaphore::const_new(PASSWORD_READERS);

/// A password. Neither its debug form nor any error shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Password(Vec<u8>);

impl Password {
    /// The password in the file `path`, without the line's end. Trouble with it defers: it says nothing about the endpoint,
    /// and the operator must hear of it.
    pub(super) async fn read(path: &Path, deadline: Instant) -> Result<Self, Outcome> {
        let place = path.to_owned();
        let reading = async {
            let turn = READERS.acquire().await.map_err(|error| error.to_string())?;
            let reading = tokio::task::spawn_blocking(move || {
                let octets = read(&place);
                // Held to the end of the reading, though nobody waits for it.
                drop(turn);
                octets
            });
            reading.await.map_err(|error| error.to_string())?
        };
        let octets = timeout_at(deadline, reading).await.unwrap_or_else(|_| Err("it took too long".to_owned()));
        octets
            .map(Self)
            .map_err(|why| Outcome::Deferring(format!("cannot read the password file {}: {why}", path.display())))
    }

    /// The octets, for whoever must prove to know them.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let words = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    // A pipe under that name must not make the probe wait for somebody to write.
    let file = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(words)?;
    if !file.metadata().map_err(words)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut octets = Vec::new();
    let most = u64::try_from(PASSWORD).unwrap_or(u64::MAX).saturating_add(2);
    file.take(most).read_to_end(&mut octets).map_err(words)?;
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match line {
        [] => Err("it is empty".to_owned()),
        line if line.len() > PASSWORD => Err(format!("it has more than {PASSWORD} octets")),
        line if line.iter().any(u8::is_ascii_control) => Err("it has more than one line".to_owned()),
        line => Ok(line.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn of(content: &[u8]) -> Result<Password, Outcome> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        std::fs::write(&path, content).unwrap();
        Password::read(&path, Instant::now() + Duration::from_secs(30)).await
    }

    #[tokio::test]
    async fn a_password_is_a_line_without_its_end() {
        for content in [&b"pass word"[..], b"pass word\n", b"pass word\r\n"] {
            assert_eq!(of(content).await.unwrap().reveal(), b"pass word");
        }
        let longest = vec![b'x'; PASSWORD];
        assert_eq!(of(&[&longest[..], b"\r\n"].concat()).await.unwrap().reveal(), longest);
    }

    #[tokio::test]
    async fn what_is_no_password_defers_without_showing_it() {
        let long = vec![b'x'; PASSWORD + 1];
        for (content, words) in [
            (&b""[..], "it is empty"),
            (b"\n", "it is empty"),
            (b"secret\nsecret\n", "more than one line"),
            (&long, "more than 1024 octets"),
        ] {
            let Err(Outcome::Deferring(reason)) = of(content).await else { panic!("{words}") };
            assert!(reason.contains(words) && !reason.contains("secret") && !reason.contains("xxx"), "{reason}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_none_does_not_hold_the_probe() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, words) in [
            (directory.path().join("absent"), "there is no such file"),
            (directory.path().to_owned(), "it is no regular file"),
            (pipe, "it is no regular file"),
        ] {
            let read = Password::read(&path, Instant::now() + Duration::from_secs(30)).await;
            let Err(Outcome::Deferring(reason)) = read else { panic!("{words}") };
            assert!(reason.contains(words), "{reason}");
        }
    }

    #[test]
    fn the_debug_form_hides_it() {
        assert_eq!(format!("{:?}", Password(b"hunter2".to_vec())), "Password(hidden)");
    }
}
