//! Commands that need no running node: `serve`, `check`, `demo`.

use std::future::Future;
use std::io::{self, IsTerminal};

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::arguments::{Global, LogFormat, Serve};
use super::checked::Checked;
use super::configured::configuration;
use super::demo::{self, Demo, Launch, SiteArgs};
use super::events;
use super::exit::{Exit, Failure};
use super::output::{Format, Output};
use super::table::Palette;
use crate::admin::api::words::plain;
use crate::config::Color;
use crate::node::{self, NodeError, RunOptions, Signals};

/// What is logged, as in `info` or `waypost=debug`.
const LOG_VARIABLE: &str = "WAYPOST_LOG";

pub(super) fn serve(global: &Global, output: &Output, arguments: &Serve) -> Result<Exit, Failure> {
    let file = configuration(global)?;
    log("info", arguments.log_format);
    let ended = runtime()?.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        node::run(&file, RunOptions { stop: stop.boxed(), events: None, signals: Signals::Obeyed }).await
    });
    match ended {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            if let NodeError::Configuration(report) = &error {
                output.progress(report.render(Color::Never).trim_end());
            }
            Err(Failure::Negative(error.to_string()))
        }
    }
}

pub(super) fn check(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let file = configuration(global)?;
    let report = node::check(&file);
    match output.format() {
        Format::Json | Format::Jsonl | Format::Name => output.show(&Checked::of(&file, &report), |_| Vec::new())?,
        Format::Table | Format::Wide => {
            let (errors, warnings) = (report.errors().count(), report.warnings().count());
            if !report.is_empty() {
                let color = match output.palette() {
                    Palette::Colours => Color::Always,
                    Palette::Plain => Color::Never,
                };
                output.line(report.render(color).trim_end())?;
            }
            let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
            let (errors, warnings) = (count(errors, "error"), count(warnings, "warning"));
            output.progress(&format!("{}: {errors}, {warnings}", file.display()));
        }
    }
    Ok(if report.has_errors() { Exit::Negative } else { Exit::Done })
}

pub(super) fn demo() -> Result<Exit, Failure> {
    // The demo tells by itself what happens.
    log("error", LogFormat::Text);
    let demo = Demo::prepare().map_err(negative)?;
    let node = |launch: Launch| async move {
        // The demo stops the node by a word, or by being gone.
        let stop = launch.stop.map(|_| ()).boxed();
        let options = RunOptions { stop, events: Some(launch.events), signals: Signals::Ignored };
        node::run(&launch.configuration, options).await
    };
    in_runtime(demo.run(node, |event| plain(&events::line(event))))
}

pub(super) fn demo_site(arguments: SiteArgs) -> Result<Exit, Failure> {
    in_runtime(demo::serve_site(arguments))
}

fn in_runtime<E: std::error::Error>(work: impl Future<Output = Result<(), E>>) -> Result<Exit, Failure> {
    runtime()?.block_on(work).map_err(negative)?;
    Ok(Exit::Done)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(negative)
}

fn negative(error: impl std::error::Error) -> Failure {
    Failure::Negative(error.to_string())
}

/// Logs to stderr what the environment asks for, or `level`; a journal puts its own times to lines of text.
fn log(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let text = lines.with_ansi(io::stderr().is_terminal()).with_target(false);
    // Set already only where one process runs several commands: then the first stays.
    let _set = match format {
        LogFormat::Json => text.json().flatten_event(true).try_init(),
        LogFormat::Text if in_journal => text.without_time().try_init(),
        LogFormat::Text => text.try_init(),
    };
}
