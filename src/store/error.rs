//! Why the store could not do what was asked, and what to do about it.

use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The orders changed since the caller looked.
    #[error("the orders changed meanwhile: they stand at revision {found}, not at {expected}")]
    Conflict {
        /// The revision that the caller decided on.
        expected: u64,
        /// The revision that stands.
        found: u64,
    },
    /// There is no space for what was to be written; nothing of it was.
    #[error("no space is left to write '{}'", file.display())]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// The file is not what was written to it.
    #[error("'{}' is damaged: {detail}", file.display())]
    Corrupt {
        /// The database.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The file was written by a version that lays its tables out differently.
    #[error("'{}' has layout {found}; this version reads layout {expected}", file.display())]
    Schema {
        /// The database.
        file: PathBuf,
        /// The file's layout.
        found: u64,
        /// The layout that this version reads.
        expected: u64,
    },
    /// Another process has the file open.
    #[error("'{}' is in use by another process", file.display())]
    Locked {
        /// The database.
        file: PathBuf,
    },
    /// The system refuses access.
    #[error("'{}' may not be opened: {source}", file.display())]
    Denied {
        /// The directory or the database.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Reading or writing failed otherwise.
    #[error("'{}' cannot be used: {detail}", file.display())]
    Io {
        /// The directory or the database.
        file: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// There is a token of that name.
    #[error("there is already a token called '{name}'")]
    Exists {
        /// The name.
        name: String,
    },
}

impl StoreError {
    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "look at the status and order again",
            Self::Full { .. } => "free space on that file system; the node picks up by itself",
            Self::Corrupt { .. } => {
                "stop the node, move the file away and start again: standing orders, tokens and the journal start empty"
            }
            Self::Schema { .. } => "run the version that wrote the file, or move the file away to start empty",
            Self::Locked { .. } => "stop the other node, or give this one its own state.path",
            Self::Denied { .. } => "give the user that runs the node read and write access to state.path",
            Self::Io { .. } => "check the file system that holds state.path",
            Self::Exists { .. } => "choose another name, or revoke that token first",
        }
    }
}
