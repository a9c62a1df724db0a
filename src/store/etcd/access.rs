//! What access to etcd needs: authorities, the node's own certificate, user and password, read once from their files.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::bounds::FILE_OCTETS;
use crate::model::{EtcdSettings, StoreLogin};
use crate::store::StoreError;

/// Permissions that nobody but the owner of a password may have.
const OTHERS: u32 = 0o077;

/// A user of etcd, and how it proves to be one.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    password: String,
}

/// Passwords do not end up in logs.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// Reads the password: the first line of a file that only its owner may read.
    pub(super) fn read(login: &StoreLogin) -> Result<Self, StoreError> {
        let file = &login.password_file;
        let text = String::from_utf8(read(file, Readers::OwnerOnly)?)
            .map_err(|_| access(file, "the password is not UTF-8"))?;
        match text.lines().next().map(str::trim_end) {
            None | Some("") => Err(access(file, "its first line is empty; expected is the password")),
            Some(password) => Ok(Self { user: login.user.clone(), password: password.to_owned() }),
        }
    }

    /// The password: to be sent to members of etcd and to nobody else.
    pub(super) fn reveal(&self) -> &str {
        &self.password
    }
}

/// Reads all files that `settings` name, and keeps none of them: whether a node could start with them.
///
/// # Errors
/// The first that cannot be used, and why.
pub fn readable(settings: &EtcdSettings) -> Result<(), StoreError> {
    settings.login.as_ref().map(Login::read).transpose()?;
    tls(settings).map(drop)
}

/// How TLS is spoken with members: whom the node trusts, and what it shows.
pub(super) fn tls(settings: &EtcdSettings) -> Result<ClientConfig, StoreError> {
    let roots = if settings.endpoints.iter().any(|url| url.starts_with("https:")) {
        roots(settings.ca.as_deref())?
    } else {
        RootCertStore::empty()
    };
    let anchors = settings.ca.clone().unwrap_or_else(system_roots);
    let unusable = |error: rustls::Error| access(&anchors, error);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(roots);
    let Some(identity) = &settings.identity else { return Ok(config.with_no_client_auth()) };
    let chain = certificates(&identity.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&identity.key, Readers::Any)?)
        .map_err(|error| access(&identity.key, format!("no private key in PEM: {error}")))?;
    let unfit = |error| {
        access(&identity.key, format!("not the key of the certificate in '{}': {error}", identity.cert.display()))
    };
    config.with_client_auth_cert(chain, key).map_err(unfit)
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let certificates = match ca {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    match added {
        0 => Err(access(ca.unwrap_or(&system_roots()), "no authority in it; name a PEM file of them with `ca`")),
        _ => Ok(roots),
    }
}

/// What stands for the system's roots where an error names a file.
fn system_roots() -> PathBuf {
    PathBuf::from("the system's trust store")
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let text = read(file, Readers::Any)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| access(file, format!("no certificates in PEM: {error}")))?;
    if found.is_empty() { Err(access(file, "no certificate in PEM in it")) } else { Ok(found) }
}

/// Who may be able to read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readers {
    Any,
    OwnerOnly,
}

fn read(path: &Path, readers: Readers) -> Result<Vec<u8>, StoreError> {
    let unreadable = |error: std::io::Error| access(path, error);
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file: what is judged is what is read.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if readers == Readers::OwnerOnly && mode & OTHERS != 0 {
        let detail =
            format!("group or others may use it (mode {:04o}); chmod 0600 it and change the password", mode & 0o7777);
        return Err(access(path, detail));
    }
    let mut octets = Vec::new();
    let length = file.take(FILE_OCTETS + 1).read_to_end(&mut octets).map_err(unreadable)?;
    match u64::try_from(length) {
        Ok(length) if length <= FILE_OCTETS => Ok(octets),
        _ => Err(access(path, format!("it has more than {} MiB", FILE_OCTETS >> 20))),
    }
}

fn access(file: &Path, detail: impl ToString) -> StoreError {
    StoreError::Access { file: file.to_path_buf(), detail: detail.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::model::ClientIdentity;

    fn settings(ca: Option<PathBuf>, identity: Option<ClientIdentity>) -> EtcdSettings {
        let endpoints = vec!["https://127.0.0.1:2379".into()];
        EtcdSettings { endpoints, prefix: "/waypost".into(), ca, identity, login: None }
    }

    #[test]
    fn a_password_is_the_first_line_of_a_private_file_and_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        fs::write(&file, "hunter2\nand more\n").unwrap();
        let of = StoreLogin { user: "node".into(), password_file: file.clone() };
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Login::read(&of).unwrap_err().to_string().contains("chmod 0600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let login = Login::read(&of).unwrap();
        assert_eq!(login.reveal(), "hunter2");
        assert!(!format!("{login:?}").contains("hunter2"));
        fs::write(&file, "\nhunter2").unwrap();
        let refusal = Login::read(&of).unwrap_err().to_string();
        assert!(refusal.contains("first line") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = directory.path().join(name);
            fs::write(&file, text).unwrap();
            file
        };
        let pair = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (one, other) = (pair("one"), pair("other"));
        let cert = write("cert.pem", &one.cert.pem());
        let key = write("key.pem", &one.signing_key.serialize_pem());
        let other_key = write("other-key.pem", &other.signing_key.serialize_pem());
        let empty = write("empty.pem", "");
        let ca = Some(cert.clone());
        let identity = |cert: &PathBuf, key: &PathBuf| Some(ClientIdentity { cert: cert.clone(), key: key.clone() });
        assert!(tls(&settings(ca.clone(), identity(&cert, &key))).is_ok());
        for (ca, identity, named) in [
            (Some(directory.path().join("none.pem")), None, "none.pem"),
            (Some(empty.clone()), None, "empty.pem"),
            (ca.clone(), identity(&empty, &key), "empty.pem"),
            (ca.clone(), identity(&cert, &empty), "empty.pem"),
            (ca, identity(&cert, &other_key), "other-key.pem"),
        ] {
            let error = tls(&settings(ca, identity)).unwrap_err();
            assert!(matches!(&error, StoreError::Access { file, .. } if file.ends_with(named)), "{error}");
        }
    }
}
