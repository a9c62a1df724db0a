//! `[encrypted]`: DNS over TLS, QUIC and HTTPS.

use std::net::SocketAddr;

use super::defaults::{DNS_HTTPS_PORT, DNS_TLS_PORT};
use super::reader::Reader;
use super::value::{Table, Value};
use crate::model::{AdminSettings, CertificateFiles, EncryptedSettings, NodeSettings};

/// `[encrypted]`. Nothing listens unless it is named.
pub(super) fn read(
    reader: &mut Reader<'_>,
    root: &Table<'_>,
    node: &NodeSettings,
    admin: &AdminSettings,
) -> EncryptedSettings {
    let Some(table) = reader.section(root, "encrypted") else { return EncryptedSettings::default() };
    reader.allow(&table, &["certificate", "key", "tls", "quic", "https"]);
    let certificate = certificate(reader, &table);
    // By IP protocol: TLS and HTTPS share that of DNS over TCP and of the admin API, QUIC that of DNS over UDP.
    let mut streams: Vec<SocketAddr> = node.listen.iter().copied().chain(admin.listen).collect();
    let mut datagrams = node.listen.clone();
    let list = |reader: &mut Reader<'_>, key, port, taken: &mut Vec<SocketAddr>| {
        table.get(key).map(|value| listen(reader, &value, port, taken)).unwrap_or_default()
    };
    let tls = list(reader, "tls", DNS_TLS_PORT, &mut streams);
    let quic = list(reader, "quic", DNS_TLS_PORT, &mut datagrams);
    let https = list(reader, "https", DNS_HTTPS_PORT, &mut streams);
    let has_listener = ["tls", "quic", "https"].iter().any(|key| table.get(key).is_some());
    if has_listener && certificate.is_none() && table.get("certificate").is_none() && table.get("key").is_none() {
        let remedy = "add certificate = \"tls/fullchain.pem\" and key = \"tls/privkey.pem\"";
        reader.missing(&table, "certificate", "certificate and key beside tls, quic or https", remedy);
    }
    if !has_listener {
        let expected = "an address to listen on as tls, quic or https";
        reader.warning(&table.span, "[encrypted] without listener", expected, "add tls = [\"0.0.0.0:853\"]");
    }
    EncryptedSettings { certificate, tls, quic, https }
}

/// Both files, or neither.
pub(super) fn certificate(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<CertificateFiles> {
    let (chain, key) = (table.get("certificate"), table.get("key"));
    let paths =
        (chain.as_ref().and_then(|value| reader.path(value)), key.as_ref().and_then(|value| reader.path(value)));
    match (chain, key) {
        (Some(_), None) => {
            let remedy = "add key = \"tls/privkey.pem\"";
            reader.missing(table, "key", "the private key of the certificate", remedy);
        }
        (None, Some(_)) => {
            let remedy = "add certificate = \"tls/fullchain.pem\"";
            reader.missing(table, "certificate", "the certificate chain of the key", remedy);
        }
        _ => {}
    }
    match paths {
        (Some(chain), Some(key)) => Some(CertificateFiles { chain, key }),
        _ => None,
    }
}

fn listen(reader: &mut Reader<'_>, value: &Value<'_>, port: u16, taken: &mut Vec<SocketAddr>) -> Vec<SocketAddr> {
    let example = format!("\"0.0.0.0:{port}\", \"[::]:{port}\"");
    let members = reader.some_list(value, "at least one address with a port", &example).unwrap_or_default();
    let mut sockets = Vec::with_capacity(members.len());
    for member in members {
        let Some(socket) = reader.socket(&member, port) else { continue };
        // Port 0 is another free port each time.
        if socket.port() != 0 && taken.contains(&socket) {
            let what = format!("{socket} a second time as {value}");
            reader.error(
                &member.span,
                what,
                "an address that nothing else of this node listens on",
                "choose another port",
            );
        }
        taken.push(socket);
        sockets.push(socket);
    }
    sockets
}
