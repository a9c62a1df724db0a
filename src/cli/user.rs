//! `user`: people who sign in to the dashboard with name and password.

use std::io::{BufRead, Read, stdin};

use argon2::password_hash::{PasswordHasher, phc};
use clap::Subcommand;

use super::exit::{Exit, Failure};
use super::output::Output;

/// The shortest password that is hashed: the attack left is guessing at a few a second, and these fall to it.
const SHORTEST: usize = 8;
/// The longest, as the page for signing in takes it.
const LONGEST: usize = 1024;

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Hash the password that stands in the first line of stdin, for password_hash of [[admin.user]]
    Hash,
}

pub(super) fn user(output: &Output, command: User) -> Result<Exit, Failure> {
    let User::Hash = command;
    let mut line = String::new();
    // A character has four octets at most; what is longer than the longest password is refused by its beginning.
    let mut start = stdin().lock().take(4 * LONGEST as u64 + 8);
    start.read_line(&mut line).map_err(|error| Failure::Usage(format!("stdin cannot be read: {error}")))?;
    output.line(&hashed(line.trim_end_matches(['\r', '\n']))?)?;
    Ok(Exit::Done)
}

fn hashed(password: &str) -> Result<String, Failure> {
    if !(SHORTEST..=LONGEST).contains(&password.chars().count()) {
        return Err(Failure::Usage(format!(
            "the password on stdin has {} characters; expected {SHORTEST} to {LONGEST} in one line, as in: \
             systemd-ask-password | waypost user hash",
            password.chars().count()
        )));
    }
    let hash: Result<phc::PasswordHash, _> = argon2::Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Failure::Fault(error.to_string()))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn hashes_are_those_of_their_password_and_no_two_alike() {
        let (first, second) = (hashed("correct horse").unwrap(), hashed("correct horse").unwrap());
        assert_ne!(first, second);
        assert!(first.starts_with("$argon2id$v=19$"), "{first}");
        let hash = phc::PasswordHash::new(&first).unwrap();
        let fits = |password: &[u8]| argon2::Argon2::default().verify_password(password, &hash).is_ok();
        assert!(fits(b"correct horse") && !fits(b"correct horse\n"));
        for password in ["", "short", &"x".repeat(LONGEST + 1)] {
            assert!(hashed(password).is_err());
        }
    }
}
