//! The program: see [`waypost`] for what it is made of.

use std::process::ExitCode;

fn main() -> ExitCode {
    waypost::cli::run(std::env::args_os())
}
