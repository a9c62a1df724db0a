//! The Unix socket: made for its owner's group, a dead one cleared away, a live one left alone.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::AdminError;

/// A socket that is listened on; its file goes when this is dropped.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    /// The user that the node runs as.
    pub(super) owner: u32,
    file: SocketFile,
}

/// The file of a socket and which one it is.
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens on `path`; its directory is made if missing.
    pub(super) async fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |source: io::Error| AdminError::Socket { path: path.to_path_buf(), source };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(failed)?;
        }
        clear(path).await?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
        // The system gives the socket to the user the process acts as: exactly whom we ask for.
        let made = fs::metadata(path).map_err(failed)?;
        let file = SocketFile { path: path.to_path_buf(), inode: made.ino() };
        Ok(Self { listener, owner: made.uid(), file })
    }

    /// The listener, and what removes its file when dropped.
    pub(super) fn into_parts(self) -> (UnixListener, impl Send + Sync + 'static) {
        (self.listener, self.file)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A node that took the path over meanwhile keeps its socket.
        if fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _gone_already_is_as_good = fs::remove_file(&self.path);
        }
    }
}

/// Removes a socket that nobody listens on. Anything else at `path` stays.
async fn clear(path: &Path) -> Result<(), AdminError> {
    let failed = |source: io::Error| AdminError::Socket { path: path.to_path_buf(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a socket is there")))
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => Err(AdminError::SocketInUse { path: path.to_path_buf() }),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed),
            Err(error) => Err(failed(error)),
        },
    }
}

/// The name of the user with id `uid`, or the id where `/etc/passwd` has none.
pub(super) fn user_name(uid: u32) -> String {
    let listed = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&listed, uid).map_or_else(|| format!("uid {uid}"), ToOwned::to_owned)
}

fn name_in(listed: &str, uid: u32) -> Option<&str> {
    listed.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (id == uid && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/admin.sock");
        let first = Socket::bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        assert!(matches!(Socket::bind(&path).await, Err(AdminError::SocketInUse { .. })));
        // As `kill -9` leaves it.
        std::mem::forget(first.file);
        drop(first.listener);
        assert!(path.exists());
        drop(Socket::bind(&path).await.unwrap());
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(Socket::bind(&path).await.is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn users_are_called_by_name() {
        let listed = "root:x:0:0:root:/root:/bin/sh\nbroken\nmail:x:8:8::/:/bin/false\n";
        assert_eq!(name_in(listed, 8), Some("mail"));
        assert_eq!(name_in(listed, 9), None);
    }
}
