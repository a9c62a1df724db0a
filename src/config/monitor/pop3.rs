//! `kind = "pop3"`: a session as a mail program has it.

use super::{Asked, Port, Surroundings, login, tls};
use crate::config::defaults::{POP3_PORT, POP3S_PORT};
use crate::config::reader::Reader;
use crate::config::value::Table;
use crate::model::{MonitorKind, Pop3Check, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 1] = ["tls"];

/// The check of a POP3 monitor and its default port. `tls` defaults to `starttls`, which POP3 calls STLS; nobody logs in.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let mode = tls::mode(reader, table, &tls::MODES);
    let tls = tls::read(reader, table, mode);
    let login = login::read(reader, table, &tls);
    let port = if mode == TlsMode::Implicit { POP3S_PORT } else { POP3_PORT };
    Asked { kind: MonitorKind::Pop3(Pop3Check { tls, login }), port: Port::Usual(port) }
}
