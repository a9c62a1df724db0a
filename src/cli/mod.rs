//! The command line: one file per family of commands.
//!
//! Imports the core, [`crate::node`] and the API types of [`crate::admin`]. `serve`, `check` and `demo` start what they
//! are about, `key` and `user` work on files and streams; everything else goes through the admin API of a running node, so that a command can do nothing that a
//! script cannot. Data goes to stdout, progress and questions to stderr. It decides nothing.

mod arguments;
mod audit;
mod checked;
mod client;
mod configured;
mod confirm;
pub mod demo;
mod diff;
mod document;
mod drill;
mod events;
mod exit;
mod explain;
mod here;
mod ids;
mod incident;
mod key;
mod kinds;
mod log;
mod moment;
mod nodes;
mod notify;
mod orders;
mod output;
mod plugin;
mod probe;
mod refusal;
mod reload;
mod replay;
mod retyped;
mod schema;
mod shell;
mod span;
mod status;
mod stepping;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod user;
mod wait;
mod watch;
mod whatif;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, Global, Status};
use audit::Audit;
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
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell(&output);
            failure.exit()
        }
    }
}

fn dispatch(arguments: Arguments, output: &Output) -> Result<ExitCode, Failure> {
    let Arguments { global, command } = arguments;
    let here = match command {
        Command::Serve(arguments) => here::serve(&global, output, &arguments),
        Command::Check => here::check(&global, output),
        Command::Demo => here::demo(),
        Command::Replay(arguments) => replay::replay(&global, output, &arguments),
        Command::DemoSite(arguments) => here::demo_site(arguments),
        Command::Schema { name } => schema::schema(output, name.as_deref()),
        Command::Completions { shell } => shell::completions(output, shell),
        Command::Man { directory } => shell::man(output, directory.as_deref()),
        Command::Key { command } => key::key(&global, output, command),
        Command::User { command } => user::user(output, command),
        Command::Audit { command: Audit::Verify { file: Some(file), checkpoint } } => {
            audit::verify_file(output, &file, checkpoint)
        }
        Command::Probe(arguments) if arguments.here => probe::here(&global, output, arguments),
        remote => return far(&global, output, remote),
    };
    here.map(Into::into)
}

/// What a running node is asked.
fn far(global: &Global, output: &Output, command: Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Fault(format!("no event loop: {error}")))?;
    runtime.block_on(async {
        if let Command::Status(Status { plugin: true, .. }) = command {
            return plugin::plugin(global, output).await;
        }
        let node = Node::find(global)?;
        let ended = match command {
            Command::Status(arguments) => status::status(&node, output, &arguments).await,
            Command::Drain(arguments) => orders::drain(&node, output, arguments).await,
            Command::Isolate(arguments) => orders::isolate(&node, output, arguments).await,
            Command::Pin(arguments) => orders::pin(&node, output, arguments).await,
            Command::Undrain(arguments) => orders::undrain(&node, output, arguments).await,
            Command::Wait(arguments) => wait::command(&node, output, arguments).await,
            Command::Whatif(arguments) => whatif::whatif(&node, output, arguments).await,
            Command::Explain(arguments) => explain::explain(&node, output, arguments).await,
            Command::Events(arguments) => events::events(&node, output, arguments).await,
            Command::Audit { command } => audit::audit(&node, output, command).await,
            Command::Diff(arguments) => diff::diff(&node, output, arguments).await,
            Command::Incident(arguments) => incident::incident(&node, output, arguments).await,
            Command::Objectives => incident::objectives(&node, output).await,
            Command::Probe(arguments) => probe::probe(&node, output, arguments).await,
            Command::Drill { command } => drill::drill(&node, output, command).await,
            Command::Reload => reload::reload(&node, output).await,
            Command::Store { command } => store::store(&node, output, command).await,
            Command::Notify { command } => notify::notify(&node, output, command).await,
            Command::Token { command } => token::token(&node, output, command).await,
            Command::Serve(_)
            | Command::Check
            | Command::Demo
            | Command::DemoSite(_)
            | Command::Replay(_)
            | Command::Schema { .. }
            | Command::Completions { .. }
            | Command::Man { .. }
            | Command::User { .. }
            | Command::Key { .. } => Ok(Exit::Done),
        };
        ended.map(Into::into)
    })
}
