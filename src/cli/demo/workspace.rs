//! The demo's temporary directory: configuration, zone, certificates, socket and state.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use super::DemoError;
use super::certificate::Authority;
use super::login::Login;
use super::ports::Ports;
use super::sample::{CONFIGURATION, SITES, SampleSite, ZONE};
use super::site_process::SiteArgs;

/// A directory that only its owner may enter; dropping it removes it.
#[derive(Debug)]
pub struct Workspace {
    directory: PathBuf,
}

impl Workspace {
    /// A new directory under the system's temporary one.
    ///
    /// # Errors
    /// If none can be made there.
    pub fn new() -> Result<Self, DemoError> {
        let parent = std::env::temp_dir();
        let mut attempt = 0_u32;
        loop {
            let directory = parent.join(format!("waypost-demo-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => return Ok(Self { directory }),
                // Left behind by a process of the same number, or put there by somebody: never used.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt = attempt.saturating_add(1),
                Err(cause) => return Err(DemoError::File { path: directory, cause }),
            }
        }
    }

    /// The configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("waypost.toml")
    }

    /// Writes configuration and sample zone for a node at `ports` whose dashboard lets `login` in.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_configuration(&self, ports: &Ports, login: &Login) -> Result<(), DemoError> {
        let mut text = CONFIGURATION.replace("@DNS@", &ports.dns.to_string());
        text = text.replace("@ADMIN@", &ports.admin.to_string());
        text = text.replace("@USER@", login.name).replace("@HASH@", &login.hash);
        for (site, address) in SITES.iter().zip(&ports.smtp) {
            text = text.replace(&format!("@{}@", site.name.to_uppercase()), &address.to_string());
        }
        self.write("example.org.zone", ZONE)?;
        self.write("waypost.toml", &text).map(drop)
    }

    /// Writes the authority's certificate, the monitors' trust anchor.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_authority(&self, authority: &Authority) -> Result<(), DemoError> {
        self.write("ca.pem", &authority.certificate()).map(drop)
    }

    /// Issues and writes a certificate for `site`; gives what its process at `ports` is told.
    ///
    /// # Errors
    /// If no certificate can be made or a file cannot be written.
    pub fn equip(&self, site: &SampleSite, ports: &Ports, authority: &Authority) -> Result<SiteArgs, DemoError> {
        let identity = authority.issue(site.host)?;
        let listen = SITES.iter().zip(&ports.smtp).find(|(other, _)| other.name == site.name);
        let listen = listen.map(|(_, address)| *address).ok_or(DemoError::UnknownSite(site.name))?;
        Ok(SiteArgs {
            host: site.host.to_owned(),
            listen,
            certificate: Some(self.write(&format!("{}.pem", site.name), &identity.certificate)?),
            key: Some(self.write(&format!("{}.key", site.name), &identity.key)?),
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, DemoError> {
        let path = self.directory.join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        match file.and_then(|mut file| file.write_all(text.as_bytes())) {
            Ok(()) => Ok(path),
            Err(cause) => Err(DemoError::File { path, cause }),
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("{} could not be removed: {error}", self.directory.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_the_real_addresses_and_the_directory_goes_away() {
        let ports = Ports {
            dns: "127.0.0.1:5399".parse().unwrap(),
            admin: "127.0.0.1:8099".parse().unwrap(),
            smtp: SITES.iter().map(|site| (site.loopback, 2600).into()).collect(),
        };
        let workspace = Workspace::new().unwrap();
        workspace.write_configuration(&ports, &Login::new().unwrap()).unwrap();
        let text = fs::read_to_string(workspace.configuration()).unwrap();
        assert!(
            !text.contains('@') || text.matches('@').count() == text.matches("probe@example.org").count(),
            "{text}"
        );
        for address in ["127.0.0.1:5399", "127.0.0.1:8099", "127.0.0.11:2600", "127.0.0.13:2600"] {
            assert!(text.contains(address), "{address}");
        }
        let directory = workspace.directory.clone();
        drop(workspace);
        assert!(!directory.exists());
    }
}
