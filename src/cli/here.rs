//! Commands that need no running node: `serve`, `check`, `demo`.

use std::future::Future;

use futures_util::FutureExt;
use tokio::signal::unix::{SignalKind, signal};

use super::arguments::{Global, LogFormat, Serve};
use super::checked::Checked;
use super::configured::configuration;
use super::demo::{self, Demo, Launch, SiteArgs};
use super::events;
use super::exit::{Exit, Failure};
use super::log::Log;
use super::output::{Format, Output};
use super::table::Palette;
use crate::admin::api::words::plain;
use crate::config::Color;
use crate::node::{self, NodeError, RunOptions, Signals};

pub(super) fn serve(global: &Global, output: &Output, arguments: &Serve) -> Result<Exit, Failure> {
    let file = configuration(global)?;
    let log = Log::start("info", arguments.log_format);
    let ended = runtime()?.block_on(async {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let options = RunOptions { stop: stop.boxed(), events: None, signals: Signals::Obeyed, backlog: log.backlog() };
        node::run(&file, options).await
    });
    // Before anything else is said.
    drop(log);
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
    let log = Log::start("error", LogFormat::Text);
    let demo = Demo::prepare().map_err(negative)?;
    let node = |launch: Launch| {
        // The demo stops the node by a word, or by being gone.
        let stop = launch.stop.map(|_| ()).boxed();
        let (events, backlog) = (Some(launch.events), log.backlog());
        let options = RunOptions { stop, events, signals: Signals::Ignored, backlog };
        async move { node::run(&launch.configuration, options).await }
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
