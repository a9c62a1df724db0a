//! The command line: one file per family of commands.
//!
//! Imports the core, [`crate::node`] and the API types of [`crate::admin`]. `serve`, `check` and `demo` start what they
//! are about, `key` works on files; everything else goes through the admin API of a running node, so that a command can do nothing that a
//! script cannot. Data goes to stdout, progress and questions to stderr. It decides nothing.

mod arguments;
mod client;
pub mod demo;
mod drill;
mod events;
mod exit;
mod explain;
mod here;
mod key;
mod nodes;
mod orders;
mod output;
mod probe;
mod reload;
mod replay;
mod span;
mod status;
mod stepping;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod wait;
mod whatif;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use client::Node;
use exit::{Exit, Failure};
use output::Output;

/// Runs the command that `arguments` (the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // TLS of probes, API clients and the demo; another part of the program may have done so already.
    let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where stderr is gone there is nobody to tell.
            let _told = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let output = Output::of_process(arguments.global.output);
    match dispatch(arguments, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.tell(&output);
            failure.exit()
        }
    }
}

fn dispatch(arguments: Arguments, output: &Output) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    let remote = match command {
        Command::Serve(arguments) => return here::serve(&global, output, &arguments),
        Command::Check => return here::check(&global, output),
        Command::Demo => return here::demo(),
        Command::Replay(arguments) => return replay::replay(&global, output, &arguments),
        Command::DemoSite(arguments) => return here::demo_site(arguments),
        Command::Key { command } => return key::key(&global, output, command),
        Command::Probe(arguments) if arguments.here => return probe::here(&global, output, arguments),
        remote => remote,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Fault(format!("no event loop: {error}")))?;
    runtime.block_on(async {
        let node = Node::find(&global)?;
        match remote {
            Command::Status(arguments) => status::status(&node, output, &arguments).await,
            Command::Drain(arguments) => orders::drain(&node, output, arguments).await,
            Command::Isolate(arguments) => orders::isolate(&node, output, arguments).await,
            Command::Pin(arguments) => orders::pin(&node, output, arguments).await,
            Command::Undrain(arguments) => orders::undrain(&node, output, arguments).await,
            Command::Wait(arguments) => wait::command(&node, output, arguments).await,
            Command::Whatif(arguments) => whatif::whatif(&node, output, arguments).await,
            Command::Explain(arguments) => explain::explain(&node, output, arguments).await,
            Command::Events(arguments) => events::events(&node, output, arguments).await,
            Command::Probe(arguments) => probe::probe(&node, output, arguments).await,
            Command::Drill { command } => drill::drill(&node, output, command).await,
            Command::Reload => reload::reload(&node, output).await,
            Command::Store { command } => store::store(&node, output, command).await,
            Command::Token { command } => token::token(&node, output, command).await,
            Command::Serve(_)
            | Command::Check
            | Command::Demo
            | Command::DemoSite(_)
            | Command::Replay(_)
            | Command::Key { .. } => Ok(Exit::Done),
        }
    })
}
