//! `key`: the DNSSEC keys of zones, in the files of the key directory, and the key under which nodes share them. A
//! running node takes changes of them up by itself.

mod arguments;
mod cluster;
mod documents;
mod ds;
mod generate;
mod list;
mod place;
mod rollover;
mod words;

pub(super) use arguments::Key;
pub(super) use documents::{DsDocument, KeysetDocument, Keysets};

use super::arguments::Global;
use super::exit::{Exit, Failure};
use super::output::Output;

pub(super) fn key(global: &Global, output: &Output, command: Key) -> Result<Exit, Failure> {
    match command {
        Key::Generate(arguments) => generate::generate(global, output, &arguments),
        Key::List(arguments) => list::list(global, output, &arguments),
        Key::Ds(arguments) => ds::ds(global, output, &arguments),
        Key::Rollover(arguments) => rollover::rollover(global, output, &arguments),
        Key::Cluster(arguments) => cluster::cluster(output, &arguments),
    }
}
