//! What `deploy/` gives to operators. Broken, what they copy does not work, and what they read at night does not exist.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod cluster;
mod compose;
mod example;
mod guides;
mod store;
mod yaml;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The sites of `deploy/cluster`, each with a member of etcd and a node.
const SITES: [&str; 3] = ["fra", "iad", "nrt"];

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What `command` printed; it must do what it is told.
fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Certificates of the cluster as its script makes them, in `directory`, with `more` names or addresses for each site.
fn make_certificates(directory: &Path, more: impl Fn(usize) -> Vec<String>) {
    let sites = SITES.iter().enumerate().map(|(ix, site)| {
        let names: Vec<String> = [format!("etcd-{site}.example.net")].into_iter().chain(more(ix)).collect();
        format!("{site}={}", names.join(","))
    });
    done(Command::new(repository("deploy/cluster/certificates.sh")).arg(directory).args(sites));
}
