//! `[admin]`: where the admin API listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::defaults::{ADMIN_LISTEN, ADMIN_SOCKET, SOCKET_OCTETS};
use super::entrance;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{AdminSettings, NodeSettings};

/// The word that turns a listener off, as `tls = "none"` turns TLS off.
const OFF: &str = "none";

/// `[admin]`. `listen` defaults to 127.0.0.1:8053, `socket` to /run/waypost/admin.sock; `"none"` turns either off.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, node: &NodeSettings, sites: &Roster) -> AdminSettings {
    let Some(table) = reader.section(root, "admin") else {
        let entrance = Arc::new(entrance::none());
        return AdminSettings { listen: Some(ADMIN_LISTEN), socket: Some(PathBuf::from(ADMIN_SOCKET)), entrance };
    };
    reader.allow(&table, &["listen", "socket", "session_idle", "session_longest", "user"]);
    let listen = match table.get("listen") {
        Some(value) if value.as_text() == Some(OFF) => None,
        Some(value) => admin_listen(reader, &value, node),
        None => Some(ADMIN_LISTEN),
    };
    let socket = match table.get("socket") {
        Some(value) if value.as_text() == Some(OFF) => None,
        Some(value) => admin_socket(reader, &value),
        None => Some(PathBuf::from(ADMIN_SOCKET)),
    };
    let off = |key: &str| table.get(key).is_some_and(|value| value.as_text() == Some(OFF));
    if off("listen") && off("socket") {
        let what = "neither listen nor socket in [admin]";
        let expected = "a way for commands to reach this node";
        reader.warning(&table.span, what, expected, "delete one of the two keys to get its default back");
    }
    let entrance = Arc::new(entrance::read(reader, &table, sites));
    AdminSettings { listen, socket, entrance }
}

fn admin_listen(reader: &mut Reader<'_>, value: &Value<'_>, node: &NodeSettings) -> Option<SocketAddr> {
    let socket = reader.socket(value, ADMIN_LISTEN.port())?;
    if !socket.ip().is_loopback() {
        let remedy = format!(
            "write \"127.0.0.1:{}\", and reach it from elsewhere through SSH or a TLS proxy; \
             this version has no TLS of its own for it",
            socket.port()
        );
        reader.refuse(value, "a loopback address", remedy);
    }
    if socket.port() != 0 && node.listen.contains(&socket) {
        let what = format!("{socket} as {value} and as listen of [node]");
        reader.error(&value.span, what, "an address of its own", "choose another port for one of the two");
    }
    Some(socket)
}

fn admin_socket(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let path = reader.path(value)?;
    let octets = path.as_os_str().len();
    if octets > SOCKET_OCTETS {
        let what = format!("a path of {octets} octets as {value}");
        let expected = format!("at most {SOCKET_OCTETS}, the limit of the system for sockets");
        reader.error(&value.span, what, expected, format!("choose a shorter path, as in {}", quoted(ADMIN_SOCKET)));
    }
    Some(path)
}
