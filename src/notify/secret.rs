//! Secrets of targets: read from files that only their owner may read, and never shown.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::bounds::SECRET_OCTETS;

/// Permissions that nobody but the owner may have.
const OTHERS: u32 = 0o077;

/// A secret. Has no `Debug`.
pub struct Secret(String);

impl Secret {
    /// Reads the first line of the file at `path`.
    ///
    /// # Errors
    /// What is wrong with the file; never what stands in it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| format!("the file of the secret, {shown}: {error}");
        let file = File::open(path).map_err(unreadable)?;
        // Of the open file: what is judged is what is read.
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(format!("group or others may use {shown} (mode {:04o}): chmod 0600 {shown}", mode & 0o7777));
        }
        let mut text = String::new();
        file.take(SECRET_OCTETS).read_to_string(&mut text).map_err(unreadable)?;
        match text.lines().next().map(str::trim) {
            Some(line) if !line.is_empty() => Ok(Self(line.to_owned())),
            _ => Err(format!("{shown} begins with an empty line; write the secret there")),
        }
    }

    /// The secret itself.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}
