//! `kind = "imap"`: a session as a mail program has it.

use super::{Asked, Port, Surroundings, login, tls};
use crate::config::defaults::{IMAP_PORT, IMAPS_PORT, MAILBOX_NAME_OCTETS};
use crate::config::reader::Reader;
use crate::config::value::{Table, Value};
use crate::model::{ImapCheck, ImapVisit, MonitorKind, TlsMode};

/// The keys that this file reads.
pub(super) const KEYS: [&str; 2] = ["tls", "mailbox"];

/// The check of an IMAP monitor and its default port. `tls` defaults to `starttls`; nobody logs in, and no mailbox is opened.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, _: &Surroundings<'_>) -> Asked {
    let mode = tls::mode(reader, table, &tls::MODES);
    let tls = tls::read(reader, table, mode);
    let login = login::read(reader, table, &tls);
    let mailbox = table.get("mailbox").and_then(|value| mailbox(reader, table, &value));
    let visit = login.map(|login| ImapVisit { login, mailbox });
    let port = if mode == TlsMode::Implicit { IMAPS_PORT } else { IMAP_PORT };
    Asked { kind: MonitorKind::Imap(ImapCheck { tls, visit }), port: Port::Usual(port) }
}

/// A mailbox by the name that goes over the wire: ASCII, other letters in modified UTF-7 (RFC 3501 section 5.1.3).
fn mailbox(reader: &mut Reader<'_>, table: &Table<'_>, value: &Value<'_>) -> Option<String> {
    let text = reader.string(value)?;
    let plain = |letter: char| letter == ' ' || letter.is_ascii_graphic();
    if text.is_empty() || text.len() > MAILBOX_NAME_OCTETS || !text.chars().all(plain) {
        let expected = format!("the name of a mailbox in 1 to {MAILBOX_NAME_OCTETS} ASCII characters");
        reader.refuse(value, expected, "write it as the server lists it, as in INBOX");
        return None;
    }
    if table.get("login").is_none() {
        let what = format!("{value} without login");
        reader.error(&value.key_span, what, "login, for only a user has mailboxes", "add login, or delete mailbox");
    }
    Some(text.to_owned())
}
