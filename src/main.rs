//! The program: see [`waypost`] for what it is made of.

use std::process::ExitCode;

/// Zones that a reload replaced go back to the system. The allocator of the C library keeps them in the arena of whichever
/// thread loaded them, and there are many.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    waypost::cli::run(std::env::args_os())
}
