//! TLS with a node: whom the command trusts, and what it shows.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::{Certificate, ClientBuilder, Identity};

use super::arguments::CONNECTION;
use super::exit::Failure;

/// Options for a node at an https URL.
#[derive(Debug, Default, Args)]
pub(super) struct Tls {
    /// Authorities that may have issued the node's certificate, in PEM [default: the system's]
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) ca: Option<PathBuf>,
    /// Certificate to show to the node instead of a token, in PEM; with --key
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) cert: Option<PathBuf>,
    /// Private key of --cert, in PEM
    #[arg(long, global = true, value_name = "FILE", help_heading = CONNECTION)]
    pub(super) key: Option<PathBuf>,
}

impl Tls {
    /// `builder` with these options.
    pub(super) fn applied(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        if let Some(file) = &self.ca {
            let authorities = Certificate::from_pem_bundle(&read("--ca", file)?);
            let authorities = authorities.ok().filter(|authorities| !authorities.is_empty());
            let authorities = authorities.ok_or_else(|| unusable("--ca", file, "it holds no certificate in PEM"))?;
            builder = builder.tls_certs_only(authorities);
        }
        match (&self.cert, &self.key) {
            (None, None) => Ok(builder),
            (Some(cert), Some(key)) => {
                let both = [read("--key", key)?, b"\n".to_vec(), read("--cert", cert)?].concat();
                let identity = Identity::from_pem(&both)
                    .map_err(|_| unusable("--cert", cert, "certificate and key are not a pair in PEM"))?;
                Ok(builder.identity(identity))
            }
            _ => Err(Failure::Usage("--cert and --key belong together; name both files, or none".to_owned())),
        }
    }
}

fn read(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| unusable(option, file, &error.to_string()))
}

fn unusable(option: &str, file: &Path, why: &str) -> Failure {
    Failure::Usage(format!("{option} '{}' cannot be used: {why}", file.display()))
}
