//! Keysets on disk: read only from files that nobody else can read, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

pub use super::private_files::Earlier;
use super::private_files::{self, Owner};
use crate::config::{Diagnostic, Severity};
use crate::dnssec::bounds::KEYSET_OCTETS;
use crate::dnssec::{Keyset, KeysetName};

/// The most entries of a key directory that are listed.
const DIRECTORY_ENTRIES: usize = 100_000;
/// The permissions of group and others; a private key has none.
const OTHERS: u32 = 0o077;
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
const WRITABLE: &str = "a file that can be written";
const MAKE_ROOM: &str = "make room, or use another directory";

/// Why a keyset or the directory of keysets cannot be used.
#[derive(Debug)]
pub enum Problem {
    /// It is not there.
    Missing(Box<Diagnostic>),
    /// This user may not read or write it.
    Denied(Box<Diagnostic>),
    /// There is one already.
    Exists(Box<Diagnostic>),
    /// Anything else.
    Faulty(Vec<Diagnostic>),
}

impl Problem {
    /// What is to be said.
    #[must_use]
    pub fn diagnostics(self) -> Vec<Diagnostic> {
        match self {
            Self::Missing(one) | Self::Denied(one) | Self::Exists(one) => vec![*one],
            Self::Faulty(all) => all,
        }
    }

    fn of_system(path: &Path, error: &io::Error, expected: &str, remedy: impl Into<String>) -> Self {
        let found = diagnostic(path, error.to_string(), expected, remedy);
        match error.kind() {
            ErrorKind::NotFound => Self::Missing(Box::new(found)),
            ErrorKind::PermissionDenied => {
                let remedy = "become root or the user of the node".to_owned();
                Self::Denied(Box::new(Diagnostic { remedy, ..found }))
            }
            _ => Self::Faulty(vec![found]),
        }
    }
}

/// The file of the keyset `name`.
#[must_use]
pub fn path_of(directory: &Path, name: &KeysetName) -> PathBuf {
    directory.join(name.file_name())
}

/// Reads the keyset `name`.
///
/// # Errors
/// If it is not there, anybody but its owner may read it, or it has faults.
pub fn read(directory: &Path, name: &KeysetName) -> Result<Keyset, Problem> {
    let text = read_text(directory, name)?;
    Keyset::parse(&path_of(directory, name), &text).map_err(Problem::Faulty)
}

/// Reads the text of the keyset `name`, whatever it says.
///
/// # Errors
/// If it is not there, or anybody but its owner may read it.
pub fn read_text(directory: &Path, name: &KeysetName) -> Result<String, Problem> {
    check_directory(directory, name)?;
    let path = path_of(directory, name);
    let missing = |error: io::Error| Problem::of_system(&path, &error, "the keyset's file", make_it(name));
    // Before it is opened: a pipe would wait for its writer.
    check_file(&path, &fs::metadata(&path).map_err(missing)?)?;
    let file = File::open(&path).map_err(missing)?;
    check_file(&path, &file.metadata().map_err(missing)?)?;
    let mut text = String::new();
    // One octet more than the bound: the parser refuses it.
    file.take(KEYSET_OCTETS + 1).read_to_string(&mut text).map_err(|error| {
        Problem::of_system(&path, &error, "the text of a keyset", "restore the file from a backup or another node")
    })?;
    Ok(text)
}

/// The keysets of `directory`, by name.
///
/// # Errors
/// If it cannot be read, or anybody but its owner may look into it.
pub fn list(directory: &Path) -> Result<Vec<KeysetName>, Problem> {
    let missing = |error: io::Error| {
        let remedy = "name it with [dnssec] keys or --dir; 'waypost key generate' makes it";
        Problem::of_system(directory, &error, "the directory of the keysets", remedy)
    };
    check_mode(directory, &fs::metadata(directory).map_err(missing)?, DIRECTORY_MODE)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(missing)?.take(DIRECTORY_ENTRIES) {
        let file = entry.map_err(missing)?.file_name();
        names.extend(file.to_str().and_then(KeysetName::of_file));
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes `directory` for its owner alone, unless it is there.
///
/// # Errors
/// If the system refuses.
pub fn make_directory(directory: &Path) -> Result<(), Problem> {
    let failed = |error: io::Error| {
        Problem::of_system(directory, &error, "a place for the keysets", "make the directory above it, or use --dir")
    };
    if directory.exists() {
        return Ok(());
    }
    fs::DirBuilder::new().mode(DIRECTORY_MODE).create(directory).map_err(failed)?;
    // The mode of a new directory depends on the umask, which may have taken too much.
    fs::set_permissions(directory, fs::Permissions::from_mode(DIRECTORY_MODE)).map_err(failed)?;
    match directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => private_files::give_to_owner_of(directory, parent).map_err(failed),
        None => Ok(()),
    }
}

/// Holds the directory for one command at a time until the file is dropped.
///
/// # Errors
/// If it is not there, or anybody but its owner may look into it.
pub fn lock(directory: &Path, name: &KeysetName) -> Result<File, Problem> {
    check_directory(directory, name)?;
    let failed =
        |error: io::Error| Problem::of_system(directory, &error, "a directory that can be locked", "use a local one");
    let file = File::open(directory).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Writes `keyset` as `name`: whole or not at all, for the owner of the directory alone.
///
/// # Errors
/// If the system refuses, or a keyset is there that shall be kept.
pub fn write(directory: &Path, name: &KeysetName, keyset: &Keyset, earlier: Earlier) -> Result<(), Problem> {
    check_directory(directory, name)?;
    let path = path_of(directory, name);
    let failed = |error: io::Error| Problem::of_system(&path, &error, WRITABLE, MAKE_ROOM);
    match private_files::put(&path, &keyset.to_text(), earlier, Owner::OfDirectory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let remedy = format!("use 'waypost key rollover' for new keys, or move {} away", path.display());
            let found = diagnostic(&path, "a keyset already", "none: its keys may be in use", remedy);
            Err(Problem::Exists(Box::new(found)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Writes `text` as the keyset `name` as [`write`] does, in place of what was there.
///
/// # Errors
/// If the system refuses.
pub fn replace_text(directory: &Path, name: &KeysetName, text: &str) -> Result<(), Problem> {
    check_directory(directory, name)?;
    let path = path_of(directory, name);
    let written = private_files::put(&path, text, Earlier::Replaced, Owner::OfDirectory);
    written.map_err(|error| Problem::of_system(&path, &error, WRITABLE, MAKE_ROOM))
}

fn check_directory(directory: &Path, name: &KeysetName) -> Result<(), Problem> {
    let metadata = fs::metadata(directory)
        .map_err(|error| Problem::of_system(directory, &error, "the directory of the keysets", make_it(name)))?;
    check_mode(directory, &metadata, DIRECTORY_MODE)
}

fn check_file(path: &Path, metadata: &fs::Metadata) -> Result<(), Problem> {
    if !metadata.is_file() {
        let remedy = "put the keyset's file in its place";
        return Err(Problem::Faulty(vec![diagnostic(path, "something that is no file", "a file", remedy)]));
    }
    check_mode(path, metadata, FILE_MODE)
}

/// Refuses what group or others may use: a key that others could copy is no longer a secret.
fn check_mode(path: &Path, metadata: &fs::Metadata, wanted: u32) -> Result<(), Problem> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    Err(Problem::Faulty(vec![diagnostic(
        path,
        format!("mode {mode:04o}, which lets others than the owner at private keys"),
        &format!("mode {wanted:04o}"),
        format!("chmod {wanted:o} {}; if others may have read the keys, replace them", path.display()),
    )]))
}

fn make_it(name: &KeysetName) -> String {
    format!("make the keyset with 'waypost key generate --keyset {name}', or copy its file from another node")
}

fn diagnostic(path: &Path, what: impl Into<String>, expected: &str, remedy: impl Into<String>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.to_path_buf(),
        line: 0,
        column: 0,
        length: 0,
        what: what.into(),
        expected: expected.to_owned(),
        remedy: remedy.into(),
    }
}
