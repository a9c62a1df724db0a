//! `completions` and `man`: made from what may be typed.

use std::fs;
use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use super::arguments::Arguments;
use super::exit::{Exit, Failure};
use super::output::Output;

/// `waypost completions SHELL`
pub(super) fn completions(output: &Output, shell: Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "waypost", &mut text);
    output.line(String::from_utf8_lossy(&text).trim_end())?;
    Ok(Exit::Done)
}

/// `waypost man [--directory DIRECTORY]`
pub(super) fn man(output: &Output, directory: Option<&Path>) -> Result<Exit, Failure> {
    let command = Arguments::command();
    let fault = |error: std::io::Error| Failure::Fault(format!("the manual cannot be written: {error}"));
    let Some(directory) = directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(fault)?;
        output.line(String::from_utf8_lossy(&page).trim_end())?;
        return Ok(Exit::Done);
    };
    let wrong = |path: &Path, error: std::io::Error| {
        Failure::Usage(format!(
            "'{}' cannot be written: {error}; name a directory that you may write to, as in --directory ~/man/man1",
            path.display()
        ))
    };
    fs::create_dir_all(directory).map_err(|error| wrong(directory, error))?;
    let pages = pages(command, "waypost");
    for (name, page) in &pages {
        let file = directory.join(format!("{name}.1"));
        let written = fs::File::create(&file).and_then(|mut file| file.write_all(page));
        written.map_err(|error| wrong(&file, error))?;
    }
    output.progress(&format!("{} pages in {}", pages.len(), directory.display()));
    Ok(Exit::Done)
}

/// A page for `command` and for each below it that is not hidden.
fn pages(mut command: clap::Command, name: &str) -> Vec<(String, Vec<u8>)> {
    command.build();
    let below: Vec<clap::Command> =
        command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help").cloned().collect();
    let below = below.into_iter().flat_map(|below| {
        let name = format!("{name}-{}", below.get_name());
        pages(below, &name)
    });
    let below: Vec<_> = below.collect();
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _written = clap_mangen::Man::new(command).render(&mut page);
    std::iter::once((name.to_owned(), page)).chain(below).collect()
}
