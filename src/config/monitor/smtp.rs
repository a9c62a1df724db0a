//! `kind = "smtp"`: a whole SMTP conversation.

use super::{Asked, Port, Surroundings, tls};
use crate::config::defaults::{SMTP_PORT, SUBMISSIONS_PORT};
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{MonitorKind, SmtpCheck, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 3] = ["helo", "tls", "recipient"];

/// The check of an SMTP monitor and its default port.
///
/// `tls` defaults to `starttls` with verification: most mail between servers is encrypted, and a server that lost
/// its certificate or STARTTLS is in trouble that a bare greeting does not show. Such trouble defers, it does not
/// withdraw. A server without TLS says `tls = "none"`. `helo` defaults to the name of the node.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, around: &Surroundings<'_>) -> Asked {
    let mode = tls::mode(reader, table, &tls::MODES);
    let helo = table.get("helo").and_then(|value| reader.host(&value)).unwrap_or_else(|| around.node.name.clone());
    let recipient = table.get("recipient").and_then(|value| reader.mailbox(&value));
    let port = if mode == TlsMode::Implicit { SUBMISSIONS_PORT } else { SMTP_PORT };
    let check = SmtpCheck { helo, tls: tls::read(reader, table, mode), recipient };
    Asked { kind: MonitorKind::Smtp(check), port: Port::Usual(port) }
}
