//! Which version of each shared file this node last had in common with the others.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::shelf::SharedName;
use crate::node::private_files::{self, Earlier, Owner};
use crate::store::mirror::Version;

/// Name of the file in the state directory. It holds versions and digests, no secrets.
const FILE: &str = "shared-files.json";
const SCHEMA: &str = "waypost.shared-files/1";

/// The versions, as they are kept across restarts.
pub struct Known {
    path: PathBuf,
    versions: BTreeMap<String, Version>,
    kept: Kept,
}

/// Whether the file says all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    NotYet,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: String,
    files: BTreeMap<String, Version>,
}

impl Known {
    /// What was kept in the state directory `directory`. What cannot be read is not known, and said: files that differ from
    /// the store's then wait for an operator. Blocks.
    #[must_use]
    pub fn load(directory: &Path) -> (Self, Option<String>) {
        let path = directory.join(FILE);
        let read = fs::read(&path).and_then(|octets| {
            let document: Document = serde_json::from_slice(&octets).map_err(io::Error::other)?;
            if document.schema == SCHEMA {
                Ok(document.files)
            } else {
                Err(io::Error::other("a layout of another version of the program"))
            }
        });
        let (versions, trouble) = match read {
            Ok(versions) => (versions, None),
            Err(error) if error.kind() == ErrorKind::NotFound => (BTreeMap::new(), None),
            Err(error) => (BTreeMap::new(), Some(format!("{} cannot be read: {error}", path.display()))),
        };
        (Self { path, versions, kept: Kept::Yes }, trouble)
    }

    /// The version of `name`.
    #[must_use]
    pub fn get(&self, name: &SharedName) -> Option<Version> {
        self.versions.get(&name.to_string()).copied()
    }

    /// All files that were ever known.
    pub fn names(&self) -> impl Iterator<Item = SharedName> {
        self.versions.keys().filter_map(|name| SharedName::of_record(name))
    }

    /// `name` has `version` from now on, here and in the store.
    pub fn note(&mut self, name: &SharedName, version: Version) {
        self.versions.insert(name.to_string(), version);
        self.kept = Kept::NotYet;
    }

    /// Keeps what is new. Blocks.
    ///
    /// # Errors
    /// If it cannot be written; it is tried again the next time.
    pub fn save(&mut self) -> Result<(), String> {
        if self.kept == Kept::Yes {
            return Ok(());
        }
        let document = Document { schema: SCHEMA.to_owned(), files: self.versions.clone() };
        let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
        private_files::put(&self.path, &text, Earlier::Replaced, Owner::OfDirectory)
            .map_err(|error| format!("{} cannot be written: {error}", self.path.display()))?;
        self.kept = Kept::Yes;
        Ok(())
    }
}
