//! `kind = "lmtp"`: what a mail server says to the server that keeps the mailboxes.

use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::LMTP_PORT;
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{LmtpCheck, MonitorKind, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 3] = ["helo", "tls", "recipient"];

/// The check of an LMTP monitor and its default port. `tls` defaults to `none`: LMTP stays within a site (RFC 2033 section 5).
/// `helo` defaults to the name of the node.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, around: &Surroundings<'_>) -> Asked {
    let mode = tls::mode(reader, table, &[("none", TlsMode::Off), ("starttls", TlsMode::Starttls)]);
    let helo = table.get("helo").and_then(|value| reader.host(&value)).unwrap_or_else(|| around.node.name.clone());
    let recipient = table.get("recipient").and_then(|value| reader.mailbox(&value));
    let check = LmtpCheck { helo, tls: tls::read(reader, table, mode), recipient };
    Asked { kind: MonitorKind::Lmtp(check), port: Port::Usual(LMTP_PORT) }
}
