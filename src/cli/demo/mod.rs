//! The demo: a node on loopback ports with a sample zone and three SMTP sites that can really be killed.
//!
//! [`Demo::prepare`] makes a temporary directory with configuration, zone and certificates and starts the sites as
//! child processes; [`Demo::run`] shows events and obeys its prompt while a node, started by the caller, serves.
//! May import the model. Never decides anything about answers, and never speaks to the node but by its
//! configuration, its events and its stop signal.

mod bounds;
mod certificate;
mod console;
mod guide;
mod login;
mod ports;
mod sample;
mod site_process;
mod smtp_site;
mod stage;
mod workspace;

use std::io;
use std::path::PathBuf;

pub use certificate::{Authority, CertificateError, Identity};
pub use site_process::{SUBCOMMAND, SiteArgs, SiteError, SiteProcess, serve_site};
pub use stage::{Demo, Launch};

/// The demo could not start or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file of the temporary directory.
    #[error("{} cannot be written: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's word.
        cause: io::Error,
    },
    /// No free port, or no loopback address beside 127.0.0.1.
    #[error("no place to listen on loopback: {0}")]
    Ports(io::Error),
    /// The program does not know where it lies.
    #[error("the running program cannot be found: {0}")]
    Executable(io::Error),
    /// Ctrl-C cannot be waited for.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    /// Certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The password for the dashboard.
    #[error("no password for the dashboard can be made: {0}")]
    Password(String),
    /// A site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A site that is not one of the sample.
    #[error("there is no site '{0}' in the demo; its sites are fra, iad, nrt")]
    UnknownSite(&'static str),
    /// The node ended with an error.
    #[error("{0}")]
    Node(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The node did not stop when told.
    #[error("the node did not stop within {} s", bounds::NODE_STOP.as_secs())]
    Stuck,
}
