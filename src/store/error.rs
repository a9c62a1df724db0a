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
    /// No member of the store that the nodes share answered in time, or none has a majority behind it. What was to be
    /// written may be written all the same.
    #[error("the store that the nodes share does not answer: {detail}")]
    Unreachable {
        /// What each member tried said, in one line.
        detail: String,
    },
    /// The store that the nodes share refuses this node: its certificate, its user or what that user may do.
    #[error("the store that the nodes share refuses this node: {detail}")]
    Unauthorised {
        /// What it said.
        detail: String,
    },
    /// A file that access to the shared store needs cannot be used.
    #[error("'{}' cannot be used: {detail}", file.display())]
    Access {
        /// Which.
        file: PathBuf,
        /// Why.
        detail: String,
    },
    /// The shared store holds orders from before those that this node knows, or others in their place: it was restored from
    /// a backup, emptied, or is another one.
    #[error("the store that the nodes share went back: {detail}")]
    WentBack {
        /// What this node knows and what was found.
        detail: String,
    },
    /// What the shared store holds is not what a node writes.
    #[error("the store that the nodes share holds what cannot be read: {detail}")]
    Unreadable {
        /// Key and reason.
        detail: String,
    },
    /// What was to be written into the shared store is longer than that takes; nothing was written.
    #[error("the orders would take {octets} octets; at most {most} are kept")]
    TooLarge {
        /// What it would take.
        octets: usize,
        /// What it may take.
        most: usize,
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
            Self::Unreachable { .. } => {
                "check the members of etcd and the network to them; the node goes on with the orders that it knows, and \
                 takes others for itself alone: give them with --local, on every node that is to follow"
            }
            Self::Unauthorised { .. } => "check ca, cert, key, user and password_file under etcd in [state]",
            Self::Access { .. } => "correct the path, or give the user that runs the node read access to the file",
            Self::WentBack { .. } => {
                "look at what it holds with `waypost store status`, then say `waypost store accept`; until then the node \
                 goes on with the orders that it knows and takes no others"
            }
            Self::Unreadable { .. } => "run the version that wrote it, or give this cluster a prefix of its own",
            Self::TooLarge { .. } => "lift orders that are no longer needed, then order again",
            Self::Exists { .. } => "choose another name, or revoke that token first",
        }
    }
}
