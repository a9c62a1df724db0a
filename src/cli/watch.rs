//! `status --watch`: the status drawn anew with every event, or printed anew where nothing can be drawn.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::client::Node;
use super::document::{AsSent, sites};
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use super::table::size;
use crate::admin::api::Status;
use crate::admin::api::words::moment;

/// A screen is drawn anew after this time even if nothing happens, because what it says of times goes on.
const AGES: Duration = Duration::from_secs(5);
/// Events that come together are drawn together.
const TOGETHER: Duration = Duration::from_millis(100);
/// Between two attempts to reach a node that is gone.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the node until Ctrl-C.
pub(super) async fn watch(node: &Node, output: &Output, render: impl Fn(&Status) -> String) -> Result<Exit, Failure> {
    let draws = io::stdout().is_terminal() && matches!(output.format(), Format::Table | Format::Wide);
    let mut view = if draws { View::Screen(Screen::open()) } else { View::Lines { shown: None } };
    tokio::select! {
        ended = follow(node, output, &mut view, render) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

/// Where the status goes.
enum View {
    Screen(Screen),
    /// Printed where something changed.
    Lines {
        shown: Option<String>,
    },
}

async fn follow(
    node: &Node,
    output: &Output,
    view: &mut View,
    render: impl Fn(&Status) -> String,
) -> Result<Exit, Failure> {
    loop {
        match node.stream("/api/v1/events", &[("follow", Some("1"))]).await {
            Ok(response) => {
                let mut stream = response.bytes_stream();
                let mut look = Instant::now();
                loop {
                    tokio::select! {
                        piece = stream.next() => match piece {
                            // Comments keep the connection; whatever carries data may have changed something.
                            Some(Ok(octets)) if octets.starts_with(b":") => {}
                            Some(Ok(_)) => look = look.min(Instant::now() + TOGETHER),
                            Some(Err(_)) | None => break,
                        },
                        () = sleep_until(look) => {
                            let document: serde_json::Value = match node.get("/api/v1/status", &[]).await {
                                Ok(document) => document,
                                Err(failure) if failure.is_passing() => break,
                                Err(failure) => return Err(failure),
                            };
                            view.show(output, document, &render)?;
                            look = Instant::now() + AGES;
                        }
                    }
                }
            }
            Err(failure) if failure.is_passing() && view.is_begun() => {}
            Err(failure) => return Err(failure),
        }
        view.disconnected(output)?;
        tokio::time::sleep(RETRY).await;
    }
}

impl View {
    /// Whether anything was shown: a node that was never there is an error.
    const fn is_begun(&self) -> bool {
        match self {
            Self::Screen(screen) => screen.as_of.is_some(),
            Self::Lines { shown } => shown.is_some(),
        }
    }

    fn show(
        &mut self,
        output: &Output,
        document: serde_json::Value,
        render: &impl Fn(&Status) -> String,
    ) -> Result<(), Failure> {
        let status: Status = serde_json::from_value(document.clone())
            .map_err(|error| Failure::Fault(format!("the node's status cannot be read: {error}")))?;
        match self {
            Self::Screen(screen) => {
                screen.text = render(&status);
                screen.as_of = Some(moment(status.time));
                screen.draw(None)
            }
            Self::Lines { shown } => {
                let state = changing(&status);
                if shown.as_ref() == Some(&state) {
                    return Ok(());
                }
                *shown = Some(state);
                let names = sites(&status);
                output.show(&AsSent { document, names }, |_| vec![render(&status), String::new()])
            }
        }
    }

    fn disconnected(&mut self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Screen(screen) => {
                let as_of = screen.as_of.clone().unwrap_or_default();
                screen.draw(Some(&format!("DISCONNECTED, state as of {as_of}: the node does not answer; trying again")))
            }
            Self::Lines { shown } => {
                // It may come back as another.
                if shown.as_deref() != Some("") {
                    output.progress("the node does not answer; trying again");
                    *shown = Some(String::new());
                }
                Ok(())
            }
        }
    }
}

/// What of a status is a change: not the time, nor what goes on with it.
fn changing(status: &Status) -> String {
    let connection = status.cluster.as_ref().map(|cluster| cluster.connection);
    let parts: Vec<&str> = status.degradations.iter().map(|degradation| degradation.part.as_str()).collect();
    format!(
        "{} {} {} {connection:?} {parts:?} {}",
        status.generation, status.last_event, status.revision, status.verdict
    )
}

/// The terminal's other screen, which is given back when this is dropped.
struct Screen {
    text: String,
    as_of: Option<String>,
}

impl Screen {
    fn open() -> Self {
        say("\u{1b}[?1049h\u{1b}[?25l");
        Self { text: String::new(), as_of: None }
    }

    /// Draws over what is there, line by line, so that nothing flickers.
    fn draw(&self, above: Option<&str>) -> Result<(), Failure> {
        let (columns, rows) = size();
        let lines = above.into_iter().chain(self.text.lines()).flat_map(|line| wrapped(line, columns));
        let mut lines: Vec<String> = lines.collect();
        if lines.len() > rows {
            lines.truncate(rows.saturating_sub(1));
            lines.push("… more below; a larger window shows it, and so does waypost status".to_owned());
        }
        // Terminals that know of synchronized output show it all at once.
        let drawn = lines.join("\u{1b}[K\r\n");
        let frame = format!("\u{1b}[?2026h\u{1b}[H{drawn}\u{1b}[K\u{1b}[J\u{1b}[?2026l");
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(frame.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|_| Failure::OutputClosed)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        say("\u{1b}[?25h\u{1b}[?1049l");
    }
}

fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    // A terminal that is gone needs nothing put right.
    let _gone = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// `line` in pieces that fit; one with colours is of a table, which fits already.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    if line.is_empty() || line.contains('\u{1b}') {
        return vec![line.to_owned()];
    }
    let characters: Vec<char> = line.chars().collect();
    characters.chunks(columns.max(1)).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_pieces_that_fit() {
        assert_eq!(wrapped("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(wrapped("", 2), [""]);
        assert_eq!(wrapped("● ok", 80), ["● ok"]);
        assert_eq!(wrapped("\u{1b}[31mabc\u{1b}[0m", 2).len(), 1);
    }
}
