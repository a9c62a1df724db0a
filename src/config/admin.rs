//! `[admin]`: where the admin API listens, and how.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::defaults::{ADMIN_LISTEN, ADMIN_SOCKET, SOCKET_OCTETS};
use super::encrypted;
use super::entrance;
use super::reader::Reader;
use super::roster::Roster;
use super::value::{Table, Value};
use super::words::quoted;
use crate::model::{AdminSettings, AdminTls, NodeSettings};

const KEYS: [&str; 11] = [
    "listen",
    "socket",
    "certificate",
    "key",
    "client_ca",
    "names",
    "session_idle",
    "session_longest",
    "user",
    "client",
    "oidc",
];

/// Whether certificate and key are named, even wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HasTls {
    Yes,
    No,
}

/// The word that turns a listener off, as `tls = "none"` turns TLS off.
const OFF: &str = "none";

/// `[admin]`. `listen` defaults to 127.0.0.1:8053, `socket` to /run/waypost/admin.sock; `"none"` turns either off.
pub(super) fn read(reader: &mut Reader<'_>, root: &Table<'_>, node: &NodeSettings, sites: &Roster) -> AdminSettings {
    let Some(table) = reader.section(root, "admin") else {
        let entrance = Arc::new(entrance::none());
        return AdminSettings {
            listen: Some(ADMIN_LISTEN),
            tls: None,
            socket: Some(PathBuf::from(ADMIN_SOCKET)),
            entrance,
        };
    };
    reader.allow(&table, &KEYS);
    let tls = tls(reader, &table);
    let has_tls = if table.get("certificate").is_some() { HasTls::Yes } else { HasTls::No };
    let listen = match table.get("listen") {
        Some(value) if value.as_text() == Some(OFF) => None,
        Some(value) => admin_listen(reader, &value, node, has_tls),
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
    AdminSettings { listen, tls, socket, entrance }
}

/// `certificate` and `key`, and `client_ca` beside them.
fn tls(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<AdminTls> {
    let certificate = encrypted::certificate(reader, table);
    let client_ca = table.get("client_ca");
    if let (Some(value), None) = (&client_ca, table.get("certificate")) {
        let remedy = "add certificate = \"tls/fullchain.pem\" and key = \"tls/privkey.pem\"";
        reader.error(&value.key_span, "client_ca in [admin] without TLS", "certificate and key beside it", remedy);
    }
    let client_ca = client_ca.and_then(|value| reader.path(&value));
    certificate.map(|certificate| AdminTls { certificate, client_ca })
}

fn admin_listen(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    node: &NodeSettings,
    has_tls: HasTls,
) -> Option<SocketAddr> {
    let socket = reader.socket(value, ADMIN_LISTEN.port())?;
    if !socket.ip().is_loopback() && has_tls == HasTls::No {
        let remedy = format!(
            "add certificate = \"tls/fullchain.pem\" and key = \"tls/privkey.pem\" to [admin], or write \"127.0.0.1:{}\"",
            socket.port()
        );
        reader.refuse(value, "a loopback address, or TLS: passwords and tokens would be sent in the clear", remedy);
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
