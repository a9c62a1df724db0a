//! What can be typed into the running demo.

use std::io::BufRead;
use std::str::FromStr;

use tokio::sync::mpsc;

use super::bounds::COMMAND_BACKLOG;

/// A command of the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End a site's SMTP process at once.
    Kill(String),
    /// Make a site accept and answer nothing.
    Hang(String),
    /// Start a site's SMTP process anew.
    Revive(String),
    /// Show what can be typed.
    Help,
    /// End the demo.
    Quit,
}

/// What was typed is not a command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a command here; `help` shows what is")]
pub struct NotACommand(String);

impl FromStr for Command {
    type Err = NotACommand;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let words: Vec<_> = line.split_whitespace().collect();
        Ok(match words.as_slice() {
            ["kill", site] => Self::Kill((*site).to_owned()),
            ["hang", site] => Self::Hang((*site).to_owned()),
            ["revive", site] => Self::Revive((*site).to_owned()),
            ["help" | "?"] => Self::Help,
            ["quit" | "exit"] => Self::Quit,
            _ => return Err(NotACommand(line.trim().to_owned())),
        })
    }
}

/// Reads commands from `input` on a thread of its own; the channel closes when `input` ends.
pub fn listen(input: impl BufRead + Send + 'static) -> mpsc::Receiver<Result<Command, NotACommand>> {
    let (sender, receiver) = mpsc::channel(COMMAND_BACKLOG);
    // A thread that is not joined: a terminal cannot be told to stop waiting for its user.
    std::thread::spawn(move || {
        for line in input.lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            if sender.blocking_send(line.parse()).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn commands_are_read_until_the_input_ends() {
        let mut commands = listen("kill fra\n\n  hang  iad \nrevive\nquit\n".as_bytes());
        assert_eq!(commands.recv().await, Some(Ok(Command::Kill("fra".into()))));
        assert_eq!(commands.recv().await, Some(Ok(Command::Hang("iad".into()))));
        assert_eq!(commands.recv().await, Some(Err(NotACommand("revive".into()))));
        assert_eq!(commands.recv().await, Some(Ok(Command::Quit)));
        assert_eq!(commands.recv().await, None);
    }
}
