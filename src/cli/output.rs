//! Where things are printed: data to stdout, progress and questions to stderr.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::document::Document;
use super::exit::Failure;
use super::table::{Page, Palette};
use crate::admin::api::words::plain;

/// How data is to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Asked {
    /// For people
    Table,
    /// For people, with all there is
    Wide,
    /// For programs: one document
    Json,
    /// For programs: a document on each line, of lists each item
    Jsonl,
    /// Names only, one a line
    Name,
    /// As a Markdown page, where a command has one; else as a table
    Md,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Table,
    /// For people, with all there is.
    Wide,
    /// For programs: one document.
    Json,
    /// For programs: a document on each line.
    Jsonl,
    /// Names only.
    Name,
}

/// How much people are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// What is mostly wanted.
    Usual,
    /// All there is.
    Wide,
}

/// Where a command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    asked: Asked,
    palette: Palette,
}

impl Output {
    /// The streams of the process.
    pub(super) fn of_process(asked: Asked) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        // https://no-color.org: whatever it says, it is said.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = io::stdout().is_terminal() || is_set("CLICOLOR_FORCE");
        Self { asked, palette: if wanted && !refused { Palette::Colours } else { Palette::Plain } }
    }

    pub(super) const fn format(&self) -> Format {
        match self.asked {
            Asked::Table | Asked::Md => Format::Table,
            Asked::Wide => Format::Wide,
            Asked::Json => Format::Json,
            Asked::Jsonl => Format::Jsonl,
            Asked::Name => Format::Name,
        }
    }

    /// Whether a Markdown page is asked for.
    pub(super) const fn is_markdown(&self) -> bool {
        matches!(self.asked, Asked::Md)
    }

    pub(super) const fn palette(&self) -> Palette {
        self.palette
    }

    /// What tables are printed on: as wide as the terminal is now.
    pub(super) fn page(&self) -> Page {
        Page::of_stdout(self.palette)
    }

    /// Prints a line of data.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::Fault(format!("stdout cannot be written: {error}")),
        })
    }

    /// Prints `document` as the user wants it; `table` says it to people.
    pub(super) fn show<D: Document>(
        &self,
        document: &D,
        table: impl FnOnce(Width) -> Vec<String>,
    ) -> Result<(), Failure> {
        let lines = match self.format() {
            Format::Table => table(Width::Usual),
            Format::Wide => table(Width::Wide),
            Format::Name => document.names().iter().map(|name| plain(name)).collect(),
            Format::Json => return self.json(document),
            Format::Jsonl => return document.items()?.iter().try_for_each(|item| self.compact(item)),
        };
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Prints `document` as JSON on one line.
    pub(super) fn compact(&self, document: &impl Serialize) -> Result<(), Failure> {
        self.line(&serde_json::to_string(document).map_err(|error| Failure::Fault(error.to_string()))?)
    }

    /// Prints `document` as JSON.
    pub(super) fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document).map_err(|error| Failure::Fault(error.to_string()))?;
        self.line(&text)
    }

    /// Says on stderr what happens.
    pub(super) fn progress(&self, text: &str) {
        // Who closed stderr does not want to know.
        let _told = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether a line on stderr can overwrite the one before.
    pub(super) fn redraws(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Says on stderr how far a wait is, in one line that overwrites itself on a terminal.
    pub(super) fn countdown(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        // As above.
        let _told = if stderr.is_terminal() {
            write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{text}")
        };
    }

    /// Ends the line of a countdown.
    pub(super) fn countdown_over(&self) {
        if io::stderr().is_terminal() {
            self.progress("");
        }
    }

    /// Whether there is somebody to ask: prompts are for terminals only.
    pub(super) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question on stderr; anything but yes is an error.
    pub(super) async fn ask(&self, question: &str) -> Result<(), Failure> {
        let answer = self.answer(&format!("{question} [y/N] ")).await?;
        if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(Failure::Declined) }
    }

    /// Asks on stderr for `name` to be typed; anything else is an error.
    pub(super) async fn ask_for_name(&self, question: &str, name: &str) -> Result<(), Failure> {
        let answer = self.answer(&format!("{question} Type {} to go on: ", plain(name))).await?;
        if answer == name { Ok(()) } else { Err(Failure::Declined) }
    }

    async fn answer(&self, question: &str) -> Result<String, Failure> {
        let fault = |error: io::Error| Failure::Fault(format!("the terminal cannot be used: {error}"));
        // Before the question is there to be interrupted.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fault)?;
        let mut stderr = io::stderr();
        write!(stderr, "{question}").and_then(|()| stderr.flush()).map_err(fault)?;
        let (sender, answered) = oneshot::channel();
        // A thread that is not joined: a terminal cannot be told to stop waiting for its user.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().lock().read_line(&mut answer).map(|_| answer);
            // Nobody waits for it any more after Ctrl-C.
            let _gone = sender.send(read);
        });
        tokio::select! {
            answer = answered => {
                let answer = answer.unwrap_or_else(|_| Ok(String::new())).map_err(fault)?;
                Ok(answer.trim().to_owned())
            }
            _ = interrupt.recv() => {
                self.progress("");
                Err(Failure::Interrupted("nothing was changed".to_owned()))
            }
        }
    }
}
